//! Sending: which PDU is next on a connection, until the batch is full (RFC 7143 4.2.2.2, 11.7, 11.16).

use super::Target;
use super::encode::{Encoder, Numbers};
use crate::api::{ConnId, TxStatus};
use crate::config::Limits;
use crate::conn::batch::TxBatch;
use crate::conn::connection::{Connection, Ending, KeepLimit};
use crate::conn::out::{Again, Next, Out};
use crate::probe::ProbeSink;
use crate::scsi::status;
use crate::session::{Session, SessionKey};
use crate::task::TaskKey;
use crate::task::sent::{Numbered, SentData};
use crate::task::write::R2tSpec;

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
            if let Some((session, task)) = self.send_next(id, next, batch) {
                self.retire(session, task);
            }
        }
    }

    /// Sends one entry of the outbox; the task is returned that is over with it. What belongs to a task that is gone by
    /// now is nothing.
    fn send_next(&mut self, id: ConnId, next: Next, batch: &mut TxBatch) -> Option<(SessionKey, TaskKey)> {
        let Self { conns, sessions, sink, config, .. } = self;
        let conn = conns.get_mut(&id)?;
        let session_key = conn.session;
        let numbers = Numbers::of(session_key.or(conn.left).and_then(|key| sessions.get(key)), conn);
        let session = session_key.and_then(|key| sessions.get_mut(key));
        let keep = keep(session.as_deref(), &config.limits);
        let mut encoder = Encoder { sink, conn, batch, keep, numbers };
        let over = match next {
            Next::DataIn(task) => send_data(&mut encoder, session?, task),
            Next::Again(again) => {
                send_again(&mut encoder, session?, again);
                None
            }
            Next::Pdu(Out::Scsi(task)) => send_status(&mut encoder, session?, task),
            Next::Pdu(Out::R2t(task, spec)) => {
                send_r2t(&mut encoder, session?, task, spec);
                None
            }
            Next::Pdu(Out::Statuses(first, end)) => {
                encoder.status_again(first);
                if first.wrapping_add(1) != end {
                    encoder.conn.out.push_first(Out::Statuses(first.wrapping_add(1), end));
                }
                None
            }
            Next::Pdu(out) => {
                encoder.other(out);
                None
            }
        };
        session_key.zip(over)
    }
}

/// The next Data-In of a task; the status rides on the last one if it may.
fn send_data<S: ProbeSink>(
    encoder: &mut Encoder<'_, S>,
    session: &mut Session,
    key: TaskKey,
) -> Option<TaskKey> {
    let max_burst = session.params.max_burst_length;
    let task = session.tasks.get_mut(key)?;
    let transfer = task.data_in.as_mut()?;
    // The initiator may have declared another length since the read began.
    transfer.set_max_segment(encoder.conn.params.max_send_segment);
    let spec = transfer.next_pdu()?;
    let len = u32::try_from(spec.data.len()).unwrap_or(u32::MAX);
    // Good status rides on the last Data-In of a unidirectional read (RFC 7143 11.7.3); a SNACK Tag has no place there.
    let good = task.outcome.as_ref().is_some_and(|outcome| outcome.status == status::GOOD);
    // The last one has the F bit (rfc7143/11.7.3-1, rfc7143/11.7.3-2, rfc7143/11.7.3-3).
    let rides = spec.last && (good || planted!(StatusWithoutGood)) && !task.write && task.snack_tag == 0;
    // The status acknowledges the last of the data by itself.
    let asks = !planted!(AckNeverAsked) && spec.final_bit && !spec.last && task.sent.may_ask(len, max_burst);
    let ack = asks.then(|| session.new_ttt());
    let sent = SentData { offset: spec.buffer_offset, len, final_bit: spec.final_bit, ack, status: rides };
    let task = session.tasks.get_mut(key)?;
    let number = task.sent.push(Numbered::DataIn(sent));
    if rides {
        task.stat_sn.get_or_insert_with(|| encoder.conn.next_stat_sn());
    }
    encoder.data_in(task, number, &sent, spec.data);
    if rides {
        return Some(key);
    }
    if spec.last {
        encoder.conn.out.push(Out::Scsi(key));
    } else {
        encoder.conn.out.push_data(key);
    }
    None
}

/// The SCSI Response of a task. Sent again after an R-Data SNACK it keeps its number (RFC 7143 11.16.3).
fn send_status<S: ProbeSink>(
    encoder: &mut Encoder<'_, S>,
    session: &mut Session,
    key: TaskKey,
) -> Option<TaskKey> {
    let task = session.tasks.get_mut(key)?;
    task.outcome.as_ref()?;
    // rfc7143/11.4.9-1.
    task.stat_sn.get_or_insert_with(|| encoder.conn.next_stat_sn());
    encoder.scsi_response(task);
    Some(key)
}

fn send_r2t<S: ProbeSink>(encoder: &mut Encoder<'_, S>, session: &Session, key: TaskKey, spec: R2tSpec) {
    if let Some(task) = session.tasks.get(key) {
        encoder.r2t(spec, task.lun, task.itt);
    }
}

/// The next of the Data-Ins and R2Ts that a SNACK asked for. What was acknowledged meanwhile, and R2Ts that were answered
/// meanwhile, are left out.
fn send_again<S: ProbeSink>(encoder: &mut Encoder<'_, S>, session: &Session, again: Again) {
    let Some(task) = session.find_numbered(encoder.conn.id, again.itt) else { return };
    let number = again.next.max(task.sent.base());
    if number >= again.end {
        return;
    }
    match task.sent.find(number) {
        // The initiator may have lowered its limit since it asked.
        Some(Numbered::DataIn(sent)) => {
            if let Some(data) = &task.data_in
                && encoder.conn.takes(sent.len as usize)
            {
                // rfc7143/11.16-4.
                encoder.data_in(task, number, &sent, data.bytes(sent.offset, sent.len));
            }
        }
        Some(Numbered::R2t(spec))
            if task.write_data.as_ref().is_some_and(|write| write.is_open(spec.ttt)) =>
        {
            encoder.r2t(spec, task.lun, task.itt);
        }
        Some(Numbered::R2t(_)) | None => {}
    }
    if number + 1 < again.end {
        encoder.conn.out.push_again(Again { next: number + 1, ..again });
    }
}

/// How much is kept for recovery: nothing at ErrorRecoveryLevel 0.
fn keep(session: Option<&Session>, limits: &Limits) -> KeepLimit {
    match session {
        Some(session) if session.params.error_recovery_level > 0 => {
            KeepLimit { responses: 2 * limits.commands as usize, bytes: limits.held_bytes }
        }
        _ => KeepLimit::default(),
    }
}

impl Numbers {
    /// Of the session, or those that its connection took along when it left.
    fn of(session: Option<&Session>, conn: &Connection) -> Self {
        let (exp_cmd_sn, max_cmd_sn) = match session {
            Some(session) => (session.window.exp_cmd_sn(), session.window.max_cmd_sn()),
            None => conn.numbers,
        };
        Self { exp_cmd_sn, max_cmd_sn }
    }
}
