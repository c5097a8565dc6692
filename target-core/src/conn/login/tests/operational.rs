//! Every key of section 13 by its rule: what is proposed, what is answered, what holds then.

use super::*;
use crate::config::{DigestPolicy, NodeArchitecture, Offer};

/// Answers to one text in the operational stage of a normal session, without what the target says of its own.
fn answers(bench: &mut Bench, names: &str, text: &str) -> (String, Box<LoginOutcome>) {
    let (reply, outcome) = bench.again().done(1, [names, text].concat());
    let own = ["TargetPortalGroupTag=", "MaxRecvDataSegmentLength=262144"];
    let rest: Vec<_> = lines(&reply.text)
        .split('\n')
        .filter(|line| !own.iter().any(|own| line.starts_with(own)))
        .map(String::from)
        .collect();
    (rest.join(" "), outcome)
}

fn offer() -> Offer {
    Offer {
        max_connections: 4,
        max_outstanding_r2t: 8,
        error_recovery_level: 1,
        data_pdu_in_order: false,
        data_sequence_in_order: false,
        time2wait: 3,
        time2retain: 60,
        ..Offer::default()
    }
}

#[test]
fn one_key_at_a_time() {
    let mut bench = bench();
    bench.config.offer = offer();
    for (text, answer) in [
        // Lists: the first that is supported.
        ("HeaderDigest=CRC32C,None", "HeaderDigest=CRC32C"),
        ("HeaderDigest=None,CRC32C", "HeaderDigest=None"),
        ("HeaderDigest=Y-com.example.sum,CRC32C", "HeaderDigest=CRC32C"),
        ("HeaderDigest=Y-com.example.sum", "HeaderDigest=Reject"),
        ("HeaderDigest=crc32c", "HeaderDigest=Reject"),
        ("HeaderDigest=", "HeaderDigest=Reject"),
        ("DataDigest=CRC32C", "DataDigest=CRC32C"),
        ("DataDigest=None", "DataDigest=None"),
        ("TaskReporting=RFC3720,ResponseFence", "TaskReporting=RFC3720"),
        ("TaskReporting=FastAbort,ResponseFence,RFC3720", "TaskReporting=FastAbort"),
        ("TaskReporting=Telepathy", "TaskReporting=Reject"),
        // Numbers: minimum, maximum, bounds, notations.
        ("MaxConnections=2", "MaxConnections=2"),
        ("MaxConnections=0x2", "MaxConnections=2"),
        ("MaxConnections=65535", "MaxConnections=4"),
        ("MaxConnections=0", "MaxConnections=Reject"),
        ("MaxConnections=65536", "MaxConnections=Reject"),
        ("MaxConnections=two", "MaxConnections=Reject"),
        ("MaxConnections=02", "MaxConnections=Reject"),
        ("MaxConnections=-1", "MaxConnections=Reject"),
        ("MaxConnections=1~4", "MaxConnections=Reject"),
        ("MaxConnections=None", "MaxConnections=Reject"),
        ("MaxConnections=", "MaxConnections=Reject"),
        ("MaxBurstLength=512", "MaxBurstLength=512"),
        ("MaxBurstLength=16777215", "MaxBurstLength=1048576"),
        ("MaxBurstLength=511", "MaxBurstLength=Reject"),
        ("MaxBurstLength=16777216", "MaxBurstLength=Reject"),
        ("MaxBurstLength=18446744073709551616", "MaxBurstLength=Reject"),
        ("FirstBurstLength=512", "FirstBurstLength=512"),
        ("FirstBurstLength=0xffffff", "FirstBurstLength=262144"),
        ("FirstBurstLength=511", "FirstBurstLength=Reject"),
        ("DefaultTime2Wait=0", "DefaultTime2Wait=3"),
        ("DefaultTime2Wait=3600", "DefaultTime2Wait=3600"),
        ("DefaultTime2Wait=3601", "DefaultTime2Wait=Reject"),
        ("DefaultTime2Retain=0", "DefaultTime2Retain=0"),
        ("DefaultTime2Retain=3600", "DefaultTime2Retain=60"),
        ("DefaultTime2Retain=3601", "DefaultTime2Retain=Reject"),
        ("MaxOutstandingR2T=1", "MaxOutstandingR2T=1"),
        ("MaxOutstandingR2T=65535", "MaxOutstandingR2T=8"),
        ("MaxOutstandingR2T=0", "MaxOutstandingR2T=Reject"),
        ("ErrorRecoveryLevel=0", "ErrorRecoveryLevel=0"),
        ("ErrorRecoveryLevel=2", "ErrorRecoveryLevel=1"),
        ("ErrorRecoveryLevel=3", "ErrorRecoveryLevel=Reject"),
        ("iSCSIProtocolLevel=0", "iSCSIProtocolLevel=0"),
        ("iSCSIProtocolLevel=1", "iSCSIProtocolLevel=1"),
        ("iSCSIProtocolLevel=2", "iSCSIProtocolLevel=2"),
        ("iSCSIProtocolLevel=31", "iSCSIProtocolLevel=2"),
        ("iSCSIProtocolLevel=32", "iSCSIProtocolLevel=Reject"),
        // Booleans.
        ("InitialR2T=Yes", "InitialR2T=Yes"),
        ("InitialR2T=No", "InitialR2T=No"),
        ("InitialR2T=no", "InitialR2T=Reject"),
        ("InitialR2T=1", "InitialR2T=Reject"),
        ("ImmediateData=Yes", "ImmediateData=Yes"),
        ("ImmediateData=No", "ImmediateData=No"),
        ("DataPDUInOrder=Yes", "DataPDUInOrder=Yes"),
        ("DataPDUInOrder=No", "DataPDUInOrder=No"),
        ("DataSequenceInOrder=Yes", "DataSequenceInOrder=Yes"),
        ("DataSequenceInOrder=No", "DataSequenceInOrder=No"),
        // Declared: no answer.
        ("MaxRecvDataSegmentLength=512", ""),
        ("MaxRecvDataSegmentLength=16777215", ""),
        ("InitiatorAlias=Web Server 4", ""),
        ("SessionType=Normal", ""),
        ("X#NodeArchitecture=ExampleOS/v1234", ""),
        // Obsolete.
        ("IFMarker=No", "IFMarker=Reject"),
        ("OFMarker=Yes", "OFMarker=Reject"),
        ("IFMarkInt=2048~2048", "IFMarkInt=Reject"),
        ("OFMarkInt=2048", "OFMarkInt=Reject"),
        // Not understood.
        ("X-com.example.key=1", "X-com.example.key=NotUnderstood"),
        ("Y-com.example.key=1", "Y-com.example.key=NotUnderstood"),
        ("RDMAExtensions=Yes", "RDMAExtensions=NotUnderstood"),
    ] {
        assert_eq!(answers(&mut bench, NAMES, &[text, "\0"].concat()).0, answer, "{text}");
    }
}

