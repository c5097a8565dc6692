//! How commands end: with status, or without (RFC 7143 4.2.3, 11.4).

use super::Target;
use super::aca::has_its_turn;
use crate::probe::ProbeSink;
use crate::scsi::{Outcome, Sense, SenseCode, preempts_and_aborts, status};
use crate::session::SessionKey;
use crate::session::fence::{Response, Scope};
use crate::task::read::{ReadRules, ReadTransfer};
use crate::task::set::SetKey;
use crate::task::{Stage, Task, TaskKey};
use crate::wire::Lun;

/// Sense key.
const UNIT_ATTENTION: u8 = 6;

impl<S: ProbeSink> Target<S> {
    /// Ends a command with CHECK CONDITION for something the transport found.
    pub(super) fn fail(&mut self, session_key: SessionKey, task_key: TaskKey, code: SenseCode) {
        let Some(session) = self.sessions.get(session_key) else { return };
        let Some(task) = session.tasks.get(task_key) else { return };
        if !matches!(task.stage, Stage::Arrived | Stage::Dormant | Stage::Running) {
            return;
        }
        if task.stage == Stage::Arrived {
            // Its turn has not come: the status must not precede the acknowledgement (rfc7143/4.2.2.1-16).
            if let Some(task) = self.sessions.get_mut(session_key).and_then(|it| it.tasks.get_mut(task_key)) {
                task.refusal.get_or_insert(code);
            }
            return;
        }
        let sense = self.formatted_sense(session_key, task.lun, code);
        self.finish(session_key, task_key, Outcome::check(sense));
    }

    /// Makes CHECK CONDITION of a command that has no status on its way yet, however far it is. Data that is under way goes out
    /// before the status.
    pub(super) fn spoil(&mut self, session_key: SessionKey, task_key: TaskKey, code: SenseCode) {
        let Some(session) = self.sessions.get(session_key) else { return };
        let Some(task) = session.tasks.get(task_key) else { return };
        match task.stage {
            Stage::Arrived | Stage::Dormant | Stage::Running => self.fail(session_key, task_key, code),
            Stage::Aborting => {}
            Stage::Blocked | Stage::Draining | Stage::Responding => {
                let Some(outcome) = task.outcome.clone().filter(|outcome| outcome.status == status::GOOD)
                else {
                    return;
                };
                let sense = self.formatted_sense(session_key, task.lun, code);
                let mut outcome = Outcome { status: status::CHECK_CONDITION, sense, ..outcome };
                if task.stage != Stage::Blocked {
                    let Some(passed) = self.pass_aca(session_key, task_key, outcome) else { return };
                    outcome = passed;
                }
                if let Some(task) =
                    self.sessions.get_mut(session_key).and_then(|it| it.tasks.get_mut(task_key))
                {
                    task.outcome = Some(outcome);
                }
            }
        }
    }

    fn formatted_sense(&self, session_key: SessionKey, lun: Lun, code: SenseCode) -> Sense {
        let node = self.sessions.get(session_key).and_then(|session| session.node);
        let node = node.and_then(|node| self.nodes.get(node));
        node.map_or(Sense::new(code), |node| node.scsi.formatted(lun, Sense::new(code)))
    }

    /// A command has its outcome; it is answered when all the data announced for it has come.
    pub(super) fn finish(&mut self, session_key: SessionKey, task_key: TaskKey, outcome: Outcome) {
        // rfc7143/10.2-2.
        let Some(mut outcome) = self.pass_aca(session_key, task_key, outcome) else { return };
        let set = self.leave_set(session_key, task_key);
        if outcome.status == status::CHECK_CONDITION
            && let Some(set) = set
        {
            self.obey_q_err(session_key, set);
        }
        let Some(session) = self.sessions.get_mut(session_key) else { return };
        let Some(task) = session.tasks.get_mut(task_key) else { return };
        task.command = None;
        task.wants_data = false;
        task.parked = None;
        if session.params.protocol_level < 2 {
            // rfc7144/5.2.1-1
            outcome.qualifier = 0;
        }
        task.outcome = Some(outcome);
        let io = task.io.take();
        let waits = task.awaits_data();
        // rfc7143/7.8-4, rfc7143/11.17.1-5.
        if waits {
            task.stage = Stage::Draining;
            if let Some(write) = &mut task.write_data {
                write.abandon();
            }
        }
        if let Some(io) = io {
            self.cancel_io(io);
        }
        if !waits {
            self.respond(session_key, task_key);
        }
    }

    /// Puts a command's data and status on their way.
    pub(super) fn respond(&mut self, session_key: SessionKey, task_key: TaskKey) {
        let Some(session) = self.sessions.get_mut(session_key) else { return };
        let Some(task) = session.tasks.get_mut(task_key) else { return };
        task.stage = Stage::Responding;
        task.write_data = None;
        // The place in the window is free as soon as the outcome is decided, so that MaxCmdSN does not depend on the
        // order in which connections are polled. What a peer does not read is bounded by pausing it.
        let was_closed = session.window.is_closed();
        if !task.immediate || planted!(ImmediateOpensWindow) {
            session.window.finish();
        }
        let opens = was_closed && !session.window.is_closed();
        let fenced = task.outcome.as_ref().is_some_and(|outcome| is_fenced(outcome, task));
        let scope = Scope::Unit(task.lun.number());
        let conn = task.conn;
        self.hand_over(session_key, Response::Task(task_key), scope, fenced && !planted!(FenceLost));
        if opens && self.conns.get(&conn).is_none_or(|conn| conn.session != Some(session_key)) {
            // The response, which would say so, waits to be reassigned.
            self.announce_window(session_key);
        }
    }

