//! Exchanges driven by hand.

use super::*;
use crate::config::{PortalConfig, TargetConfig};
use crate::conn::login::access::testing::access;
use crate::session::params::SessionKind;
use crate::wire::{Lun, RESERVED_TAG, TextRequest};
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use proptest::prelude::*;

struct Bench {
    config: Config,
    local: SocketAddr,
    max_send_segment: u32,
    exchange: TextExchange,
    next: TextRequest,
}

const OWN: &str = "iqn.2024-01.example:disk";

fn bench(kind: SessionKind) -> Bench {
    let target = |name: &str, initiators: &[&str]| TargetConfig {
        name: name.into(),
        initiators: initiators.iter().map(|name| String::from(*name)).collect(),
        ..TargetConfig::default()
    };
    let config = Config {
        targets: vec![
            target(OWN, &[]),
            target("iqn.2024-01.example:other", &["iqn.2024-01.example:host"]),
            target("iqn.2024-01.example:secret", &["iqn.2024-01.example:somebody"]),
        ],
        ..Config::default()
    };
    let own = (kind == SessionKind::Normal).then_some(OWN);
    Bench {
        config,
        local: "10.0.0.1:3260".parse().unwrap(),
        max_send_segment: 8192,
        exchange: TextExchange::new(access("iqn.2024-01.example:host", kind, own)),
        next: TextRequest { itt: 9, ttt: RESERVED_TAG, ..TextRequest::default() },
    }
}

fn normal() -> Bench {
    bench(SessionKind::Normal)
}

fn discovery() -> Bench {
    bench(SessionKind::Discovery)
}

impl Bench {
    fn send(&mut self, flags: &str, text: impl AsRef<[u8]>) -> TextStep {
        let request =
            TextRequest { final_bit: flags.contains('F'), continue_bit: flags.contains('C'), ..self.next };
        let env = TextEnv {
            config: &self.config,
            local: self.local,
            group: 5,
            max_send_segment: self.max_send_segment,
            max_recv_segment: self.config.offer.max_recv_data_segment_length,
        };
        let step = self.exchange.receive(&env, &request, &Bytes::copy_from_slice(text.as_ref()));
        match &step {
            TextStep::Reply(reply) => {
                assert!(reply.text.len() <= self.max_send_segment as usize);
                assert_eq!(reply.final_bit, reply.ttt == RESERVED_TAG, "a tag exactly without F");
                assert!(!(reply.final_bit && reply.continue_bit));
                assert!(
                    !reply.final_bit || request.final_bit,
                    "F is only answered with F, never F=0 with F=1"
                );
                self.next.ttt = reply.ttt;
            }
            TextStep::Reject(fault) => {
                assert!(!fault.why().is_empty() && !fault.section().is_empty());
                self.next.ttt = RESERVED_TAG;
            }
        }
        step
    }

    fn reply(&mut self, flags: &str, text: impl AsRef<[u8]>) -> TextReply {
        match self.send(flags, text) {
            TextStep::Reply(reply) => reply,
            TextStep::Reject(fault) => panic!("rejected: {fault:?}"),
        }
    }

    /// The final answer to a request of one PDU, one pair a line.
    fn ask(&mut self, text: &str) -> String {
        let reply = self.reply("F", text);
        assert!(reply.final_bit);
        core::str::from_utf8(&reply.text).unwrap().trim_end_matches('\0').replace('\0', "\n")
    }

    fn rejected(&mut self, flags: &str, text: impl AsRef<[u8]>) -> (u8, TextFault) {
        match self.send(flags, text) {
            TextStep::Reject(fault) => (fault.reason().code(), fault),
            TextStep::Reply(reply) => panic!("answered with {reply:?}"),
        }
    }
}

#[test]
fn send_targets_in_a_discovery_session() {
    let address = "TargetAddress=10.0.0.1:3260,5";
    let (own, other) =
        (alloc::format!("TargetName={OWN}\n{address}"), "TargetName=iqn.2024-01.example:other");
    let all = alloc::format!("{own}\n{other}\n{address}");
    for (asked, answer) in [
        ("All", all.as_str()),
        (OWN, &own),
        ("IQN.2024-01.Example:Disk", &own),
        ("iqn.2024-01.example:secret", ""),
        ("iqn.2024-01.example:none", ""),
        ("", "SendTargets=Reject"),
        ("all", "SendTargets=Reject"),
        ("a name", "SendTargets=Reject"),
    ] {
        assert_eq!(discovery().ask(&alloc::format!("SendTargets={asked}\0")), answer, "{asked}");
    }
}

