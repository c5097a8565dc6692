//! INQUIRY, REPORT LUNS, READ CAPACITY.

use super::harness::{A, B, HUGE, LARGE_BLOCKS, Lab, MISSING, SMALL, hex, show};
use crate::scsi::{DeviceServer, NexusId};
use crate::wire::Lun;
use std::vec::Vec;

#[test]
fn standard_data() {
    let mut lab = Lab::fresh();
    let whole = lab.command(A, Lun(0), &hex("12 00 00 01 00 00"), &[]).data_in.to_bytes();
    assert_eq!(whole.len(), 74);
    assert_eq!(whole[..8], hex("00 00 06 32 45 38 10 02")[..]);
    assert_eq!(&whole[8..36], b"LAB     Disk            1   ");
    assert_eq!(whole[58..66], hex("00a0 0961 0460 04c0")[..]);
    lab.table(
        SMALL,
        &[
            ("12 00 00 0005 00", "", "GOOD 0000063245"),
            ("12 00 00 0000 00", "", "GOOD"),
            ("12 00 01 0024 00", "", "5/24/00 cdb 2"),
            ("12 02 00 0024 00", "", "5/24/00 cdb 1.1"),
            ("12 01 84 00ff 00", "", "5/24/00 cdb 2"),
        ],
    );
    // Nothing else of a logical unit that is not there.
    lab.table(
        MISSING,
        &[
            ("12 00 00 0008 00", "", "GOOD 7f00063245381002"),
            ("12 01 00 00ff 00", "", "GOOD 7f00000100"),
            ("12 01 83 00ff 00", "", "5/24/00 cdb 2"),
        ],
    );
    assert_eq!(lab.run(SMALL, "00 00 00 00 00 00", ""), "6/29/00", "INQUIRY clears no unit attention");
}

#[test]
fn vital_product_data() {
    let mut lab = Lab::new();
    lab.table(
        SMALL,
        &[
            ("12 01 00 00ff 00", "", "GOOD 0000000b 00808386 87888a8fb0b1b2"),
            ("12 01 00 0006 00", "", "GOOD 0000000b0080"),
            ("12 01 80 00ff 00", "", "GOOD 008000025330"),
            ("12 01 87 00ff 00", "", "GOOD 0087 0004 3fff 0000"),
            ("12 01 88 00ff 00", "", "GOOD 0088 0058 0000000100000000000000205398001c69716e2e323032362d30312e783a742c742c307830303031000000000000000200000000000000205398001c69716e2e323032362d30312e783a742c742c30783030303200000000"),
            ("12 01 8a 00ff 00", "", "GOOD 008a 000e 0307 00*12"),
            ("12 01 86 00ff 00", "", "GOOD 0086003c000f01 00*6 1c 00*50"),
            // 64 blocks at most and at best.
            (
                "12 01 b0 00ff 00",
                "",
                "GOOD 00b0003c0020 00*5 4000000040 00*5 100000 00000100 00000008 80 00*10 40 00000001 00*16",
            ),
            ("12 01 b1 00ff 00", "", "GOOD 00b1003c00010050 00*56"),
            ("12 01 b2 00ff 00", "", "GOOD 00b20004 00e60200"),
        ],
    );
    assert!(lab.run(LARGE_BLOCKS, "12 01 b0 0010 00", "").ends_with("0800000008"));
}

/// Association, type and value of each designator.
fn designators(lab: &mut Lab, nexus: NexusId, lun: u16) -> Vec<(u8, u8, u8, Vec<u8>)> {
    let page = lab.command(nexus, Lun::from_number(lun), &hex("12 01 83 0400 00"), &[]).data_in.to_bytes();
    assert_eq!(usize::from(u16::from_be_bytes([page[2], page[3]])), page.len() - 4);
    let (mut rest, mut out) = (&page[4..], Vec::new());
    while !rest.is_empty() {
        let len = usize::from(rest[3]);
        assert_eq!(rest[1] & 0x80 != 0, rest[0] >> 4 == 5, "PIV and protocol identifier go together");
        out.push((rest[0] & 0xf, (rest[1] >> 4) & 3, rest[1] & 0xf, rest[4..4 + len].to_vec()));
        rest = &rest[4 + len..];
    }
    out
}

