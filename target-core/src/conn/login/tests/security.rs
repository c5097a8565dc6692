//! The security stage step by step (RFC 7143 6.3.2, 9.2.1, 12.1.3).

use super::*;
use crate::config::ChapAlgorithm;
use crate::conn::login::chap;
use crate::wire::binary;

/// Offers CHAP and gets the challenge: algorithm, identifier, challenge.
fn challenge(bench: &mut Bench, algorithms: &str) -> (u8, u8, Vec<u8>) {
    let reply = bench.reply("", 0, 0, [NAMES, "AuthMethod=KRB5,CHAP,None\0"].concat());
    assert_eq!(lines(&reply.text), "TargetPortalGroupTag=5\nAuthMethod=CHAP");
    let reply = bench.reply("T", 0, 1, alloc::format!("CHAP_A={algorithms}\0"));
    assert!(!reply.transit, "the exchange is not over");
    let number = |key| value(&reply.text, key).unwrap().parse().unwrap();
    (
        number("CHAP_A"),
        number("CHAP_I"),
        binary::decode(&value(&reply.text, "CHAP_C").unwrap(), 1024).unwrap(),
    )
}

fn respond(algorithm: u8, id: u8, secret: &[u8], challenge: &[u8]) -> Vec<u8> {
    let all = [ChapAlgorithm::Md5, ChapAlgorithm::Sha1, ChapAlgorithm::Sha256, ChapAlgorithm::Sha3_256];
    chap::respond(*all.iter().find(|known| **known as u8 == algorithm).unwrap(), id, secret, challenge)
}

fn proof(name: &str, response: &[u8]) -> String {
    alloc::format!("CHAP_N={name}\0CHAP_R={}\0", binary::to_hex(response))
}

#[test]
fn one_way_with_each_algorithm_and_encoding() {
    for algorithm in [5, 6, 7, 8] {
        for base64 in [false, true] {
            let mut bench = bench_with_chap();
            let (chosen, id, challenge) = challenge(&mut bench, &alloc::format!("{algorithm}"));
            assert_eq!(chosen, algorithm);
            assert!(challenge.len() >= 16);
            let response = respond(algorithm, id, SECRET, &challenge);
            let encoded = if base64 { binary::to_base64(&response) } else { binary::to_hex(&response) };
            let (reply, outcome) = bench.done(0, alloc::format!("CHAP_N=user\0CHAP_R={encoded}\0"));
            assert_eq!(lines(&reply.text), "");
            assert_eq!(outcome.access.identity(), Some("user"));
        }
    }
}

#[test]
fn mutual_and_on_to_the_operational_stage() {
    let mut bench = bench_with_chap();
    let (algorithm, id, challenge) = challenge(&mut bench, "5");
    let theirs = vec![0x5a; 1024];
    let text = proof("user", &respond(algorithm, id, SECRET, &challenge));
    let text = alloc::format!("{text}CHAP_I=255\0CHAP_C={}\0", binary::to_base64(&theirs));
    let reply = bench.reply("T", 0, 1, text);
    assert!(reply.transit && reply.nsg == 1);
    assert_eq!(value(&reply.text, "CHAP_N").as_deref(), Some("disk"));
    let own = binary::decode(&value(&reply.text, "CHAP_R").unwrap(), 1024).unwrap();
    assert_eq!(own, respond(5, 255, OWN_SECRET, &theirs));
    let (_, outcome) = bench.done(1, "");
    assert_eq!(outcome.access.identity(), Some("user"));
}

#[test]
fn the_initiators_order_of_algorithms_counts_and_unknown_ones_are_passed_over() {
    for (list, accepted, chosen) in [
        ("5,8", &[][..], Some(5)),
        ("8,5", &[], Some(8)),
        ("4,99,x,55,7,5", &[], Some(7)),
        ("0x7", &[], Some(7)),
        ("57,5", &[], Some(5)),
        ("6,5,7", &[ChapAlgorithm::Sha256, ChapAlgorithm::Md5], Some(5)),
        ("55", &[], None),
        ("05", &[], None),
        ("", &[], None),
        ("6", &[ChapAlgorithm::Sha256], None),
    ] {
        let mut bench = bench_with_chap();
        bench.config.targets[0].auth.algorithms = accepted.into();
        if let Some(chosen) = chosen {
            assert_eq!(challenge(&mut bench, list).0, chosen, "{list}");
        } else {
            bench.reply("", 0, 0, [NAMES, "AuthMethod=CHAP\0"].concat());
            let refused = bench.refused("", 0, 0, alloc::format!("CHAP_A={list}\0"));
            assert_eq!(refused, (0x0201, LoginFault::ChapAlgorithm), "{list}");
        }
    }
}

