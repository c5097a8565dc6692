//! Text that was made to break targets (the CVEs of LIO, SPDK and others), and any text at all.

use super::*;
use proptest::prelude::*;

#[test]
fn thousands_of_tiny_keys() {
    let flood = "A=b\0".repeat(2048);
    assert_eq!(bench().refused("", 1, 0, &flood), (0x0200, LoginFault::KeyTwice));
    let distinct: String = (0..1000).map(|n| alloc::format!("A{n}=b\0")).collect();
    let text = [NAMES, &distinct].concat();
    assert_eq!(bench().refused("T", 1, 3, &text), (0x0200, LoginFault::TooManyKeys));
    assert_eq!(bench().refused("", 1, 0, "a=b\0".repeat(2048)), (0x0200, LoginFault::MalformedText));
}

#[test]
fn keys_are_counted_over_the_whole_login() {
    let mut bench = bench();
    bench.config.limits.text_keys = 10;
    bench.reply("", 1, 0, NAMES);
    for n in 0..8 {
        bench.reply("", 1, 0, alloc::format!("X-{n}=1\0"));
    }
    assert_eq!(bench.refused("", 1, 0, "X-8=1\0"), (0x0200, LoginFault::TooManyKeys));
}

#[test]
fn full_segments_without_a_nul() {
    for len in 8189..=8192 {
        for filler in ["A", "=", "A=", "\0"] {
            let text = filler.repeat(len);
            let refused = bench().refused("T", 1, 3, &text.as_bytes()[..len]);
            assert_eq!(refused, (0x0200, LoginFault::MalformedText), "{len} {filler:?}");
        }
    }
    assert_eq!(bench().refused("T", 1, 3, "A".repeat(8193)), (0x0200, LoginFault::SegmentTooLong));
}

#[test]
fn huge_keys_and_values() {
    let key = "K".repeat(64);
    assert_eq!(bench().refused("T", 1, 3, alloc::format!("{NAMES}{key}=1\0")).1, LoginFault::MalformedText);
    let value = "v".repeat(8000);
    let (reply, _) = bench().done(1, alloc::format!("{NAMES}X-a={value}\0"));
    assert!(reply.text.len() < 100, "values are not echoed");
    let name = alloc::format!("InitiatorName=iqn.2024-01.example:{}\0", "n".repeat(8000));
    let mut bench = bench();
    assert_eq!(bench.refused("T", 1, 3, name).1, LoginFault::InitiatorName);
    let shown = alloc::format!("iqn.2024-01.example:{}", "n".repeat(203));
    assert_eq!(bench.login.initiator_name(), shown, "probes never see more than 223 bytes");
}

#[test]
fn text_without_end() {
    let mut bench = bench();
    let piece = "x".repeat(8192);
    let mut sent = 0;
    let status = loop {
        match bench.send("C", 0, 0, &piece) {
            LoginStep::Reply(reply) => assert!(reply.text.is_empty()),
            LoginStep::Refuse { fault, .. } => break fault,
            LoginStep::Done(..) => panic!("nothing is complete"),
        }
        sent += piece.len();
    };
    assert_eq!((status, sent), (LoginFault::TextTooLong, 65_536));
}

#[test]
fn rounds_without_end() {
    for flags in ["", "C"] {
        let mut bench = bench();
        bench.reply("", 1, 0, NAMES);
        for _ in 1..bench.config.limits.text_rounds {
            bench.reply(flags, 1, 0, "");
        }
        assert_eq!(bench.refused(flags, 1, 0, ""), (0x0200, LoginFault::TooManyRounds));
    }
}

#[test]
fn answers_are_bounded() {
    let mut bench = bench();
    bench.config.limits.text_answer_bytes = 100;
    let keys: String = (0..9).map(|n| alloc::format!("X-{n}=1\0")).collect();
    assert_eq!(bench.refused("T", 1, 3, [NAMES, &keys].concat()), (0x0302, LoginFault::AnswerTooLong));
}

/// Pieces of text that get far, and pieces that do not.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(vec![
        NAMES,
        DISCOVERY,
        "AuthMethod=CHAP,None\0",
        "AuthMethod=None\0",
        "CHAP_A=5,7\0",
        "CHAP_N=user\0CHAP_R=0x00112233445566778899aabbccddeeff\0",
        "CHAP_I=1\0CHAP_C=0bAAAA\0",
        "MaxBurstLength=512\0",
        "FirstBurstLength=16777215\0",
        "HeaderDigest=CRC32C,None\0",
        "ErrorRecoveryLevel=2\0MaxOutstandingR2T=9\0",
        "InitialR2T=No\0ImmediateData=No\0",
        "",
    ])
    .prop_map(|text| text.as_bytes().to_vec());
    prop_oneof![6 => known, 1 => prop::collection::vec(any::<u8>(), 0..40), 1 => "[A-Z][a-z0-9=,~.x\0-]{0,40}\0".prop_map(String::into_bytes)]
}

proptest! {
    #[test]
    fn whatever_comes_the_login_ends_and_answers_stay_in_bounds(
        chap: bool,
        requests in prop::collection::vec((any::<bool>(), prop::bool::weighted(0.2), 0_u8..4, 0_u8..4, prop::collection::vec(piece(), 0..4)), 1..80),
    ) {
        let mut bench = if chap { bench_with_chap() } else { bench() };
        bench.config.limits.text_rounds = 20;
        let mut rounds = 0;
        for (transit, more, csg, nsg, pieces) in requests {
            let flags = [if transit { "T" } else { "" }, if more { "C" } else { "" }].concat();
            rounds += 1;
            match bench.send(&flags, csg, nsg, pieces.concat()) {
                LoginStep::Reply(reply) => {
                    prop_assert!(reply.text.len() <= 8192 && !(reply.transit && reply.continue_bit));
                    prop_assert!(transit || !reply.transit);
                    prop_assert!(reply.csg == csg && (!reply.transit || reply.nsg <= nsg));
                }
                LoginStep::Done(reply, outcome) => {
                    prop_assert!(transit && reply.transit && nsg == 3 && reply.nsg == 3);
                    prop_assert!(outcome.session.first_burst_length <= outcome.session.max_burst_length);
                    prop_assert!(!chap || outcome.target.is_none(), "nobody gets in without the secret");
                    break;
                }
                LoginStep::Refuse { reply, fault } => {
                    prop_assert_eq!(reply.status, fault.status().code());
                    prop_assert!(reply.status >= 0x0100);
                    break;
                }
            }
            prop_assert!(rounds <= 20);
        }
    }

    #[test]
    fn any_bytes_at_all(data in prop::collection::vec(any::<u8>(), 0..9000), csg in 0_u8..4, nsg in 0_u8..4, transit: bool) {
        let mut bench = bench();
        bench.send(if transit { "T" } else { "" }, csg, nsg, &data);
        prop_assert!(bench.login.initiator_name().len() <= 223);
    }
}
