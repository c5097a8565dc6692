//! Task management functions, really executed (RFC 7143 4.2.3, 11.5, 11.6).
//!
//! A function that aborts several tasks goes through the steps of 4.2.3.3: wait until every command before it has come
//! (or, for target resets, count them as come), wait for the write data that its own session's tasks were asked for, act,
//! answer. It never waits for storage, and not for other sessions.

use super::Target;
use crate::api::ConnId;
use crate::conn::framing::Frame;
use crate::conn::out::Out;
use crate::probe::ProbeSink;
use crate::session::{Pending, SessionKey};
use crate::task::abort::{PendingTmf, TmfWait};
use crate::task::{Stage, Task, TaskKey};
use crate::wire::{Lun, TaskRequest, TmfFunction, TmfResponse, serial};
use alloc::boxed::Box;
use alloc::vec::Vec;

impl<S: ProbeSink> Target<S> {
    /// Puts a Task Management Function Request in CmdSN order; an immediate one is delivered at once.
    pub(super) fn task_request(&mut self, id: ConnId, session_key: SessionKey, frame: &Frame) {
        let pdu = TaskRequest::parse(&frame.bhs);
        if !self.may_submit(id, session_key, pdu.itt, pdu.cmd_sn, pdu.immediate, frame) {
            return;
        }
        if pdu.immediate
            && let Some(conn) = self.conns.get_mut(&id)
        {
            conn.immediate_tmfs += 1;
        }
        self.submit(session_key, pdu.cmd_sn, pdu.immediate, Pending::Tmf(Box::new((id, pdu))));
    }

    /// Its turn has come.
    pub(super) fn tmf_delivered(&mut self, session_key: SessionKey, id: ConnId, pdu: &TaskRequest) {
        let response = match TmfFunction::from_u8(pdu.function) {
            Some(TmfFunction::AbortTask) => self.abort_task(session_key, id, pdu),
            Some(TmfFunction::AbortTaskSet | TmfFunction::ClearTaskSet | TmfFunction::LogicalUnitReset) => {
                if self.lun_is_there(session_key, pdu.lun) {
                    return self.begin_group(session_key, id, pdu);
                }
                TmfResponse::LunDoesNotExist
            }
            Some(TmfFunction::TargetWarmReset | TmfFunction::TargetColdReset) => {
                return self.begin_group(session_key, id, pdu);
            }
            Some(TmfFunction::TaskReassign) => return self.task_reassign(session_key, id, pdu),
            Some(
                TmfFunction::ClearAca
                | TmfFunction::QueryTask
                | TmfFunction::QueryTaskSet
                | TmfFunction::ItNexusReset
                | TmfFunction::QueryAsynchronousEvent,
            )
            | None => TmfResponse::FunctionNotSupported,
        };
        self.answer_tmf(session_key, id, pdu, response);
        self.unsettled.push(session_key);
    }

    /// ABORT TASK (RFC 7143 11.5.1, 11.6.1, 7.11).
    fn abort_task(&mut self, session_key: SessionKey, id: ConnId, pdu: &TaskRequest) -> TmfResponse {
        let Some(session) = self.sessions.get_mut(session_key) else { return TmfResponse::TaskDoesNotExist };
        if session.tmfs.iter().any(|tmf| tmf.request.itt == pdu.referenced_task_tag) {
            return TmfResponse::FunctionRejected;
        }
        let found = session.tasks.find(pdu.referenced_task_tag);
        let Some((key, task)) = found.and_then(|key| Some((key, session.tasks.get(key)?))) else {
            // A command that never came, or that came and is held, counts as received: the gap is filled.
            let is_before = serial::lt(pdu.ref_cmd_sn, pdu.cmd_sn);
            let filled = is_before && session.window.plug(pdu.ref_cmd_sn);
            return if filled { TmfResponse::FunctionComplete } else { TmfResponse::TaskDoesNotExist };
        };
        if task.stage == Stage::Aborting {
            return TmfResponse::TaskDoesNotExist;
        }
        if task.lun != pdu.lun {
            return TmfResponse::TaskDoesNotExist;
        }
        if task.conn != id {
            return TmfResponse::FunctionRejected;
        }
        self.take_held(session_key, &[key]);
        self.drop_task(session_key, key);
        TmfResponse::FunctionComplete
    }

