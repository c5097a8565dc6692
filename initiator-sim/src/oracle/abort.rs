//! Which tasks does a task management response end? After it nothing of them may be sent (RFC 7143 4.2.3.3, 11.5.1).

use super::task::Task;
use super::{Oracles, WirePdu};
use crate::codec::Kind;
use crate::initiator::serial;

pub(super) const ABORT_TASK: u32 = 1;
const ABORT_TASK_SET: u32 = 2;
const CLEAR_TASK_SET: u32 = 4;
const LOGICAL_UNIT_RESET: u32 = 5;
const TARGET_WARM_RESET: u32 = 6;
const TARGET_COLD_RESET: u32 = 7;
const I_T_NEXUS_RESET: u32 = 11;

/// Functions that can end several tasks.
const fn is_multi(function: u32) -> bool {
    matches!(
        function,
        ABORT_TASK_SET | CLEAR_TASK_SET | LOGICAL_UNIT_RESET..=TARGET_COLD_RESET | I_T_NEXUS_RESET
    )
}

/// Functions that end tasks of other nexuses too.
const fn reaches_others(function: u32) -> bool {
    matches!(function, CLEAR_TASK_SET | LOGICAL_UNIT_RESET..=TARGET_COLD_RESET)
}

impl Oracles {
    /// The task management request `by` came: from now on the tasks it names may be gone.
    pub(super) fn abort_asked(&mut self, conn: u32, by: &Task) {
        if matches!(by.function, ABORT_TASK | super::reassign::QUERY_TASK) {
            let Some(conn) = self.conns.get_mut(&conn) else { return };
            if let Some(task) = conn.tasks.open(by.ref_task_tag) {
                task.doubtful |= by.function == ABORT_TASK;
            } else if let Some(session) = conn.session.and_then(|key| self.sessions.get_mut(&key)) {
                session.overtaken(by);
            }
            return;
        }
        if !is_multi(by.function) {
            return;
        }
        let session = self.conns.get(&conn).and_then(|conn| conn.session);
        for other in self.conns.values_mut() {
            let same = other.session == session;
            if !same && !reaches_others(by.function) {
                continue;
            }
            for task in other.tasks.iter_mut().filter(|task| in_scope(by, task)) {
                other.terminations.may_come(task.unit(), !task.doubtful);
                task.doubtful |= !same || may_hit(by, task);
            }
        }
        self.functions.push((conn, by.itt));
    }

    /// A command came while a function that ends several is under way: it may meet it. So may one of the function's own session
    /// that comes over another connection, later than the function but with a CmdSN before it (RFC 7143 4.2.3.3 b).
    pub(super) fn command_meets_functions(&mut self, conn: u32, itt: u32) {
        let mut meets = false;
        let conns = &self.conns;
        let own = conns.get(&conn);
        let task = own.and_then(|conn| conn.tasks.get(itt));
        self.functions.retain(|(by_conn, by_itt)| {
            let issuer = conns.get(by_conn);
            let by = issuer.and_then(|conn| conn.tasks.get(*by_itt));
            meets |= by.zip(task).is_some_and(|(by, task)| {
                let same = issuer.and_then(|it| it.session) == own.and_then(|it| it.session);
                let before = by.function != ABORT_TASK_SET || may_hit(by, task);
                in_scope(by, task) && (reaches_others(by.function) || (same && before))
            });
            by.is_some()
        });
        if meets
            && let Some(conn) = self.conns.get_mut(&conn)
            && let Some(task) = conn.tasks.open(itt)
        {
            (task.doubtful, task.late) = (true, true);
            let lun = task.unit();
            conn.terminations.may_meet(lun);
        }
    }

    /// A connection is gone: the functions asked for on it may have ended tasks anywhere, and no response will tell.
    pub(super) fn unanswered(&mut self, conn: u32) {
        let Some(state) = self.conns.get(&conn) else { return };
        let asked = state.tasks.iter().filter(|it| it.kind == Kind::TaskRequest && is_multi(it.function));
        let asked: Vec<Task> = asked.cloned().collect();
        for by in asked {
            for other in self.conns.values_mut() {
                for task in other.tasks.iter_mut().filter(|task| task.doubtful && in_scope(&by, task)) {
                    task.excused = true;
                }
            }
        }
    }

    /// PREEMPT AND ABORT was answered: which of the other nexuses lost their commands cannot be told from here (SPC-4
    /// 5.12.11.2.6).
    pub(super) fn preempted(&mut self, conn: u32, by: &Task) {
        let session = self.conns.get(&conn).and_then(|conn| conn.session);
        for other in self.conns.values_mut().filter(|other| other.session != session) {
            for task in other.tasks.iter_mut() {
                if task.kind == Kind::ScsiCommand && task.unit() == by.unit() {
                    task.excused = true;
                    task.doubtful = true;
                }
            }
        }
    }

