//! Buffers, diagnostics, logs and the clock.

use super::harness::{A, B, Lab, SMALL};
use crate::io::IoError;
use crate::time::Instant;
use crate::wire::Lun;

const READY: &str = "00 00 00 00 00 00";

#[test]
fn the_data_buffer() {
    let mut lab = Lab::new();
    lab.table(
        SMALL,
        &[
            ("3c 03 00 000000 000004 00", "", "GOOD 00010000"),
            ("3c 03 01 000000 000004 00", "", "GOOD 00000000"),
            ("3c 02 00 000000 000004 00", "", "GOOD 00000000"),
            ("3b 02 00 000000 000004 00", "01020304", "GOOD"),
            ("3b 02 00 000002 000002 00", "aabb", "GOOD"),
            ("3c 02 00 000001 000004 00", "", "GOOD 02aabb00"),
            ("3b 02 00 00fffe 000002 00", "ffff", "GOOD"),
            ("3c 02 00 00fffe 000100 00", "", "GOOD ffff"),
            ("3b 02 00 000000 000000 00", "", "GOOD"),
            ("3b 02 00 00ffff 000002 00", "", "5/24/00 cdb 6"),
            ("3b 02 00 010001 000000 00", "", "5/24/00 cdb 3"),
            ("3b 02 01 000000 000001 00", "", "5/24/00 cdb 2"),
            ("3c 02 01 000000 000001 00", "", "5/24/00 cdb 2"),
            ("3c 02 00 010001 000001 00", "", "5/24/00 cdb 3"),
            ("3b 05 00 000000 000001 00", "", "5/24/00 cdb 1.4"),
            ("3c 00 00 000000 000001 00", "", "5/24/00 cdb 1.4"),
        ],
    );
    // It is the unit's, and goes with a reset.
    lab.expect(B, SMALL, "3c 02 00 000001 000004 00", "", "GOOD 02aabb00");
    lab.server.lun_reset(Lun(0), A);
    lab.expect(A, SMALL, READY, "", "6/29/03");
    lab.expect(A, SMALL, "3c 02 00 000001 000004 00", "", "GOOD 00*4");
}

#[test]
fn echoes() {
    let mut lab = Lab::new();
    lab.expect(A, SMALL, "3c 0b 00 000000 000004 00", "", "GOOD 01001000");
    lab.expect(A, SMALL, "3c 0a 00 000000 000010 00", "", "5/2c/00");
    lab.expect(A, SMALL, "3b 0a 00 000000 000004 00", "01020304", "GOOD");
    lab.expect(B, SMALL, "3b 0a 00 000000 000002 00", "aabb", "GOOD");
    lab.expect(A, SMALL, "3c 0a 00 000000 000010 00", "", "GOOD 01020304");
    lab.expect(A, SMALL, "3c 0a 00 000000 000002 00", "", "GOOD 0102");
    lab.expect(B, SMALL, "3c 0a 00 000000 000010 00", "", "GOOD aabb");
    lab.expect(A, SMALL, "3b 0a 00 000000 001001 00", "", "5/24/00 cdb 6");
    lab.server.lun_reset(Lun(0), A);
    lab.expect(A, SMALL, READY, "", "6/29/03");
    lab.expect(A, SMALL, "3c 0a 00 000000 000010 00", "", "5/2c/00");
}

#[test]
fn diagnostics() {
    let mut lab = Lab::new();
    lab.table(
        SMALL,
        &[
            ("1d 00 00 0000 00", "", "GOOD"),
            ("1d 10 00 0004 00", "00*4", "GOOD"),
            ("1d 10 00 0004 00", "40 00*3", "5/26/00 list 0"),
            ("1d 10 00 0004 00", "00*3", "5/1a/00"),
            ("1d 10 00 0005 00", "", "5/1a/00"),
            ("1d 00 00 0004 00", "", "5/24/00 cdb 1.4"),
            ("1c 01 00 0010 00", "", "GOOD 0000000100"),
            ("1c 00 00 0002 00", "", "GOOD 0000"),
            ("1c 01 40 0010 00", "", "5/24/00 cdb 2"),
        ],
    );
    assert_eq!(lab.io(), "");
    // Self-tests read the medium; in the background, and extended, there are none.
    lab.expect(A, SMALL, "1d 04 00 0000 00", "", "GOOD");
    lab.expect(A, SMALL, "1d a0 00 0000 00", "", "GOOD");
    assert_eq!(lab.io(), "verify 0+64, verify 0+64");
    for (cdb, expected) in [
        ("1d 20 00 0000 00", "5/24/00 cdb 1.7"),
        ("1d c0 00 0000 00", "5/24/00 cdb 1.7"),
        ("1d 24 00 0000 00", "5/24/00 cdb 1.7"),
        ("1d 04 00 0001 00", "5/24/00 cdb 3"),
    ] {
        lab.expect(A, SMALL, cdb, "", expected);
    }
    lab.fail = [IoError::Read { lba: 3 }].into();
    lab.expect(A, SMALL, "1d 04 00 0000 00", "", "4/3e/03");
    // Both kinds of test and the failure are remembered, the newest first.
    let entry = |at: u8, result: &str| std::format!("{at:04x} 43 10 {result} ");
    let never = "00*16";
    let mut expected = std::format!("GOOD 1000 0190 {}", entry(1, "03 00 0000 0000000000000003 03 11 00 00"));
    expected += &entry(2, "a0 00 0000 ff*8 00000000");
    expected += &entry(3, "00 00 0000 ff*8 00000000");
    for at in 4..=20 {
        expected += &entry(at, never);
    }
    lab.expect(A, SMALL, "4d 00 50 00 00 0000 0200 00", "", &expected);
}

