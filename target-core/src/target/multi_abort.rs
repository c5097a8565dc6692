//! Functions that abort several tasks (RFC 7143 4.2.3; RFC 7144 6.5).
//!
//! Standard semantics (4.2.3.3): wait until every command before the function has come (or, for target resets, count them as
//! come), wait for the write data that the session's own tasks were asked for, act, answer. With TaskReporting=FastAbort
//! (4.2.3.4) the data is not waited for: the tasks end at once, the initiator is told by an asynchronous message, and what it
//! still sends is dropped until it says that nothing more will come. Neither waits for storage, nor for other sessions.

use super::Target;
use crate::api::ConnId;
use crate::probe::ProbeSink;
use crate::session::SessionKey;
use crate::session::params::TaskReporting;
use crate::task::abort::{PendingTmf, TmfWait};
use crate::task::{Stage, Task, TaskKey};
use crate::wire::{Lun, TaskRequest, TmfFunction, TmfResponse, serial};
use alloc::vec::Vec;

impl<S: ProbeSink> Target<S> {
    /// The first step of a function that aborts several tasks.
    pub(super) fn begin_group(&mut self, session_key: SessionKey, id: ConnId, pdu: &TaskRequest) {
        let Some(session) = self.sessions.get_mut(session_key) else { return };
        if is_target_reset(pdu) {
            // Functions that wait must not find what is missing received now, and act before they are ended.
            if let Some(node) = session.node {
                self.end_functions(node, pdu);
            }
            let Some(session) = self.sessions.get_mut(session_key) else { return };
            // The commands still missing count as received (4.2.3.3 b); those that came early are among the affected.
            let early: Vec<TaskKey> = session
                .tasks
                .iter()
                .filter(|(_, task)| task.stage == Stage::Arrived && serial::lt(task.cmd_sn, pdu.cmd_sn))
                .map(|(key, _)| key)
                .collect();
            let mut missing = session.window.exp_cmd_sn();
            while serial::lt(missing, pdu.cmd_sn) && serial::le(missing, session.window.max_cmd_sn()) {
                session.window.plug(missing);
                missing = serial::next(missing);
            }
            self.take_held(session_key, &early);
            for task in early {
                self.drop_task(session_key, task);
            }
        }
        let Some(session) = self.sessions.get_mut(session_key) else { return };
        session.tmfs.push(PendingTmf { conn: id, request: *pdu, wait: TmfWait::Commands });
        self.unsettled.push(session_key);
    }

    /// Takes every pending function of a session as far as it can go.
    pub(super) fn advance_tmfs(&mut self, session_key: SessionKey) {
        let mut at = 0;
        while let Some(session) = self.sessions.get_mut(session_key)
            && at < session.tmfs.len()
        {
            let exp_cmd_sn = session.window.exp_cmd_sn();
            let Some(tmf) = session.tmfs.get_mut(at) else { return };
            let request = tmf.request;
            let issuer = tmf.conn;
            let ready = match &mut tmf.wait {
                TmfWait::Commands => {
                    // A non-immediate function was delivered in its turn, so nothing before it is missing.
                    // Of this session alone (rfc7143/4.2.3.3-8, rfc7143/4.2.3.3-9, rfc7143/4.2.3.4-7,
                    // rfc7143/4.2.3.4-8, rfc7143/11.6.1-2).
                    if !request.immediate
                        || is_target_reset(&request)
                        || serial::le(request.cmd_sn, exp_cmd_sn)
                    {
                        let mut hit = Vec::new();
                        let waiting = self.abort_own(session_key, &request, &mut hit);
                        if self.is_fast(session_key) {
                            // On the issuing connection the function itself says so (rfc7143/4.2.3.4-9).
                            hit.retain(|(conn, _)| *conn != issuer);
                            self.announce_terminations(hit);
                        }
                        let Some(session) = self.sessions.get_mut(session_key) else { return };
                        let Some(tmf) = session.tmfs.get_mut(at) else { return };
                        let none = waiting.is_empty();
                        tmf.wait = TmfWait::Data(waiting);
                        none
                    } else {
                        false
                    }
                }
                TmfWait::Data(waiting) => {
                    let tasks = &session.tasks;
                    waiting.retain(|key| tasks.get(*key).is_some());
                    waiting.is_empty()
                }
            };
            if !ready {
                at += 1;
                continue;
            }
            let Some(session) = self.sessions.get_mut(session_key) else { return };
            let tmf = session.tmfs.remove(at);
            self.complete_group(session_key, tmf.conn, &tmf.request);
            // That may have ended what others before it waited for.
            at = 0;
        }
    }