#[test]
fn methods() {
    for list in ["None", "KRB5,SRP", "CHAPX", "chap", "", "None,KRB5"] {
        let LoginStep::Refuse { reply, fault } =
            bench_with_chap().send("T", 0, 1, alloc::format!("{NAMES}AuthMethod={list}\0"))
        else {
            panic!("{list} must be refused");
        };
        assert_eq!((reply.status, fault), (0x0201, LoginFault::AuthRequired), "{list}");
        assert_eq!(lines(&reply.text), "AuthMethod=Reject");
    }
    // Without credentials there is nothing to prove.
    let reply = bench().reply("T", 0, 1, [NAMES, "AuthMethod=CHAP,None\0"].concat());
    assert_eq!(
        (lines(&reply.text).as_str(), reply.transit),
        ("TargetPortalGroupTag=5\nAuthMethod=None", true)
    );
    let refused = bench().refused("T", 0, 1, [NAMES, "AuthMethod=CHAP\0"].concat());
    assert_eq!(refused, (0x0201, LoginFault::AuthMethod));
    assert_eq!(bench_with_chap().refused("T", 1, 3, NAMES), (0x0201, LoginFault::AuthRequired));
    assert_eq!(bench_with_chap().refused("", 1, 0, NAMES), (0x0201, LoginFault::AuthRequired));
}

#[test]
fn the_target_offers_when_the_initiator_does_not() {
    let mut bench = bench_with_chap();
    let reply = bench.reply("T", 0, 1, NAMES);
    assert_eq!(
        (lines(&reply.text).as_str(), reply.transit),
        ("TargetPortalGroupTag=5\nAuthMethod=CHAP", false)
    );
    let reply = bench.reply("", 0, 0, "AuthMethod=CHAP\0CHAP_A=7\0");
    assert_eq!(value(&reply.text, "AuthMethod"), None, "the choice is not repeated");
    assert_eq!(value(&reply.text, "CHAP_A").as_deref(), Some("7"));
    for (text, fault) in [
        ("", LoginFault::AuthRequired),
        ("AuthMethod=None\0", LoginFault::AuthRequired),
        ("AuthMethod=CHAP\0", LoginFault::AuthMissing),
        ("AuthMethod=Reject\0", LoginFault::KeyReservedValue),
    ] {
        let mut bench = bench_with_chap();
        bench.reply("T", 0, 1, NAMES);
        assert_eq!(bench.refused("T", 0, 1, text).1, fault, "{text}");
    }
}

