//! What came out of a negotiation, and did the target keep its rules? (RFC 7143 6.2, section 13)
//!
//! The initiator follows the text of both directions, whoever wrote it, and computes the result from offers and
//! answers itself. So a login that a script spells out PDU by PDU has the same parameters and the same checks as
//! one that [`super::LoginProgram`] runs.

use super::keys::{KeyRule, irrelevant_in_discovery, key_rule, number};
use super::{ConnParams, SessionParams, Violation};
use crate::codec::text;
use crate::trace::hash_bytes;

/// Who wrote a piece of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// This side.
    Initiator,
    /// The other one.
    Target,
}

/// The course of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The key.
    pub key: String,
    /// Who named it first.
    pub proposer: Side,
    /// What was proposed or declared.
    pub offer: String,
    /// What the other side answered.
    pub answer: Option<String>,
}

/// Both directions of text of one login, or of one exchange in the full feature phase.
#[derive(Debug, Default)]
pub struct Negotiation {
    keys: Vec<Settled>,
    /// Of their names: some peers name keys by the thousand.
    hashes: Vec<u64>,
    /// Text after which more follows (C bit), by side.
    carry: [Vec<u8>; 2],
    violations: Vec<Violation>,
    broken: Option<String>,
    discovery: bool,
}

/// Text that one side may send in a row with the C bit before it is cut off: a bound for memory only.
const CARRY_MAX: usize = 1 << 20;

impl Negotiation {
    /// Nothing said yet.
    pub fn new() -> Negotiation {
        Negotiation::default()
    }

    /// Takes the data segment of a PDU; `more` is its C bit.
    pub fn hear(&mut self, side: Side, data: &[u8], more: bool) {
        let carry = &mut self.carry[side as usize];
        if carry.len() + data.len() <= CARRY_MAX {
            carry.extend_from_slice(data);
        }
        if more {
            return;
        }
        let whole = core::mem::take(carry);
        let (pairs, faults) = text::pairs(&whole);
        if side == Side::Target {
            for fault in faults {
                self.violations
                    .push(Violation::must("rfc7143/6.1-1", format!("text that is no pair: {fault:?}")));
            }
        }
        for (key, value) in pairs {
            self.pair(side, key, value);
        }
    }

    /// What this side continued will not go on: the negotiation was refused meanwhile.
    pub fn cut_short(&mut self, side: Side) {
        self.carry[side as usize].clear();
    }

    fn pair(&mut self, side: Side, key: String, value: String) {
        let rule = key_rule(&key);
        if key == "SessionType" && side == Side::Initiator {
            self.discovery = value == "Discovery";
        }
        // SendTargets answers repeat their keys by nature, and CHAP keys travel once in each direction.
        let repeats =
            matches!(key.as_str(), "TargetAddress" | "TargetName") || rule == Some(KeyRule::Exchange);
        let declared = matches!(rule, Some(KeyRule::Declare | KeyRule::DeclareNumber(..)));
        // The answer to SendTargets may have thousands of pairs, each of which declares: nothing is looked for then.
        let answers = rule != Some(KeyRule::Exchange) && (!declared || reserved(&value));
        let hash = hash_bytes(0, key.as_bytes());
        let is_it = |(known, s): &(&u64, &mut Settled)| {
            **known == hash && s.key == key && s.answer.is_none() && s.proposer != side
        };
        let open = if answers { self.hashes.iter().zip(&mut self.keys).rev().find(is_it) } else { None };
        if let Some((_, open)) = open {
            open.answer = Some(value);
            if side == Side::Target {
                check_answer(open, rule, &mut self.violations);
            }
            return;
        }
        let again = || {
            let mut known = self.hashes.iter().zip(&self.keys);
            known.any(|(known, s)| *known == hash && s.key == key && (s.proposer == side || !declared))
        };
        if side == Side::Target && !repeats && again() {
            self.violations.push(Violation::must("rfc7143/6.3-12", format!("{key} was negotiated already")));
        }
        if side == Side::Target && is_extension(&key) && key != "X#NodeArchitecture" {
            self.violations
                .push(Violation::must("rfc7143/14-1", format!("{key} has a prefix that nobody may use")));
        }
        if side == Side::Target && reserved(&value) && rule.is_some() {
            let text = format!("{key}={value} proposed, but reserved values are answers");
            self.violations.push(Violation::must("rfc7143/6.2-12", text));
        }
        if let (Side::Target, Some(KeyRule::DeclareNumber(low, high))) = (side, rule)
            && !number(&value).is_some_and(|n| (low..=high).contains(&n))
        {
            self.violations
                .push(Violation::must("rfc7143/6.2.2-2", format!("{key}={value} is not admissible")));
        }
        self.hashes.push(hash);
        self.keys.push(Settled { key, proposer: side, offer: value, answer: None });
    }