    /// Aborts the affected tasks of the issuing session. By the standard semantics those that were asked for data stay
    /// until it has come, because the initiator goes on sending it (rfc7143/4.2.3.3-6); they are returned. With FastAbort
    /// none stays, and what still comes is dropped. Where the tasks were goes to `hit`.
    fn abort_own(&mut self, session_key: SessionKey, request: &TaskRequest, hit: &mut Hits) -> Vec<TaskKey> {
        // rfc7143/4.2.3.4-2, rfc7143/13.23-1, rfc7143/4.2.3.4-1, rfc7143/10.7-1.
        let fast = self.is_fast(session_key);
        let Some(session) = self.sessions.get(session_key) else { return Vec::new() };
        let affected: Vec<TaskKey> =
            session.tasks.iter().filter(|(_, task)| affects(request, task)).map(|(key, _)| key).collect();
        self.take_held(session_key, &affected);
        let mut waiting = Vec::new();
        for key in affected {
            let Some(task) = self.sessions.get_mut(session_key).and_then(|it| it.tasks.get_mut(key)) else {
                continue;
            };
            note_hit(hit, task);
            // What a lost connection owes does not come any more.
            let comes = task.awaits_data()
                && self.conns.get(&task.conn).is_some_and(|conn| conn.session == Some(session_key));
            if fast || planted!(ResetForgetsData) || !comes {
                self.drop_task(session_key, key);
                continue;
            }
            // rfc7143/11.5.1-7.
            waiting.push(key);
            if task.stage != Stage::Aborting {
                self.leave_for_data(session_key, key);
            }
        }
        waiting
    }

    /// The task is aborted, and only kept for the data that was asked for.
    fn leave_for_data(&mut self, session_key: SessionKey, key: TaskKey) {
        self.leave_set(session_key, key);
        let Some(task) = self.sessions.get_mut(session_key).and_then(|it| it.tasks.get_mut(key)) else {
            return;
        };
        task.stage = Stage::Aborting;
        task.command = None;
        task.wants_data = false;
        task.parked = None;
        task.outcome = None;
        if let Some(write) = &mut task.write_data {
            write.abandon();
        }
        if let Some(io) = task.io.take() {
            self.cancel_io(io);
        }
    }

    fn is_fast(&self, session_key: SessionKey) -> bool {
        let session = self.sessions.get(session_key);
        session.is_some_and(|session| session.params.task_reporting == TaskReporting::FastAbort)
    }

    /// Event 5, once for each logical unit on each connection.
    fn announce_terminations(&mut self, hit: Hits) {
        for (conn, lun) in hit {
            // rfc7143/4.2.3.4-11.
            self.announce_termination(conn, lun);
        }
    }

    /// The issuing session is quiet: acts on the others and on the device server, and answers.
    fn complete_group(&mut self, session_key: SessionKey, id: ConnId, request: &TaskRequest) {
        let Some(session) = self.sessions.get(session_key) else { return };
        let (nexus, node_index) = (session.nexus, session.node);
        let function = TmfFunction::from_u8(request.function);
        let mut others = Vec::new();
        if reaches_others(request) && !planted!(ResetOwnOnly) {
            for other in self.sessions.keys() {
                let same_node = self.sessions.get(other).is_some_and(|session| session.node == node_index);
                if other != session_key && same_node && self.abort_others(other, request) {
                    others.extend(self.sessions.get(other).map(|session| session.nexus));
                }
            }
        }
        if function != Some(TmfFunction::AbortTaskSet) {
            // What came meanwhile is affected by a reset as well (RFC 7143 11.5.1).
            let mut late = Vec::new();
            for key in self.abort_own(session_key, request, &mut late) {
                self.drop_task(session_key, key);
            }
            if self.is_fast(session_key) {
                late.retain(|(conn, _)| *conn != id);
                self.announce_terminations(late);
            }
        }
        // rfc7143/4.2.3.3-10.
        if let Some(node) = node_index.and_then(|node| self.nodes.get_mut(node)) {
            match function {
                Some(TmfFunction::ClearTaskSet) if !planted!(ClearedUntold) => {
                    node.scsi.cleared(request.lun, nexus, others)
                }
                Some(TmfFunction::LogicalUnitReset) if !planted!(ResetFake) => {
                    // rfc7143/11.5.1-12.
                    node.scsi.lun_reset(request.lun, nexus);
                }
                Some(TmfFunction::TargetWarmReset | TmfFunction::TargetColdReset) => {
                    node.scsi.target_reset(nexus)
                }
                _ => {}
            }
        }
        if let Some(node) = node_index {
            // A reset ends the ACA conditions in its scope, whosever they are (SAM-5 5.9.5); the others leave them.
            let resets = is_target_reset(request) || function == Some(TmfFunction::LogicalUnitReset);
            self.end_acas(node, |number, _| {
                resets && !planted!(ResetKeepsAca) && in_scope(request, Lun::from_number(number))
            });
            if resets {
                self.end_functions(node, request);
            }
        }
        // rfc7143/4.2.3.3-13, rfc7143/4.2.3.4-17.
        self.answer_tmf(session_key, id, request, TmfResponse::FunctionComplete, 0);
        if function == Some(TmfFunction::TargetColdReset) {
            self.cold_reset(session_key, node_index);
        }
    }

