//! TASK REASSIGN: continuing a command on another connection than the one it came over (RFC 7143 7.2.2, 11.5.6).

use super::Target;
use super::snack::acknowledge_data;
use crate::api::ConnId;
use crate::conn::out::Out;
use crate::probe::ProbeSink;
use crate::session::SessionKey;
use crate::task::Stage;
use crate::wire::{TaskRequest, TmfResponse};

impl<S: ProbeSink> Target<S> {
    /// Judges the request, answers it, and then continues the command: its new allegiance begins after the response
    /// (rfc7143/7.2.2-9).
    pub(super) fn task_reassign(&mut self, session_key: SessionKey, id: ConnId, pdu: &TaskRequest) {
        let response = self.may_reassign(session_key, pdu.referenced_task_tag);
        // rfc7143/11.5.1-17, rfc7143/11.6-1.
        self.answer_tmf(session_key, id, pdu, response, 0);
        if response == TmfResponse::FunctionComplete {
            self.take_over(session_key, id, pdu.referenced_task_tag, pdu.exp_data_sn);
        }
        self.unsettled.push(session_key);
    }

    fn may_reassign(&self, session_key: SessionKey, itt: u32) -> TmfResponse {
        let Some(session) = self.sessions.get(session_key) else { return TmfResponse::TaskDoesNotExist };
        if session.params.error_recovery_level < 2 {
            // rfc7143/7.2.2-7.
            return TmfResponse::TaskAllegianceReassignmentNotSupported;
        }
        let Some(task) = session.task_or_answered(itt) else {
            // Functions, text exchanges and logouts stay where they are (rfc7143/11.5.1-18).
            let texts = |id: &ConnId| self.conns.get(id).and_then(|conn| conn.text.as_ref());
            let is_text = session.conns.iter().filter_map(|(_, id)| texts(id)).any(|text| text.is_about(itt));
            let is_other = is_text || session.has_request(itt);
            return if is_other { TmfResponse::FunctionRejected } else { TmfResponse::TaskDoesNotExist };
        };
        match session.lost.find(task.conn) {
            Some(lost) if lost.is_logged_out() => TmfResponse::FunctionComplete,
            // It is allegiant to a connection that works, or that nobody logged out for recovery.
            // rfc7143/7.2.2-8, rfc7143/11.5.1-16.
            _ => TmfResponse::TaskStillAllegiant,
        }
    }

    /// A command that was answered over a connection that is gone belongs to `id` from now on; its status, and nothing else of it,
    /// is sent once more (RFC 7143 11.5.1, ABORT TASK).
    pub(super) fn send_status_from(&mut self, session_key: SessionKey, id: ConnId, itt: u32) {
        let Some(session) = self.sessions.get_mut(session_key) else { return };
        let Some(key) = session.take_up_again(itt) else { return };
        let Some(task) = session.tasks.get_mut(key) else { return };
        task.conn = id;
        task.stage = Stage::Responding;
        task.stat_sn = None;
        task.snack_tag = 0;
        task.data_in = None;
        if let Some(conn) = self.conns.get_mut(&id) {
            conn.out.push(Out::Scsi(key));
            self.wake(id);
        }
    }

    /// The command belongs to `id` from now on and goes on from where it is. `exp_data_sn` is what the initiator has of its
    /// numbered PDUs.
    pub(super) fn take_over(&mut self, session_key: SessionKey, id: ConnId, itt: u32, exp_data_sn: u32) {
        let now = self.now;
        let Some(session) = self.sessions.get_mut(session_key) else { return };
        let Some(key) = session.take_up_again(itt) else { return };
        let Some(task) = session.tasks.get_mut(key) else { return };
        task.conn = id;
        task.heard = now;
        task.in_data_wait = false;
        task.recoveries = 0;
        // Both belong to the old connection (rfc7143/7.2.2-10).
        task.stat_sn = None;
        task.snack_tag = 0;
        // 0 leaves the reference number as it is; any other value that is not possible is ignored (rfc7143/11.5.6-4).
        // rfc7143/7.2.2-2, rfc7143/7.2.2-3.
        let freed = if exp_data_sn == 0 { None } else { acknowledge_data(task, exp_data_sn) };
        session.held = session.held.saturating_sub(freed.unwrap_or(0));
        // What was on its way to the target is lost with the connection.
        if let Some(write) = &mut task.write_data {
            let before = write.held();
            write.lose_connection();
            let freed = (before.saturating_sub(write.held()) as u64).min(task.held);
            task.held -= freed;
            session.held = session.held.saturating_sub(freed);
        }
        match task.stage {
            // The data that is not acknowledged, and the status (rfc7143/7.2.2-5, rfc7143/11.5.6-1).
            Stage::Responding => self.start_over(session_key, key),
            _ => self.data_arrived(session_key, key),
        }
    }
}