#[test]
fn the_order_of_steps_is_kept() {
    use LoginFault as F;
    // At the first step.
    for text in ["AuthMethod=CHAP\0CHAP_A=5\0", "CHAP_A=5\0", "CHAP_N=user\0CHAP_R=0x00\0"] {
        let refused = bench_with_chap().refused("", 0, 0, [NAMES, text].concat());
        assert_eq!(refused, (0x0200, F::AuthOutOfStep), "{text}");
    }
    // Where CHAP_A is due.
    for (text, status, fault) in [
        ("", 0x0207, F::AuthMissing),
        ("CHAP_N=user\0CHAP_R=0x00\0", 0x0200, F::AuthOutOfStep),
        ("CHAP_A=5\0CHAP_N=user\0", 0x0200, F::AuthOutOfStep),
        ("AuthMethod=CHAP\0", 0x0200, F::KeyTwice),
    ] {
        let mut bench = bench_with_chap();
        bench.reply("", 0, 0, [NAMES, "AuthMethod=CHAP\0"].concat());
        assert_eq!(bench.refused("", 0, 0, text), (status, fault), "{text}");
    }
    // Where the response is due.
    for (text, status, fault) in [
        ("", 0x0207, F::AuthMissing),
        ("CHAP_N=user\0", 0x0207, F::AuthMissing),
        ("CHAP_R=0x00\0", 0x0207, F::AuthMissing),
        ("CHAP_N=user\0CHAP_R=0x00\0CHAP_I=1\0", 0x0207, F::AuthMissing),
        ("CHAP_N=user\0CHAP_R=0x00\0CHAP_C=0x00\0", 0x0207, F::AuthMissing),
        // The reflection of RFC 7143 9.2: a challenge instead of a response.
        ("CHAP_N=user\0CHAP_I=1\0CHAP_C=0x00\0", 0x0207, F::AuthMissing),
        ("CHAP_A=5\0", 0x0200, F::KeyTwice),
    ] {
        let mut bench = bench_with_chap();
        challenge(&mut bench, "5");
        assert_eq!(bench.refused("T", 0, 1, text), (status, fault), "{text}");
    }
    // After the end.
    let mut bench = bench_with_chap();
    let (algorithm, id, challenge) = challenge(&mut bench, "5");
    bench.reply("", 0, 0, proof("user", &respond(algorithm, id, SECRET, &challenge)));
    assert_eq!(bench.refused("T", 0, 1, "CHAP_I=1\0"), (0x0200, F::AuthOutOfStep));
}

#[test]
fn values_that_cannot_be_read_and_values_that_are_wrong() {
    use LoginFault as F;
    let long = "ab".repeat(1025);
    let name = "n".repeat(256);
    for (text, status, fault) in [
        ("CHAP_N=user\0CHAP_R=00\0".into(), 0x0200, F::AuthValue),
        ("CHAP_N=user\0CHAP_R=\0".into(), 0x0200, F::AuthValue),
        ("CHAP_N=user\0CHAP_R=0x\0".into(), 0x0200, F::AuthValue),
        ("CHAP_N=user\0CHAP_R=0xgg\0".into(), 0x0200, F::AuthValue),
        ("CHAP_N=user\0CHAP_R=0b=\0".into(), 0x0200, F::AuthValue),
        (alloc::format!("CHAP_N=user\0CHAP_R=0x{long}\0"), 0x0200, F::AuthValue),
        (alloc::format!("CHAP_N=user\0CHAP_R=0b{}\0", "AAAA".repeat(342)), 0x0200, F::AuthValue),
        (alloc::format!("CHAP_N={name}\0CHAP_R=0x00\0"), 0x0200, F::AuthValue),
        ("CHAP_N=user\0CHAP_R=0x00\0CHAP_I=256\0CHAP_C=0x01\0".into(), 0x0200, F::AuthValue),
        ("CHAP_N=user\0CHAP_R=0x00\0CHAP_I=x\0CHAP_C=0x01\0".into(), 0x0200, F::AuthValue),
        ("CHAP_N=user\0CHAP_R=0x00\0CHAP_I=1\0CHAP_C=0x\0".into(), 0x0200, F::AuthValue),
        (alloc::format!("CHAP_N=user\0CHAP_R=0x00\0CHAP_I=1\0CHAP_C=0x{long}\0"), 0x0200, F::AuthValue),
        ("CHAP_N=user\0CHAP_R=0x00\0".into(), 0x0201, F::ChapResponse),
        (proof("user", &[0; 16]), 0x0201, F::ChapResponse),
        (proof("user", &[0; 1024]), 0x0201, F::ChapResponse),
    ] {
        let mut bench = bench_with_chap();
        challenge(&mut bench, "5");
        let text: String = text;
        assert_eq!(bench.refused("T", 0, 1, &text), (status, fault), "{text}");
    }
    for name in ["User", "user ", "use", "", "disk"] {
        let mut bench = bench_with_chap();
        let (algorithm, id, challenge) = challenge(&mut bench, "7");
        let refused = bench.refused("T", 0, 1, proof(name, &respond(algorithm, id, SECRET, &challenge)));
        assert_eq!(refused, (0x0201, LoginFault::ChapResponse), "{name}");
    }
    for cut in [0, 1, 15] {
        let mut bench = bench_with_chap();
        let (algorithm, id, challenge) = challenge(&mut bench, "5");
        let mut response = respond(algorithm, id, SECRET, &challenge);
        response.truncate(response.len() - cut);
        if cut > 0 {
            let refused = bench.refused("T", 0, 1, proof("user", &response));
            assert_eq!(refused, (0x0201, LoginFault::ChapResponse), "a response has the length of its hash");
        } else {
            bench.done(0, proof("user", &response));
        }
    }
}

