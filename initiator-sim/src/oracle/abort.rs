//! Which tasks does a task management response end? After it nothing of them may be sent (RFC 7143 4.2.3.3, 11.5.1).

use super::task::Task;
use super::{Oracles, WirePdu};
use crate::codec::Kind;
use crate::initiator::serial;

const ABORT_TASK: u32 = 1;
const ABORT_TASK_SET: u32 = 2;
const CLEAR_TASK_SET: u32 = 4;
const LOGICAL_UNIT_RESET: u32 = 5;
const TARGET_WARM_RESET: u32 = 6;
const TARGET_COLD_RESET: u32 = 7;

impl Oracles {
    /// The response to the task management request `by` passed.
    pub(super) fn aborted(&mut self, pdu: &WirePdu<'_>, by: &Task) {
        if self.fields.task_response.is_set(pdu.view.bhs) {
            return; // Not done.
        }
        if by.function == ABORT_TASK {
            if let Some(conn) = self.conns.get_mut(&pdu.conn)
                && conn.tasks.open(by.ref_task_tag).is_some_and(|task| task.kind == Kind::ScsiCommand)
                && let Some(task) = conn.tasks.remove(by.ref_task_tag)
            {
                conn.tasks.graves.insert(task.itt);
                self.lun.abandoned(&task);
            }
            return;
        }
        let everywhere = matches!(by.function, TARGET_WARM_RESET | TARGET_COLD_RESET);
        let others = everywhere || matches!(by.function, CLEAR_TASK_SET | LOGICAL_UNIT_RESET);
        if !others && by.function != ABORT_TASK_SET {
            return;
        }
        let session = self.conns.get(&pdu.conn).and_then(|conn| conn.session);
        for conn in self.conns.values_mut() {
            let same = conn.session == session;
            if !same && !others {
                continue;
            }
            let hit = |task: &&mut Task| task.kind == Kind::ScsiCommand && (everywhere || task.lun == by.lun);
            let mut ended = Vec::new();
            for task in conn.tasks.iter_mut().filter(hit) {
                // Which tasks of others it met cannot be told from the wire; of this nexus it is those before it.
                let before = same && (task.immediate || serial::lt(task.cmd_sn, by.cmd_sn));
                if before && task.certain {
                    ended.push(task.itt);
                } else {
                    task.excused = true;
                }
            }
            for itt in ended {
                if let Some(task) = conn.tasks.remove(itt) {
                    conn.tasks.graves.insert(itt);
                    self.lun.abandoned(&task);
                }
            }
        }
    }
}