#[test]
fn the_target_may_insist() {
    let mut bench = bench();
    bench.config.offer = Offer {
        initial_r2t: true,
        immediate_data: false,
        data_pdu_in_order: true,
        data_sequence_in_order: true,
        header_digest: DigestPolicy::Refused,
        ..Offer::default()
    };
    for (text, answer) in [
        ("InitialR2T=No", "InitialR2T=Yes"),
        ("ImmediateData=Yes", "ImmediateData=No"),
        ("DataPDUInOrder=No", "DataPDUInOrder=Yes"),
        ("DataSequenceInOrder=No", "DataSequenceInOrder=Yes"),
        ("HeaderDigest=CRC32C,None", "HeaderDigest=None"),
        ("HeaderDigest=CRC32C", "HeaderDigest=Reject"),
    ] {
        assert_eq!(answers(&mut bench, NAMES, &[text, "\0"].concat()).0, answer, "{text}");
    }
    bench.config.offer.data_digest = DigestPolicy::Required;
    assert_eq!(bench.again().refused("T", 1, 3, NAMES), (0x0200, LoginFault::DigestRequired));
    let refused = bench.again().refused("T", 1, 3, [NAMES, "DataDigest=None\0"].concat());
    assert_eq!(refused, (0x0200, LoginFault::DigestRequired));
    assert_eq!(answers(&mut bench, NAMES, "DataDigest=None,CRC32C\0").0, "DataDigest=CRC32C");
    bench.again().done(1, DISCOVERY);
}

