//! What is answered to a proposed value? The rules of RFC 7143 6.2.1, 6.2.2 and of each key in section 13.

use super::KeyFault;
use super::draft::Draft;
use super::keys::{Key, Row, Rule};
use crate::config::{DigestPolicy, Offer};
use crate::session::params::{SessionKind, TaskReporting};
use crate::wire::text;
use alloc::borrow::Cow;

/// The value of the answer; `None` where there is none to give.
pub(crate) type Answer = Option<Cow<'static, str>>;

/// The value is not admissible, the parameter stays what it is.
pub(crate) const REJECT: &str = "Reject";
/// The key says nothing in this session.
pub(crate) const IRRELEVANT: &str = "Irrelevant";
/// The key is not comprehended.
pub(crate) const NOT_UNDERSTOOD: &str = "NotUnderstood";

/// Judges one proposed or declared value during login and notes the result in the draft.
pub(crate) fn answer(row: &Row, value: &str, draft: &mut Draft, offer: &Offer) -> Result<Answer, KeyFault> {
    let irrelevant = (draft.session.kind == SessionKind::Discovery && !row.discovery)
        || (draft.is_irrelevant(row.key) && !planted!(FirstBurstIrrelevant));
    if irrelevant {
        return Ok(Some(IRRELEVANT.into()));
    }
    let said = match row.rule {
        Rule::List => list(row.key, value, draft, offer).map(Cow::Borrowed),
        Rule::And | Rule::Or => boolean(row, value, draft, offer).map(Cow::Borrowed),
        Rule::Minimum(low, high) | Rule::Maximum(low, high) => {
            number(row, value, low, high, draft, offer).map(|number| alloc::format!("{number}").into())
        }
        Rule::DeclaredNumber(low, high) => {
            draft.set_number(row.key, declared_number(value, low, high)?);
            return Ok(None);
        }
        Rule::Declared => {
            declared_text(value)?;
            return Ok(None);
        }
        // rfc7143/13.26.2-1, rfc7143/13.26.2-2.
        Rule::Ignored | Rule::Own => return Ok(None),
        // rfc7143/13.25-3, rfc7143/13.25-4, rfc7143/13.25-5, rfc7143/13.25-1.
        Rule::Obsolete => None,
    };
    // rfc7143/6.2.2-2.
    Ok(Some(said.unwrap_or(REJECT.into())))
}

/// A number that is declared, not proposed: one that is not admissible is a negotiation failure (RFC 7143 7.12).
pub(crate) fn declared_number(value: &str, low: u32, high: u32) -> Result<u32, KeyFault> {
    within(value, low, high).ok_or(KeyFault::Declared)
}

/// Text that is declared.
pub(crate) fn declared_text(value: &str) -> Result<&str, KeyFault> {
    if value.len() <= text::VALUE_BYTES_MAX { Ok(value) } else { Err(KeyFault::Declared) }
}

fn within(value: &str, low: u32, high: u32) -> Option<u32> {
    // A range is no number: none of the keys takes one (rfc7143/6.2-7, rfc7143/6.2.2-3).
    let number = u32::try_from(text::number(value)?).ok()?;
    (low..=high).contains(&number).then_some(number)
}

/// The first value of the list that is supported; values that are not understood are passed over.
fn list(key: Key, value: &str, draft: &mut Draft, offer: &Offer) -> Option<&'static str> {
    let digest = |policy| {
        // rfc7143/6.2.1-1, rfc7143/6.2.1-3, rfc7143/13.1-1.
        text::list(value).find_map(|choice| match (choice, policy) {
            ("None", DigestPolicy::Either) if planted!(DigestPreference) && value.contains("CRC32C") => None,
            ("CRC32C", DigestPolicy::Either | DigestPolicy::Required) => Some(("CRC32C", true)),
            // rfc7143/6.2.1-2.
            ("None", DigestPolicy::Either | DigestPolicy::Refused) => Some(("None", false)),
            _ => None,
        })
    };
    match key {
        Key::HeaderDigest => {
            let (choice, on) = digest(offer.header_digest)?;
            draft.conn.digests.header = on;
            Some(choice)
        }
        Key::DataDigest => {
            let (choice, on) = digest(offer.data_digest)?;
            draft.conn.digests.data = on;
            Some(choice)
        }
        Key::TaskReporting => {
            let known = |choice| TaskReporting::ALL.into_iter().find(|known| known.name() == choice);
            // rfc7143/13.23-1.
            let chosen = text::list(value).filter_map(known).find(|known| *known <= offer.task_reporting)?;
            draft.session.task_reporting = chosen;
            Some(chosen.name())
        }
        _ => None,
    }
}

fn boolean(row: &Row, value: &str, draft: &mut Draft, offer: &Offer) -> Option<&'static str> {
    let proposed = text::boolean(value)?;
    let own = match row.key {
        Key::InitialR2T => offer.initial_r2t,
        Key::ImmediateData => offer.immediate_data,
        Key::DataPduInOrder => offer.data_pdu_in_order,
        Key::DataSequenceInOrder => offer.data_sequence_in_order,
        _ => return None,
    };
    let result =
        if row.rule == Rule::And && !planted!(BooleanResult) { proposed && own } else { proposed || own };
    draft.set_boolean(row.key, result);
    // rfc7143/6.2.2-4.
    Some(if result { "Yes" } else { "No" })
}

fn number(row: &Row, value: &str, low: u32, high: u32, draft: &mut Draft, offer: &Offer) -> Option<u32> {
    let proposed = within(value, low, high)?;
    let own = match row.key {
        Key::MaxConnections => offer.max_connections.into(),
        Key::MaxBurstLength => offer.max_burst_length,
        Key::FirstBurstLength => offer.first_burst_length,
        Key::DefaultTime2Wait => offer.time2wait.into(),
        Key::DefaultTime2Retain => offer.time2retain.into(),
        // All three are there (rfc7143/7.1.5-2, rfc7143/7.1.5-4).
        Key::ErrorRecoveryLevel => offer.error_recovery_level.into(),
        Key::MaxOutstandingR2T => offer.max_outstanding_r2t.into(),
        // Never more than is there; 1 where RFC 7144 is switched off (rfc7143/13.23-5).
        Key::ProtocolLevel => offer.protocol_level.into(),
        _ => return None,
    };
    let own = own.clamp(low, high);
    let result = match row.rule {
        Rule::Maximum(..) => proposed.max(own),
        _ => proposed.min(own).min(if planted!(Ceiling) { u32::MAX } else { draft.ceiling(row.key) }),
    };
    if result < draft.floor(row.key) {
        return None;
    }
    draft.set_number(row.key, result);
    Some(result)
}