#[test]
fn logs() {
    let counter = |page: &str, bytes: &str, errors: &str| {
        std::format!("GOOD {page} 0024 0003 42 08 00*8 0005 42 08 {bytes} 0006 42 08 {errors}")
    };
    let mut lab = Lab::new();
    lab.table(
        SMALL,
        &[
            ("4d 00 40 00 00 0000 0100 00", "", "GOOD 0000 0009 00020305060e10192f"),
            (
                "4d 00 40 ff 00 0000 0100 00",
                "",
                "GOOD 40ff 0014 0000 0200 0300 0500 0600 0e00 1000 1900 2f00 00ff",
            ),
            ("4d 00 6f 00 00 0000 0100 00", "", "GOOD 2f00 0008 0000 43 04 0000ff00"),
            ("4d 00 42 00 00 0000 0004 00", "", "GOOD 02000024"),
            ("4d 00 00 00 00 0000 0100 00", "", "5/24/00 cdb 2.7"),
            ("4d 00 41 00 00 0000 0100 00", "", "5/24/00 cdb 2.5"),
            ("4d 00 42 01 00 0000 0100 00", "", "5/24/00 cdb 3"),
            ("4d 00 42 00 00 0007 0100 00", "", "5/24/00 cdb 5"),
            ("4d 01 42 00 00 0000 0100 00", "", "5/24/00 cdb 1.0"),
            ("4c 00 00 00 00 0000 0001 00", "", "5/24/00 cdb 7"),
        ],
    );
    lab.expect(A, SMALL, "2a 00 00000001 00 0002 00", "00*1024", "GOOD");
    lab.expect(A, SMALL, "28 00 00000001 00 0001 00", "", "GOOD 00*512");
    lab.fail = [IoError::Read { lba: 1 }].into();
    lab.expect(A, SMALL, "28 00 00000001 00 0001 00", "", "3/11/00 information 1");
    lab.fail = [IoError::Hardware].into();
    lab.expect(A, SMALL, "28 00 00000001 00 0001 00", "", "4/44/00");
    lab.expect(A, SMALL, "2f 00 00000001 00 0003 00", "", "GOOD");
    lab.expect(A, SMALL, "4d 00 42 00 00 0000 0100 00", "", &counter("0200", "00*6 0400", "00*8"));
    lab.expect(A, SMALL, "4d 00 43 00 00 0000 0100 00", "", &counter("0300", "00*6 0200", "00*7 01"));
    lab.expect(A, SMALL, "4d 00 45 00 00 0000 0100 00", "", &counter("0500", "00*6 0600", "00*8"));
    // Not a block's fault; a write of two blocks and a read of one.
    lab.expect(A, SMALL, "4d 00 46 00 00 0000 0100 00", "", "GOOD 0600 000c 0000 42 08 00*7 01");
    let values = "00*7 01 00*7 01 00*7 02 00*7 01 00*8 00*8 00*7 02 00*8";
    let statistics = std::format!("GOOD 1900 0050 0001 43 40 {values} 0003 43 08 00000003 00000001");
    lab.expect(A, SMALL, "4d 00 59 00 00 0000 0100 00", "", &statistics);
    // From a parameter on.
    lab.expect(A, SMALL, "4d 00 43 00 00 0006 0100 00", "", "GOOD 0300 000c 0006 42 08 00*7 01");
    lab.expect(A, SMALL, "4c 00 00 00 00 0000 0000 00", "", "GOOD");
    lab.expect(B, SMALL, READY, "", "GOOD");
    lab.expect(A, SMALL, "4c 02 c0 00 00 0000 0000 00", "", "GOOD");
    lab.expect(B, SMALL, READY, "", "6/2a/02");
    lab.expect(A, SMALL, "4d 00 43 00 00 0000 0100 00", "", &counter("0300", "00*8", "00*8"));
}

#[test]
fn the_clock() {
    let mut lab = Lab::new();
    let report = "a3 0f 0000 0000 00000010 00 00";
    lab.server.set_now(Instant::from_nanos(5_000_000));
    lab.expect(A, SMALL, report, "", "GOOD 000a 00 00 000000000005 0000");
    lab.expect(A, SMALL, "a4 0f 0000 0000 0000000c 00 00", "00*4 019a00000001 0000", "GOOD");
    lab.expect(B, SMALL, READY, "", "6/2a/10");
    lab.server.set_now(Instant::from_nanos(7_500_000));
    lab.expect(A, SMALL, report, "", "GOOD 000a 02 00 019a00000003 0000");
    lab.expect(A, SMALL, "a3 0f 0000 0000 00000002 00 00", "", "GOOD 000a");
    for (cdb, data, expected) in [
        ("a4 0f 0000 0000 00000000 00 00", "", "GOOD"),
        ("a4 0f 0000 0000 0000000b 00 00", "", "5/1a/00"),
        ("a4 0f 0000 0000 0000000c 00 00", "00*11", "5/1a/00"),
        ("a4 0f 0000 0000 0000000c 00 00", "00*10 01 00", "5/26/00 list 10"),
    ] {
        lab.expect(A, SMALL, cdb, data, expected);
    }
    // It runs on over a reset.
    lab.server.lun_reset(Lun(0), A);
    lab.expect(A, SMALL, READY, "", "6/29/03");
    lab.expect(A, SMALL, report, "", "GOOD 000a 02 00 019a00000003 0000");
}
