//! Unit attentions: who hears of what, when.

use super::harness::{
    A, B, HUGE, LARGE_BLOCKS, Lab, READ_ONLY, SMALL, hex, lun_config, request, show, target,
};
use crate::io::DeviceId;
use crate::scsi::{Command, NexusId, Step};
use crate::wire::Lun;

const READY: &str = "00 00 00 00 00 00";
const INITIATOR: &str = "iqn.2026-01.x:a,i,0x00023d000001";
const PORT: &str = "iqn.2026-01.x:t,t,0x0001";

#[test]
fn a_new_nexus_and_one_that_comes_back() {
    let mut lab = Lab::fresh();
    lab.expect(A, SMALL, READY, "", "6/29/00");
    lab.expect(A, SMALL, READY, "", "GOOD");
    lab.expect(A, LARGE_BLOCKS, "ff 00 00 00 00 00", "", "6/29/00");
    lab.expect(A, LARGE_BLOCKS, "ff 00 00 00 00 00", "", "5/20/00");
    lab.expect(B, SMALL, READY, "", "6/29/00");
    lab.server.nexus_down(A);
    lab.server.nexus_up(NexusId(3), INITIATOR, PORT, 1);
    lab.expect(NexusId(3), SMALL, READY, "", "6/29/07");
    // A second session beside it was never lost.
    lab.server.nexus_up(NexusId(4), INITIATOR, PORT, 1);
    lab.expect(NexusId(4), SMALL, READY, "", "6/29/00");
}

#[test]
fn lost_nexuses_are_forgotten_in_the_end() {
    let mut lab = Lab::new();
    for id in 10..200 {
        lab.server.nexus_up(NexusId(id), &std::format!("iqn.x:{id}"), PORT, 1);
        lab.server.nexus_down(NexusId(id));
    }
    lab.server.nexus_up(NexusId(300), "iqn.x:10", PORT, 1);
    lab.server.nexus_up(NexusId(301), "iqn.x:199", PORT, 1);
    lab.expect(NexusId(300), SMALL, READY, "", "6/29/00");
    lab.expect(NexusId(301), SMALL, READY, "", "6/29/07");
}

#[test]
fn resets_reach_every_nexus_of_the_unit() {
    let mut lab = Lab::new();
    assert!(lab.server.lun_reset(Lun(0), A));
    assert!(!lab.server.lun_reset(Lun::from_number(7), A));
    for nexus in [A, B] {
        lab.expect(nexus, SMALL, READY, "", "6/29/03");
        lab.expect(nexus, SMALL, READY, "", "GOOD");
        lab.expect(nexus, LARGE_BLOCKS, READY, "", "GOOD");
    }
    lab.server.target_reset(A);
    for lun in [SMALL, LARGE_BLOCKS, READ_ONLY, HUGE] {
        lab.expect(A, lun, READY, "", "6/29/03");
    }
}

#[test]
fn cleared_commands_and_precedence() {
    let mut lab = Lab::new();
    lab.server.cleared(Lun(0), A, [A, B]);
    lab.server.resized(DeviceId(0), 2000);
    lab.server.lun_reset(Lun(0), A);
    for expected in ["6/29/03", "6/2f/00", "6/2a/09", "GOOD"] {
        lab.expect(B, SMALL, READY, "", expected);
    }
    for expected in ["6/29/03", "6/2a/09", "GOOD"] {
        lab.expect(A, SMALL, READY, "", expected);
    }
}

#[test]
fn a_resize_is_told_once_and_counts_at_once() {
    let mut lab = Lab::new();
    lab.server.resized(DeviceId(0), 1000);
    lab.expect(A, SMALL, READY, "", "GOOD");
    lab.server.resized(DeviceId(0), 10);
    lab.expect(A, SMALL, "28 00 00000009 00 0001 00", "", "6/2a/09");
    lab.expect(A, SMALL, "28 00 00000009 00 0001 00", "", "GOOD 09*512");
    lab.expect(A, SMALL, "28 00 0000000a 00 0001 00", "", "5/21/00");
    // A write whose data is still to come when its blocks go.
    let cdb = hex("2a 00 00000009 00 0001 00");
    let (mut command, _) = Command::start(&mut lab.server, &request(A, Lun(0), &cdb));
    lab.server.resized(DeviceId(0), 9);
    let step = command.data_out(&mut lab.server, hex("ee*512").into());
    assert!(matches!(step, Step::Done(outcome) if show(&outcome) == "5/21/00"));
}

#[test]
fn logical_units_come_and_go() {
    let mut lab = Lab::new();
    lab.expect(A, SMALL, "16 00 00 00 00 00", "", "GOOD");
    let cdb = hex("28 00 00000000 00 0001 00");
    let (mut under_way, _) =
        Command::start(&mut lab.server, &request(A, Lun::from_number(LARGE_BLOCKS), &cdb));

    let mut config = target();
    config.luns.retain(|lun| lun.lun != READ_ONLY && lun.lun != LARGE_BLOCKS);
    config.luns.push(lun_config(9, 512, 5));
    // The same number, but another disk.
    config
        .luns
        .push(crate::config::LunConfig { serial: "other".into(), ..lun_config(LARGE_BLOCKS, 4096, 64) });
    lab.server.reconfigure(&config);

    let step = under_way.io_done(&mut lab.server, Ok(hex("00*4096").into()));
    assert!(matches!(step, Step::Done(outcome) if show(&outcome) == "5/25/00"));
    // What stayed kept its reservation.
    for expected in ["6/3f/0e", "18"] {
        lab.expect(B, SMALL, READY, "", expected);
    }
    for lun in [LARGE_BLOCKS, 9] {
        for expected in ["6/29/00", "6/3f/0e", "GOOD"] {
            lab.expect(A, lun, READY, "", expected);
        }
    }
    lab.expect(A, READ_ONLY, READY, "", "5/25/00");
    // Who has seen the list needs no telling.
    let list = "GOOD 00000020 00*4 00*8 0001 00*6 0009 00*6 412c 00*6";
    lab.expect(B, HUGE, "a0 00 00 00 00 00 00000100 00 00", "", list);
    lab.expect(B, HUGE, READY, "", "GOOD");

    lab.server.reconfigure(&config);
    lab.expect(A, SMALL, READY, "", "6/3f/0e");
    lab.expect(A, SMALL, READY, "", "GOOD");
}

#[test]
fn a_new_size_or_protection_keeps_the_unit() {
    let mut lab = Lab::new();
    let mut config = target();
    for lun in &mut config.luns {
        lun.blocks = 20;
        lun.read_only = !lun.read_only;
    }
    lab.server.reconfigure(&config);
    for expected in ["6/2a/09", "6/2a/01", "7/27/00"] {
        lab.expect(A, SMALL, "2a 00 00000000 00 0001 00", "", expected);
    }
}
