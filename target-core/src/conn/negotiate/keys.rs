//! The keys of RFC 7143 sections 12 and 13, of RFC 7144, and the obsolete ones of RFC 3720, as one table.

/// A key this target comprehends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "each variant is the key of that name")]
pub(crate) enum Key {
    SessionType,
    InitiatorName,
    TargetName,
    InitiatorAlias,
    TargetAlias,
    TargetAddress,
    TargetPortalGroupTag,
    AuthMethod,
    ChapA,
    ChapN,
    ChapR,
    ChapI,
    ChapC,
    SendTargets,
    HeaderDigest,
    DataDigest,
    MaxConnections,
    InitialR2T,
    ImmediateData,
    MaxRecvDataSegmentLength,
    MaxBurstLength,
    FirstBurstLength,
    DefaultTime2Wait,
    DefaultTime2Retain,
    DataPduInOrder,
    DataSequenceInOrder,
    ErrorRecoveryLevel,
    MaxOutstandingR2T,
    TaskReporting,
    ProtocolLevel,
    IfMarker,
    OfMarker,
    IfMarkInt,
    OfMarkInt,
    NodeArchitecture,
}

/// How a value comes about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// The first value of the list that is supported.
    List,
    /// Boolean AND.
    And,
    /// Boolean OR.
    Or,
    /// A number between the two; the smaller of offer and own value.
    Minimum(u32, u32),
    /// A number between the two; the larger of offer and own value.
    Maximum(u32, u32),
    /// Declared, not answered: a number between the two.
    DeclaredNumber(u32, u32),
    /// Declared, not answered: text.
    Declared,
    /// Declared, and of no consequence whatever it says (RFC 7143 13.26.2).
    Ignored,
    /// A step of the authentication exchange or a request of its own: not negotiated by value.
    Own,
    /// Obsolete: always answered with Reject (RFC 7143 13.25).
    Obsolete,
}

/// Where in the login a key may appear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// SecurityNegotiation alone.
    Security,
    /// LoginOperationalNegotiation alone.
    Operational,
    /// Either.
    Any,
}

/// The RFC's "Use".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// IO: only during login.
    Login,
    /// LO: only during the login of the leading connection.
    Leading,
    /// ALL: in the login and in full feature phase.
    All,
    /// FFPO: only in full feature phase.
    FullFeature,
}

/// One row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    /// Which key.
    pub(crate) key: Key,
    /// Its name on the wire.
    pub(crate) name: &'static str,
    /// How its value comes about.
    pub(crate) rule: Rule,
    /// Where in the login it may appear.
    pub(crate) stage: Stage,
    /// When it may appear.
    pub(crate) when: Use,
    /// Whether an initiator may send it at all.
    pub(crate) initiator: bool,
    /// Whether it is irrelevant in a discovery session.
    pub(crate) discovery: bool,
}

const ALWAYS: bool = true;
const NORMAL_ONLY: bool = false;

const fn row(key: Key, name: &'static str, rule: Rule, stage: Stage, when: Use, discovery: bool) -> Row {
    Row { key, name, rule, stage, when, initiator: true, discovery }
}

const fn target_only(key: Key, name: &'static str) -> Row {
    Row {
        key,
        name,
        rule: Rule::Declared,
        stage: Stage::Any,
        when: Use::All,
        initiator: false,
        discovery: true,
    }
}

/// Largest value of the length keys.
const LENGTH_MAX: u32 = (1 << 24) - 1;

