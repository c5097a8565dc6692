//! Task management functions, really executed (RFC 7143 11.5, 11.6; RFC 7144 6). Those that abort several tasks go on in
//! `multi_abort`, those that only ask in `query`.

use super::Target;
use crate::api::ConnId;
use crate::conn::framing::Frame;
use crate::conn::out::Out;
use crate::probe::ProbeSink;
use crate::session::fence::{Response, Scope};
use crate::session::lost::Lost;
use crate::session::{Pending, SessionKey};
use crate::task::abort::TmfAnswer;
use crate::task::{Stage, Task, TaskKey};
use crate::wire::{Lun, TaskRequest, TmfFunction, TmfResponse, serial};
use alloc::boxed::Box;

/// The iSCSIProtocolLevel at which the functions of RFC 7144 are there (rfc7144/4.1-1).
const RFC_7144: u8 = 2;

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
        let level = self.sessions.get(session_key).map_or(0, |session| session.params.protocol_level);
        let function = TmfFunction::from_u8(pdu.function);
        let missing_lun = !self.lun_is_there(session_key, pdu.lun);
        // rfc7143/4.2.2.1-4.
        let response = match function {
            // Functions that concern one logical unit (RFC 7143 11.5.3, RFC 7144 6.3.1) need it to be there.
            Some(
                TmfFunction::AbortTaskSet
                | TmfFunction::ClearTaskSet
                | TmfFunction::LogicalUnitReset
                | TmfFunction::ClearAca,
            ) if missing_lun => TmfResponse::LunDoesNotExist,
            Some(
                TmfFunction::QueryTask | TmfFunction::QueryTaskSet | TmfFunction::QueryAsynchronousEvent,
            ) if missing_lun && level >= RFC_7144 => TmfResponse::LunDoesNotExist,
            Some(TmfFunction::AbortTask) => self.abort_task(session_key, id, pdu),
            Some(TmfFunction::ClearAca) => self.clear_aca(session_key, pdu.lun),
            Some(TmfFunction::AbortTaskSet | TmfFunction::ClearTaskSet | TmfFunction::LogicalUnitReset) => {
                return self.begin_group(session_key, id, pdu);
            }
            Some(TmfFunction::TargetWarmReset | TmfFunction::TargetColdReset)
                if self.refuses_resets(session_key) =>
            {
                // rfc7143/11.5.1-14.
                TmfResponse::FunctionAuthorizationFailed
            }
            Some(TmfFunction::TargetWarmReset | TmfFunction::TargetColdReset) => {
                return self.begin_group(session_key, id, pdu);
            }
            Some(TmfFunction::TaskReassign) => return self.task_reassign(session_key, id, pdu),
            // rfc7144/6.5-1, rfc7144/6.3-8.
            Some(TmfFunction::ItNexusReset) if level >= RFC_7144 => {
                return self.begin_group(session_key, id, pdu);
            }
            Some(TmfFunction::QueryTask) if level >= RFC_7144 => {
                return self.query_task(session_key, id, pdu);
            }
            Some(TmfFunction::QueryTaskSet) if level >= RFC_7144 => self.query_task_set(session_key, pdu.lun),
            Some(TmfFunction::QueryAsynchronousEvent) if level >= RFC_7144 => {
                let (response, additional) = self.query_asynchronous_event(session_key, pdu.lun);
                return self.answer_tmf(session_key, id, pdu, response, additional);
            }
            Some(
                TmfFunction::QueryTask
                | TmfFunction::QueryTaskSet
                | TmfFunction::ItNexusReset
                | TmfFunction::QueryAsynchronousEvent,
            )
            // rfc7144/7.1-1.
            | None => TmfResponse::FunctionNotSupported,
        };
        // Never a Reject (rfc7143/11.5.1-1, rfc7144/4.1-2, rfc7144/6.3-3).
        self.answer_tmf(session_key, id, pdu, response, 0);
        self.unsettled.push(session_key);
    }

    /// ABORT TASK (RFC 7143 11.5.1, 11.6.1, 7.11). A command whose connection was logged out is taken over and aborted in one.
    fn abort_task(&mut self, session_key: SessionKey, id: ConnId, pdu: &TaskRequest) -> TmfResponse {
        let Some(session) = self.sessions.get_mut(session_key) else { return TmfResponse::TaskDoesNotExist };
        if session.has_function(pdu.referenced_task_tag) {
            // rfc7143/11.5.1-11.
            return TmfResponse::FunctionRejected;
        }
        let lost = &session.lost;
        let is_left = |task: &Task| lost.find(task.conn).is_some_and(Lost::is_logged_out);
        let found = session.tasks.find(pdu.referenced_task_tag);
        let Some((key, task)) = found.and_then(|key| Some((key, session.tasks.get(key)?))) else {
            let of_that_name = |task: &&Task| task.itt == pdu.referenced_task_tag && task.lun == pdu.lun;
            if session.answered.iter().filter(of_that_name).any(is_left) {
                self.send_status_from(session_key, id, pdu.referenced_task_tag);
                return TmfResponse::FunctionComplete;
            }
            if let Some(response) = self.abort_text(session_key, id, pdu.referenced_task_tag) {
                return response;
            }
            let Some(session) = self.sessions.get_mut(session_key) else {
                return TmfResponse::TaskDoesNotExist;
            };
            if session.take_held_request(pdu.referenced_task_tag) {
                return TmfResponse::FunctionComplete;
            }
            // A command that never came, or that came and is held, counts as received: the gap is filled.
            let is_before = serial::lt(pdu.ref_cmd_sn, pdu.cmd_sn);
            // rfc7143/7.11-3.
            let filled = is_before && session.window.plug(pdu.ref_cmd_sn);
            // What was answered is not missing (rfc7143/7.11-4).
            return if filled || planted!(AbortUnknown) {
                TmfResponse::FunctionComplete
            } else {
                TmfResponse::TaskDoesNotExist
            };
        };
        if task.stage == Stage::Aborting {
            return TmfResponse::TaskDoesNotExist;
        }
        // rfc7143/4.2.5.3-1.
        if task.lun != pdu.lun && !planted!(AbortAnyLun) {
            return TmfResponse::TaskDoesNotExist;
        }
        if task.conn != id {
            if !is_left(task) {
                return TmfResponse::FunctionRejected;
            }
            if task.stat_sn.is_some() {
                self.send_status_from(session_key, id, pdu.referenced_task_tag);
                return TmfResponse::FunctionComplete;
            }
        }
        if planted!(StatusAfterAbort) && task.stage == Stage::Responding {
            return TmfResponse::FunctionComplete;
        }
        self.take_held(session_key, &[key]);
        self.drop_task(session_key, key);
        TmfResponse::FunctionComplete
    }

    /// Takes tasks out of the window if they are held there; their numbers count as received.
    pub(super) fn take_held(&mut self, session_key: SessionKey, tasks: &[TaskKey]) {
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

    fn refuses_resets(&self, session_key: SessionKey) -> bool {
        let node = self.sessions.get(session_key).and_then(|session| session.node);
        node.and_then(|node| self.config.targets.get(node)).is_some_and(|target| target.refuse_resets)
    }

    /// Hands the response to the order of responses; behind that of a function that ends the session, it ends.
    pub(super) fn answer_tmf(
        &mut self,
        session_key: SessionKey,
        id: ConnId,
        pdu: &TaskRequest,
        response: TmfResponse,
        additional: u32,
    ) {
        if !pdu.immediate
            && let Some(session) = self.sessions.get_mut(session_key)
        {
            session.window.finish();
        }
        let done = response == TmfResponse::FunctionComplete;
        let function = TmfFunction::from_u8(pdu.function);
        let ends = match function {
            // rfc7143/11.5.1-15.
            Some(TmfFunction::TargetColdReset) if done => Some("target cold reset"),
            // Time2Wait and Time2Retain do not matter (rfc7144/6.3-11).
            Some(TmfFunction::ItNexusReset) if done => Some("I_T nexus reset"),
            _ => None,
        };
        let answer = TmfAnswer { itt: pdu.itt, response, additional, immediate: pdu.immediate, ends };
        // rfc7143/4.2.3.4-14.
        let (scope, fenced) = match function {
            // The new allegiance begins behind it at once (rfc7143/7.2.2-9).
            Some(TmfFunction::TaskReassign) => return self.push_tmf(id, Out::Tmf { answer, fenced: false }),
            // RFC 7143 4.2.3.3 and 4.2.3.4, RFC 7144 6.5.
            Some(TmfFunction::TargetWarmReset | TmfFunction::TargetColdReset | TmfFunction::ItNexusReset) => {
                (Scope::All, done)
            }
            // RFC 7143 4.2.2.3.4 b and e.
            Some(
                TmfFunction::AbortTaskSet
                | TmfFunction::ClearTaskSet
                | TmfFunction::LogicalUnitReset
                | TmfFunction::ClearAca,
            ) => (Scope::Unit(pdu.lun.number()), done),
            _ => (Scope::Unit(pdu.lun.number()), false),
        };
        self.hand_over(session_key, Response::Tmf(id, answer), scope, fenced);
    }
}
