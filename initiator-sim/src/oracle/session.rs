//! What is known of a session: which connections are in it, its window, and which CmdSNs came.

use super::task::Task;
use super::{ConnState, Oracles, fence, window};
use crate::initiator::serial;
use crate::world::tap::Track;
use std::collections::{BTreeMap, BTreeSet};

/// What the checks keep of one session.
#[derive(Default)]
pub(super) struct SessionState {
    pub(super) window: window::Window,
    pub(super) fence: fence::Fence,
    /// CmdSNs that arrived and lie at or above the ExpCmdSN last seen.
    arrived: BTreeSet<u32>,
    /// CmdSNs of which it cannot be told whether the target still counts them as received.
    doubted: BTreeSet<u32>,
    /// Commands whose connection is gone and that may be reassigned.
    pub(super) orphans: BTreeMap<u32, Task>,
    /// ErrorRecoveryLevel, as its first connection negotiated it.
    level: u8,
    /// What a connection leaves lasts for a while: Time2Retain is not 0.
    pub(super) retains: bool,
    /// TaskReporting is FastAbort, as its first connection negotiated it.
    fast: bool,
}

impl Oracles {
    /// The login of a connection is complete: it is the first of a session, or joined one.
    pub(super) fn logged_in(&mut self, track: &Track, number: u32) {
        let joined = self.sessions_by_tsih(track, number);
        let Some(conn) = self.conns.get_mut(&number) else { return };
        let key = joined.unwrap_or_else(|| {
            self.next_session += 1;
            let state = SessionState {
                window: conn.login_window,
                level: track.session.error_recovery_level,
                retains: track.session.time2retain > 0,
                fast: track.session.task_reporting == "FastAbort",
                ..SessionState::default()
            };
            self.sessions.insert(self.next_session, state);
            self.next_session
        });
        conn.session = Some(key);
        conn.tasks.tsih = track.tsih;
        conn.cid = track.cid;
        // What a joining connection says of these keys counts for nothing (RFC 7143 13: leading only).
        if let Some(session) = self.sessions.get(&key) {
            (conn.level, conn.terminations.fast) = (session.level, session.fast);
        }
        conn.target.clone_from(&track.target);
    }

    /// The session that a connection joined: that of the last one before it with the same handle, open or not.
    fn sessions_by_tsih(&self, track: &Track, conn: u32) -> Option<u64> {
        let twin = |(other, state): &(&u32, &ConnState)| {
            **other != conn && state.session.is_some() && state.tasks.tsih == track.tsih
        };
        self.conns.iter().rev().filter(|_| track.joins).find(twin).and_then(|(_, state)| state.session)
    }
}

/// Whether a CmdSN gets a command in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    Surely,
    /// It depends on how far the window really is: what was sent last may be old.
    Perhaps,
    /// Below ExpCmdSN: it must be ignored (RFC 7143 4.2.2.1).
    Never,
}

impl SessionState {
    pub(super) fn admit(&mut self, cmd_sn: u32) -> Admission {
        let Some((exp, max)) = self.window.last() else { return Admission::Perhaps };
        if serial::lt(cmd_sn, exp) {
            return Admission::Never;
        }
        if !serial::le(cmd_sn, max) {
            return Admission::Perhaps;
        }
        let is_new = self.arrived.insert(cmd_sn);
        if is_new && !self.doubted.contains(&cmd_sn) { Admission::Surely } else { Admission::Perhaps }
    }

    /// The connection over which this CmdSN came is gone. Once it is logged out, the number counts as never received (RFC 7143
    /// 11.14); until then, or until its time is up, as received (appendix E).
    pub(super) fn left_early(&mut self, cmd_sn: u32) {
        if self.arrived.remove(&cmd_sn) && self.retains {
            self.doubted.insert(cmd_sn);
        }
    }

    /// A function about a command that is not there came: on another connection it may have overtaken it.
    pub(super) fn overtaken(&mut self, by: &Task) {
        if serial::lt(by.ref_cmd_sn, by.cmd_sn) && !self.arrived.contains(&by.ref_cmd_sn) {
            self.doubted.insert(by.ref_cmd_sn);
        }
    }

    /// It was answered as if the command had come.
    pub(super) fn counts_as_received(&mut self, by: &Task) {
        if self.doubted.contains(&by.ref_cmd_sn) {
            self.arrived.insert(by.ref_cmd_sn);
        }
    }

    /// The request with this CmdSN was rejected: it counts as not received (RFC 7143 7.3).
    pub(super) fn reject(&mut self, cmd_sn: u32) {
        self.arrived.remove(&cmd_sn);
    }

    /// Forgets the CmdSNs that the window has passed.
    pub(super) fn forget_passed(&mut self) {
        if let Some((exp, _)) = self.window.last()
            && !(self.arrived.is_empty() && self.doubted.is_empty())
        {
            self.arrived.retain(|cmd_sn| serial::le(exp, *cmd_sn));
            self.doubted.retain(|cmd_sn| serial::le(exp, *cmd_sn));
        }
    }

    /// True if the target has, or must have, taken the command with this CmdSN: it and all before it have come.
    pub(super) fn is_in_order(&self, cmd_sn: u32) -> bool {
        let Some((exp, _)) = self.window.last() else { return false };
        let mut next = exp;
        while serial::le(next, cmd_sn) {
            if !self.arrived.contains(&next) {
                return false;
            }
            next = next.wrapping_add(1);
        }
        true
    }
}
