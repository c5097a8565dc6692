//! Target port groups, identifying information, priorities.

use super::harness::{A, B, Lab, SMALL, lun_config, target};
use crate::config::{AccessState, TargetConfig};
use crate::time::Instant;
use core::time::Duration;
use std::format;

const READY: &str = "00 00 00 00 00 00";
const REPORT: &str = "a3 0a 0000 0000 00000100 00 00";

#[test]
fn states_are_reported_and_set() {
    let mut lab = Lab::new();
    let say = |one: &str, two: &str| format!("GOOD 00000018 {one} 0001 0000 0001 {two} 0001 0000 0002");
    lab.expect(A, SMALL, REPORT, "", &say("00cf 0001 0000", "00cf 0002 0000"));
    lab.expect(A, SMALL, "a3 2a 0000 0000 00000008 00 00", "", "GOOD 0000001c 10010000");
    let set = "a4 0a 0000 0000 00000008 00 00";
    // A comes through group 1, B through group 2, which goes to standby.
    lab.expect(A, SMALL, set, "00000000 02 00 0002", "GOOD");
    lab.expect(A, SMALL, READY, "", "GOOD");
    lab.expect(A, SMALL, REPORT, "", &say("00cf 0001 0000", "02cf 0002 0001"));
    lab.expect(B, SMALL, READY, "", "6/2a/06");
    for (state, refusal, modes) in
        [("02", "2/04/0b", true), ("03", "2/04/0c", false), ("0e", "2/04/12", false), ("01", "GOOD", true)]
    {
        lab.expect(A, SMALL, set, &format!("00000000 {state} 00 0002"), "GOOD");
        if state != "02" {
            lab.expect(B, SMALL, "03 00 00 00 0e 00", "", "GOOD 70 00 06 00000000 0a 00000000 2a06");
        }
        lab.expect(B, SMALL, READY, "", refusal);
        lab.expect(B, SMALL, "28 00 00000000 00 0000 00", "", refusal);
        lab.expect(B, SMALL, "12 00 00 0001 00", "", "GOOD 00");
        lab.expect(B, SMALL, "a3 0a 0000 0000 00000004 00 00", "", "GOOD 00000018");
        lab.expect(B, SMALL, "1a 08 01 00 04 00", "", if modes { "GOOD 0f001000" } else { refusal });
    }
    // From the port itself.
    lab.expect(B, SMALL, set, "00000000 0e 00 0002", "GOOD");
    lab.expect(B, SMALL, READY, "", "2/04/12");
    lab.expect(B, SMALL, set, "00000000 00 00 0002", "GOOD");
    lab.expect(B, SMALL, READY, "", "GOOD");
    lab.expect(A, SMALL, READY, "", "6/2a/06");
}

#[test]
fn a_list_with_a_mistake_changes_nothing() {
    let mut lab = Lab::new();
    lab.table(
        SMALL,
        &[
            ("a4 0a 0000 0000 00000000 00 00", "", "GOOD"),
            ("a4 0a 0000 0000 00000006 00 00", "", "5/1a/00"),
            ("a4 0a 0000 0000 00000008 00 00", "00*7", "5/1a/00"),
            ("a4 0a 0000 0000 0000000c 00 00", "00000000 02 00 0002 00 00 0003", "5/26/00 list 10"),
            ("a4 0a 0000 0000 0000000c 00 00", "00000000 02 00 0002 0f 00 0001", "5/26/00 list 8.3"),
            ("a4 0a 0000 0000 00000008 00 00", "00000000 04 00 0001", "5/26/00 list 4.3"),
        ],
    );
    lab.expect(B, SMALL, READY, "", "GOOD");
}

fn with_policy(change: impl Fn(&mut crate::config::UnitPolicy)) -> TargetConfig {
    let mut lun = lun_config(SMALL, 512, 1000);
    change(&mut lun.policy);
    let mut config = target();
    config.luns.retain(|other| other.lun != SMALL);
    config.luns.push(lun);
    config
}

#[test]
fn an_operator_changes_states_and_everybody_is_told() {
    let mut lab = Lab::new();
    lab.server.reconfigure(&with_policy(|policy| policy.access = [(2, AccessState::Unavailable)].into()));
    lab.expect(A, SMALL, READY, "", "6/2a/06");
    lab.expect(B, SMALL, READY, "", "6/2a/06");
    lab.expect(B, SMALL, READY, "", "2/04/0c");
    let says = "GOOD 00000018 00cf 0001 0000 0001 0000 0001 03cf 0002 0002 0001 0000 0002";
    lab.expect(A, SMALL, REPORT, "", says);
    lab.server.reconfigure(&target());
    lab.expect(B, SMALL, READY, "", "6/2a/06");
    lab.expect(B, SMALL, READY, "", "GOOD");
}