#[test]
fn a_discovery_session_that_named_a_target_may_ask_for_it_with_nothing() {
    let mut bench = discovery();
    bench.exchange = TextExchange::new(access("iqn.2024-01.example:host", SessionKind::Discovery, Some(OWN)));
    assert!(bench.ask("SendTargets=\0").starts_with(&alloc::format!("TargetName={OWN}\n")));
    assert_eq!(bench.ask("SendTargets=All\0").matches("TargetName").count(), 2);
}

#[test]
fn send_targets_in_a_normal_session_is_about_its_own_target() {
    let own = alloc::format!("TargetName={OWN}\nTargetAddress=10.0.0.1:3260,5");
    for (asked, answer) in
        [("", own.as_str()), (OWN, &own), ("All", "SendTargets=Reject"), ("iqn.2024-01.example:other", "")]
    {
        assert_eq!(normal().ask(&alloc::format!("SendTargets={asked}\0")), answer, "{asked}");
    }
}

#[test]
fn addresses_of_portals() {
    type Case = (&'static str, &'static [(&'static str, u16)], &'static str);
    let cases: [Case; 8] = [
        ("10.0.0.1:3260", &[("10.0.0.7:3260", 1), ("[fd00::7]:3261", 2)], "10.0.0.7:3260,1 [fd00::7]:3261,2"),
        ("10.0.0.1:3260", &[("0.0.0.0:3260", 1)], "10.0.0.1:3260,1"),
        ("10.0.0.1:3260", &[("0.0.0.0:3260", 1), ("[::]:3260", 1)], "10.0.0.1:3260,1"),
        ("[::ffff:10.0.0.1]:3260", &[("[::]:3260", 1)], "10.0.0.1:3260,1"),
        ("[fe80::1%3]:3260", &[("[::]:3261", 1)], "[fe80::1]:3261,1"),
        ("[fd00::1]:3260", &[("0.0.0.0:3260", 1), ("[::]:3260", 2)], "[fd00::1]:3260,2"),
        ("[fd00::1]:3260", &[("0.0.0.0:3260", 1)], "[fd00::1]:3260,5"),
        ("10.0.0.1:4000", &[], "10.0.0.1:4000,5"),
    ];
    for (local, portals, addresses) in cases {
        let mut bench = normal();
        bench.local = local.parse().unwrap();
        bench.config.portals = portals
            .iter()
            .map(|(address, group)| PortalConfig { address: address.parse().unwrap(), group: *group })
            .collect();
        let said = bench.ask("SendTargets=\0");
        let said: Vec<_> =
            said.split('\n').skip(1).map(|line| line.trim_start_matches("TargetAddress=")).collect();
        assert_eq!(said.join(" "), addresses, "{portals:?} seen from {local}");
    }
}

#[test]
fn a_long_list_is_continued() {
    let mut bench = discovery();
    bench.config.targets = (0..2000)
        .map(|n| TargetConfig {
            name: alloc::format!("iqn.2024-01.example:disk{n}"),
            ..TargetConfig::default()
        })
        .collect();
    let whole = {
        bench.max_send_segment = 1 << 24;
        bench.ask("SendTargets=All\0")
    };
    bench.max_send_segment = 512;
    let mut reply = bench.reply("F", "SendTargets=All\0");
    let mut text = reply.text.to_vec();
    let tag = reply.ttt;
    let mut pieces = 1;
    while !reply.final_bit {
        assert!(reply.continue_bit && reply.ttt == tag && reply.text.len() == 512);
        reply = bench.reply("F", "");
        text.extend_from_slice(&reply.text);
        pieces += 1;
    }
    assert!(
        pieces > bench.config.limits.text_rounds,
        "asking for what was announced has no limit of its own"
    );
    assert_eq!(core::str::from_utf8(&text).unwrap().trim_end_matches('\0').replace('\0', "\n"), whole);
    assert_eq!(whole.matches("TargetName").count(), 2000);
}

#[test]
fn an_answer_that_would_be_too_long_is_refused() {
    let mut bench = discovery();
    bench.config.limits.text_answer_bytes = 60;
    assert_eq!(bench.rejected("F", "SendTargets=All\0"), (0x0a, TextFault::TooMuch));
}

#[test]
fn send_targets_stands_alone() {
    for text in ["SendTargets=All\0X-a=1\0", "MaxRecvDataSegmentLength=512\0SendTargets=All\0"] {
        assert_eq!(discovery().rejected("F", text), (0x04, TextFault::NotAlone), "{text}");
        assert_eq!(normal().rejected("F", text), (0x04, TextFault::NotAlone), "{text}");
    }
    let mut bench = normal();
    bench.reply("", "MaxRecvDataSegmentLength=512\0");
    assert_eq!(bench.rejected("F", "SendTargets=\0"), (0x04, TextFault::NotAlone));
}

#[test]
fn a_discovery_session_takes_nothing_else() {
    for text in ["", "MaxRecvDataSegmentLength=512\0", "X-a=1\0", "InitiatorAlias=x\0"] {
        assert_eq!(discovery().rejected("F", text), (0x04, TextFault::NotDiscovery), "{text}");
    }
    let mut bench = discovery();
    assert!(!bench.reply("", "SendTargets=All\0").text.is_empty());
    assert!(bench.reply("F", "").final_bit, "an exchange without F still has to end");
}

#[test]
fn keys_of_a_normal_session() {
    for (text, answer) in [
        ("", ""),
        ("MaxRecvDataSegmentLength=4096\0", ""),
        ("InitiatorAlias=host\0", ""),
        ("X#NodeArchitecture=x\0", ""),
        ("X-com.example.key=1\0", "X-com.example.key=NotUnderstood"),
        ("HeaderDigest=CRC32C\0", "HeaderDigest=Reject"),
        ("MaxConnections=2\0", "MaxConnections=Reject"),
        (
            "InitialR2T=No\0MaxBurstLength=512\0X-a=1\0",
            "InitialR2T=Reject\nMaxBurstLength=Reject\nX-a=NotUnderstood",
        ),
        ("OFMarkInt=1\0", "OFMarkInt=Reject"),
        ("IFMarker=No\0", "IFMarker=Reject"),
        ("iSCSIProtocolLevel=2\0", "iSCSIProtocolLevel=Reject"),
    ] {
        assert_eq!(normal().ask(text), answer, "{text}");
    }
    for (text, fault) in [
        ("InitiatorName=iqn.2024-01.example:host\0", TextFault::KeyLoginOnly),
        ("TargetName=iqn.2024-01.example:disk\0", TextFault::KeyLoginOnly),
        ("SessionType=Normal\0", TextFault::KeyLoginOnly),
        ("AuthMethod=None\0", TextFault::KeyLoginOnly),
        ("CHAP_A=5\0", TextFault::KeyLoginOnly),
        ("TargetAlias=x\0", TextFault::KeyNotYours),
        ("TargetAddress=x\0", TextFault::KeyNotYours),
        ("TargetPortalGroupTag=1\0", TextFault::KeyNotYours),
        ("MaxRecvDataSegmentLength=511\0", TextFault::DeclaredValue),
        ("MaxRecvDataSegmentLength=16777216\0", TextFault::DeclaredValue),
        ("MaxRecvDataSegmentLength=512\0MaxRecvDataSegmentLength=512\0", TextFault::KeyTwice),
        ("X-a=1\0X-a=1\0", TextFault::KeyTwice),
        ("X-a=Reject\0", TextFault::KeyReservedValue),
        ("X-a\0", TextFault::MalformedText),
        ("X-a=1", TextFault::MalformedText),
    ] {
        assert_eq!(normal().rejected("F", text), (0x04, fault), "{text}");
    }
}

#[test]
fn values_change_when_the_exchange_is_complete() {
    let mut bench = normal();
    let reply = bench.reply("", "MaxRecvDataSegmentLength=4096\0");
    assert_eq!((reply.final_bit, reply.changed), (false, Changed::default()));
    let reply = bench.reply("F", "");
    assert_eq!((reply.final_bit, reply.changed.max_send_segment), (true, Some(4096)));
    assert_eq!(bench.reply("F", "").changed, Changed::default(), "only once");
}

#[test]
fn a_failed_or_reset_exchange_changes_nothing() {
    let mut bench = normal();
    bench.reply("", "MaxRecvDataSegmentLength=4096\0");
    bench.rejected("", "MaxRecvDataSegmentLength=4096\0");
    assert_eq!(bench.reply("F", "").changed, Changed::default());
    bench.reply("", "MaxRecvDataSegmentLength=4096\0");
    bench.next.ttt = RESERVED_TAG;
    assert_eq!(bench.reply("F", "X-a=1\0").changed, Changed::default(), "a new exchange forgets the old one");
    let mut bench = normal();
    bench.reply("", "MaxRecvDataSegmentLength=4096\0");
    bench.next.ttt = RESERVED_TAG;
    assert_eq!(bench.reply("F", "MaxRecvDataSegmentLength=512\0").changed.max_send_segment, Some(512));
}

#[test]
fn tags_lun_and_immediacy_belong_to_the_exchange() {
    type Case = (fn(&mut TextRequest), u8, TextFault);
    let changes: [Case; 4] = [
        (|next| next.ttt ^= 1, 0x09, TextFault::WrongTag),
        (|next| next.itt ^= 1, 0x09, TextFault::WrongTask),
        (|next| next.lun = Lun::from_number(1), 0x09, TextFault::WrongLun),
        (|next| next.immediate ^= true, 0x04, TextFault::ImmediateChanged),
    ];
    for (change, reason, fault) in changes {
        let mut bench = normal();
        bench.reply("", "X-a=1\0");
        let (good, tag) = (bench.next, bench.next.ttt);
        change(&mut bench.next);
        assert_eq!(bench.rejected("F", ""), (reason, fault));
        bench.next = TextRequest { ttt: tag, ..good };
        assert_eq!(bench.rejected("F", ""), (0x09, TextFault::WrongTag), "the exchange is over");
    }
    let mut bench = normal();
    bench.next.ttt = 0;
    assert_eq!(bench.rejected("F", ""), (0x09, TextFault::WrongTag), "there is no exchange");
}

#[test]
fn tags_are_not_used_again_at_once() {
    let mut bench = normal();
    let first = bench.reply("", "").ttt;
    bench.next.ttt = RESERVED_TAG;
    assert_ne!(bench.reply("", "").ttt, first);
}

#[test]
fn continued_requests_are_answered_with_nothing() {
    let text = "X-com.example.key=1\0MaxRecvDataSegmentLength=2048\0";
    for at in 0..text.len() {
        let mut bench = normal();
        let reply = bench.reply("C", &text[..at]);
        assert!(reply.text.is_empty() && !reply.continue_bit && !reply.final_bit);
        let reply = bench.reply("F", &text[at..]);
        assert_eq!(reply.text, "X-com.example.key=NotUnderstood\0");
        assert_eq!(reply.changed.max_send_segment, Some(2048));
    }
    assert_eq!(normal().rejected("FC", text), (0x04, TextFault::FinalWithContinue));
}

#[test]
fn only_an_empty_request_asks_for_the_rest() {
    for (flags, text) in [("F", "X-a=1\0"), ("C", "")] {
        let mut bench = discovery();
        bench.max_send_segment = 10;
        assert!(bench.reply("F", "SendTargets=All\0").continue_bit);
        assert_eq!(bench.rejected(flags, text), (0x04, TextFault::TextDuringContinuation));
    }
}

#[test]
fn the_last_piece_is_final_only_if_the_request_is() {
    let mut bench = discovery();
    bench.max_send_segment = 100;
    bench.reply("F", "SendTargets=All\0");
    let reply = bench.reply("", "");
    assert!(!reply.continue_bit && !reply.final_bit && !reply.text.is_empty());
    let reply = bench.reply("F", "");
    assert!(reply.final_bit && reply.text.is_empty());
}

#[test]
fn a_negotiation_is_bounded() {
    let mut bench = normal();
    for _ in 0..bench.config.limits.text_rounds {
        bench.reply("C", "");
    }
    assert_eq!(bench.rejected("C", ""), (0x0a, TextFault::TooMuch));
    let mut bench = normal();
    bench.config.limits.text_bytes = 10;
    assert_eq!(bench.rejected("C", "X-abcdefgh="), (0x0a, TextFault::TooMuch));
    let mut bench = normal();
    bench.config.limits.text_keys = 2;
    assert_eq!(bench.rejected("F", "A=1\0B=1\0C=1\0"), (0x0a, TextFault::TooMuch));
}

proptest! {
    #[test]
    fn any_requests_are_answered_within_bounds(
        kind: bool,
        segment in 1_u32..200,
        requests in prop::collection::vec((any::<bool>(), any::<bool>(), prop::bool::weighted(0.3), prop_oneof![
            Just(b"SendTargets=All\0".to_vec()),
            Just(b"SendTargets=\0".to_vec()),
            Just(b"MaxRecvDataSegmentLength=512\0".to_vec()),
            Just(Vec::new()),
            prop::collection::vec(any::<u8>(), 0..60),
        ]), 1..40),
    ) {
        let mut bench = if kind { normal() } else { discovery() };
        bench.max_send_segment = segment;
        for (last, more, reset, text) in requests {
            if reset {
                bench.next.ttt = RESERVED_TAG;
            }
            let flags = [if last { "F" } else { "" }, if more { "C" } else { "" }].concat();
            let _ = bench.send(&flags, &text);
        }
    }
}
