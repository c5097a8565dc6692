//! QERR: a command that ends with CHECK CONDITION takes others with it (SPC-4 7.5.8, SAM-5 5.6).

use super::Target;
use crate::probe::ProbeSink;
use crate::session::SessionKey;
use crate::task::Task;
use crate::task::set::SetKey;
use crate::wire::Lun;

/// QERR: all commands of the task set; those of the same nexus.
const ALL: u8 = 0b01;
const SAME_NEXUS: u8 = 0b11;

impl<S: ProbeSink> Target<S> {
    /// A command of that session, which has left the task set, ended with CHECK CONDITION. The commands that go with it have
    /// no status (TAS is 0); other nexuses that lost any are told 2F/00.
    pub(super) fn obey_q_err(&mut self, by: SessionKey, set: SetKey) {
        let Some(session) = self.sessions.get(by) else { return };
        let (node_key, by_nexus) = (session.node, session.nexus);
        let Some(node) = node_key.and_then(|node| self.nodes.get(node)) else { return };
        let q_err = node.scsi.q_err(set.number);
        let in_set = |task: &Task| task.set == Some(set);
        if matches!(q_err, ALL | SAME_NEXUS) {
            self.abort_those(by, in_set);
        }
        if q_err != ALL || set.nexus.is_some() {
            return;
        }
        for other in self.sessions.keys() {
            let Some(session) = self.sessions.get(other) else { continue };
            let nexus = session.nexus;
            if other != by
                && session.node == node_key
                && self.abort_those(other, in_set)
                && let Some(node) = node_key.and_then(|node| self.nodes.get_mut(node))
            {
                node.scsi.cleared(Lun::from_number(set.number), by_nexus, [nexus]);
            }
        }
    }
}
