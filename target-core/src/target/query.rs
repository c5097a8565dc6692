//! Task management functions that only ask (RFC 7144 6.3, 6.4.2; SAM-5 7.7 to 7.10).

use super::Target;
use crate::api::ConnId;
use crate::probe::ProbeSink;
use crate::session::SessionKey;
use crate::task::{Stage, Task};
use crate::wire::{Lun, TaskRequest, TmfResponse, serial};

/// UADE DEPTH of QUERY ASYNCHRONOUS EVENT: one condition is pending, or more than one (SAM-5 7.10).
const ONE: u32 = 0b01;
const SEVERAL: u32 = 0b10;

impl<S: ProbeSink> Target<S> {
    /// QUERY TASK: is it still there? No additional response information is defined that this target would have.
    pub(super) fn query_task(
        &mut self,
        session_key: SessionKey,
        id: ConnId,
        pdu: &TaskRequest,
    ) -> TmfResponse {
        let Some(session) = self.sessions.get_mut(session_key) else { return TmfResponse::FunctionComplete };
        if session.has_function(pdu.referenced_task_tag) {
            return TmfResponse::FunctionRejected;
        }
        let found = session.tasks.find(pdu.referenced_task_tag).and_then(|key| session.tasks.get(key));
        match found {
            Some(task) if task.lun.number() != pdu.lun.number() || task.stage == Stage::Aborting => {
                TmfResponse::FunctionComplete
            }
            // It has to be asked for where it is (rfc7144/6.3-6).
            Some(task) if task.conn != id => TmfResponse::FunctionRejected,
            Some(_) => TmfResponse::FunctionSucceeded,
            None => {
                // A command that never came counts as received, so that it cannot come to life after this answer
                // (RFC 7144 6.3.3, RFC 7143 11.6.1 b).
                if serial::lt(pdu.ref_cmd_sn, pdu.cmd_sn) {
                    session.window.plug(pdu.ref_cmd_sn);
                }
                TmfResponse::FunctionComplete
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