    /// Everything said so far, in order.
    pub fn keys(&self) -> &[Settled] {
        &self.keys
    }

    /// What the target declared or proposed under this key, the last time.
    pub fn from_target(&self, key: &str) -> Option<&str> {
        let said = self.keys.iter().rev().find(|s| s.key == key && s.proposer == Side::Target);
        said.map(|s| s.offer.as_str())
    }

    /// The value both sides agreed on: the answer, or the offer where the key needs none.
    pub fn result(&self, key: &str) -> Option<&str> {
        let settled = self.keys.iter().rev().find(|s| s.key == key)?;
        let determined = match key_rule(key) {
            Some(KeyRule::And) => settled.offer == "No",
            Some(KeyRule::Or) => settled.offer == "Yes",
            _ => false,
        };
        match settled.answer.as_deref() {
            Some(answer) => Some(answer).filter(|value| !reserved(value)),
            None if determined => Some(settled.offer.as_str()),
            None => None,
        }
    }

    /// Offers of this side that the target left without the answer they need.
    pub fn unanswered(&self) -> Vec<&Settled> {
        let needs = |s: &&Settled| match key_rule(&s.key) {
            Some(KeyRule::And) => s.offer != "No",
            Some(KeyRule::Or) => s.offer != "Yes",
            Some(KeyRule::Declare | KeyRule::DeclareNumber(..) | KeyRule::Exchange) => false,
            Some(_) | None => true,
        };
        self.keys
            .iter()
            .filter(|s| s.proposer == Side::Initiator && s.answer.is_none())
            .filter(needs)
            .collect()
    }

    /// Proposals of the target that this side has to answer yet.
    pub fn to_answer(&self) -> Vec<Settled> {
        let needs = |s: &&Settled| {
            let rule = key_rule(&s.key);
            let quiet =
                matches!(rule, Some(KeyRule::Declare | KeyRule::DeclareNumber(..) | KeyRule::Exchange));
            s.proposer == Side::Target && s.answer.is_none() && !quiet
        };
        self.keys.iter().filter(needs).cloned().collect()
    }

    /// What the target still asks for with a PDU that ends the stage (6.3) or the exchange (6.4).
    pub fn asks_for_more(&self, clause: &'static str) -> Option<Violation> {
        // A key that comes again, or a reserved value, is another mistake.
        let first = |open: &Settled| self.keys.iter().filter(|known| known.key == open.key).count() == 1;
        let open = self.to_answer().into_iter().find(|open| !reserved(&open.offer) && first(open))?;
        let text = format!("{}={} wants an answer, and nothing can follow", open.key, open.offer);
        Some(Violation::must(clause, text))
    }

    /// What the target did wrong so far; forgets it.
    pub fn take_violations(&mut self) -> Vec<Violation> {
        let fatal = self.violations.iter().find(|v| ends_the_negotiation(v.rule));
        self.broken = self.broken.take().or(fatal.map(ToString::to_string));
        core::mem::take(&mut self.violations)
    }

