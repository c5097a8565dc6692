//! Task management functions that only ask (RFC 7144 6.3, 6.4.2; SAM-5 7.7 to 7.10).

use super::Target;
use crate::api::ConnId;
use crate::probe::ProbeSink;
use crate::session::SessionKey;
use crate::session::lost::Lost;
use crate::task::{Stage, Task};
use crate::wire::{Lun, TaskRequest, TmfResponse, serial};

/// UADE DEPTH of QUERY ASYNCHRONOUS EVENT: one condition is pending, or more than one (SAM-5 7.10).
const ONE: u32 = 0b01;
const SEVERAL: u32 = 0b10;

impl<S: ProbeSink> Target<S> {
    /// QUERY TASK: is it still there? No additional response information is defined that this target would have. A command
    /// whose connection was logged out belongs to the one it is asked for on from then on (RFC 7144 6.3).
    pub(super) fn query_task(&mut self, session_key: SessionKey, id: ConnId, pdu: &TaskRequest) {
        let (response, is_left) = self.find_task(session_key, id, pdu);
        self.answer_tmf(session_key, id, pdu, response, 0);
        if is_left {
            self.take_over(session_key, id, pdu.referenced_task_tag, 0);
        }
        self.unsettled.push(session_key);
    }

    /// What QUERY TASK is answered, and whether the command waits to be taken over. One whose status was sent is in no task set
    /// any more, acknowledged or not; its status is still there for TASK REASSIGN.
    fn find_task(&mut self, session_key: SessionKey, id: ConnId, pdu: &TaskRequest) -> (TmfResponse, bool) {
        let gone = (TmfResponse::FunctionComplete, false);
        let Some(session) = self.sessions.get_mut(session_key) else { return gone };
        if session.has_function(pdu.referenced_task_tag) {
            // rfc7144/6.3-7.
            return (TmfResponse::FunctionRejected, false);
        }
        let found = session.tasks.find(pdu.referenced_task_tag).and_then(|key| session.tasks.get(key));
        match found {
            Some(task) if task.lun.number() != pdu.lun.number() || task.stage == Stage::Aborting => gone,
            Some(task) if task.conn != id => {
                // As long as that connection is there, or was not logged out, it has to be asked for on it (rfc7144/6.3-6).
                let is_left = session.lost.find(task.conn).is_some_and(Lost::is_logged_out);
                let response =
                    if is_left { TmfResponse::FunctionSucceeded } else { TmfResponse::FunctionRejected };
                (response, is_left)
            }
            Some(_) => (TmfResponse::FunctionSucceeded, false),
            None => {
                // A command that never came counts as received, so that it cannot come to life after this answer
                // (RFC 7144 6.3.3, RFC 7143 11.6.1 b).
                if serial::lt(pdu.ref_cmd_sn, pdu.cmd_sn) {
                    session.window.plug(pdu.ref_cmd_sn);
                }
                gone
            }
        }
    }

    /// QUERY TASK SET: is any command of this nexus there?
    pub(super) fn query_task_set(&self, session_key: SessionKey, lun: Lun) -> TmfResponse {
        let session = self.sessions.get(session_key);
        let any = session.is_some_and(|session| {
            let mut tasks = session.tasks.iter().map(|(_, task)| task);
            // What is not delivered yet is in no task set.
            let counts = |task: &Task| !matches!(task.stage, Stage::Arrived | Stage::Aborting);
            tasks.any(|task| task.lun.number() == lun.number() && counts(task))
        });
        if any { TmfResponse::FunctionSucceeded } else { TmfResponse::FunctionComplete }
    }

    /// QUERY ASYNCHRONOUS EVENT: does a unit attention wait? If so, how many, and the one that is first.
    pub(super) fn query_asynchronous_event(
        &mut self,
        session_key: SessionKey,
        lun: Lun,
    ) -> (TmfResponse, u32) {
        let pending = self.sessions.get(session_key).and_then(|session| {
            let node = self.nodes.get_mut(session.node?)?;
            node.scsi.pending(lun, session.nexus)
        });
        let Some((attention, count)) = pending else { return (TmfResponse::FunctionComplete, 0) };
        let code = attention.code();
        let depth = if count > 1 { SEVERAL } else { ONE };
        let first = (depth << 4) | u32::from(code.key & 0x0f);
        (TmfResponse::FunctionSucceeded, first << 16 | u32::from(code.asc) << 8 | u32::from(code.ascq))
    }
}
