//! How a connection leaves its session, and what becomes of its commands (RFC 7143 7.2.2, 7.5, 7.6, 11.14).

use super::Target;
use crate::api::ConnId;
use crate::probe::ProbeSink;
use crate::session::cleanup::CleanupState;
use crate::session::lost::Lost;
use crate::session::{Pending, SessionKey};
use crate::task::{Stage, Task, TaskKey};
use crate::wire::Lun;
use alloc::vec::Vec;

impl<S: ProbeSink> Target<S> {
    /// Takes a connection out of its session for good. Its commands are terminated (RFC 7143 7.6), and what came early
    /// over it counts as never received (RFC 7143 11.14).
    pub(super) fn leave_session(&mut self, id: ConnId) {
        self.part(id, Stay::default());
    }

    /// Takes a connection out of its session because it failed, or (`logged_out`) was removed for recovery. Its CID stays
    /// known for a logout for Time2Wait and Time2Retain. So long its commands stay too, also those that came early, until a
    /// logout ends them (RFC 7143 appendix E); one for recovery at ErrorRecoveryLevel 2 leaves what was delivered to be
    /// reassigned. Immediate commands end with their connection whatever the level is (rfc7143/7.14).
    pub(super) fn leave_recoverably(&mut self, id: ConnId, logged_out: bool) {
        let Some(conn) = self.conns.get(&id) else { return };
        let (cid, stat_sn) = (conn.cid, conn.stat_sn);
        let Some(session_key) = conn.session else { return };
        let Some(session) = self.sessions.get(session_key) else { return };
        let until = self.now + session.retention();
        let recovers = session.recovers_connections() && !self.draining;
        let known = session.params.time2retain > 0 && !session.is_discovery() && !self.draining;
        let stay = Stay {
            delivered: if logged_out { recovers } else { known },
            early: known && !logged_out,
            answered: recovers,
        };
        self.part(id, stay);
        if !known || (logged_out && !recovers) {
            return;
        }
        let mut lost = Lost { cid, conn: id, state: CleanupState::CleanupWait, stat_sn, until };
        if logged_out {
            lost.log_out(until);
        }
        let Some(session) = self.sessions.get_mut(session_key) else { return };
        let oldest = session.lost.add(lost);
        self.discard_lost(session_key, oldest.as_slice());
        self.arm_session(session_key);
    }

    /// Logs out what is left of a CID, as a reinstatement of it does: for recovery at ErrorRecoveryLevel 2, else for good
    /// (RFC 7143 11.14). False if nothing of it is left.
    pub(super) fn log_out_lost(&mut self, session_key: SessionKey, cid: u16) -> bool {
        let now = self.now;
        let Some(session) = self.sessions.get_mut(session_key) else { return false };
        if session.recovers_connections() {
            let until = now + session.retention();
            let any = session.lost.log_out(cid, until);
            let conns: Vec<ConnId> = session.lost.of_cid(cid).collect();
            let early = |task: &Task| task.stage == Stage::Arrived && conns.contains(&task.conn);
            let early = tasks_of(session.tasks.iter(), early);
            self.never_came(session_key, &early);
            self.arm_session(session_key);
            any
        } else {
            self.close_lost(session_key, cid)
        }
    }

    /// Closes what is left of a CID that nobody logged out yet: its commands are terminated. False if there is none.
    pub(super) fn close_lost(&mut self, session_key: SessionKey, cid: u16) -> bool {
        let Some(session) = self.sessions.get_mut(session_key) else { return false };
        let closed = session.lost.take(|lost| lost.cid == cid && !lost.is_logged_out());
        self.discard_lost(session_key, &closed);
        !closed.is_empty()
    }

    /// A deadline of a session has come: for what a lost connection left (M1 of RFC 7143 8.2), or for all of it.
    pub(super) fn expire_session(&mut self, session_key: SessionKey) {
        let now = self.now;
        let Some(session) = self.sessions.get_mut(session_key) else { return };
        if session.retain_until.is_some_and(|until| until <= now) {
            // rfc7143/7.5-1.
            return self.end_session(session_key, None, "not continued in time");
        }
        let over = session.lost.take(|lost| lost.until <= now);
        self.discard_lost(session_key, &over);
        self.arm_session(session_key);
    }

    /// Terminates the commands that these connections left.
    fn discard_lost(&mut self, session_key: SessionKey, lost: &[Lost]) {
        if lost.is_empty() {
            return;
        }
        let Some(session) = self.sessions.get(session_key) else { return };
        let left = |task: &Task| lost.iter().any(|lost| lost.conn == task.conn);
        let tasks = tasks_of(session.tasks.iter(), left);
        self.forget_answered(session_key, left);
        self.never_came(session_key, &tasks);
    }

