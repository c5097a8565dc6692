//! PREEMPT AND ABORT: the commands of the nexuses that were preempted end (SPC-4 5.12.11.2.6).

use super::Target;
use crate::probe::ProbeSink;
use crate::scsi::NexusId;
use crate::session::SessionKey;
use crate::task::{Stage, Task, TaskKey};
use crate::wire::Lun;
use alloc::vec::Vec;

impl<S: ProbeSink> Target<S> {
    /// Ends the commands and ACA conditions of these nexuses at these logical units without a status, as CLEAR TASK SET does
    /// (TAS is 0), and has those that lost any told.
    pub(super) fn abort_preempted(&mut self, node: usize, by: NexusId, preempted: &[(Lun, NexusId)]) {
        for (lun, nexus) in preempted {
            let is_it =
                |session: &crate::session::Session| session.node == Some(node) && session.nexus == *nexus;
            if let Some(number) = lun.number() {
                // What they hold up goes on (SPC-4 5.12.11.2.6).
                self.end_acas(node, |other, by| other == number && by == *nexus);
            }
            let found =
                self.sessions.keys().into_iter().find(|key| self.sessions.get(*key).is_some_and(is_it));
            let Some(other) = found.filter(|_| *nexus != by) else { continue };
            let there = |task: &Task| task.stage != Stage::Arrived && task.lun.number() == lun.number();
            if self.abort_those(other, there)
                && let Some(node) = self.nodes.get_mut(node)
            {
                node.scsi.cleared(*lun, by, [*nexus]);
            }
        }
    }

    /// Ends those commands of a session without a status. True if there were any.
    pub(super) fn abort_those(&mut self, session_key: SessionKey, which: impl Fn(&Task) -> bool) -> bool {
        let Some(session) = self.sessions.get(session_key) else { return false };
        let affected: Vec<TaskKey> =
            session.tasks.iter().filter(|(_, task)| which(task)).map(|(key, _)| key).collect();
        if affected.is_empty() {
            return false;
        }
        for key in affected {
            self.drop_task(session_key, key);
        }
        // Its task management may have waited for one of these; and its window opened without a response.
        self.unsettled.push(session_key);
        self.announce_window(session_key);
        true
    }
}