    /// Gives a response, or what of it is to be sent again, to its connection. A command without one waits to be
    /// reassigned.
    pub(super) fn dispatch(&mut self, session_key: SessionKey, task_key: TaskKey) {
        let Some(session) = self.sessions.get_mut(session_key) else { return };
        let rules = ReadRules::from(&session.params);
        let Some(task) = session.tasks.get_mut(task_key) else { return };
        if task.data_in.is_none() && task.read {
            let data = task.outcome.as_ref().map(|outcome| &outcome.data_in).filter(|data| !data.is_empty());
            let transfer = data.map(|data| ReadTransfer::new(data.clone(), task.read_edtl, rules));
            task.data_in = transfer.filter(|transfer| !transfer.is_done());
        }
        // Always the connection of the command (rfc7143/4.2.5.1-1, rfc7143/4.2.5.1-2, rfc7143/4.2.5.1-4).
        let Some(conn) = self.conns.get_mut(&task.conn).filter(|conn| conn.session == Some(session_key))
        else {
            return;
        };
        if task.data_in.as_ref().is_some_and(|data| !data.is_done()) {
            conn.out.push_data(task_key);
        } else {
            conn.out.push(crate::conn::out::Out::Scsi(task_key));
        }
        let conn = conn.id;
        self.wake(conn);
    }

    /// Ends a command without status: an abort, a reset, the end of its connection. `Responding` tasks whose answer has
    /// not gone out count as not ended.
    pub(super) fn drop_task(&mut self, session_key: SessionKey, task_key: TaskKey) {
        self.leave_set(session_key, task_key);
        let Some(session) = self.sessions.get_mut(session_key) else { return };
        let Some(task) = session.tasks.get(task_key) else { return };
        if task.awaits_data() && !planted!(AbortForgetsTag) {
            // rfc7143/4.2.3.4-10.
            session.aborted.remember(task.itt, task.conn, task.lun);
        }
        // A held command's number is plugged by who took it out of the window; then nothing is outstanding for it.
        let counted = !matches!(task.stage, Stage::Arrived | Stage::Responding);
        if !task.immediate && counted && !planted!(AbortKeepsWindow) {
            session.window.finish();
        }
        // What is queued of its answer finds no task any more (rfc7143/11.5.1-4, rfc7144/6.3-4).
        self.forget(session_key, task_key);
    }

    /// Takes a task out of the session and gives back what it held. Its answer was sent, or there is none.
    pub(super) fn forget(&mut self, session_key: SessionKey, task_key: TaskKey) {
        let Some(session) = self.sessions.get_mut(session_key) else { return };
        let Some(task) = session.tasks.remove(task_key) else { return };
        session.held = session.held.saturating_sub(if planted!(HeldLeak) { 0 } else { task.held });
        let waiting = !session.parked.is_empty() || !session.starved.is_empty();
        if task.immediate
            && let Some(conn) = self.conns.get_mut(&task.conn)
        {
            conn.immediate = conn.immediate.saturating_sub(1);
        }
        if waiting {
            self.relieved.push(session_key);
        }
        if session.fence.is_some() {
            self.unsettled.push(session_key);
        }
        if let Some(io) = task.io {
            self.cancel_io(io);
        }
    }

    /// A command waits for what its unit does by itself (FORMAT UNIT, SANITIZE). Others need not wait with it any longer: the
    /// device server answers them, if only by telling them how far it is (SBC-3 4.11.2).
    pub(super) fn let_others(&mut self, session_key: SessionKey, task_key: TaskKey) {
        let Some(session) = self.sessions.get_mut(session_key) else { return };
        let Some(task) = session.tasks.get_mut(task_key) else { return };
        let alone = task.attribute();
        task.lets_others = !planted!(UpkeepBlocks);
        let Some(key) = task.set.filter(|_| task.attribute() != alone) else { return };
        let Some(node) = session.node.and_then(|node| self.nodes.get_mut(node)) else { return };
        let Some(set) = node.sets.get_mut(&key) else { return };
        set.change(alone, task.attribute());
        while let Some(next) = set.next() {
            has_its_turn(&mut self.sessions, &mut self.runnable, next);
        }
    }

    /// Takes a command out of its task set, which is given, and starts whatever waited for that.
    pub(super) fn leave_set(&mut self, session_key: SessionKey, task_key: TaskKey) -> Option<SetKey> {
        let session = self.sessions.get_mut(session_key)?;
        let task = session.tasks.get_mut(task_key)?;
        let key = task.set.take()?;
        let node = session.node.and_then(|node| self.nodes.get_mut(node))?;
        let Some(set) = node.sets.get_mut(&key) else { return Some(key) };
        if task.stage == Stage::Dormant {
            set.forget(crate::session::TaskRef { session: session_key, task: task_key });
        } else {
            set.end(task.attribute());
        }
        while let Some(next) = set.next() {
            has_its_turn(&mut self.sessions, &mut self.runnable, next);
        }
        Some(key)
    }
}

/// Whether a response needs a Response Fence (RFC 7143 4.2.2.3.4): it tells of a unit attention, establishes an ACA
/// condition, says that there is one, or ends PREEMPT AND ABORT. Only the first of each kind would have to.
fn is_fenced(outcome: &Outcome, task: &Task) -> bool {
    // rfc7143/4.2.2.3.4-1.
    match outcome.status {
        status::ACA_ACTIVE => true,
        // The first that other sessions hear of an abort (rfc7143/4.2.3.3-12, rfc7143/4.2.3.4-15,
        // rfc7143/4.2.3.6-1).
        status::CHECK_CONDITION => task.asks_for_aca() || outcome.sense.code.key == UNIT_ATTENTION,
        _ => preempts_and_aborts(task.cdb.as_slice()),
    }
}
