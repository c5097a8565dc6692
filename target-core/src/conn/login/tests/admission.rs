//! Who may start a login, and with what status the others are refused (RFC 7143 6.3.1, 11.13.5).

use super::*;
use crate::config::Redirect;

const HOST: &str = "InitiatorName=iqn.2024-01.example:host\0";

#[test]
fn the_shortest_login_is_one_exchange() {
    let mut bench = bench();
    bench.config.targets[0].alias = "a disk".into();
    let (reply, outcome) = bench.done(1, NAMES);
    assert_eq!(
        lines(&reply.text),
        "TargetPortalGroupTag=5\nTargetAlias=a disk\nMaxRecvDataSegmentLength=262144"
    );
    assert_eq!(outcome.access.initiator(), "iqn.2024-01.example:host");
    assert_eq!(outcome.access.target(), Some("iqn.2024-01.example:disk"));
    assert_eq!(outcome.access.identity(), None);
    assert_eq!((outcome.target, outcome.named, outcome.leading), (Some(0), None, true));
    assert_eq!((outcome.isid, outcome.tsih, outcome.cid), ([0x80, 0, 0, 0, 0, 1], 0, 3));
    assert_eq!(outcome.session, SessionParams::default());
    assert_eq!(outcome.conn.max_recv_segment, 262_144);
    assert_eq!(outcome.conn.max_send_segment, 8192);
}

#[test]
fn security_may_be_skipped_straight_to_full_feature() {
    let mut bench = bench();
    let (reply, outcome) = bench.done(0, [NAMES, "AuthMethod=None\0"].concat());
    assert_eq!(lines(&reply.text), "TargetPortalGroupTag=5\nAuthMethod=None");
    assert_eq!(outcome.conn.max_recv_segment, 8192, "nothing else was declared");
}

#[test]
fn stages_follow_each_other() {
    let mut bench = bench();
    let reply = bench.reply("", 0, 0, NAMES);
    assert_eq!((reply.transit, reply.csg, reply.nsg), (false, 0, 0));
    assert_eq!(lines(&reply.text), "TargetPortalGroupTag=5");
    let reply = bench.reply("T", 0, 1, "");
    assert_eq!((reply.transit, reply.csg, reply.nsg), (true, 0, 1));
    let reply = bench.reply("", 1, 0, "InitialR2T=No\0");
    assert_eq!((reply.transit, reply.csg, reply.nsg), (false, 1, 0));
    assert_eq!(lines(&reply.text), "InitialR2T=No\nMaxRecvDataSegmentLength=262144");
    let (reply, outcome) = bench.done(1, "MaxRecvDataSegmentLength=4096\0");
    assert_eq!(lines(&reply.text), "");
    assert!(!outcome.session.initial_r2t);
    assert_eq!(outcome.conn.max_send_segment, 4096);
}

#[test]
fn a_discovery_session_needs_no_target() {
    let mut bench = bench();
    let (reply, outcome) = bench.done(1, DISCOVERY);
    assert_eq!(lines(&reply.text), "TargetPortalGroupTag=5\nMaxRecvDataSegmentLength=262144");
    assert_eq!((outcome.access.kind(), outcome.target, outcome.named), (SessionKind::Discovery, None, None));
    let named = [DISCOVERY, "TargetName=iqn.2024-01.example:disk\0"].concat();
    let (_, outcome) = bench.again().done(1, named);
    assert_eq!((outcome.target, outcome.named), (None, Some(0)));
    assert_eq!(bench.login.target_name(), "", "probes show none in a discovery session");
}

#[test]
fn names_are_compared_without_regard_to_case_and_shown_as_declared() {
    let mut bench = bench();
    let text = "InitiatorName=iqn.2024-01.Example:HOST\0TargetName=IQN.2024-01.example:Disk\0";
    let (_, outcome) = bench.done(1, text);
    assert_eq!(outcome.access.initiator(), "iqn.2024-01.example:host");
    assert_eq!(outcome.target, Some(0));
    assert_eq!(bench.login.initiator_name(), "iqn.2024-01.Example:HOST");
    assert_eq!(bench.login.target_name(), "IQN.2024-01.example:Disk");
}

#[test]
fn names_are_known_from_the_request_that_completes_them() {
    let mut bench = bench();
    bench.reply("C", 1, 0, "InitiatorName=iqn.2024-01.exam");
    assert_eq!(bench.login.initiator_name(), "");
    bench.reply("C", 1, 0, "ple:host\0TargetName=iqn.2024-");
    assert_eq!((bench.login.initiator_name(), bench.login.target_name()), ("iqn.2024-01.example:host", ""));
    bench.done(1, "01.example:disk\0");
    assert_eq!(bench.login.target_name(), "iqn.2024-01.example:disk");
}

