//! Commands whose status was sent but not acknowledged: kept from ErrorRecoveryLevel 1 on, so that data and status can be
//! sent again (RFC 7143 7.1.4, 11.16). They hold memory of their session like any other, and are the first to give it back.

use super::Target;
use crate::probe::ProbeSink;
use crate::session::SessionKey;
use crate::task::{Task, TaskKey};
use crate::wire::serial;

impl<S: ProbeSink> Target<S> {
    /// The last PDU of a command was sent.
    pub(super) fn retire(&mut self, session_key: SessionKey, task_key: TaskKey) {
        let limit = 2 * self.config.limits.commands as usize;
        let Some(session) = self.sessions.get_mut(session_key) else { return };
        if session.params.error_recovery_level == 0 {
            return self.forget(session_key, task_key);
        }
        let Some(mut task) = session.tasks.remove(task_key) else { return };
        if core::mem::take(&mut task.immediate)
            && let Some(conn) = self.conns.get_mut(&task.conn)
        {
            conn.immediate = conn.immediate.saturating_sub(1);
        }
        session.answered.push_back(task);
        if session.answered.len() > limit
            && let Some(oldest) = session.answered.pop_front()
        {
            session.held = session.held.saturating_sub(oldest.held);
        }
        // Nothing may be moving any more, so that what waits for memory gets it now.
        self.relieve(session_key);
        // It was acknowledged while it was sent again.
        self.forget_acknowledged(session_key);
    }

    /// Forgets the answered commands that `gone` picks.
    pub(super) fn forget_answered(&mut self, session_key: SessionKey, mut gone: impl FnMut(&Task) -> bool) {
        let Some(session) = self.sessions.get_mut(session_key) else { return };
        if session.answered.is_empty() {
            return;
        }
        let mut freed: u64 = 0;
        session.answered.retain(|task| {
            let gone = gone(task);
            if gone {
                freed = freed.saturating_add(task.held);
            }
            !gone
        });
        session.held = session.held.saturating_sub(freed);
        self.relieve(session_key);
    }

    /// ExpStatSN of some connection moved on.
    pub(super) fn forget_acknowledged(&mut self, session_key: SessionKey) {
        let mut acknowledged = alloc::vec::Vec::new();
        let Some(session) = self.sessions.get(session_key) else { return };
        if session.answered.is_empty() {
            return;
        }
        for (_, id) in &session.conns {
            acknowledged.extend(self.conns.get(id).map(|conn| (*id, conn.exp_stat_sn)));
        }
        self.forget_answered(session_key, |task| {
            let seen = acknowledged.iter().find(|(id, _)| *id == task.conn);
            seen.zip(task.stat_sn)
                .is_some_and(|((_, exp_stat_sn), stat_sn)| serial::lt(stat_sn, *exp_stat_sn))
        });
    }

    /// A logout, or a login that takes its place, told ExpStatSN of the connection that it is about (RFC 7143 11.14.4,
    /// 11.12.9).
    pub(super) fn acknowledge_other(&mut self, session_key: SessionKey, cid: u16, exp_stat_sn: u32) {
        let Some(session) = self.sessions.get(session_key) else { return };
        if let Some(id) = session.conn(cid) {
            if let Some(conn) = self.conns.get_mut(&id)
                && conn.acknowledge(exp_stat_sn)
            {
                self.forget_acknowledged(session_key);
            }
            return;
        }
        // Only what was sent can be acknowledged. An older connection of that CID had numbers of its own.
        let Some(lost) = session.lost.awaiting_cleanup(cid).copied() else { return };
        if !serial::le(exp_stat_sn, lost.stat_sn) {
            return;
        }
        self.forget_answered(session_key, |task| {
            task.conn == lost.conn && task.stat_sn.is_some_and(|stat_sn| serial::lt(stat_sn, exp_stat_sn))
        });
    }

    /// Whether a session may hold `bytes` more; answered commands give way.
    pub(super) fn make_room(&mut self, session_key: SessionKey, bytes: u64) -> bool {
        let limit = self.held_limit();
        let Some(session) = self.sessions.get_mut(session_key) else { return false };
        while session.held.saturating_add(bytes) > limit
            && let Some(oldest) = session.answered.pop_front()
        {
            session.held = session.held.saturating_sub(oldest.held);
        }
        session.may_hold(bytes, limit)
    }

    fn relieve(&mut self, session_key: SessionKey) {
        let Some(session) = self.sessions.get(session_key) else { return };
        if !session.parked.is_empty() || !session.starved.is_empty() {
            self.relieved.push(session_key);
        }
    }
}