#[test]
fn device_identification() {
    let mut lab = Lab::new();
    let seen = designators(&mut lab, B, SMALL);
    let kinds: Vec<_> = seen.iter().map(|(set, of, kind, _)| (*set, *of, *kind)).collect();
    assert_eq!(kinds, [(1, 0, 3), (2, 0, 1), (1, 1, 4), (1, 1, 5), (3, 1, 8), (3, 2, 8)]);
    let (naa, t10) = (&seen[0].3, &seen[1].3);
    assert_eq!((naa.len(), naa[0] >> 4), (8, 3));
    assert_eq!(t10, b"LAB     Disk            S0");
    assert_eq!((seen[2].3.as_slice(), seen[3].3.as_slice()), (&[0, 0, 0, 2][..], &[0, 0, 0, 2][..]));
    assert_eq!(seen[4].3, b"iqn.2026-01.x:t,t,0x0002\0\0\0\0");
    assert_eq!(seen[5].3, b"iqn.2026-01.x:t\0");
    // Another unit is another name; another port is another port and the same unit.
    let (other, port) = (designators(&mut lab, B, LARGE_BLOCKS), designators(&mut lab, A, SMALL));
    assert_ne!(other[0].3, *naa);
    assert_eq!((&port[0].3, port[2].3.as_slice()), (naa, &[0, 0, 0, 1][..]));
}

#[test]
fn lists_logical_units() {
    let mut lab = Lab::fresh();
    let all = "GOOD 00000020 00*4 00*8 0001 00*6 0005 00*6 412c 00*6";
    for lun in [SMALL, HUGE, MISSING] {
        lab.expect(A, lun, "a0 00 00 00 00 00 00000100 00 00", "", all);
        lab.expect(A, lun, "a0 00 02 00 00 00 00000100 00 00", "", all);
        lab.expect(A, lun, "a0 00 01 00 00 00 00000100 00 00", "", "GOOD 00*8");
    }
    lab.expect(A, SMALL, "a0 00 00 00 00 00 00000010 00 00", "", "GOOD 00000020 00*12");
    lab.table(
        SMALL,
        &[
            ("a0 00 03 00 00 00 00000100 00 00", "", "5/24/00 cdb 2"),
            ("a0 00 00 00 00 00 0000000f 00 00", "", "5/24/00 cdb 6"),
            ("a0 01 00 00 00 00 00000100 00 00", "", "5/24/00 cdb 1.0"),
        ],
    );
}

#[test]
fn capacities() {
    let mut lab = Lab::new();
    lab.table(
        SMALL,
        &[
            ("25 00 00000000 0000 00 00", "", "GOOD 000003e700000200"),
            ("9e 10 0000000000000000 00000020 00 00", "", "GOOD 00*6 03e700000200 0000c0 00*17"),
            ("9e 10 0000000000000000 0000000c 00 00", "", "GOOD 00*6 03e700000200"),
            ("9e 10 0000000000000000 00000000 00 00", "", "GOOD"),
            // PMI and its address are obsolete.
            ("25 00 00000001 0000 00 00", "", "5/24/00 cdb 5.0"),
            ("25 00 00000000 0000 01 00", "", "5/24/00 cdb 8.0"),
            ("9e 11 0000000000000000 00000020 00 00", "", "5/24/00 cdb 1.4"),
            ("9e 30 0000000000000000 00000020 00 00", "", "5/24/00 cdb 1.5"),
        ],
    );
    lab.table(LARGE_BLOCKS, &[("25 00 00000000 0000 00 00", "", "GOOD 0000003f00001000")]);
    lab.table(
        HUGE,
        &[
            ("25 00 00000000 0000 00 00", "", "GOOD ffffffff00000200"),
            ("9e 10 0000000000000000 0000000c 00 00", "", "GOOD 00000001ffffffff00000200"),
        ],
    );
}

#[test]
fn a_number_that_is_no_unit() {
    let mut lab = Lab::new();
    lab.table(
        MISSING,
        &[
            ("00 00 00 00 00 00", "", "5/25/00"),
            ("28 00 00000000 00 0001 00", "", "5/25/00"),
            ("ff 00 00 00 00 00", "", "5/25/00"),
            ("03 00 00 00 12 00", "", "GOOD 70000500000000 0a00000000 250000000000"),
            ("03 01 00 00 ff 00", "", "GOOD 72052500 00000000"),
        ],
    );
    // An addressing method that this target does not have.
    let outcome = lab.command(A, Lun(0x8001_0000_0000_0000), &hex("00 00 00 00 00 00"), &[]);
    assert_eq!(show(&outcome), "5/25/00");
    let server: &DeviceServer = &lab.server;
    assert!(server.lun_exists(A, Lun(0)) && !server.lun_exists(A, Lun::from_number(MISSING)));
    assert!(!server.lun_exists(NexusId(9), Lun(0)));
}