    /// Terminates commands; the numbers of those among them that came early count as never received (RFC 7143 11.14).
    fn never_came(&mut self, session_key: SessionKey, tasks: &[(TaskKey, Lun)]) {
        if let Some(session) = self.sessions.get_mut(session_key) {
            let is_gone =
                |item: &Pending| conn_of(item).is_err_and(|task| tasks.iter().any(|(key, _)| *key == task));
            session.window.discard_held(is_gone, drop);
        }
        self.terminate(session_key, tasks);
    }

    /// Takes a connection out of its session, and ends its commands but those that stay.
    fn part(&mut self, id: ConnId, stay: Stay) {
        let Some(conn) = self.conns.get_mut(&id) else { return };
        let Some(session_key) = conn.session.take() else { return };
        let Some(session) = self.sessions.get_mut(session_key) else { return };
        conn.numbers = (session.window.exp_cmd_sn(), session.window.max_cmd_sn());
        conn.left = Some(session_key);
        conn.text = None;
        session.conns.retain(|(_, other)| *other != id);
        // A function that was delivered and is not answered gives its place in the window back.
        let unanswered = session.tmfs.iter().filter(|tmf| tmf.conn == id && !tmf.request.immediate).count();
        session.tmfs.retain(|tmf| tmf.conn != id);
        for _ in 0..unanswered {
            session.window.finish();
        }
        let tasks = tasks_of(session.tasks.iter(), |task| task.conn == id && !stay.keeps(task));
        let is_gone = |item: &Pending| match conn_of(item) {
            Ok(conn) => conn == id,
            Err(task) => tasks.iter().any(|(key, _)| *key == task),
        };
        session.window.discard_held(is_gone, drop);
        self.forget_answered(session_key, |task| task.conn == id && !stay.answered);
        self.terminate(session_key, &tasks);
    }

    /// Ends commands without a word; the next command at their logical units is told so (rfc7143/11.14.5-1).
    fn terminate(&mut self, session_key: SessionKey, tasks: &[(TaskKey, Lun)]) {
        let is_closed = |it: &Self| it.sessions.get(session_key).is_some_and(|it| it.window.is_closed());
        let was_closed = is_closed(self);
        let session = self.sessions.get(session_key);
        // What was not delivered is no task of the logical unit.
        let delivered = |key: TaskKey| {
            let task = session.and_then(|session| session.tasks.get(key));
            task.is_some_and(|task| task.stage != Stage::Arrived)
        };
        let mut luns: Vec<Lun> =
            tasks.iter().filter(|(key, _)| delivered(*key)).map(|(_, lun)| *lun).collect();
        for (task, _) in tasks {
            self.drop_task(session_key, *task);
        }
        if was_closed && !is_closed(self) {
            self.announce_window(session_key);
        }
        luns.sort_unstable();
        luns.dedup();
        self.commands_lost(session_key, &luns);
        // A task management function may have waited for one of them.
        self.unsettled.push(session_key);
    }
}

/// What of a connection's commands stays when it leaves.
#[derive(Clone, Copy, Default)]
struct Stay {
    /// Those that were delivered.
    delivered: bool,
    /// Those that wait for their turn in CmdSN order.
    early: bool,
    /// Those whose status was sent and is not acknowledged.
    answered: bool,
}

impl Stay {
    fn keeps(self, task: &Task) -> bool {
        // rfc7143/7.14-5.
        !task.immediate
            && match task.stage {
                Stage::Aborting => false,
                Stage::Arrived => self.early,
                _ => self.delivered,
            }
    }
}

fn tasks_of<'a>(
    tasks: impl Iterator<Item = (TaskKey, &'a Task)>,
    wanted: impl Fn(&Task) -> bool,
) -> Vec<(TaskKey, Lun)> {
    tasks.filter(|(_, task)| wanted(task)).map(|(key, task)| (key, task.lun)).collect()
}

/// The connection a held request came over; of a command, its task, which knows.
fn conn_of(item: &Pending) -> Result<ConnId, TaskKey> {
    match item {
        Pending::Scsi(task) => Err(*task),
        Pending::Nop(nop) => Ok(nop.0),
        Pending::Text(text) => Ok(text.0),
        Pending::Logout(logout) => Ok(logout.0),
        Pending::Tmf(tmf) => Ok(tmf.0),
    }
}