#[test]
fn a_change_may_take_its_time() {
    let mut lab = Lab::new();
    lab.server.reconfigure(&with_policy(|policy| policy.transition = Duration::from_secs(3)));
    lab.expect(A, SMALL, READY, "", "6/29/00");
    lab.expect(B, SMALL, READY, "", "6/29/00");
    for nexus in [A, B] {
        lab.expect(nexus, SMALL, READY, "", "6/3f/0e");
    }
    lab.expect(A, SMALL, "a4 0a 0000 0000 00000008 00 00", "00000000 01 00 0002", "GOOD");
    lab.expect(B, SMALL, READY, "", "6/2a/06");
    lab.expect(B, SMALL, READY, "", "2/04/0a");
    lab.expect(B, SMALL, "a4 0a 0000 0000 00000008 00 00", "", "2/04/0a");
    lab.expect(A, SMALL, "a3 2a 0000 0000 0000000a 00 00", "", "GOOD 0000001c 10030000 00cf");
    lab.server.set_now(Instant::ZERO + Duration::from_secs(3));
    lab.expect(B, SMALL, READY, "", "GOOD");
}

#[test]
fn identifying_information() {
    let mut lab = Lab::new();
    lab.table(
        SMALL,
        &[
            ("a3 05 0000 0000 00000100 00 00", "", "GOOD 00000000"),
            ("a3 05 0000 0000 00000100 fe 00", "", "GOOD 00000008 00000040 04000100"),
            ("a4 06 0000 0000 00000003 00 00", "abcdef", "GOOD"),
            ("a4 06 0000 0000 00000003 04 00", "414200", "GOOD"),
            ("a3 05 0000 0000 00000100 00 00", "", "GOOD 00000003 abcdef"),
            ("a3 05 0000 0000 00000006 04 00", "", "GOOD 00000003 4142"),
        ],
    );
    lab.expect(B, SMALL, READY, "", "6/3f/05");
    lab.table(
        SMALL,
        &[
            // The same again is no change; too long; not ended; no such type; cut short.
            ("a4 06 0000 0000 00000003 00 00", "abcdef", "GOOD"),
            ("a4 06 0000 0000 00000041 00 00", "", "5/24/00 cdb 6"),
            ("a4 06 0000 0000 00000002 04 00", "4142", "5/26/00 list 1"),
            ("a4 06 0000 0000 00000003 04 00", "410042", "5/26/00 list 1"),
            ("a4 06 0000 0000 00000003 02 00", "", "5/24/00 cdb 10.7"),
            ("a3 05 0000 0000 00000100 02 00", "", "5/24/00 cdb 10.7"),
            ("a4 06 0000 0000 00000003 00 00", "abcd", "5/1a/00"),
        ],
    );
    lab.expect(B, SMALL, READY, "", "GOOD");
    lab.expect(A, SMALL, "a4 06 0000 0000 00000000 00 00", "", "GOOD");
    lab.expect(A, SMALL, "a3 05 0000 0000 00000100 00 00", "", "GOOD 00000000");
}

#[test]
fn priorities() {
    let mut lab = Lab::new();
    let id = "4500 0024 69716e2e323032362d30312e783a622c692c3078303030323364303030303031 00000000";
    let own = "a3 0e 0000 0000 00000006 00 00";
    lab.expect(A, SMALL, own, "", "GOOD 00000030 0000");
    lab.expect(A, SMALL, "a3 0e 4000 0000 00000100 00 00", "", "GOOD 00000000");
    lab.expect(A, SMALL, "a4 0e 0000 0000 00000008 00 00", "05 00*7", "GOOD");
    lab.expect(A, SMALL, own, "", "GOOD 00000030 0500");
    // Of another nexus, which is told.
    let named = format!("03 00 0002 0000 0028 {id}");
    lab.expect(A, SMALL, "a4 0e 4000 0000 00000030 00 00", &named, "GOOD");
    lab.expect(B, SMALL, READY, "", "6/2a/08");
    lab.expect(B, SMALL, "a3 0e 0000 0000 00000100 00 00", "", &format!("GOOD 00000030 {named}"));
    lab.expect(A, SMALL, "a3 0e 4000 0000 00000006 00 00", "", "GOOD 00000060 0500");
    lab.table(
        SMALL,
        &[
            ("a3 0e 8000 0000 00000100 00 00", "", "5/24/00 cdb 2.7"),
            ("a4 0e c000 0000 00000008 00 00", "", "5/24/00 cdb 2.7"),
            ("a4 0e 0000 0000 00000007 00 00", "", "5/1a/00"),
            ("a4 0e 0000 0000 00000008 00 00", "10 00*7", "5/26/00 list 0.7"),
            ("a4 0e 4000 0000 00000008 00 00", "01 00*7", "5/26/00 list 8"),
        ],
    );
    // Group 1 has no such session.
    let nobody = named.replacen("0002", "0001", 1);
    lab.expect(A, SMALL, "a4 0e 4000 0000 00000030 00 00", &nobody, "5/26/00 list 8");
    // The initial priority is that of everybody without another.
    lab.expect(A, SMALL, "15 10 0000 24 00", "00000000 4a01 001c 01 09 00*26", "GOOD");
    lab.expect(B, SMALL, READY, "", "6/2a/01");
    lab.expect(A, SMALL, "a4 0e 8000 0000 00000000 00 00", "", "GOOD");
    lab.expect(B, SMALL, READY, "", "6/2a/08");
    lab.expect(A, SMALL, own, "", "GOOD 00000030 0900");
}
