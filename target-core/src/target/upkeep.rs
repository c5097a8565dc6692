//! What goes on at units whatever becomes of the command: FORMAT UNIT and SANITIZE, a few operations at a time, so that nobody
//! waits long for them; and records that storage is to keep.

use super::Target;
use super::io::{Owner, ask};
use super::timers::Timer;
use crate::io::{IoError, IoOp, SgList};
use crate::probe::ProbeSink;
use crate::scsi::{Step, UnitKey};
use crate::session::{SessionKey, TaskRef};
use alloc::vec::Vec;
use core::time::Duration;

/// Time between the end of one operation and the beginning of the next.
const PAUSE: Duration = Duration::from_millis(1);

impl<S: ProbeSink> Target<S> {
    /// A command went a step: it may have begun something. Only commands that are over or wait can have.
    pub(super) fn watch_upkeep(&mut self, session_key: SessionKey, step: &Step) {
        let waits = *step == Step::Wait;
        if !waits && (self.upkeep.is_some() || !matches!(step, Step::Done(_))) {
            return;
        }
        let Some(node) = self.sessions.get(session_key).and_then(|session| session.node) else { return };
        if waits {
            self.start_saving(node);
        }
        if self.nodes.get(node).is_some_and(|node| node.scsi.has_upkeep()) {
            self.arm_upkeep();
        }
    }

    /// Has storage keep what waits for that, at once.
    fn start_saving(&mut self, node: usize) {
        let Some(node) = self.nodes.get_mut(node) else { return };
        while let Some((unit, device, op)) = node.scsi.save_op() {
            let owner = Owner::Saving { node: node.name.clone(), unit };
            ask(&mut self.ios, &mut self.requests, owner, device, op);
        }
    }

    /// A change of registrations is kept, or could not be.
    pub(super) fn saved(&mut self, name: &str, unit: UnitKey, result: Result<SgList, IoError>) {
        let Some(at) = self.nodes.iter().position(|node| node.name == name) else { return };
        let Some(node) = self.nodes.get_mut(at) else { return };
        let by = node.scsi.saved(unit, result);
        let preempted = node.scsi.take_preempted();
        if let Some(by) = by {
            self.abort_preempted(at, by, &preempted);
        }
        self.wake_waiting(at);
    }

    /// Work that a crash has interrupted goes on.
    pub(super) fn resume_upkeep(&mut self) {
        if self.nodes.iter().any(|node| node.scsi.has_upkeep()) {
            self.arm_upkeep();
        }
    }

    fn arm_upkeep(&mut self) {
        if self.upkeep.is_none() {
            let at = self.now + PAUSE;
            self.upkeep = Some(at);
            self.timers.insert((at, Timer::Upkeep));
        }
    }

    /// Starts the next operation of every unit that has one.
    pub(super) fn go_on_with_upkeep(&mut self) {
        self.upkeep = None;
        for node in &mut self.nodes {
            while let Some((unit, device, op)) = node.scsi.upkeep_op() {
                let owner = Owner::Upkeep { node: node.name.clone(), unit, op: op.clone() };
                ask(&mut self.ios, &mut self.requests, owner, device, op);
            }
        }
    }

    /// One of them is done.
    pub(super) fn upkept(&mut self, name: &str, unit: UnitKey, op: &IoOp, result: Result<SgList, IoError>) {
        let Some(at) = self.nodes.iter().position(|node| node.name == name) else { return };
        let Some(node) = self.nodes.get_mut(at) else { return };
        let news = node.scsi.upkeep_done(unit, op, result);
        if node.scsi.has_upkeep() {
            self.arm_upkeep();
        }
        if news {
            self.wake_waiting(at);
        }
    }

    /// Tells the commands of a target that wait for something at their units to look whether it has come.
    fn wake_waiting(&mut self, at: usize) {
        let mut waiting = Vec::new();
        for session_key in self.sessions.keys() {
            let Some(session) = self.sessions.get(session_key).filter(|session| session.node == Some(at))
            else {
                continue;
            };
            let tasks = session.tasks.iter();
            let found = tasks.filter(|(_, task)| task.command.as_ref().is_some_and(|it| it.waits_for_unit()));
            waiting.extend(found.map(|(task, _)| TaskRef { session: session_key, task }));
        }
        for TaskRef { session, task } in waiting {
            let Some(node) = self.nodes.get_mut(at) else { return };
            let tasks = self.sessions.get_mut(session).map(|session| &mut session.tasks);
            let command = tasks.and_then(|tasks| tasks.get_mut(task)).and_then(|task| task.command.as_mut());
            if let Some(step) = command.map(|command| command.woken(&mut node.scsi)) {
                self.step(session, task, step);
            }
        }
    }
}
