//! Auto contingent allegiance: establishing it, what it keeps back, clearing it (SAM-5 5.9; RFC 7143 11.5.1 CLEAR ACA).
//!
//! The condition belongs to a task set. With QERR 00b tasks that were under way when it was established keep their outcome until
//! it is cleared, then they end as if nothing had been; otherwise they are gone ([`q_err`](super::q_err)).

use super::Target;
use crate::probe::ProbeSink;
use crate::scsi::{NexusId, Outcome, preempts_and_aborts, status};
use crate::session::{Session, SessionKey, TaskRef};
use crate::slab::Slab;
use crate::task::set::{Attribute, Newcomer};
use crate::task::{Stage, TaskKey};
use crate::wire::{Lun, TaskAttribute, TmfResponse};
use alloc::collections::VecDeque;

impl<S: ProbeSink> Target<S> {
    /// The status that a command ends with right away because an ACA condition is in effect.
    pub(super) fn aca_refusal(&self, session_key: SessionKey, task_key: TaskKey) -> Option<u8> {
        let session = self.sessions.get(session_key)?;
        let task = session.tasks.get(task_key)?;
        let node = self.nodes.get(session.node?)?;
        let set = node.sets.get(&node.set_key(task.lun.number()?, session.nexus))?;
        set.refusal(Newcomer {
            nexus: session.nexus,
            attribute: task.attribute(),
            asks_for_aca: task.asks_for_aca(),
            preempts: preempts_and_aborts(task.cdb.as_slice()),
        })
    }

    /// A PREEMPT AND ABORT that was let in despite the ACA condition of another nexus does not wait for what that holds up
    /// either.
    pub(super) fn hurry_past_aca(&mut self, session_key: SessionKey, task_key: TaskKey) {
        let Some(session) = self.sessions.get_mut(session_key) else { return };
        let Some(task) = session.tasks.get_mut(task_key) else { return };
        if !preempts_and_aborts(task.cdb.as_slice()) {
            return;
        }
        let Some(node) = session.node.and_then(|node| self.nodes.get(node)) else { return };
        let set = task.lun.number().and_then(|number| node.sets.get(&node.set_key(number, session.nexus)));
        if set.and_then(|set| set.aca()).is_some_and(|nexus| nexus != session.nexus) {
            task.attr = TaskAttribute::HeadOfQueue as u8;
        }
    }

    /// Whether an ACA condition of the session's own nexus is in effect where that task is.
    pub(super) fn is_under_own_aca(&self, session_key: SessionKey, task_key: TaskKey) -> bool {
        let Some(session) = self.sessions.get(session_key) else { return false };
        let key = session.tasks.get(task_key).and_then(|task| task.set);
        let node = session.node.and_then(|node| self.nodes.get(node));
        let set = key.zip(node).and_then(|(key, node)| node.sets.get(&key));
        set.is_some_and(|set| set.aca() == Some(session.nexus))
    }

    /// A command has its outcome. Gives it back unless an ACA condition keeps it from completing; if it asks for one and
    /// failed, the condition is in effect from now on.
    pub(super) fn pass_aca(
        &mut self,
        session_key: SessionKey,
        task_key: TaskKey,
        outcome: Outcome,
    ) -> Option<Outcome> {
        // The usual case must cost nothing: no condition in effect, and none asked for.
        let session = self.sessions.get_mut(session_key)?;
        let nexus = session.nexus;
        let task = session.tasks.get_mut(task_key)?;
        let Some(node) = session.node.and_then(|node| self.nodes.get_mut(node)) else { return Some(outcome) };
        let failed = outcome.status == status::CHECK_CONDITION;
        let establishes = failed && task.asks_for_aca() && node.scsi.lun_exists(nexus, task.lun);
        let fresh = || task.lun.number().filter(|_| establishes).map(|number| node.set_key(number, nexus));
        let Some(key) = task.set.or_else(fresh) else { return Some(outcome) };
        let set = if establishes { Some(node.sets.entry(key).or_default()) } else { node.sets.get_mut(&key) };
        let Some(set) = set else { return Some(outcome) };
        let serves = task.attribute() == Attribute::Aca && set.aca() == Some(nexus);
        let is_way_out = || preempts_and_aborts(task.cdb.as_slice()) && set.aca() != Some(nexus);
        if task.set.is_some() && set.aca().is_some() && !serves && !is_way_out() {
            if task.stage != Stage::Blocked {
                task.stage = Stage::Blocked;
                task.outcome = Some(outcome);
                set.block(TaskRef { session: session_key, task: task_key });
            }
            // There is nothing more to do for it but to wait.
            task.command = None;
            task.wants_data = false;
            task.parked = None;
            if let Some(io) = task.io.take() {
                self.cancel_io(io);
            }
            return None;
        }
        if establishes {
            set.establish_aca(nexus);
        } else if serves && failed {
            // SAM-5 5.9.5: a failed ACA task ends the condition it served.
            let blocked = set.clear_aca();
            self.unblocked.extend(blocked);
        }
        Some(outcome)
    }

    /// CLEAR ACA. From a nexus that did not establish the condition, or without one, it changes nothing.
    pub(super) fn clear_aca(&mut self, session_key: SessionKey, lun: Lun) -> TmfResponse {
        let Some(session) = self.sessions.get(session_key) else { return TmfResponse::LunDoesNotExist };
        let (node, nexus) = (session.node, session.nexus);
        if let Some((node, number)) = node.zip(lun.number()) {
            self.end_acas(node, |other, by| other == number && by == nexus);
        }
        TmfResponse::FunctionComplete
    }

    /// A nexus is lost: what it holds up goes on.
    pub(super) fn end_acas_of(&mut self, node: usize, nexus: NexusId) {
        self.end_acas(node, |_, by| by == nexus);
        if let Some(node) = self.nodes.get_mut(node) {
            node.sets.retain(|key, _| key.nexus != Some(nexus));
        }
    }

    /// Ends the ACA conditions that `which` picks by logical unit and nexus.
    pub(super) fn end_acas(&mut self, node: usize, which: impl Fn(u16, NexusId) -> bool) {
        let Some(node) = self.nodes.get_mut(node) else { return };
        for (key, set) in &mut node.sets {
            if set.aca().is_some_and(|nexus| which(key.number, nexus)) {
                self.unblocked.extend(set.clear_aca());
                while let Some(next) = set.next() {
                    has_its_turn(&mut self.sessions, &mut self.runnable, next);
                }
            }
        }
    }

    /// A task that an ACA condition kept from completing completes, unless it was aborted meanwhile.
    pub(super) fn unblock(&mut self, name: TaskRef) {
        let task = self.sessions.get_mut(name.session).and_then(|session| session.tasks.get_mut(name.task));
        let Some(task) = task.filter(|task| task.stage == Stage::Blocked) else { return };
        task.stage = Stage::Running;
        if let Some(outcome) = task.outcome.take() {
            self.finish(name.session, name.task, outcome);
        }
    }
}

/// A waiting task was let go by its task set, in which it counts as running from now on.
pub(super) fn has_its_turn(sessions: &mut Slab<Session>, runnable: &mut VecDeque<TaskRef>, name: TaskRef) {
    let task = sessions.get_mut(name.session).and_then(|session| session.tasks.get_mut(name.task));
    if let Some(task) = task {
        task.stage = Stage::Running;
        runnable.push_back(name);
    }
}
