//! What is answered to the keys of one request? (RFC 7143 6.3, 12, 13)

use super::Admitted;
use super::auth::SecurityKeys;
use super::fault::LoginFault;
use super::start::{self, Party};
use crate::config::{Config, NodeArchitecture};
use crate::conn::negotiate::answer::{self, NOT_UNDERSTOOD, answer};
use crate::conn::negotiate::keys::{Key, Row, Rule, Stage, Use};
use crate::conn::negotiate::segment::Pair;
use crate::session::params::SessionKind;
use crate::wire::text::TextWriter;
use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

/// Answers in the making: in the order in which the keys came, whatever order they were judged in.
#[derive(Debug, Default)]
pub(super) struct Replies<'a> {
    said: Vec<(usize, &'a str, Cow<'static, str>)>,
}

impl<'a> Replies<'a> {
    fn say(&mut self, place: usize, key: &'a str, value: impl Into<Cow<'static, str>>) {
        self.said.push((place, key, value.into()));
    }

    /// Adds keys of the target's own.
    pub(super) fn append(&mut self, answers: Vec<(&'static str, String)>) {
        for (key, value) in answers {
            self.say(usize::MAX, key, value);
        }
    }

    /// Writes everything behind what the writer holds.
    pub(super) fn write(mut self, text: &mut TextWriter) {
        self.said.sort_by_key(|(place, ..)| *place);
        for (_, key, value) in &self.said {
            text.pair(key, value);
        }
    }
}

/// Judges the pairs of one segment; the security keys among them are handed back.
pub(super) fn judge<'a>(
    config: &Config,
    party: &mut Party,
    stage: Stage,
    first: bool,
    pairs: &[Pair<'a>],
    replies: &mut Replies<'a>,
) -> Result<SecurityKeys<'a>, LoginFault> {
    let mut security = SecurityKeys::default();
    for pair in pairs {
        let Some(row) = pair.row else {
            // rfc7143/6.2-8.
            replies.say(pair.place, pair.name, NOT_UNDERSTOOD);
            continue;
        };
        check_allowed(row, party, stage)?;
        match row.key {
            Key::InitiatorName | Key::TargetName | Key::SessionType if first => {}
            Key::SessionType if start::kind(Some(pair.value))? == party.kind => {}
            Key::InitiatorName | Key::TargetName | Key::SessionType => return Err(LoginFault::TooLate),
            Key::InitiatorAlias => party.alias = answer::declared_text(pair.value)?.into(),
            key if security.note(key, pair.value) => {}
            _ => {
                if let Some(value) = answer(row, pair.value, &mut party.draft, &config.offer)? {
                    // rfc7143/6.2.2-1, rfc7143/6.2.2-6.
                    replies.say(pair.place, pair.name, value);
                }
            }
        }
    }
    Ok(security)
}

/// Whether an initiator may send the key now.
fn check_allowed(row: &Row, party: &Party, stage: Stage) -> Result<(), LoginFault> {
    if !row.initiator {
        return Err(LoginFault::KeyNotYours);
    }
    if row.when == Use::FullFeature {
        return Err(LoginFault::KeyNotInLogin);
    }
    if row.stage != Stage::Any && row.stage != stage {
        // rfc7143/11.19.3-2.
        return Err(LoginFault::KeyWrongStage);
    }
    // The session type is no negotiation: a later connection may repeat it, and admission has compared it.
    let negotiates = row.when == Use::Leading && row.rule != Rule::Own;
    if negotiates && matches!(party.admitted, Admitted::Later { .. }) {
        // rfc7143/13-1.
        return Err(LoginFault::KeyLeadingOnly);
    }
    Ok(())
}

/// Written here and not configured (rfc7143/13.26.2-3); well below 255 bytes (rfc7143/13.26.1-1).
const fn node_architecture(level: NodeArchitecture) -> Option<&'static str> {
    match level {
        NodeArchitecture::Off => None,
        NodeArchitecture::Name => Some("iscsi-lab"),
        NodeArchitecture::NameAndVersion => Some(concat!("iscsi-lab/", env!("CARGO_PKG_VERSION"))),
    }
}

/// What the target declares of its own once it may: who it is and how much it takes (RFC 7143 13.6, 13.12).
pub(super) fn introduce(config: &Config, party: &mut Party, text: &mut TextWriter) {
    // rfc7143/13.26.1-2.
    if core::mem::replace(&mut party.introduced, true) {
        return;
    }
    let target = party.target.as_deref();
    let alias =
        config.targets.iter().find(|known| Some(known.name.as_str()) == target).map(|known| &known.alias);
    if let (Some(alias), SessionKind::Normal) = (alias.filter(|alias| !alias.is_empty()), party.kind) {
        // rfc7143/13.6-1.
        text.pair("TargetAlias", alias);
    }
    // rfc7143/9.4-1, rfc7143/9.4-2.
    if let Some(told) = node_architecture(config.offer.node_architecture) {
        // The only extension key that the target writes (rfc7143/13.22-2, rfc7143/14-1, rfc7143/13.26.2-4).
        text.pair("X#NodeArchitecture", told);
    }
    let length = config.offer.max_recv_data_segment_length;
    text.number("MaxRecvDataSegmentLength", length.into());
    party.draft.conn.max_recv_segment = length;
}
