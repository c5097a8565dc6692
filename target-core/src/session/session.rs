//! What does the target know about one session? Data and small rules; the verbs are in [`target`](crate::target).

use crate::api::{ConnId, Tsih};
use crate::scsi::NexusId;
use crate::session::SessionKey;
use crate::session::fence::{Fence, Response};
use crate::session::lost::LostConns;
use crate::session::params::{SessionKind, SessionParams};
use crate::session::states::{SessionState, Transition};
use crate::session::window::CmdWindow;
use crate::task::abort::{Aborted, PendingTmf};
use crate::task::{Stage, Task, TaskKey, Tasks};
use crate::time::Instant;
use crate::wire::{self, BHS_LEN, LogoutRequest, NopOut, RESERVED_TAG, TaskRequest};
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;
use core::net::SocketAddr;
use core::time::Duration;

/// A request that waits for its turn in CmdSN order.
#[derive(Debug)]
pub(crate) enum Pending {
    /// A SCSI command; its task exists already, for its data may come before its turn.
    Scsi(TaskKey),
    /// A ping.
    Nop(Box<(ConnId, NopOut, Bytes)>),
    /// A text request.
    Text(Box<(ConnId, [u8; BHS_LEN], Bytes)>),
    /// A logout.
    Logout(Box<(ConnId, LogoutRequest)>),
    /// A task management function.
    Tmf(Box<(ConnId, TaskRequest)>),
}

/// What must be unique together with initiator name and ISID (RFC 7143 4.4.3 and 7.4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// A target and a portal group of it: every session that named one.
    Target(usize, u16),
    /// A portal: a discovery session that named no target.
    Portal(SocketAddr),
}

/// One session.
#[derive(Debug)]
pub(crate) struct Session {
    /// Target Session Identifying Handle.
    pub(crate) tsih: Tsih,
    /// Initiator name.
    pub(crate) initiator: String,
    /// InitiatorAlias; empty for none.
    pub(crate) alias: String,
    /// ISID.
    pub(crate) isid: [u8; 6],
    /// Where its name must be unique.
    pub(crate) scope: Scope,
    /// Index of its target; `None` for a discovery session.
    pub(crate) node: Option<usize>,
    /// What the device server calls it.
    pub(crate) nexus: NexusId,
    /// CHAP name it was authenticated with.
    pub(crate) identity: Option<String>,
    /// What was negotiated.
    pub(crate) params: SessionParams,
    /// Where it is in RFC 7143 8.3.2.
    pub(crate) state: SessionState,
    /// The transitions it took, a bit each.
    pub(crate) cells: u16,
    /// Commands in order.
    pub(crate) window: CmdWindow<Pending>,
    /// Its connections with their CIDs, in the order they joined.
    pub(crate) conns: Vec<(u16, ConnId)>,
    /// Connections that left it and may still be logged out, or have commands that may be continued.
    pub(crate) lost: LostConns,
    /// Its commands.
    pub(crate) tasks: Tasks,
    /// Commands whose status was sent and is not acknowledged, oldest first; none below ErrorRecoveryLevel 1.
    pub(crate) answered: VecDeque<Task>,
    /// Commands aborted while their data was on its way.
    pub(crate) aborted: Aborted,
    /// Task management functions not answered yet.
    pub(crate) tmfs: Vec<PendingTmf>,
    /// A response that others must not pass, and those that wait behind it.
    pub(crate) fence: Option<Fence>,
    /// Bytes it makes the target hold.
    pub(crate) held: u64,
    /// Commands whose storage operation waits for memory.
    pub(crate) parked: VecDeque<TaskKey>,
    /// Commands whose next R2T waits for memory.
    pub(crate) starved: VecDeque<TaskKey>,
    /// When it ends, if nobody continues it.
    pub(crate) retain_until: Option<Instant>,
    /// When the timer queue will look at this session.
    pub(crate) armed: Option<Instant>,
    next_ttt: u32,
}

