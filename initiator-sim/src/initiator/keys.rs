//! By what rule is each text key negotiated? RFC 7143 section 13 as a table.

/// How the result follows from an offer and an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRule {
    /// Declared by one side, not answered.
    Declare,
    /// A declared number within these bounds.
    DeclareNumber(u64, u64),
    /// A number within these bounds; the answer may not exceed the offer.
    Minimum(u64, u64),
    /// A number within these bounds; the answer may not be below the offer.
    Maximum(u64, u64),
    /// Yes or No; No is contagious.
    And,
    /// Yes or No; Yes is contagious.
    Or,
    /// One of the values that were offered.
    List,
    /// Security keys: the exchange has rules of its own (section 12).
    Exchange,
    /// Obsolete; answered with Reject, the markers also with No (13.25).
    Obsolete,
}

use KeyRule::{And, Declare, DeclareNumber, Exchange, List, Maximum, Minimum, Obsolete, Or};

const BYTES: (u64, u64) = (512, (1 << 24) - 1);

/// Key, rule, and the section it is from.
const KEYS: [(&str, KeyRule, &str); 35] = [
    ("HeaderDigest", List, "13.1"),
    ("DataDigest", List, "13.1"),
    ("MaxConnections", Minimum(1, 65535), "13.2"),
    ("SendTargets", Declare, "13.3"),
    ("TargetName", Declare, "13.4"),
    ("InitiatorName", Declare, "13.5"),
    ("TargetAlias", Declare, "13.6"),
    ("InitiatorAlias", Declare, "13.7"),
    ("TargetAddress", Declare, "13.8"),
    ("TargetPortalGroupTag", DeclareNumber(0, 65535), "13.9"),
    ("InitialR2T", Or, "13.10"),
    ("ImmediateData", And, "13.11"),
    ("MaxRecvDataSegmentLength", DeclareNumber(BYTES.0, BYTES.1), "13.12"),
    ("MaxBurstLength", Minimum(BYTES.0, BYTES.1), "13.13"),
    ("FirstBurstLength", Minimum(BYTES.0, BYTES.1), "13.14"),
    ("DefaultTime2Wait", Maximum(0, 3600), "13.15"),
    ("DefaultTime2Retain", Minimum(0, 3600), "13.16"),
    ("MaxOutstandingR2T", Minimum(1, 65535), "13.17"),
    ("DataPDUInOrder", Or, "13.18"),
    ("DataSequenceInOrder", Or, "13.19"),
    ("ErrorRecoveryLevel", Minimum(0, 2), "13.20"),
    ("SessionType", Declare, "13.21"),
    ("TaskReporting", List, "13.23"),
    ("iSCSIProtocolLevel", Minimum(0, 31), "13.24"),
    ("IFMarker", Obsolete, "13.25"),
    ("OFMarker", Obsolete, "13.25"),
    ("IFMarkInt", Obsolete, "13.25"),
    ("OFMarkInt", Obsolete, "13.25"),
    ("X#NodeArchitecture", Declare, "13.26"),
    ("AuthMethod", List, "12.1"),
    ("CHAP_A", Exchange, "12.1.3"),
    ("CHAP_I", Exchange, "12.1.3"),
    ("CHAP_C", Exchange, "12.1.3"),
    ("CHAP_N", Exchange, "12.1.3"),
    ("CHAP_R", Exchange, "12.1.3"),
];

/// The rule of a key; `None` for keys that RFC 7143 does not define.
pub fn key_rule(key: &str) -> Option<KeyRule> {
    KEYS.iter().find(|(name, _, _)| *name == key).map(|(_, rule, _)| *rule)
}

/// All keys that RFC 7143 defines.
pub fn known_keys() -> impl Iterator<Item = &'static str> {
    KEYS.iter().map(|(name, _, _)| *name)
}

/// Keys that are without meaning in a discovery session (13.2 to 13.23, "Irrelevant when").
pub(super) fn irrelevant_in_discovery(key: &str) -> bool {
    matches!(
        key,
        "MaxConnections"
            | "InitialR2T"
            | "ImmediateData"
            | "MaxBurstLength"
            | "FirstBurstLength"
            | "MaxOutstandingR2T"
            | "DataPDUInOrder"
            | "DataSequenceInOrder"
            | "TaskReporting"
            | "iSCSIProtocolLevel"
    )
}

/// A numerical-value of RFC 7143 6.1: decimal without leading zeros, or hex.
pub(super) fn number(text: &str) -> Option<u64> {
    if let Some(hex) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        let plain = hex.bytes().all(|b| b.is_ascii_hexdigit());
        return u64::from_str_radix(hex, 16).ok().filter(|_| plain);
    }
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| plain)
}
