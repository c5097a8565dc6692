//! WRITE SAME, PRE-FETCH, READ DEFECT DATA.

use super::harness::{A, LARGE_BLOCKS, Lab, READ_ONLY, SMALL};
use crate::io::IoError;

#[test]
fn the_same_block_again() {
    let mut lab = Lab::new();
    lab.expect(A, SMALL, "41 00 00000005 00 0003 00", "ab*512", "GOOD");
    assert_eq!(lab.io(), "write 5 1536 bytes");
    lab.expect(A, SMALL, "28 00 00000004 00 0005 00", "", "GOOD 04*512 ab*1536 08*512");
    lab.expect(A, SMALL, "93 00 0000000000000006 00000040 00 00", "01 02 00*510", "GOOD");
    lab.expect(A, SMALL, "28 00 00000045 00 0001 00", "", "GOOD 01 02 00*510");
    // NDOB: zeros, without data.
    lab.expect(A, SMALL, "93 01 0000000000000006 00000002 00 00", "", "GOOD");
    lab.expect(A, SMALL, "28 00 00000005 00 0004 00", "", "GOOD ab*512 00*1024 01 02 00*510");
    lab.io();
    lab.expect(A, LARGE_BLOCKS, "41 00 00000001 00 0008 00", "cd*4096", "GOOD");
    assert_eq!(lab.io(), "write 1 32768 bytes fua");
    lab.expect(A, LARGE_BLOCKS, "28 00 00000008 00 0002 00", "", "GOOD cd*4096 09*4096");
}

#[test]
fn errors() {
    let mut lab = Lab::new();
    for (lun, cdb, data, expected) in [
        // A length of 0 is the rest of the medium, which is too much.
        (SMALL, "41 00 00000000 00 0000 00", "", "5/24/00 cdb 7"),
        (SMALL, "93 00 0000000000000000 00000000 00 00", "", "5/24/00 cdb 10"),
        (SMALL, "41 00 00000000 00 0041 00", "", "5/24/00 cdb 7"),
        (SMALL, "93 00 0000000000000000 00000041 00 00", "", "5/24/00 cdb 10"),
        (SMALL, "41 00 000003e8 00 0001 00", "", "5/21/00"),
        (SMALL, "93 00 00000000000003e7 00000002 00 00", "", "5/21/00"),
        // The short form has no NDOB.
        (SMALL, "41 01 00000000 00 0001 00", "", "5/24/00 cdb 1.0"),
        (SMALL, "41 20 00000000 00 0001 00", "", "5/24/00 cdb 1.5"),
        (SMALL, "41 00 00000000 00 0001 00", "00*511", "5/24/00 cdb 7"),
        (READ_ONLY, "41 00 00000000 00 0001 00", "00*512", "7/27/00"),
    ] {
        lab.expect(A, lun, cdb, data, expected);
    }
    assert_eq!(lab.io(), "");
    lab.fail = [IoError::NoSpace].into();
    lab.expect(A, SMALL, "41 00 00000000 00 0001 00", "00*512", "7/27/07");
}

#[test]
fn prefetch() {
    let mut lab = Lab::new();
    for (cdb, expected, io) in [
        ("34 00 00000005 00 0003 00", "GOOD", "verify 5+3"),
        ("90 00 0000000000000005 00000003 00 00", "GOOD", "verify 5+3"),
        // Groups are ignored.
        ("34 00 00000005 1f 0003 00", "GOOD", "verify 5+3"),
        ("90 00 0000000000000005 00000003 10 00", "GOOD", "verify 5+3"),
        // To the end; more than one command may move is not had ready.
        ("34 00 000003e6 00 0000 00", "GOOD", "verify 998+2"),
        ("34 00 00000000 00 0000 00", "GOOD", "verify 0+64"),
        ("34 02 00000005 00 0003 00", "GOOD", ""),
        ("34 00 000003e8 00 0000 00", "5/21/00", ""),
        ("90 02 00000000000003e7 00000002 00 00", "5/21/00", ""),
    ] {
        lab.expect(A, SMALL, cdb, "", expected);
        assert_eq!(lab.io(), io, "{cdb}");
    }
    lab.fail = [IoError::Read { lba: 6 }].into();
    lab.expect(A, SMALL, "34 00 00000005 00 0003 00", "", "3/11/00 information 6");
}

#[test]
fn there_are_no_defects() {
    let mut lab = Lab::new();
    lab.table(
        SMALL,
        &[
            ("37 00 18 00000000 0010 00", "", "GOOD 00180000"),
            ("37 00 0d 00000000 0010 00", "", "GOOD 000d0000"),
            ("37 00 00 00000000 0002 00", "", "GOOD 0000"),
            ("37 00 06 00000000 0010 00", "", "5/24/00 cdb 2.2"),
            ("b7 1d 00000000 00000010 00 00", "", "GOOD 001d 00*6"),
            ("b7 07 00000000 00000010 00 00", "", "5/24/00 cdb 1.2"),
        ],
    );
}