impl Session {
    /// A session whose first connection logs in with `cmd_sn`.
    pub(crate) fn new(who: Identity, params: SessionParams, cmd_sn: u32, commands: u32) -> Self {
        Self {
            tsih: who.tsih,
            initiator: who.initiator,
            alias: who.alias,
            isid: who.isid,
            scope: who.scope,
            node: who.node,
            nexus: who.nexus,
            identity: who.identity,
            params,
            state: SessionState::Free,
            cells: 0,
            window: CmdWindow::new(cmd_sn, commands),
            conns: Vec::new(),
            lost: LostConns::default(),
            tasks: Tasks::new(),
            answered: VecDeque::new(),
            aborted: Aborted::new(commands as usize),
            tmfs: Vec::new(),
            fence: None,
            held: 0,
            parked: VecDeque::new(),
            starved: VecDeque::new(),
            retain_until: None,
            armed: None,
            next_ttt: 1,
        }
    }

    /// Takes a transition of RFC 7143 8.3.2. One that the table does not have changes nothing: the caller checked.
    pub(crate) fn go(&mut self, transition: Transition) {
        if let Some(state) = self.state.next(transition) {
            self.state = state;
            self.cells |= 1 << transition as u16;
        }
    }

    /// True for a discovery session.
    pub(crate) fn is_discovery(&self) -> bool {
        self.params.kind == SessionKind::Discovery
    }

    /// A Target Transfer Tag that no other transfer of the session has.
    pub(crate) fn new_ttt(&mut self) -> u32 {
        let ttt = self.next_ttt;
        self.next_ttt = self.next_ttt.wrapping_add(1);
        // rfc7143/11.8.5-1.
        if self.next_ttt == RESERVED_TAG {
            self.next_ttt = 0;
        }
        ttt
    }

    /// Whether the session may hold `bytes` more. If it may not but nothing else in it would ever give memory back, it
    /// may all the same: one command at a time always gets through.
    pub(crate) fn may_hold(&self, bytes: u64, limit: u64) -> bool {
        self.held.saturating_add(bytes) <= limit || !self.is_moving()
    }

    /// Whether a request with that Initiator Task Tag waits for its turn, is carried out or waits to be answered.
    pub(crate) fn has_request(&self, itt: u32) -> bool {
        let is_held = |item: &Pending| match item {
            // Found among the tasks.
            Pending::Scsi(_) => false,
            Pending::Nop(nop) => nop.1.itt == itt,
            Pending::Text(text) => wire::itt(&text.1) == itt,
            Pending::Logout(logout) => logout.1.itt == itt,
            Pending::Tmf(tmf) => tmf.1.itt == itt,
        };
        self.tasks.find(itt).is_some()
            || self.tmfs.iter().any(|tmf| tmf.request.itt == itt)
            || self.window.held().any(is_held)
    }

    /// Whether a task management function with that Initiator Task Tag waits for its turn or to be answered.
    pub(crate) fn has_function(&self, itt: u32) -> bool {
        let is_held = |item: &Pending| matches!(item, Pending::Tmf(tmf) if tmf.1.itt == itt);
        self.tmfs.iter().any(|tmf| tmf.request.itt == itt) || self.window.held().any(is_held)
    }

    /// Takes out a ping or text request that waits for its turn; its number counts as received. False if there is none.
    pub(crate) fn take_held_request(&mut self, itt: u32) -> bool {
        let is_it = |item: &Pending| match item {
            Pending::Nop(nop) => nop.1.itt == itt,
            Pending::Text(text) => wire::itt(&text.1) == itt,
            Pending::Scsi(_) | Pending::Logout(_) | Pending::Tmf(_) => false,
        };
        let found = self.window.held().any(is_it);
        self.window.remove_held(is_it, drop);
        found
    }

    /// True if some command will end without more memory: it is at the disk, on its way out, or was asked for data.
    pub(crate) fn is_moving(&self) -> bool {
        self.tasks.iter().any(|(_, task)| {
            let asked =
                task.write_data.as_ref().is_some_and(|write| write.r2ts() > 0 && write.is_sequence_open());
            (task.io.is_some() || task.stage == Stage::Responding || asked)
                && self.lost.find(task.conn).is_none()
        })
    }

