//! Sending: which PDU is next on a connection, until the batch is full (RFC 7143 4.2.2.2, 11.7).

use super::Target;
use super::encode::{Encoder, residuals};
use crate::api::{ConnId, TxStatus};
use crate::conn::batch::TxBatch;
use crate::conn::connection::Ending;
use crate::conn::out::{Next, Out};
use crate::probe::ProbeSink;
use crate::scsi::status;
use crate::session::SessionKey;
use crate::task::TaskKey;

/// What became of one entry of the outbox.
enum Sent {
    /// Its task is gone, or it stays for more.
    Nothing,
    /// The task's last PDU: the task is over.
    Task(SessionKey, TaskKey),
}

impl<S: ProbeSink> Target<S> {
    pub(super) fn transmit(&mut self, id: ConnId, batch: &mut TxBatch) -> TxStatus {
        loop {
            let Some(conn) = self.conns.get_mut(&id) else { return TxStatus::Idle };
            if conn.ending == Ending::Abort {
                return TxStatus::Abort;
            }
            if batch.is_full() && !conn.out.is_empty() {
                return TxStatus::More;
            }
            let Some(next) = conn.out.pop() else {
                return match conn.ending {
                    Ending::Open | Ending::Abort => TxStatus::Idle,
                    Ending::Flush | Ending::Closing => {
                        conn.ending = Ending::Closing;
                        if let Some(end) = conn.state.orderly_end() {
                            conn.go(end);
                        }
                        TxStatus::Close
                    }
                };
            };
            if let Sent::Task(session, task) = self.send_next(id, next, batch) {
                self.forget(session, task);
            }
        }
    }

    fn send_next(&mut self, id: ConnId, next: Next, batch: &mut TxBatch) -> Sent {
        let Self { conns, sessions, sink, config, .. } = self;
        let Some(conn) = conns.get_mut(&id) else { return Sent::Nothing };
        let session_key = conn.session;
        // A task needs its session mutably, everything else only its numbers.
        let task_key = match &next {
            Next::DataIn(key) | Next::Pdu(Out::Scsi(key) | Out::R2t(key, _)) => Some(*key),
            Next::Pdu(_) => None,
        };
        let Some(task_key) = task_key else {
            let session = session_key.and_then(|key| sessions.get(key));
            let keep = keep(session, config.limits.commands);
            if let Next::Pdu(out) = next {
                Encoder { sink, conn, session, batch, keep }.other(out);
            }
            return Sent::Nothing;
        };
        let Some(session_key) = session_key else { return Sent::Nothing };
        let Some(session) = sessions.get_mut(session_key) else { return Sent::Nothing };
        let Some(task) = session.tasks.get_mut(task_key) else { return Sent::Nothing };
        let spec = match &next {
            Next::DataIn(_) => {
                let Some(data) = &mut task.data_in else { return Sent::Nothing };
                // The initiator may have declared another length since the read began.
                data.set_max_segment(conn.params.max_send_segment);
                let Some(spec) = data.next_pdu() else { return Sent::Nothing };
                Some(spec)
            }
            Next::Pdu(_) => None,
        };
        let session = &*session;
        let Some(task) = session.tasks.get(task_key) else { return Sent::Nothing };
        let keep = keep(Some(session), config.limits.commands);
        let mut encoder = Encoder { sink, conn, session: Some(session), batch, keep };
        let Some(spec) = spec else {
            return match next {
                Next::Pdu(Out::R2t(_, spec)) => {
                    encoder.r2t(spec, task.lun, task.itt);
                    Sent::Nothing
                }
                _ => {
                    encoder.scsi_response(task);
                    Sent::Task(session_key, task_key)
                }
            };
        };
        // Good status rides on the last Data-In of a unidirectional read (RFC 7143 11.7.3).
        let good = task.outcome.as_ref().is_some_and(|outcome| outcome.status == status::GOOD);
        let rides = spec.last && good && !task.write;
        let end = rides.then(|| (status::GOOD, residuals(task).1));
        encoder.data_in(task, &spec, end);
        if rides {
            return Sent::Task(session_key, task_key);
        }
        if spec.last {
            conn.out.push(Out::Scsi(task_key));
        } else {
            conn.out.push_data(task_key);
        }
        Sent::Nothing
    }
}

/// How many responses to keep: none at ErrorRecoveryLevel 0.
fn keep(session: Option<&crate::session::Session>, commands: u32) -> usize {
    match session {
        Some(session) if session.params.error_recovery_level > 0 => 2 * commands as usize,
        _ => 0,
    }
}