#[test]
fn statuses_of_the_first_request() {
    use LoginFault as F;
    let target = "TargetName=iqn.2024-01.example:disk\0";
    for (text, status, fault) in [
        (target.into(), 0x0207, F::NoInitiatorName),
        (HOST.into(), 0x0207, F::NoTargetName),
        ([HOST, "SessionType=Normal\0"].concat(), 0x0207, F::NoTargetName),
        (String::new(), 0x0207, F::NoInitiatorName),
        (["InitiatorName=host\0", target].concat(), 0x0200, F::InitiatorName),
        (["InitiatorName=\0", target].concat(), 0x0200, F::InitiatorName),
        ([HOST, "TargetName=disk\0"].concat(), 0x0200, F::TargetName),
        ([HOST, "TargetName=iqn.2024-01.example:none\0"].concat(), 0x0203, F::NoSuchTarget),
        ([DISCOVERY, "TargetName=iqn.2024-01.example:none\0"].concat(), 0x0203, F::NoSuchTarget),
        ([NAMES, "SessionType=Other\0"].concat(), 0x0209, F::SessionType),
        ([NAMES, "TargetAlias=x\0"].concat(), 0x0200, F::KeyNotYours),
        ([NAMES, "TargetAddress=x\0"].concat(), 0x0200, F::KeyNotYours),
        ([NAMES, "TargetPortalGroupTag=1\0"].concat(), 0x0200, F::KeyNotYours),
        ([NAMES, "SendTargets=All\0"].concat(), 0x0200, F::KeyNotInLogin),
        ([NAMES, "CHAP_A=5\0"].concat(), 0x0200, F::KeyWrongStage),
        ([NAMES, HOST].concat(), 0x0200, F::KeyTwice),
        ([NAMES, "InitialR2T\0"].concat(), 0x0200, F::MalformedText),
        ([NAMES, "InitialR2T=Irrelevant\0"].concat(), 0x0200, F::KeyReservedValue),
    ] {
        assert_eq!(bench().refused("T", 1, 3, &text), (status, fault), "{text:?}");
    }
    for text in
        ["HeaderDigest=None\0", "MaxRecvDataSegmentLength=512\0", "IFMarker=No\0", "ErrorRecoveryLevel=0\0"]
    {
        let refused = bench().refused("T", 0, 1, [NAMES, text].concat());
        assert_eq!(refused, (0x0200, F::KeyWrongStage), "{text}");
    }
}

#[test]
fn statuses_of_the_header() {
    use LoginFault as F;
    for (flags, csg, nsg, fault) in [
        ("", 2, 0, F::StageCode),
        ("", 3, 0, F::StageCode),
        ("T", 0, 0, F::NextStage),
        ("T", 0, 2, F::NextStage),
        ("T", 1, 0, F::NextStage),
        ("T", 1, 1, F::NextStage),
        ("T", 1, 2, F::NextStage),
        ("TC", 1, 3, F::TransitWithContinue),
    ] {
        assert_eq!(bench().refused(flags, csg, nsg, NAMES), (0x0200, fault), "{flags} {csg} {nsg}");
    }
    let mut bench = bench();
    bench.next.version_min = 1;
    bench.next.version_max = 1;
    assert_eq!(bench.refused("T", 1, 3, NAMES), (0x0205, F::Version));
    bench.next.version_min = 0;
    bench.again().done(1, NAMES);
}

#[test]
fn header_fields_stay_the_same() {
    let changes: [fn(&mut LoginRequest); 6] = [
        |next| next.isid[5] ^= 1,
        |next| next.tsih ^= 1,
        |next| next.cid ^= 1,
        |next| next.itt ^= 1,
        |next| next.version_max ^= 1,
        |_| {},
    ];
    for (at, change) in changes.iter().enumerate() {
        let mut bench = bench();
        bench.reply("", 1, 0, NAMES);
        change(&mut bench.next);
        if at < 5 {
            assert_eq!(bench.refused("T", 1, 3, ""), (0x0200, LoginFault::HeaderChanged));
        } else {
            bench.next.cmd_sn = 99;
            bench.next.exp_stat_sn = 99;
            bench.done(1, "");
        }
    }
}

#[test]
fn the_stage_stays_until_both_sides_move_on() {
    for (flags, csg, next) in [("", 0, 1), ("", 1, 0), ("T", 0, 0)] {
        let mut bench = bench();
        bench.reply(flags, csg, 1, NAMES);
        assert_eq!(bench.refused("", next, 0, ""), (0x0200, LoginFault::StageChanged));
    }
}