#[test]
fn the_software_is_declared_once_and_the_answer_is_of_no_consequence() {
    let mut bench = bench();
    bench.config.offer.node_architecture = NodeArchitecture::Name;
    let text = lines(&bench.reply("", 1, 0, NAMES).text);
    assert!(text.lines().any(|pair| pair == "X#NodeArchitecture=iscsi-lab"), "{text}");
    bench = self::bench();
    bench.config.offer.node_architecture = NodeArchitecture::NameAndVersion;
    let text = lines(&bench.reply("", 1, 0, NAMES).text);
    assert_eq!(text.matches("X#NodeArchitecture=iscsi-lab/").count(), 1, "{text}");
    let (reply, _) = bench.done(1, "X#NodeArchitecture=NotUnderstood\0");
    assert!(!lines(&reply.text).contains("NodeArchitecture"));
    bench.config.offer.node_architecture = NodeArchitecture::Off;
    assert!(!lines(&bench.again().done(1, NAMES).0.text).contains("NodeArchitecture"));
}

#[test]
fn results_are_in_the_outcome() {
    let mut bench = bench();
    bench.config.offer = offer();
    let text = "HeaderDigest=CRC32C\0DataDigest=CRC32C\0MaxConnections=3\0InitialR2T=No\0ImmediateData=No\0\
        MaxRecvDataSegmentLength=0x10000\0MaxBurstLength=131072\0FirstBurstLength=32768\0DefaultTime2Wait=5\0\
        DefaultTime2Retain=7\0DataPDUInOrder=No\0DataSequenceInOrder=No\0ErrorRecoveryLevel=1\0\
        MaxOutstandingR2T=6\0TaskReporting=RFC3720\0InitiatorAlias=host one\0";
    let (_, outcome) = answers(&mut bench, NAMES, text);
    let session = SessionParams {
        max_connections: 3,
        initial_r2t: false,
        immediate_data: false,
        max_burst_length: 131_072,
        first_burst_length: 32_768,
        time2wait: 5,
        time2retain: 7,
        max_outstanding_r2t: 6,
        data_pdu_in_order: false,
        data_sequence_in_order: false,
        error_recovery_level: 1,
        ..SessionParams::default()
    };
    assert_eq!(outcome.session, session);
    assert_eq!((outcome.conn.max_send_segment, outcome.conn.max_recv_segment), (0x10000, 262_144));
    assert!(outcome.conn.digests.header && outcome.conn.digests.data);
    assert_eq!(outcome.alias, "host one");
}

#[test]
fn a_rejected_value_leaves_the_default() {
    let (_, outcome) = answers(&mut bench(), NAMES, "MaxBurstLength=1\0InitialR2T=maybe\0HeaderDigest=X\0");
    assert_eq!(outcome.session, SessionParams::default());
    assert_eq!(outcome.conn.digests, crate::wire::Digests::default());
}

#[test]
fn declared_values_that_are_not_admissible_end_the_login() {
    let long = alloc::format!("InitiatorAlias={}", "x".repeat(256));
    for text in [
        "MaxRecvDataSegmentLength=511",
        "MaxRecvDataSegmentLength=16777216",
        "MaxRecvDataSegmentLength=x",
        "MaxRecvDataSegmentLength=",
        &long,
    ] {
        let refused = bench().refused("T", 1, 3, [NAMES, text, "\0"].concat());
        assert_eq!(refused, (0x0200, LoginFault::DeclaredValue), "{text}");
    }
}

#[test]
fn keys_that_depend_on_others_in_whatever_order_they_come() {
    let mut bench = bench();
    bench.config.offer = offer();
    for (text, answer) in [
        (
            "FirstBurstLength=65536\0ImmediateData=No\0InitialR2T=Yes\0",
            "FirstBurstLength=Irrelevant ImmediateData=No InitialR2T=Yes",
        ),
        ("InitialR2T=Yes\0FirstBurstLength=65536\0", "InitialR2T=Yes FirstBurstLength=65536"),
        (
            "InitialR2T=No\0ImmediateData=No\0FirstBurstLength=1024\0",
            "InitialR2T=No ImmediateData=No FirstBurstLength=1024",
        ),
        ("FirstBurstLength=65536\0MaxBurstLength=8192\0", "FirstBurstLength=8192 MaxBurstLength=8192"),
        ("MaxOutstandingR2T=4\0ErrorRecoveryLevel=1\0", "MaxOutstandingR2T=1 ErrorRecoveryLevel=1"),
        (
            "MaxOutstandingR2T=4\0ErrorRecoveryLevel=1\0DataSequenceInOrder=No\0",
            "MaxOutstandingR2T=4 ErrorRecoveryLevel=1 DataSequenceInOrder=No",
        ),
    ] {
        assert_eq!(answers(&mut bench, NAMES, text).0, answer, "{text}");
    }
}