    /// A reset ends the ABORT TASK SETs and CLEAR TASK SETs that wait in its scope, whosever they are, without a response
    /// (SAM-5 6.3.3; RFC 7143 4.2.3.3, initiator's step c, and appendix E, immediate commands).
    fn end_functions(&mut self, node: usize, by: &TaskRequest) {
        let ends = |request: &TaskRequest| {
            let function = TmfFunction::from_u8(request.function);
            let waits = matches!(function, Some(TmfFunction::AbortTaskSet | TmfFunction::ClearTaskSet));
            waits && in_scope(by, request.lun)
        };
        for key in self.sessions.keys() {
            let Some(session) = self.sessions.get_mut(key).filter(|it| it.node == Some(node)) else {
                continue;
            };
            let conns = &mut self.conns;
            let window = &mut session.window;
            session.tmfs.retain(|tmf| {
                let gone = ends(&tmf.request);
                if gone && !tmf.request.immediate {
                    window.finish();
                } else if gone && let Some(conn) = conns.get_mut(&tmf.conn) {
                    conn.immediate_tmfs = conn.immediate_tmfs.saturating_sub(1);
                }
                !gone
            });
        }
    }

    /// Aborts the affected tasks of another session, whatever they wait for, and tells it if it does fast aborts
    /// (rfc7143/4.2.3.4, d1; 4.2.3.5-1 and -3). True if there were any.
    fn abort_others(&mut self, session_key: SessionKey, request: &TaskRequest) -> bool {
        let Some(session) = self.sessions.get(session_key) else { return false };
        let mut hit = Vec::new();
        let mut affected = Vec::new();
        for (key, task) in session.tasks.iter() {
            let delivered = task.stage != Stage::Arrived || is_target_reset(request);
            if delivered && in_scope(request, task.lun) {
                note_hit(&mut hit, task);
                affected.push(key);
            }
        }
        let any = !affected.is_empty();
        self.take_held(session_key, &affected);
        for key in affected {
            self.drop_task(session_key, key);
        }
        if any {
            // rfc7143/4.2.3.5-1, rfc7143/4.2.3.5-3.
            if self.is_fast(session_key) {
                self.announce_terminations(hit);
            }
            // Its functions may have waited for one of these tasks; and its window opened without a response.
            self.unsettled.push(session_key);
            self.announce_window(session_key);
        }
        any
    }

    /// As after power on: every session of the target ends, the issuing one behind its response.
    fn cold_reset(&mut self, session_key: SessionKey, node: Option<usize>) {
        for other in self.sessions.keys() {
            if other != session_key && self.sessions.get(other).is_some_and(|session| session.node == node) {
                // rfc7143/11.6.1-1, rfc7143/11.5.1-15.
                self.announce_session_drop(other, "target cold reset");
            }
        }
    }
}

fn is_target_reset(request: &TaskRequest) -> bool {
    let function = TmfFunction::from_u8(request.function);
    matches!(function, Some(TmfFunction::TargetWarmReset | TmfFunction::TargetColdReset))
}

/// Whether the function concerns the tasks of all sessions.
fn reaches_others(request: &TaskRequest) -> bool {
    let function = TmfFunction::from_u8(request.function);
    !matches!(function, Some(TmfFunction::AbortTaskSet | TmfFunction::ItNexusReset))
}

/// Whether a logical unit is in the scope of a function that aborts several tasks (RFC 7143 4.2.3.2, RFC 7144 6.5).
fn in_scope(request: &TaskRequest, lun: Lun) -> bool {
    let everywhere = TmfFunction::from_u8(request.function) == Some(TmfFunction::ItNexusReset);
    everywhere || is_target_reset(request) || lun.number() == request.lun.number()
}

/// Where tasks were hit: connections and logical units.
type Hits = Vec<(ConnId, Lun)>;

fn note_hit(hit: &mut Hits, task: &Task) {
    let place = (task.conn, task.lun);
    // rfc7143/4.2.3.4-12.
    if !hit.contains(&place) {
        hit.push(place);
    }
}

/// Whether a task of the issuing session is affected: ABORT and CLEAR TASK SET act on what came before them, a reset of a
/// logical unit on everything that was delivered as well, those of the target on everything that came (RFC 7143 11.5.1 and
/// appendix E, discontiguous commands).
fn affects(request: &TaskRequest, task: &Task) -> bool {
    let by_order = matches!(
        TmfFunction::from_u8(request.function),
        Some(TmfFunction::AbortTaskSet | TmfFunction::ClearTaskSet)
    );
    // An immediate command carries the CmdSN of the next other one, and so may an immediate function after it.
    let is_before = if task.immediate && !planted!(AbortSetImmediate) {
        serial::le(task.cmd_sn, request.cmd_sn)
    } else {
        serial::lt(task.cmd_sn, request.cmd_sn)
    };
    in_scope(request, task.lun)
        && (is_before || (!by_order && (task.stage != Stage::Arrived || is_target_reset(request))))
}
