//! Is every request answered once, and by the right PDU? (RFC 7143 section 11, each response's own part)

use super::fields::Fields;
use super::task::{NO_TAG, Task, Tasks};
use super::{Sink, WirePdu};
use crate::codec::Kind;

/// Checks a PDU of the target; returns the request that it completes.
pub(super) fn check(
    fields: &Fields,
    pdu: &WirePdu<'_>,
    kind: Kind,
    tasks: &mut Tasks,
    sink: &mut Sink,
) -> Option<Task> {
    let bhs = pdu.view.bhs;
    let itt = fields.itt.word(bhs);
    let (request, last) = match kind {
        Kind::AsyncMessage => return None,
        Kind::Reject => return rejected(pdu, tasks),
        Kind::NopIn if itt == NO_TAG => return None,
        Kind::NopIn => (Kind::NopOut, true),
        Kind::ScsiResponse => (Kind::ScsiCommand, true),
        Kind::DataIn => (Kind::ScsiCommand, fields.data_in_s.is_set(bhs)),
        Kind::R2T => (Kind::ScsiCommand, false),
        Kind::TaskResponse => (Kind::TaskRequest, true),
        Kind::TextResponse => (Kind::TextRequest, true),
        Kind::LoginResponse => (Kind::LoginRequest, true),
        Kind::LogoutResponse => (Kind::LogoutRequest, true),
        _ => {
            sink.add(
                "answer",
                "rfc7143/11.2.1.2",
                format!("the target sent a {kind}, which only initiators send"),
            );
            return None;
        }
    };
    if tasks.graves.contains(&itt) {
        sink.add("abort", "rfc7143/11.5.1", format!("{kind} for task {itt:#x} after its abort was answered"));
        return None;
    }
    let is_login = tasks.open(itt).is_some_and(|task| task.kind == Kind::LoginRequest);
    if kind == Kind::LoginResponse && bhs[36] != 0 && !is_login {
        // What is refused may have been something else that came in the login (rfc7143/4.2.3.6-7).
        tasks.remove(itt);
        return None;
    }
    if let Some(task) = tasks.open(itt)
        && let Some(at) = task.rivals.iter().position(|rival| *rival == request)
    {
        if last {
            task.rivals.swap_remove(at);
        }
        return None;
    }
    let Some(task) = tasks.open(itt).filter(|task| task.kind == request) else {
        sink.add("answer", "rfc7143/4.2.2", format!("{kind} for tag {itt:#x}, which no open {request} has"));
        return None;
    };
    if !last {
        return None;
    }
    if task.copies > 1 {
        task.copies -= 1;
        // What a function did it did at the first answer, whatever the next one says.
        return (task.kind == Kind::TaskRequest).then(|| task.clone());
    }
    tasks.finish(itt)
}

/// Whether a Reject says that statuses which were asked for again are not kept (RFC 7143 11.16, 11.17.1).
pub(super) fn refuses_statuses(pdu: &WirePdu<'_>) -> bool {
    const SNACK_REJECT: u8 = 3;
    const STATUS: u8 = 1;
    let header: Option<&[u8; 48]> = pdu.view.data.first_chunk();
    pdu.view.bhs[2] == SNACK_REJECT
        && header.is_some_and(|header| Kind::of(header) == Some(Kind::Snack) && header[1] & 0x0f == STATUS)
}

/// The CmdSN that a Reject gives back, whether or not the tag of its request was in use (RFC 7143 7.3).
pub(super) fn rejected_number(fields: &Fields, pdu: &WirePdu<'_>) -> Option<u32> {
    let header: &[u8; 48] = pdu.view.data.first_chunk()?;
    let numbered = matches!(
        Kind::of(header)?,
        Kind::ScsiCommand | Kind::TaskRequest | Kind::TextRequest | Kind::NopOut | Kind::LogoutRequest
    );
    (numbered && !fields.immediate.is_set(header)).then(|| fields.cmd_sn.word(header))
}

/// A Reject carries the header it is about (11.17): a request refused this way has had its answer.
fn rejected(pdu: &WirePdu<'_>, tasks: &mut Tasks) -> Option<Task> {
    let header: &[u8; 48] = pdu.view.data.first_chunk()?;
    let kind = Kind::of(header)?;
    let itt = u32::from_be_bytes([header[16], header[17], header[18], header[19]]);
    let task = tasks.open(itt)?;
    if task.kind != kind {
        // A Data-Out, say: its command is still to be answered.
        task.certain = false;
        return None;
    }
    if task.copies > 1 {
        task.copies -= 1;
        return None;
    }
    tasks.finish(itt)
}