#[test]
fn keys_that_depend_on_others_of_an_earlier_request() {
    for (first, then, answer) in [
        ("FirstBurstLength=65536\0", "MaxBurstLength=8192\0", "MaxBurstLength=Reject"),
        ("FirstBurstLength=65536\0", "MaxBurstLength=65536\0", "MaxBurstLength=65536"),
        ("MaxBurstLength=8192\0", "FirstBurstLength=65536\0", "FirstBurstLength=8192"),
        ("MaxOutstandingR2T=4\0", "ErrorRecoveryLevel=1\0", "ErrorRecoveryLevel=0"),
        ("ErrorRecoveryLevel=1\0", "MaxOutstandingR2T=4\0", "MaxOutstandingR2T=1"),
    ] {
        let mut bench = bench();
        bench.config.offer = offer();
        bench.reply("", 1, 0, [NAMES, first].concat());
        let (reply, outcome) = bench.done(1, then);
        assert_eq!(lines(&reply.text), answer, "{first} {then}");
        assert!(outcome.session.first_burst_length <= outcome.session.max_burst_length);
    }
}

#[test]
fn the_default_first_burst_never_passes_the_maximum_burst() {
    let (_, outcome) = answers(&mut bench(), NAMES, "MaxBurstLength=4096\0");
    assert_eq!((outcome.session.first_burst_length, outcome.session.max_burst_length), (4096, 4096));
}

#[test]
fn discovery_makes_the_keys_of_data_transfer_irrelevant() {
    let mut bench = bench();
    bench.config.offer = offer();
    for (key, value) in [
        ("MaxConnections", "2"),
        ("InitialR2T", "No"),
        ("ImmediateData", "Yes"),
        ("MaxBurstLength", "8192"),
        ("FirstBurstLength", "8192"),
        ("MaxOutstandingR2T", "1"),
        ("DataPDUInOrder", "Yes"),
        ("DataSequenceInOrder", "Yes"),
        ("TaskReporting", "RFC3720"),
        ("iSCSIProtocolLevel", "1"),
    ] {
        let (answer, outcome) = answers(&mut bench, DISCOVERY, &alloc::format!("{key}={value}\0"));
        assert_eq!(answer, alloc::format!("{key}=Irrelevant"));
        assert_eq!(
            outcome.session,
            SessionParams { kind: SessionKind::Discovery, ..SessionParams::default() }
        );
    }
    for (text, answer) in [
        ("HeaderDigest=CRC32C", "HeaderDigest=CRC32C"),
        ("DefaultTime2Wait=2", "DefaultTime2Wait=3"),
        ("DefaultTime2Retain=2", "DefaultTime2Retain=2"),
        ("ErrorRecoveryLevel=2", "ErrorRecoveryLevel=0"),
        ("MaxRecvDataSegmentLength=512", ""),
        ("X-com.example.key=1", "X-com.example.key=NotUnderstood"),
    ] {
        assert_eq!(answers(&mut bench, DISCOVERY, &[text, "\0"].concat()).0, answer, "{text}");
    }
}

#[test]
fn keys_are_case_sensitive() {
    assert_eq!(answers(&mut bench(), NAMES, "InitialR2t=No\0").0, "InitialR2t=NotUnderstood");
    let refused = bench().refused("T", 1, 3, [NAMES, "initialR2T=No\0"].concat());
    assert_eq!(refused, (0x0200, LoginFault::MalformedText), "a key begins with a capital letter");
}

#[test]
fn no_key_twice_in_one_login() {
    for key in ["InitialR2T=Yes\0", "X-com.example.a=1\0", "MaxRecvDataSegmentLength=512\0"] {
        let refused = bench().refused("T", 1, 3, [NAMES, key, key].concat());
        assert_eq!(refused, (0x0200, LoginFault::KeyTwice));
        let mut bench = bench();
        bench.reply("", 1, 0, [NAMES, key].concat());
        assert_eq!(bench.refused("T", 1, 3, key), (0x0200, LoginFault::KeyTwice));
    }
}