    /// The first finding that no initiator may pass over. A key left without an answer is a finding but not one of
    /// these: the default holds.
    pub fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    /// Puts the results into effect and checks what belongs together (6.2: atomically, at the end).
    pub fn apply(&mut self, session: &mut SessionParams, conn: &mut ConnParams) {
        let silence = |open: &Settled| {
            let text = format!("{}={} was not answered", open.key, open.offer);
            let clause = if key_rule(&open.key).is_some() { "rfc7143/6.2.2-1" } else { "rfc7143/6.2-8" };
            Violation::must(clause, text)
        };
        let silences: Vec<Violation> = self.unanswered().into_iter().map(silence).collect();
        self.violations.extend(silences);
        self.apply_conn(conn);
        self.apply_session(session);
        if session.first_burst > session.max_burst {
            // Where nobody spoke of it the default gives way; agreed upon it must fit.
            if self.result("FirstBurstLength").is_some() {
                let (first, max) = (session.first_burst, session.max_burst);
                let text = format!("FirstBurstLength {first} > MaxBurstLength {max}");
                self.violations.push(Violation::must("rfc7143/13.14-1", text));
            }
            session.first_burst = session.max_burst;
        }
        if session.error_recovery_level > 0
            && session.data_sequence_in_order
            && session.max_outstanding_r2t > 1
        {
            let text =
                format!("MaxOutstandingR2T is {} with recovery and order", session.max_outstanding_r2t);
            self.violations.push(Violation::must("rfc7143/13.19-2", text));
        }
    }

    fn apply_conn(&self, conn: &mut ConnParams) {
        let digest = |key, old| self.result(key).map_or(old, |value| value == "CRC32C");
        conn.digests.header = digest("HeaderDigest", conn.digests.header);
        conn.digests.data = digest("DataDigest", conn.digests.data);
        let own = |s: &&Settled| s.key == "MaxRecvDataSegmentLength" && s.proposer == Side::Initiator;
        if let Some(value) = self.keys.iter().rev().find(own).and_then(|s| number(&s.offer)) {
            conn.receive_max = value.min(u64::from(u32::MAX)) as u32;
        }
        if let Some(value) = self.from_target("MaxRecvDataSegmentLength").and_then(number) {
            conn.send_max = value.clamp(512, (1 << 24) - 1) as u32;
        }
    }

    fn apply_session(&self, session: &mut SessionParams) {
        session.discovery |= self.discovery;
        session.portal_group_tag = self
            .from_target("TargetPortalGroupTag")
            .and_then(number)
            .and_then(|n| u16::try_from(n).ok())
            .or(session.portal_group_tag);
        session.target_alias =
            self.from_target("TargetAlias").map(str::to_owned).or(session.target_alias.take());
        let relevant = |key: &str| !(session.discovery && irrelevant_in_discovery(key));
        let yes = |key, old: bool| self.result(key).filter(|_| relevant(key)).map_or(old, |v| v == "Yes");
        let num = |key, old: u32| {
            let value = self.result(key).filter(|_| relevant(key)).and_then(number);
            value.and_then(|n| u32::try_from(n).ok()).unwrap_or(old)
        };
        let new = SessionParams {
            discovery: session.discovery,
            initial_r2t: yes("InitialR2T", session.initial_r2t),
            immediate_data: yes("ImmediateData", session.immediate_data),
            first_burst: num("FirstBurstLength", session.first_burst),
            max_burst: num("MaxBurstLength", session.max_burst),
            max_outstanding_r2t: num("MaxOutstandingR2T", session.max_outstanding_r2t),
            data_pdu_in_order: yes("DataPDUInOrder", session.data_pdu_in_order),
            data_sequence_in_order: yes("DataSequenceInOrder", session.data_sequence_in_order),
            error_recovery_level: num("ErrorRecoveryLevel", session.error_recovery_level.into()).min(2) as u8,
            max_connections: num("MaxConnections", session.max_connections),
            time2wait: num("DefaultTime2Wait", session.time2wait),
            time2retain: num("DefaultTime2Retain", session.time2retain),
            task_reporting: self.result("TaskReporting").unwrap_or(&session.task_reporting).to_owned(),
            protocol_level: num("iSCSIProtocolLevel", session.protocol_level),
            portal_group_tag: session.portal_group_tag,
            target_alias: session.target_alias.clone(),
        };
        *session = new;
    }
}