    /// The first step of a function that aborts several tasks.
    fn begin_group(&mut self, session_key: SessionKey, id: ConnId, pdu: &TaskRequest) {
        let Some(session) = self.sessions.get_mut(session_key) else { return };
        if is_target_reset(pdu) {
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
            let ready = match &mut tmf.wait {
                TmfWait::Commands => {
                    // A non-immediate function was delivered in its turn, so nothing before it is missing.
                    if !request.immediate
                        || is_target_reset(&request)
                        || serial::le(request.cmd_sn, exp_cmd_sn)
                    {
                        let waiting = self.abort_own(session_key, &request);
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

    /// Aborts the affected tasks of the issuing session. Those that were asked for data stay until it has come, because
    /// the initiator goes on sending it (rfc7143/4.2.3.3-6); they are returned.
    fn abort_own(&mut self, session_key: SessionKey, request: &TaskRequest) -> Vec<TaskKey> {
        let Some(session) = self.sessions.get(session_key) else { return Vec::new() };
        let affected: Vec<TaskKey> =
            session.tasks.iter().filter(|(_, task)| affects(request, task)).map(|(key, _)| key).collect();
        self.take_held(session_key, &affected);
        let mut waiting = Vec::new();
        for key in affected {
            let Some(task) = self.sessions.get_mut(session_key).and_then(|it| it.tasks.get_mut(key)) else {
                continue;
            };
            if !task.awaits_data() {
                self.drop_task(session_key, key);
                continue;
            }
            waiting.push(key);
            if task.stage == Stage::Aborting {
                continue;
            }
            self.leave_set(session_key, key);
            let Some(task) = self.sessions.get_mut(session_key).and_then(|it| it.tasks.get_mut(key)) else {
                continue;
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
        waiting
    }

    /// The issuing session is quiet: acts on the others and on the device server, and answers.
    fn complete_group(&mut self, session_key: SessionKey, id: ConnId, request: &TaskRequest) {
        let Some(session) = self.sessions.get(session_key) else { return };
        let (nexus, node_index) = (session.nexus, session.node);
        let mut others = Vec::new();
        if TmfFunction::from_u8(request.function) != Some(TmfFunction::AbortTaskSet) {
            for other in self.sessions.keys() {
                let same_node = self.sessions.get(other).is_some_and(|session| session.node == node_index);
                if other != session_key && same_node && self.abort_others(other, request) {
                    others.extend(self.sessions.get(other).map(|session| session.nexus));
                }
            }
            // What came meanwhile is affected by a reset as well (RFC 7143 11.5.1).
            for key in self.abort_own(session_key, request) {
                self.drop_task(session_key, key);
            }
        }
        if let Some(node) = node_index.and_then(|node| self.nodes.get_mut(node)) {
            match TmfFunction::from_u8(request.function) {
                Some(TmfFunction::ClearTaskSet) => node.scsi.cleared(request.lun, nexus, others),
                Some(TmfFunction::LogicalUnitReset) => {
                    node.scsi.lun_reset(request.lun, nexus);
                }
                Some(TmfFunction::TargetWarmReset | TmfFunction::TargetColdReset) => {
                    node.scsi.target_reset(nexus)
                }
                _ => {}
            }
        }
        self.answer_tmf(session_key, id, request, TmfResponse::FunctionComplete);
        if TmfFunction::from_u8(request.function) == Some(TmfFunction::TargetColdReset) {
            self.cold_reset(session_key, id, node_index);
        }
    }

    /// Aborts the affected tasks of another session, whatever they wait for. True if there were any.
    fn abort_others(&mut self, session_key: SessionKey, request: &TaskRequest) -> bool {
        let Some(session) = self.sessions.get(session_key) else { return false };
        let affected: Vec<TaskKey> = session
            .tasks
            .iter()
            .filter(|(_, task)| task.stage != Stage::Arrived && in_scope(request, task.lun))
            .map(|(key, _)| key)
            .collect();
        let any = !affected.is_empty();
        for key in affected {
            self.drop_task(session_key, key);
        }
        if any {
            // Its functions may have waited for one of these tasks; and its window opened without a response.
            self.unsettled.push(session_key);
            self.announce_window(session_key);
        }
        any
    }

    /// As after power on: every session of the target ends, the issuing connection after its response is sent.
    fn cold_reset(&mut self, session_key: SessionKey, id: ConnId, node: Option<usize>) {
        for other in self.sessions.keys() {
            if other != session_key && self.sessions.get(other).is_some_and(|session| session.node == node) {
                self.announce_session_drop(other, "target cold reset");
            }
        }
        self.end_session(session_key, Some(id), "target cold reset");
        self.close_after_output(id, "target cold reset");
    }

    /// Takes tasks out of the window if they are held there; their numbers count as received.
    fn take_held(&mut self, session_key: SessionKey, tasks: &[TaskKey]) {
        if let Some(session) = self.sessions.get_mut(session_key) {
            session
                .window
                .remove_held(|item| matches!(item, Pending::Scsi(key) if tasks.contains(key)), drop);
        }
    }

    fn lun_is_there(&self, session_key: SessionKey, lun: Lun) -> bool {
        let Some(session) = self.sessions.get(session_key) else { return false };
        let node = session.node.and_then(|node| self.nodes.get(node));
        node.is_some_and(|node| node.scsi.lun_exists(session.nexus, lun))
    }

    pub(super) fn answer_tmf(
        &mut self,
        session_key: SessionKey,
        id: ConnId,
        pdu: &TaskRequest,
        response: TmfResponse,
    ) {
        if !pdu.immediate
            && let Some(session) = self.sessions.get_mut(session_key)
        {
            session.window.finish();
        }
        let Some(conn) = self.conns.get_mut(&id) else { return };
        conn.out.push(Out::Tmf { itt: pdu.itt, response, immediate: pdu.immediate });
        self.wake(id);
    }
}

fn is_target_reset(request: &TaskRequest) -> bool {
    let function = TmfFunction::from_u8(request.function);
    matches!(function, Some(TmfFunction::TargetWarmReset | TmfFunction::TargetColdReset))
}

/// Whether a logical unit is in the scope of a function that aborts several tasks.
fn in_scope(request: &TaskRequest, lun: Lun) -> bool {
    is_target_reset(request) || lun.number() == request.lun.number()
}

/// Whether a task of the issuing session is affected: ABORT and CLEAR TASK SET act on what came before them, resets on
/// everything that was delivered (RFC 7143 11.5.1).
fn affects(request: &TaskRequest, task: &Task) -> bool {
    let by_order = matches!(
        TmfFunction::from_u8(request.function),
        Some(TmfFunction::AbortTaskSet | TmfFunction::ClearTaskSet)
    );
    // An immediate command carries the CmdSN of the next other one, and so may an immediate function after it.
    let is_before = if task.immediate {
        serial::le(task.cmd_sn, request.cmd_sn)
    } else {
        serial::lt(task.cmd_sn, request.cmd_sn)
    };
    in_scope(request, task.lun)
        && if by_order { is_before } else { is_before || task.stage != Stage::Arrived }
}
