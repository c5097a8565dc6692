//! The session without programs: what a script sees that sends and expects PDU by PDU.

use proptest::prelude::*;

use super::*;
use crate::codec::{Digests, Kind, Pdu, encode};

/// A PDU of the target with the numbers given.
fn answer(kind: Kind, itt: u32, stat_sn: u32, exp_cmd_sn: u32, max_cmd_sn: u32) -> Pdu {
    Pdu::new(kind)
        .with("ITT", itt.into())
        .with("StatSN", stat_sn.into())
        .with("ExpCmdSN", exp_cmd_sn.into())
        .with("MaxCmdSN", max_cmd_sn.into())
}

fn rules(session: &mut Session) -> Vec<&'static str> {
    session.take_violations().into_iter().map(|v| v.rule).collect()
}

/// A session whose one connection is in the full feature phase: StatSN 101 is next, the window is 1 to 16.
fn logged_in(offer: &str, reply: &str) -> (Session, usize) {
    let mut session = Session::new("iqn.2001-04.com.example:i", "iqn.2001-04.com.example:t");
    let conn = session.open(7);
    let text = |s: &str| s.replace(' ', "\0").into_bytes();
    let login = Draft::new(Kind::LoginRequest)
        .with("T", 1)
        .with("CSG", 1)
        .with("NSG", 3)
        .with_data(text(&format!("InitiatorName=i TargetName=t {offer}")));
    let sent = session.compose(conn, &login).expect("known fields");
    let reply = answer(Kind::LoginResponse, sent.tag, 100, 1, 16)
        .with("T", 1)
        .with("CSG", 1)
        .with("NSG", 3)
        .with("TSIH", 5)
        .with("ISID", sent.pdu.field("ISID").expect("a number"))
        .with_data(text(reply));
    session.receive(conn, &encode(&reply, Digests::NONE));
    (session, conn)
}

#[test]
fn a_login_by_hand_settles_the_parameters() {
    let (mut session, conn) = logged_in(
        "HeaderDigest=CRC32C,None DataDigest=None InitialR2T=No MaxBurstLength=65536 MaxRecvDataSegmentLength=4096 ",
        "HeaderDigest=CRC32C DataDigest=None InitialR2T=No MaxBurstLength=16384 MaxRecvDataSegmentLength=1024 \
         TargetPortalGroupTag=3 FirstBurstLength=16384 ",
    );
    // The target proposed FirstBurstLength itself; this side never answered, so the default stands and is capped.
    assert_eq!((rules(&mut session), session.params.first_burst), (vec!["rfc7143/6.3-10"], 16384));
    assert_eq!((session.tsih, session.params.initial_r2t, session.params.max_burst), (5, false, 16384));
    assert_eq!(session.params.portal_group_tag, Some(3));
    let link = session.connection(conn);
    assert_eq!((link.phase, link.exp_stat_sn), (Phase::FullFeature, 101));
    assert_eq!((link.params.send_max, link.params.receive_max), (1024, 4096));
    assert_eq!(link.digests(), Digests { header: true, data: false });
}

#[test]
fn compose_fills_in_and_overrides() {
    let (mut session, conn) = logged_in("", "");
    let read = Draft::new(Kind::ScsiCommand).with("R", 1).with("EDTL", 512).with_cdb(&[0x28; 20]);
    let sent = session.compose(conn, &read).expect("fields");
    assert_eq!((sent.pdu.word("CmdSN"), sent.pdu.word("ExpStatSN"), sent.tag), (1, 101, 2));
    assert_eq!((session.cmd_sn, sent.pdu.ahs.as_slice()), (2, &[0, 5, 1, 0, 0x28, 0x28, 0x28, 0x28][..]));
    // Immediate: the number is used and not taken.
    let ping = session.compose(conn, &Draft::new(Kind::NopOut).immediate()).expect("fields");
    assert_eq!((ping.pdu.word("CmdSN"), session.cmd_sn), (2, 2));
    // A made-up number leaves the session's alone unless told otherwise.
    let far = Draft::new(Kind::NopOut).with("CmdSN", 900);
    assert_eq!(session.compose(conn, &far).expect("fields").pdu.word("CmdSN"), 900);
    assert_eq!(session.cmd_sn, 2);
    assert!(session.compose(conn, &far.clone().advance(true)).is_ok());
    assert_eq!(session.cmd_sn, 3);
    // A mistake takes nothing.
    let before = session.next_itt;
    assert!(session.compose(conn, &Draft::new(Kind::NopOut).with("CmdSNN", 1)).is_err());
    assert!(session.compose(conn, &Draft::new(Kind::NopOut).with("I", 2)).is_err());
    assert_eq!((session.next_itt, session.cmd_sn), (before, 3));
    let raw = Draft { raw: Some(vec![1, 2, 3]), ..Draft::new(Kind::NopOut) };
    assert_eq!(session.compose(conn, &raw).expect("raw").bytes, [1, 2, 3]);
    let lie = Draft::new(Kind::NopOut).with("DataSegmentLength", 77).with_data(vec![1]);
    assert_eq!(session.compose(conn, &lie).expect("fields").bytes[7], 77);
    let logout = session.compose(conn, &Draft::new(Kind::LogoutRequest).with("Reason", 1)).expect("fields");
    assert_eq!(logout.pdu.word("CID"), 7);
}