/// The table. Its order is the order in which the keys of one segment are judged, whatever order they came in: a key on
/// whose value another depends comes first (FirstBurstLength after InitialR2T, ImmediateData and MaxBurstLength;
/// MaxOutstandingR2T after DataSequenceInOrder and ErrorRecoveryLevel; RFC 7143 13.14, 13.19).
#[rustfmt::skip]
pub(crate) const TABLE: [Row; 35] = {
    use Key as K;
    use Rule as R;
    use Stage::{Any, Operational, Security};
    use Use::{All, FullFeature, Leading, Login};
    [
        row(K::SessionType, "SessionType", R::Own, Any, Leading, ALWAYS),
        row(K::InitiatorName, "InitiatorName", R::Own, Any, Login, ALWAYS),
        row(K::TargetName, "TargetName", R::Own, Any, Login, ALWAYS),
        row(K::InitiatorAlias, "InitiatorAlias", R::Declared, Any, All, ALWAYS),
        target_only(K::TargetAlias, "TargetAlias"),
        target_only(K::TargetAddress, "TargetAddress"),
        target_only(K::TargetPortalGroupTag, "TargetPortalGroupTag"),
        row(K::AuthMethod, "AuthMethod", R::Own, Security, Login, ALWAYS),
        row(K::ChapA, "CHAP_A", R::Own, Security, Login, ALWAYS),
        row(K::ChapN, "CHAP_N", R::Own, Security, Login, ALWAYS),
        row(K::ChapR, "CHAP_R", R::Own, Security, Login, ALWAYS),
        row(K::ChapI, "CHAP_I", R::Own, Security, Login, ALWAYS),
        row(K::ChapC, "CHAP_C", R::Own, Security, Login, ALWAYS),
        row(K::SendTargets, "SendTargets", R::Own, Any, FullFeature, ALWAYS),
        row(K::HeaderDigest, "HeaderDigest", R::List, Operational, Login, ALWAYS),
        row(K::DataDigest, "DataDigest", R::List, Operational, Login, ALWAYS),
        row(K::MaxConnections, "MaxConnections", R::Minimum(1, 65_535), Operational, Leading, NORMAL_ONLY),
        row(K::InitialR2T, "InitialR2T", R::Or, Operational, Leading, NORMAL_ONLY),
        row(K::ImmediateData, "ImmediateData", R::And, Operational, Leading, NORMAL_ONLY),
        row(K::MaxRecvDataSegmentLength, "MaxRecvDataSegmentLength", R::DeclaredNumber(512, LENGTH_MAX), Operational, All, ALWAYS),
        row(K::MaxBurstLength, "MaxBurstLength", R::Minimum(512, LENGTH_MAX), Operational, Leading, NORMAL_ONLY),
        row(K::FirstBurstLength, "FirstBurstLength", R::Minimum(512, LENGTH_MAX), Operational, Leading, NORMAL_ONLY),
        row(K::DefaultTime2Wait, "DefaultTime2Wait", R::Maximum(0, 3600), Operational, Leading, ALWAYS),
        row(K::DefaultTime2Retain, "DefaultTime2Retain", R::Minimum(0, 3600), Operational, Leading, ALWAYS),
        row(K::DataPduInOrder, "DataPDUInOrder", R::Or, Operational, Leading, NORMAL_ONLY),
        row(K::DataSequenceInOrder, "DataSequenceInOrder", R::Or, Operational, Leading, NORMAL_ONLY),
        row(K::ErrorRecoveryLevel, "ErrorRecoveryLevel", R::Minimum(0, 2), Operational, Leading, ALWAYS),
        row(K::MaxOutstandingR2T, "MaxOutstandingR2T", R::Minimum(1, 65_535), Operational, Leading, NORMAL_ONLY),
        row(K::TaskReporting, "TaskReporting", R::List, Operational, Leading, NORMAL_ONLY),
        row(K::ProtocolLevel, "iSCSIProtocolLevel", R::Minimum(0, 31), Operational, Leading, NORMAL_ONLY),
        row(K::IfMarker, "IFMarker", R::Obsolete, Operational, Login, ALWAYS),
        row(K::OfMarker, "OFMarker", R::Obsolete, Operational, Login, ALWAYS),
        row(K::IfMarkInt, "IFMarkInt", R::Obsolete, Operational, Login, ALWAYS),
        row(K::OfMarkInt, "OFMarkInt", R::Obsolete, Operational, Login, ALWAYS),
        row(K::NodeArchitecture, "X#NodeArchitecture", R::Ignored, Any, All, ALWAYS),
    ]
};

/// The row of a key with its place in [`TABLE`]; `None` if the key is not understood.
pub(crate) fn find(name: &str) -> Option<(usize, &'static Row)> {
    // No key of the RFCs is missing (rfc7143/6.2-10, rfc7143/6.2-14, rfc7143/6.2-15, rfc7143/11.12.10-2,
    // rfc7143/11.13.8-2).
    TABLE.iter().enumerate().find(|(_, row)| row.name == name)
}

/// True for a constant that must not be sent as a value (RFC 7143 6.2).
pub(crate) fn is_reserved(value: &str) -> bool {
    // rfc7143/6.2-12.
    matches!(value, "Reject" | "Irrelevant" | "NotUnderstood")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_by_their_exact_name() {
        for (at, row) in TABLE.iter().enumerate() {
            assert_eq!(find(row.name).map(|(found, row)| (found, row.key)), Some((at, row.key)));
            assert!(find(&row.name.to_ascii_lowercase()).is_none_or(|(_, found)| found.name == row.name));
        }
        assert!(find("X-com.example.key").is_none());
        assert!(find("").is_none());
    }

    #[test]
    fn what_others_depend_on_is_judged_first() {
        let place = |key| TABLE.iter().position(|row| row.key == key);
        for (first, then) in [
            (Key::InitialR2T, Key::FirstBurstLength),
            (Key::ImmediateData, Key::FirstBurstLength),
            (Key::MaxBurstLength, Key::FirstBurstLength),
            (Key::DataSequenceInOrder, Key::MaxOutstandingR2T),
            (Key::DataSequenceInOrder, Key::ErrorRecoveryLevel),
            (Key::ErrorRecoveryLevel, Key::MaxOutstandingR2T),
        ] {
            assert!(place(first) < place(then), "{first:?} before {then:?}");
        }
    }
}
