//! Do fenced responses keep their place in a session of several connections? (RFC 7143 4.2.2.3, 11.6.1)
//!
//! Before the response to a function that aborts several tasks, everything that was sent on any connection of the session before
//! the function came is acknowledged (what is sent once the target has taken note of its StatSNs need not be, 4.2.2.3.2 b); and
//! until that response is, no command of its logical unit is answered.

use super::fields::Fields;
use super::{ConnState, Oracles, Sink, WirePdu};
use crate::codec::Kind;
use crate::initiator::serial;
use std::collections::BTreeMap;

/// "The target will drop the connection, or has dropped it."
const CONNECTION_DROP: u32 = 2;

const ABORT_TASK_SET: u32 = 2;
const CLEAR_TASK_SET: u32 = 4;
const LOGICAL_UNIT_RESET: u32 = 5;
const TARGET_WARM_RESET: u32 = 6;

/// A fenced response that is not acknowledged yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    conn: u32,
    stat_sn: u32,
    /// Of one logical unit, or of all.
    lun: Option<u64>,
}

/// What is kept of one session.
#[derive(Debug, Default)]
pub(super) struct Fence {
    standing: Option<Standing>,
    /// The next StatSN of each connection when a function came, by the function's connection and tag.
    begun: BTreeMap<(u32, u32), Vec<(u32, u32)>>,
}

/// Functions under way that are followed; more than a target takes.
const BEGUN_MAX: usize = 256;

impl Oracles {
    /// The target announced that it dropped a connection of this session (RFC 7143 11.9.1 event 2): nothing waits for its
    /// acknowledgements any more.
    pub(super) fn note_drop(&mut self, pdu: &WirePdu<'_>) {
        if self.fields.async_event.word(pdu.view.bhs) != CONNECTION_DROP {
            return;
        }
        let session = self.conns.get(&pdu.conn).and_then(|conn| conn.session);
        let cid = self.fields.async_parameter1.word(pdu.view.bhs);
        let is_it =
            |conn: &&mut ConnState| conn.open && conn.session == session && u32::from(conn.cid) == cid;
        if let Some(conn) = self.conns.values_mut().find(is_it) {
            conn.is_given_up = true;
        }
    }

    /// Whether a connection of the session shows that the initiator will not acknowledge what was sent: its count is wrong, or a
    /// status that it lacks is not kept any more; or, where there are several, one was lost which nobody will ask for again.
    pub(super) fn fence_meets_gap(&self, session: Option<u64>) -> bool {
        let members = || self.conns.values().filter(|conn| conn.open && conn.session == session);
        let is_lost = |conn: &ConnState| conn.counts_wrong || conn.status_gone;
        let is_gap = |conn: &ConnState| conn.level == 0 && conn.ping.shows_gap;
        session.is_some() && (members().any(is_lost) || (members().count() > 1 && members().any(is_gap)))
    }

    /// A task management function has come.
    pub(super) fn note_function(&mut self, conn: u32, itt: u32) {
        let Some(key) = self.conns.get(&conn).and_then(|conn| conn.session) else { return };
        let members = self.conns.iter().filter(|(_, other)| other.open && other.session == Some(key));
        let next = members.filter_map(|(number, other)| Some((*number, other.stat_sn.next()?))).collect();
        if let Some(session) = self.sessions.get_mut(&key) {
            if session.fence.begun.len() == BEGUN_MAX {
                session.fence.begun.pop_first();
            }
            session.fence.begun.insert((conn, itt), next);
        }
    }
}

/// Whether the response to that function is fenced whatever was negotiated (4.2.3.3 d, 4.2.3.4 e).
const fn is_fenced(function: u32) -> bool {
    matches!(function, ABORT_TASK_SET | CLEAR_TASK_SET | LOGICAL_UNIT_RESET | TARGET_WARM_RESET)
}

/// Judges a PDU of the target before its StatSN is counted. `fence` is that of its session.
pub(super) fn check(
    fields: &Fields,
    pdu: &WirePdu<'_>,
    kind: Kind,
    conns: &BTreeMap<u32, ConnState>,
    fence: &mut Fence,
    sink: &mut Sink,
) {
    let Some(conn) = conns.get(&pdu.conn) else { return };
    let itt = fields.itt.word(pdu.view.bhs);
    let Some(task) = conn.tasks.get(itt) else { return };
    if let Some(standing) = fence.standing {
        let acknowledged = conns.get(&standing.conn).is_none_or(|conn| {
            !conn.open
                || conn.is_given_up
                || conn.acknowledged.is_some_and(|to| serial::lt(standing.stat_sn, to))
        });
        if acknowledged {
            fence.standing = None;
        } else if gives_status(fields, pdu, kind) && standing.lun.is_none_or(|lun| lun == task.unit()) {
            let text = format!("{kind} for task {itt:#x} passes a fenced response that is not acknowledged");
            sink.add("fence", "rfc7143/4.2.2.3.2-3", text);
        }
    }
    let done = kind == Kind::TaskResponse && !fields.task_response.is_set(pdu.view.bhs);
    let begun = if kind == Kind::TaskResponse { fence.begun.remove(&(pdu.conn, itt)) } else { None };
    if !done || !is_fenced(task.function) {
        return;
    }
    let is_member = |other: &ConnState| other.open && !other.is_given_up && other.session == conn.session;
    let members: Vec<_> = conns.iter().filter(|(_, other)| is_member(other)).collect();
    let begun = begun.unwrap_or_default();
    // Where it was the only connection when the function came, no response can overtake another: one that joined since has
    // carried none from before (4.2.2.3.3 a).
    if members.len() < 2 || begun.len() < 2 {
        return;
    }
    for (number, other) in members {
        let next = begun.iter().find(|(conn, _)| conn == number).map(|(_, next)| *next);
        let behind = next.zip(other.acknowledged).is_some_and(|(next, to)| serial::lt(to, next));
        if behind {
            let text =
                format!("the response to task {itt:#x} comes before c{number} has acknowledged everything");
            sink.add("fence", "rfc7143/11.6.1-2", text);
        }
    }
    let lun = (task.function != TARGET_WARM_RESET).then_some(task.unit());
    fence.standing = Some(Standing { conn: pdu.conn, stat_sn: fields.stat_sn.word(pdu.view.bhs), lun });
}

fn gives_status(fields: &Fields, pdu: &WirePdu<'_>, kind: Kind) -> bool {
    kind == Kind::ScsiResponse || (kind == Kind::DataIn && fields.data_in_s.is_set(pdu.view.bhs))
}