#[test]
fn reflections_are_refused_on_this_and_every_other_connection() {
    let mut bench = bench_with_chap();
    let (_, _, elsewhere) = challenge(&mut bench, "5");
    bench.again();
    let (algorithm, id, here) = challenge(&mut bench, "5");
    assert_ne!(elsewhere, here, "a challenge is never repeated");
    let good = proof("user", &respond(algorithm, id, SECRET, &here));
    for reflected in [&elsewhere, &here] {
        let mut twin = bench_with_chap();
        let (algorithm, id, challenge) = challenge(&mut twin, "5");
        let good = proof("user", &respond(algorithm, id, SECRET, &challenge));
        let text = alloc::format!("{good}CHAP_I={id}\0CHAP_C={}\0", binary::to_hex(reflected));
        assert_eq!(twin.refused("T", 0, 1, text), (0x0201, LoginFault::ChapReflected));
    }
    // The same identifier with another challenge is no reflection.
    let text = alloc::format!("{good}CHAP_I={id}\0CHAP_C=0x{}\0", "01".repeat(32));
    assert!(bench.reply("T", 0, 1, text).transit);
}

#[test]
fn one_secret_must_not_serve_both_directions() {
    let mut bench = bench_with_chap();
    bench.config.targets[0].auth.mutual =
        Some(Credential { name: "disk".into(), secret: SECRET.into(), ..Credential::default() });
    let (algorithm, id, challenge) = challenge(&mut bench, "7");
    let refused = bench.refused("T", 0, 1, proof("user", &respond(algorithm, id, SECRET, &challenge)));
    assert_eq!(refused, (0x0201, LoginFault::ChapSameSecret));
}

#[test]
fn the_target_cannot_authenticate_without_a_secret() {
    let mut bench = bench_with_chap();
    bench.config.targets[0].auth.mutual = None;
    let (algorithm, id, challenge) = challenge(&mut bench, "7");
    let good = proof("user", &respond(algorithm, id, SECRET, &challenge));
    let refused = bench.refused("T", 0, 1, alloc::format!("{good}CHAP_I=1\0CHAP_C=0x0102\0"));
    assert_eq!(refused, (0x0201, LoginFault::ChapNoMutual));
}

#[test]
fn discovery_has_credentials_of_its_own() {
    let mut bench = bench_with_chap();
    bench.done(1, DISCOVERY);
    bench.config.discovery_auth = core::mem::take(&mut bench.config.targets[0].auth);
    assert_eq!(bench.again().refused("T", 1, 3, DISCOVERY), (0x0201, LoginFault::AuthRequired));
    let named = [DISCOVERY, "TargetName=iqn.2024-01.example:disk\0"].concat();
    assert_eq!(bench.again().refused("T", 1, 3, named), (0x0201, LoginFault::AuthRequired));
    bench.again().done(1, NAMES);
}

#[test]
fn a_later_connection_proves_the_same_identity() {
    for (identity, same) in [(Some("user"), true), (Some("other"), false), (None, false)] {
        let mut bench = bench_with_chap();
        bench.directory =
            Directory(Ok(Admitted::Later { params: Box::default(), identity: identity.map(String::from) }));
        let (algorithm, id, challenge) = challenge(&mut bench, "8");
        let good = proof("user", &respond(algorithm, id, SECRET, &challenge));
        if same {
            assert!(!bench.done(0, good).1.leading);
        } else {
            assert_eq!(bench.refused("T", 0, 3, good), (0x0201, LoginFault::IdentityChanged));
        }
    }
}

#[test]
fn unknown_keys_are_answered_in_the_security_stage_too() {
    let reply = bench_with_chap().reply("", 0, 0, [NAMES, "AuthMethod=CHAP\0Z-com.example=1\0"].concat());
    assert_eq!(lines(&reply.text), "TargetPortalGroupTag=5\nZ-com.example=NotUnderstood\nAuthMethod=CHAP");
}