    /// A function found no task, and its answer says that the CmdSN counts as received (RFC 7143 11.6.1 b, RFC 7144 6.3.3): the
    /// command is not carried out if it comes.
    pub(super) fn overtook(&mut self, conn: u32, by: &Task) {
        let key = self.conns.get(&conn).and_then(|conn| conn.session);
        if let Some(session) = key.and_then(|key| self.sessions.get_mut(&key)) {
            session.counts_as_received(by);
        }
    }

    /// The response to the task management request `by` passed.
    pub(super) fn aborted(&mut self, pdu: &WirePdu<'_>, by: &Task) {
        if self.fields.task_response.is_set(pdu.view.bhs) {
            return; // Not done.
        }
        if by.function == ABORT_TASK {
            let task = self.conns.get_mut(&pdu.conn).and_then(|conn| conn.tasks.open(by.ref_task_tag));
            if let Some(task) = task.filter(|task| task.tangled) {
                (task.excused, task.doubtful) = (true, true);
                return;
            }
            if let Some(conn) = self.conns.get_mut(&pdu.conn)
                && conn.tasks.open(by.ref_task_tag).is_some_and(|task| task.kind == Kind::ScsiCommand)
                && let Some(task) = conn.tasks.remove(by.ref_task_tag)
            {
                conn.tasks.graves.insert(task.itt);
                self.lun.abandoned(&task);
            } else if let Some(task) = self.take_left(pdu.conn, by.ref_task_tag) {
                // Its connection is gone: the function took it over and aborted it.
                self.lun.abandoned(&task);
            } else {
                self.overtook(pdu.conn, by);
            }
            return;
        }
        if !is_multi(by.function) {
            return;
        }
        let others = reaches_others(by.function);
        // These two end the connections as well, so nobody has to be told.
        let goes_on = !matches!(by.function, TARGET_COLD_RESET | I_T_NEXUS_RESET);
        let session = self.conns.get(&pdu.conn).and_then(|conn| conn.session);
        for (number, conn) in &mut self.conns {
            let same = conn.session == session;
            if !same && !others {
                continue;
            }
            let mut ended = Vec::new();
            for task in conn.tasks.iter_mut().filter(|task| in_scope(by, task)) {
                // Which tasks of others it met cannot be told from the wire; of this nexus it is those before it (11.5). Immediate
                // ones have no number that would tell.
                let is_before = if task.immediate { !task.late } else { serial::lt(task.cmd_sn, by.cmd_sn) };
                if same && task.certain && is_before {
                    ended.push(task.itt);
                } else {
                    task.excused |= !same || !task.certain || may_hit(by, task);
                }
            }
            let resets = matches!(by.function, LOGICAL_UNIT_RESET..=TARGET_COLD_RESET);
            for task in conn.tasks.iter_mut().filter(|task| resets && is_ended_by_reset(by, task)) {
                task.excused = true;
            }
            for itt in ended {
                if let Some(task) = conn.tasks.remove(itt) {
                    conn.tasks.graves.insert(itt);
                    self.lun.abandoned(&task);
                    if goes_on && *number != pdu.conn {
                        conn.terminations.owed(task.unit());
                    }
                }
            }
        }
    }
}

/// Functions that a reset ends without a response, as the initiator must expect (RFC 7143 4.2.3.3, its step c).
fn is_ended_by_reset(by: &Task, task: &Task) -> bool {
    let everywhere = by.function != LOGICAL_UNIT_RESET;
    let waits = matches!(task.function, ABORT_TASK_SET | CLEAR_TASK_SET);
    task.kind == Kind::TaskRequest && waits && (everywhere || task.unit() == by.unit())
}

fn in_scope(by: &Task, task: &Task) -> bool {
    let everywhere = matches!(by.function, TARGET_WARM_RESET | TARGET_COLD_RESET | I_T_NEXUS_RESET);
    task.kind == Kind::ScsiCommand && (everywhere || task.unit() == by.unit())
}

/// Whether the function can end this task of its own nexus: all it names that came before; and a reset what comes until it
/// is done, for 4.2.3.2 speaks of all outstanding tasks, whatever their CmdSN.
fn may_hit(by: &Task, task: &Task) -> bool {
    by.function >= LOGICAL_UNIT_RESET || task.immediate || serial::lt(task.cmd_sn, by.cmd_sn)
}
