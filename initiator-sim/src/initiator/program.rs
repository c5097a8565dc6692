//! How are programs driven? The step they all return, and what any initiator answers by itself.

use super::compose::NO_TAG;
use super::{Draft, Incoming};
use crate::codec::Kind;

/// Asynchronous event 5.
const TASK_TERMINATION: u32 = 5;

/// What a program wants after it was started or fed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step<O> {
    /// PDUs to compose and send now, in this order.
    pub send: Vec<Draft>,
    /// The outcome; afterwards the program wants nothing more.
    pub done: Option<O>,
}

impl<O> Step<O> {
    pub(super) fn wait() -> Step<O> {
        Step { send: Vec::new(), done: None }
    }

    pub(super) fn send(drafts: Vec<Draft>) -> Step<O> {
        Step { send: drafts, done: None }
    }

    pub(super) fn done(outcome: O) -> Step<O> {
        Step { send: Vec::new(), done: Some(outcome) }
    }
}

/// The reason of a Reject that returns the header of this kind of PDU with this tag.
pub(super) fn rejected(incoming: &Incoming, kind: Kind, itt: u32) -> Option<u8> {
    let (_, pdu) = incoming.pdu().filter(|(k, _)| *k == Kind::Reject)?;
    let bhs: &[u8; 48] = pdu.data.first_chunk()?;
    let ours = Kind::of(bhs) == Some(kind) && crate::codec::pdu::be32(bhs, 16) == itt;
    ours.then(|| pdu.word("Reason") as u8)
}

/// The answer every initiator owes without being asked by a program: to a target's ping (11.18), with the tag and
/// LUN copied; and to the announcement that the tasks of a logical unit are terminated (11.9.1, event 5), with the LUN
/// copied and ExpStatSN past the message.
pub fn automatic_answer(incoming: &Incoming) -> Option<Draft> {
    let (kind, pdu) = incoming.pdu()?;
    // The kind first: most PDUs have no TTT, and not finding a name is slow.
    let ttt = match kind {
        Kind::NopIn => Some(pdu.word("TTT")).filter(|ttt| *ttt != NO_TAG)?,
        Kind::AsyncMessage if pdu.word("AsyncEvent") == TASK_TERMINATION => NO_TAG,
        _ => return None,
    };
    let lun = pdu.field("LUN").unwrap_or(0);
    Some(
        Draft::new(Kind::NopOut)
            .immediate()
            .with("ITT", u64::from(NO_TAG))
            .with("TTT", u64::from(ttt))
            .with("LUN", lun),
    )
}