#[test]
fn what_belongs_to_the_first_request_cannot_come_later() {
    for (first, text, fault) in [
        (DISCOVERY, "TargetName=iqn.2024-01.example:disk\0", LoginFault::TooLate),
        (NAMES, "SessionType=Discovery\0", LoginFault::TooLate),
        (NAMES, "SessionType=Other\0", LoginFault::SessionType),
        (NAMES, "InitiatorName=iqn.2024-01.example:host\0", LoginFault::KeyTwice),
    ] {
        let mut bench = bench();
        bench.reply("", 1, 0, first);
        assert_eq!(bench.refused("T", 1, 3, text).1, fault, "{text}");
    }
    let mut bench = bench();
    bench.reply("", 1, 0, NAMES);
    bench.done(1, "SessionType=Normal\0");
}

#[test]
fn access_lists_and_targets_that_moved() {
    let mut bench = bench();
    bench.config.targets[0].initiators = vec!["iqn.2024-01.example:other".into()];
    assert_eq!(bench.refused("T", 1, 3, NAMES), (0x0202, LoginFault::NotAllowed));
    bench.config.targets[0].initiators.push("iqn.2024-01.example:HOST".into());
    bench.again().done(1, NAMES);
    for (permanent, status) in [(false, 0x0101), (true, 0x0102)] {
        bench.config.targets[0].redirect = Some(Redirect { address: "10.0.0.9:3260,1".into(), permanent });
        let LoginStep::Refuse { reply, .. } = bench.again().send("T", 1, 3, NAMES) else {
            panic!("must move on")
        };
        assert_eq!((reply.status, lines(&reply.text).as_str()), (status, "TargetAddress=10.0.0.9:3260"));
    }
    let (_, outcome) = bench.again().done(1, [DISCOVERY, "TargetName=iqn.2024-01.example:disk\0"].concat());
    assert_eq!(outcome.named, Some(0), "discovery goes on here");
}

#[test]
fn the_directory_decides_at_the_start_and_at_the_end() {
    for (refusal, status) in [
        (NotAdmitted::TooManyConnections, 0x0206),
        (NotAdmitted::CannotInclude, 0x0208),
        (NotAdmitted::WrongType, 0x0209),
        (NotAdmitted::NoSuchSession, 0x020a),
        (NotAdmitted::Unavailable, 0x0301),
        (NotAdmitted::OutOfResources, 0x0302),
    ] {
        let mut bench = bench();
        bench.reply("", 1, 0, NAMES);
        bench.directory = Directory(Err(refusal));
        assert_eq!(bench.refused("T", 1, 3, ""), (status, LoginFault::Refused(refusal)), "at the end");
        assert_eq!(
            bench.again().refused("T", 1, 3, NAMES),
            (status, LoginFault::Refused(refusal)),
            "at the start"
        );
    }
    let mut bench = bench();
    bench.accepting = false;
    assert_eq!(bench.refused("T", 1, 3, NAMES), (0x0301, LoginFault::NotAccepting));
    bench.accepting = true;
    bench.again().reply("", 1, 0, NAMES);
    bench.accepting = false;
    assert_eq!(bench.refused("T", 1, 3, ""), (0x0301, LoginFault::NotAccepting));
}

#[test]
fn a_target_may_be_removed_during_a_login() {
    for csg in [0, 1] {
        let mut bench = bench();
        bench.reply("", csg, 0, NAMES);
        bench.config.targets.clear();
        assert_eq!(bench.refused("T", csg, 3, ""), (0x0204, LoginFault::TargetRemoved));
    }
}

#[test]
fn later_connections_take_over_the_session() {
    let params = SessionParams { max_burst_length: 4096, max_connections: 2, ..SessionParams::default() };
    let later = |identity: Option<&str>| {
        let mut bench = bench();
        bench.next.tsih = 0x77;
        let identity = identity.map(String::from);
        bench.directory = Directory(Ok(Admitted::Later { params: Box::new(params.clone()), identity }));
        bench
    };
    let (reply, outcome) =
        later(None).done(1, [NAMES, "SessionType=Normal\0HeaderDigest=CRC32C,None\0"].concat());
    assert_eq!(
        lines(&reply.text),
        "TargetPortalGroupTag=5\nHeaderDigest=CRC32C\nMaxRecvDataSegmentLength=262144"
    );
    assert_eq!((outcome.leading, outcome.tsih), (false, 0x77));
    assert_eq!(outcome.session, params);
    assert!(outcome.conn.digests.header && !outcome.conn.digests.data);
    for key in ["MaxConnections=1", "InitialR2T=Yes", "ErrorRecoveryLevel=0", "iSCSIProtocolLevel=1"] {
        let refused = later(None).refused("T", 1, 3, [NAMES, key, "\0"].concat());
        assert_eq!(refused, (0x0200, LoginFault::KeyLeadingOnly), "{key}");
    }
    assert_eq!(later(None).refused("T", 1, 3, DISCOVERY), (0x0209, LoginFault::SessionType));
    for csg in [0, 1] {
        let refused = later(Some("user")).refused("T", csg, 3, NAMES);
        assert_eq!(refused, (0x0201, LoginFault::IdentityChanged), "all connections are authenticated alike");
    }
}