/// Answers that are a protocol error for the one who proposed (6.2, 6.2.1, 6.2.2, 6.3).
fn ends_the_negotiation(rule: &str) -> bool {
    const RULES: [&str; 5] =
        ["rfc7143/6.2.1-4", "rfc7143/6.2.2-2", "rfc7143/6.2.2-4", "rfc7143/6.3-12", "rfc7143/6.2-12"];
    RULES.contains(&rule)
}

/// Prefixes that are kept for standards (section 14).
fn is_extension(key: &str) -> bool {
    ["X#", "Y#", "Z#"].iter().any(|prefix| key.starts_with(prefix))
}

/// Holds an answer of the target against what was offered.
fn check_answer(settled: &Settled, rule: Option<KeyRule>, found: &mut Vec<Violation>) {
    let (Some(rule), Some(answer)) = (rule, settled.answer.as_deref()) else { return };
    let Settled { key, offer, .. } = settled;
    let mut wrong = |clause, why: &str| {
        found.push(Violation::must(clause, format!("{key}={offer} was answered {answer}: {why}")));
    };
    match (rule, answer) {
        (KeyRule::Obsolete, "Reject") => {}
        (KeyRule::Obsolete, "No") if key.ends_with("Marker") => {}
        (KeyRule::Obsolete, _) => wrong("rfc7143/13.25-4", "an obsolete key is rejected"),
        // RFC 7144 defines iSCSIProtocolLevel, so one that knows RFC 7143 alone understands it too (13.24).
        (_, "NotUnderstood") => wrong("rfc7143/6.2-15", "every target understands this key"),
        (_, "Reject" | "Irrelevant") => {}
        (KeyRule::Minimum(low, high), _) => {
            let offered = number(offer).filter(|n| (low..=high).contains(n)).unwrap_or(high);
            if !number(answer).is_some_and(|n| (low..=offered).contains(&n)) {
                wrong("rfc7143/6.2.2-2", "the answer of a minimum may not exceed the offer or the bounds");
            }
        }
        (KeyRule::Maximum(low, high), _) => {
            let offered = number(offer).filter(|n| (low..=high).contains(n)).unwrap_or(low);
            if !number(answer).is_some_and(|n| (offered..=high).contains(&n)) {
                wrong(
                    "rfc7143/6.2.2-2",
                    "the answer of a maximum may not be below the offer or off the bounds",
                );
            }
        }
        (KeyRule::And, _) if offer == "No" && answer == "Yes" => wrong("rfc7143/6.2.2-4", "No AND any is No"),
        (KeyRule::Or, _) if offer == "Yes" && answer == "No" => wrong("rfc7143/6.2.2-4", "Yes OR any is Yes"),
        (KeyRule::And | KeyRule::Or, "Yes" | "No") => {}
        (KeyRule::And | KeyRule::Or, _) => wrong("rfc7143/6.2.2-4", "neither Yes nor No"),
        (KeyRule::List, _) if !offer.split(',').any(|value| value == answer) => {
            wrong("rfc7143/6.2.1-4", "the answer is not among the values offered");
        }
        (KeyRule::List | KeyRule::Declare | KeyRule::DeclareNumber(..) | KeyRule::Exchange, _) => {}
    }
}

/// The constants that only answers may hold (6.2).
fn reserved(value: &str) -> bool {
    matches!(value, "Reject" | "Irrelevant" | "NotUnderstood")
}
