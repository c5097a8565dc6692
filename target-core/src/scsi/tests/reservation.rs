//! RESERVE(6), RELEASE(6).

use super::harness::{A, B, Lab, READ_ONLY, SMALL};
use crate::scsi::{Attention, NexusId};
use crate::wire::Lun;

const READY: &str = "00 00 00 00 00 00";
const RESERVE: &str = "16 00 00 00 00 00";
const RELEASE: &str = "17 00 00 00 00 00";

fn reserved() -> Lab {
    let mut lab = Lab::new();
    lab.expect(A, SMALL, RESERVE, "", "GOOD");
    lab
}

#[test]
fn keeps_others_out() {
    let mut lab = reserved();
    lab.expect(A, SMALL, RESERVE, "", "GOOD");
    for cdb in [
        READY,
        RESERVE,
        "28 00 00000000 00 0001 00",
        "2a 00 00000000 00 0001 00",
        "08 00 00 07 01 00",
        "2f 00 00000007 00 0001 00",
        "35 00 00000000 00 0000 00",
        "1a 08 3f 00 ff 00",
        "15 10 0000 00 00",
        "1b 00 00 00 00 00",
        "1e 00 00 00 01 00",
        // A conflict comes before a look at the fields.
        "28 20 00000000 00 0001 00",
    ] {
        lab.expect(B, SMALL, cdb, "", "18");
    }
    for (cdb, expected) in [
        ("12 00 00 0001 00", "GOOD 00"),
        ("a0 00 01 00 00 00 00000100 00 00", "GOOD 00*8"),
        ("03 00 00 00 01 00", "GOOD 70"),
        ("25 00 00000000 0000 00 00", "GOOD 000003e700000200"),
        ("9e 10 0000000000000000 00000000 00 00", "GOOD"),
        ("a3 0c 01 28 0000 00000002 00 00", "GOOD 0003"),
        ("1e 00 00 00 00 00", "GOOD"),
        ("1b 00 00 00 01 00", "GOOD"),
        (RELEASE, "GOOD"),
        ("ff 00 00 00 00 00", "5/20/00"),
        // Releasing what another nexus holds did nothing.
        (READY, "18"),
    ] {
        lab.expect(B, SMALL, cdb, "", expected);
    }
    lab.expect(B, READ_ONLY, READY, "", "GOOD");
    lab.expect(A, SMALL, READY, "", "GOOD");
    lab.expect(A, SMALL, RELEASE, "", "GOOD");
    lab.expect(B, SMALL, READY, "", "GOOD");
    lab.expect(B, SMALL, "16 10 00 00 00 00", "", "5/24/00 cdb 1.4");
}

#[test]
fn ends_with_the_nexus_and_with_a_reset() {
    let mut lab = reserved();
    lab.server.nexus_down(A);
    lab.expect(B, SMALL, READY, "", "GOOD");

    let mut lab = reserved();
    lab.server.lun_reset(Lun(0), B);
    lab.expect(B, SMALL, READY, "", "6/29/03");
    lab.expect(B, SMALL, READY, "", "GOOD");

    let mut lab = reserved();
    lab.server.target_reset(B);
    lab.expect(B, SMALL, READY, "", "6/29/03");
    lab.expect(B, SMALL, READY, "", "GOOD");

    // Another session of the same initiator port is another nexus.
    let mut lab = reserved();
    lab.server.nexus_up(NexusId(3), "iqn.2026-01.x:c,i,0x00023d000001", "iqn.2026-01.x:t,t,0x0001", 1);
    lab.expect(NexusId(3), SMALL, READY, "", "6/29/00");
    lab.expect(NexusId(3), SMALL, READY, "", "18");
}

#[test]
fn a_unit_attention_comes_before_the_conflict() {
    let mut lab = reserved();
    lab.server.unit_attention(Lun(0), B, Attention::CapacityChanged);
    lab.expect(B, SMALL, READY, "", "6/2a/09");
    lab.expect(B, SMALL, READY, "", "18");
}