    /// True if some command will end, and give back what it holds, though nothing more is read: it is at the disk, or on its way
    /// out and not behind a fence, which waits for acknowledgements.
    pub(crate) fn gives_back(&self) -> bool {
        let is_fenced = |key| self.fence.as_ref().is_some_and(|fence| fence.holds(Response::Task(key)));
        self.tasks.iter().any(|(key, task)| {
            (task.io.is_some() || (task.stage == Stage::Responding && !is_fenced(key)))
                && self.lost.find(task.conn).is_none()
        })
    }

    /// The command with that tag, answered or not.
    pub(crate) fn task_or_answered(&self, itt: u32) -> Option<&Task> {
        let open = self.tasks.find(itt).and_then(|key| self.tasks.get(key));
        open.or_else(|| self.answered.iter().find(|task| task.itt == itt))
    }

    /// The command with that tag, answered or not, if it is allegiant to that connection: its numbered PDUs can be asked for.
    pub(crate) fn find_numbered(&self, conn: ConnId, itt: u32) -> Option<&Task> {
        // rfc7143/4.2.5.1-5.
        self.task_or_answered(itt).filter(|task| task.conn == conn)
    }

    /// The command with that tag; one that was answered is to be answered again.
    pub(crate) fn take_up_again(&mut self, itt: u32) -> Option<TaskKey> {
        self.tasks.find(itt).or_else(|| {
            let at = self.answered.iter().position(|task| task.itt == itt)?;
            let task = self.answered.remove(at)?;
            Some(self.tasks.insert(task))
        })
    }

    /// When something of it is to be discarded: all of it, or what a lost connection left.
    pub(crate) fn due(&self) -> Option<Instant> {
        [self.retain_until, self.lost.until()].into_iter().flatten().min()
    }

    /// Time2Wait and Time2Retain together: how long what a connection leaves is kept (RFC 7143 7.5).
    pub(crate) fn retention(&self) -> Duration {
        Duration::from_secs(u64::from(self.params.time2wait) + u64::from(self.params.time2retain))
    }

    /// Whether commands outlive their connection (RFC 7143 7.2.2).
    pub(crate) fn recovers_connections(&self) -> bool {
        self.params.error_recovery_level >= 2 && self.params.time2retain > 0
    }

    /// True if something waits to be continued or cleaned up though its connection is gone: then the logout of the last
    /// connection does not close the session (RFC 7143 6.3.5).
    pub(crate) fn has_unfinished_recovery(&self) -> bool {
        let is_left = |task: &Task| self.lost.find(task.conn).is_some();
        // A status that nobody acknowledged is waited for as well (RFC 7143 11.14).
        self.lost.await_cleanup()
            || self.tasks.iter().any(|(_, task)| is_left(task))
            || self.answered.iter().any(is_left)
    }

    /// The connection with that CID.
    pub(crate) fn conn(&self, cid: u16) -> Option<ConnId> {
        self.conns.iter().find(|(other, _)| *other == cid).map(|(_, conn)| *conn)
    }
}

/// Who a session is with.
#[derive(Debug)]
pub(crate) struct Identity {
    /// Target Session Identifying Handle.
    pub(crate) tsih: Tsih,
    /// Initiator name.
    pub(crate) initiator: String,
    /// InitiatorAlias; empty for none.
    pub(crate) alias: String,
    /// ISID.
    pub(crate) isid: [u8; 6],
    /// Where its name must be unique.
    pub(crate) scope: Scope,
    /// Index of its target.
    pub(crate) node: Option<usize>,
    /// What the device server calls it.
    pub(crate) nexus: NexusId,
    /// CHAP name it was authenticated with.
    pub(crate) identity: Option<String>,
}

/// Names one command of one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TaskRef {
    /// The session.
    pub(crate) session: SessionKey,
    /// The command in it.
    pub(crate) task: TaskKey,
}