#[test]
fn numbering_follows_and_judges() {
    let (mut session, conn) = logged_in("", "");
    let mut hear = |pdu: &Pdu| {
        session.receive(conn, &encode(pdu, Digests::NONE));
        (session.connection(conn).exp_stat_sn, session.exp_cmd_sn, session.max_cmd_sn, rules(&mut session))
    };
    let ping = |stat_sn, exp, max| answer(Kind::NopIn, 0xffff_ffff, stat_sn, exp, max).with("TTT", 9);
    assert_eq!(hear(&ping(101, 1, 20)), (101, 1, 20, vec![]));
    // Uncounted, yet it must carry the next number.
    assert_eq!(hear(&ping(100, 1, 20)), (101, 1, 20, vec!["rfc7143/11.8.3"]));
    assert_eq!(hear(&ping(101, 1, 19)), (101, 1, 20, vec!["rfc7143/4.2.2.1"]));
    assert_eq!(hear(&ping(101, 5, 19)), (101, 5, 20, vec!["rfc7143/4.2.2.1-9"]));
    assert_eq!(hear(&ping(101, 9, 3)), (101, 5, 20, vec!["rfc7143/4.2.2.1-11"]));
    let reject = |stat_sn| answer(Kind::AsyncMessage, 0xffff_ffff, stat_sn, 5, 20);
    assert_eq!(hear(&reject(101)), (102, 5, 20, vec![]));
    assert_eq!(hear(&reject(101)), (102, 5, 20, vec!["rfc7143/11.4.9-1"]));
    assert_eq!(hear(&reject(104)), (105, 5, 20, vec!["rfc7143/11.4.9-1"]));
}

#[test]
fn negotiation_rules_are_checked() {
    for (offer, reply, rule) in [
        ("MaxBurstLength=65536 ", "MaxBurstLength=65537 ", "rfc7143/6.2.2-2"),
        ("MaxBurstLength=65536 ", "", "rfc7143/6.2.2-1"),
        ("DefaultTime2Wait=5 ", "DefaultTime2Wait=4 ", "rfc7143/6.2.2-2"),
        ("InitialR2T=Yes ", "InitialR2T=No ", "rfc7143/6.2.2-4"),
        ("ImmediateData=No ", "ImmediateData=Yes ", "rfc7143/6.2.2-4"),
        ("ImmediateData=Yes ", "ImmediateData=yes ", "rfc7143/6.2.2-4"),
        ("HeaderDigest=None ", "HeaderDigest=CRC32C ", "rfc7143/6.2.1-4"),
        ("IFMarker=Yes ", "IFMarker=NotUnderstood ", "rfc7143/13.25-4"),
        ("MaxConnections=1 ", "MaxConnections=NotUnderstood ", "rfc7143/6.2-15"),
        ("X-com.example=1 ", "", "rfc7143/6.2-8"),
        ("", "MaxRecvDataSegmentLength=511 ", "rfc7143/6.2.2-2"),
        ("MaxConnections=1 ", "MaxConnections=1 MaxConnections=1 ", "rfc7143/6.3-12"),
        ("", "DataPDUInOrder=Reject ", "rfc7143/6.2-12"),
        ("", "nonsense ", "rfc7143/6.1-1"),
        ("", "MaxBurstLength=4096 ", "rfc7143/6.3-10"),
        (
            "MaxBurstLength=8192 FirstBurstLength=16384 ",
            "MaxBurstLength=8192 FirstBurstLength=16384 ",
            "rfc7143/13.14-1",
        ),
    ] {
        assert_eq!(rules(&mut logged_in(offer, reply).0), [rule], "{offer} {reply}");
    }
    assert!(rules(&mut logged_in("", "X#lab=1 ").0).contains(&"rfc7143/14-1"));
    for (offer, reply) in [
        ("InitialR2T=Yes ImmediateData=No ", ""),
        ("MaxBurstLength=0 ", "MaxBurstLength=Reject "),
        ("IFMarker=No OFMarkInt=1~2 ", "IFMarker=No OFMarkInt=Reject "),
        ("X-com.example=1 ", "X-com.example=NotUnderstood "),
        ("TaskReporting=RFC3720,FastAbort ", "TaskReporting=FastAbort "),
        ("MaxOutstandingR2T=0x10 ", "MaxOutstandingR2T=8 "),
    ] {
        assert_eq!(rules(&mut logged_in(offer, reply).0), [""; 0], "{offer} {reply}");
    }
}

proptest! {
    /// Whatever a target sends, nothing panics, and cutting it elsewhere leads to the same state and findings.
    #[test]
    fn any_bytes_of_a_target(bend in prop::collection::vec((0usize..10, any::<[u8; 48]>(), any::<[u8; 48]>(), 0usize..40), 0..12),
                             cut in any::<prop::sample::Index>()) {
        let kinds: Vec<Kind> = Kind::all().filter(|kind| !kind.from_initiator()).collect();
        let mut wire = Vec::new();
        for (kind, noise, mask, len) in bend {
            // Right PDUs with a few fields bent reach deeper than noise.
            let mut pdu = answer(kinds[kind], 2, 101, 1, 16).with_data(vec![0x41; len]);
            for at in (8..48).filter(|at| mask[*at] < 20) {
                pdu.bhs[at] = noise[at];
            }
            wire.extend(encode(&pdu, Digests::NONE));
        }
        let cut = cut.index(wire.len() + 1);
        let run = |cut: usize| {
            let (mut session, conn) = logged_in("", "");
            for plan in [CommandPlan { read_len: 512, cdb: vec![0x28; 10], ..CommandPlan::default() },
                         CommandPlan { write_len: 9000, cdb: vec![0x2a; 10], ..CommandPlan::default() }] {
                let mut program = CommandProgram::new(conn, plan);
                for draft in program.start(&mut session).send {
                    session.compose(conn, &draft).expect("known fields");
                }
            }
            let mut all = session.receive(conn, &wire[..cut]);
            all.extend(session.receive(conn, &wire[cut..]));
            (all, session.take_violations(), session.exp_cmd_sn, session.max_cmd_sn, session.connection(conn).exp_stat_sn)
        };
        prop_assert_eq!(run(cut), run(wire.len()));
    }
}
