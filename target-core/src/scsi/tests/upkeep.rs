//! FORMAT UNIT and SANITIZE.

use super::harness::{A, B, LARGE_BLOCKS, Lab, READ_ONLY, SMALL};
use crate::io::IoError;
use crate::wire::Lun;

const TUR: &str = "00 00 00 00 00 00";

#[test]
fn a_sanitized_unit_is_empty() {
    let mut lab = Lab::new();
    lab.expect(A, SMALL, "48 02 00000000 00 0000 00", "", "GOOD");
    assert_eq!(lab.io(), "unmap 0+1000, flush");
    lab.expect(A, SMALL, "28 00 000003e7 00 0001 00", "", "GOOD 00*512");
    lab.expect(A, SMALL, "48 03 00000000 00 0000 00", "", "GOOD");
    lab.io();
    // What cannot be unmapped is written.
    lab.expect(A, LARGE_BLOCKS, "48 01 00000000 00 0007 00", "03 00 0003 aabbcc", "GOOD");
    assert_eq!(lab.io(), "write 0 262144 bytes, write 0 262144 bytes, write 0 262144 bytes, flush");
    let block = "aabbcc ".repeat(1365) + "aa";
    lab.expect(A, LARGE_BLOCKS, "28 00 0000003f 00 0001 00", "", &std::format!("GOOD {block}"));
    // INVERT: every second pass.
    lab.expect(A, LARGE_BLOCKS, "48 01 00000000 00 0005 00", "82 00 0001 f0", "GOOD");
    lab.expect(A, LARGE_BLOCKS, "28 00 0000003f 00 0001 00", "", "GOOD 0f*4096");
}

#[test]
fn nothing_else_goes_on_meanwhile() {
    let mut lab = Lab::new();
    lab.expect(A, LARGE_BLOCKS, "48 81 00000000 00 0005 00", "02 00 0001 55", "GOOD");
    let busy = |progress: u32| std::format!("2/04/1b progress {progress}");
    for cdb in
        [TUR, "28 00 00000000 00 0001 00", "04 00 00 00 00 00", "48 82 00000000 00 0000 00", "48 1f 00*7 00"]
    {
        lab.expect(B, LARGE_BLOCKS, cdb, "", &busy(0));
    }
    assert!(lab.upkeep_step());
    lab.expect(B, LARGE_BLOCKS, TUR, "", &busy(32768));
    // REQUEST SENSE tells it as data; INQUIRY and REPORT LUNS are answered.
    lab.expect(
        B,
        LARGE_BLOCKS,
        "03 00 00 00 12 00",
        "",
        "GOOD 70 00 02 00000000 0a 00000000 04 1b 00 80 8000",
    );
    assert!(lab.run_as(B, LARGE_BLOCKS, "12 00 00 0024 00", "").starts_with("GOOD 00"));
    assert!(lab.run_as(B, LARGE_BLOCKS, "a0 00 00 000000 00000100 00 00", "").starts_with("GOOD"));
    // Another unit has nothing to do with it; a reset does not stop it.
    lab.expect(B, SMALL, TUR, "", "GOOD");
    lab.server.lun_reset(Lun::from_number(LARGE_BLOCKS), A);
    lab.expect(A, LARGE_BLOCKS, TUR, "", "6/29/03");
    lab.expect(A, LARGE_BLOCKS, TUR, "", &busy(32768));
    assert!(lab.upkeep());
    lab.expect(A, LARGE_BLOCKS, TUR, "", "GOOD");
}

#[test]
fn a_failure_stays_until_it_is_mended() {
    let mut lab = Lab::new();
    let failed = "3/31/03";
    for (cdb, exit) in
        [("48 22 00000000 00 0000 00", "GOOD"), ("48 02 00000000 00 0000 00", "5/24/00 cdb 1.4")]
    {
        lab.fail = [IoError::Write { lba: 3 }, IoError::Hardware].into();
        lab.expect(A, SMALL, cdb, "", failed);
        lab.fail.clear();
        lab.expect(B, SMALL, TUR, "", failed);
        lab.expect(B, SMALL, "04 00 00 00 00 00", "", failed);
        lab.expect(B, SMALL, "03 00 00 00 0e 00", "", "GOOD 70 00 03 00000000 0a 00000000 31 03");
        lab.expect(A, SMALL, "48 1f 00000000 00 0000 00", "", exit);
        lab.run(SMALL, "48 02 00000000 00 0000 00", "");
        lab.expect(A, SMALL, TUR, "", "GOOD");
    }
    lab.expect(A, SMALL, "48 1f 00000000 00 0000 00", "", "GOOD");
    // FORMAT UNIT: mended by the next one, or by a SANITIZE.
    lab.fail = [IoError::Hardware].into();
    lab.expect(A, SMALL, "04 00 00 00 00 00", "", "3/31/01");
    lab.expect(A, SMALL, "2a 00 00000000 00 0001 00", "00*512", "3/31/01");
    lab.expect(A, SMALL, "04 00 00 00 00 00", "", "GOOD");
    lab.expect(A, SMALL, TUR, "", "GOOD");
}

#[test]
fn formats() {
    let mut lab = Lab::new();
    lab.data_out = 4;
    for (lun, cdb, data, expected, io) in [
        (SMALL, "04 00 00 00 00 00", "", "GOOD", "unmap 0+1000, flush"),
        (SMALL, "04 10 00 00 00 00", "00 00 0000", "GOOD", "unmap 0+1000, flush"),
        (SMALL, "04 18 00 00 00 00", "00 80 0000", "GOOD", "unmap 0+1000, flush"),
        // A defect list, protection information, options without FOV, a fast format.
        (SMALL, "04 10 00 00 00 00", "00 00 0004", "5/26/00 list 2", ""),
        (SMALL, "04 10 00 00 00 00", "01 00 0000", "5/26/00 list 0.2", ""),
        (SMALL, "04 10 00 00 00 00", "00 40 0000", "5/26/00 list 1.6", ""),
        (SMALL, "04 00 00 00 01 00", "", "5/24/00 cdb 4.0", ""),
        (SMALL, "04 40 00 00 00 00", "", "5/24/00 cdb 1.6", ""),
        (SMALL, "04 30 00 00 00 00", "00 00 0000", "5/1a/00", ""),
        (SMALL, "04 10 00 00 00 00", "00 88 0000", "5/1a/00", ""),
        (READ_ONLY, "04 00 00 00 00 00", "", "7/27/00", ""),
    ] {
        lab.expect(A, lun, cdb, data, expected);
        assert_eq!(lab.io(), io, "{cdb} {data}");
    }
    lab.data_out = 10;
    lab.expect(A, LARGE_BLOCKS, "04 10 00 00 00 00", "00 88 0000 00 01 0002 abcd", "GOOD");
    assert_eq!(lab.io(), "write 0 262144 bytes, flush");
    lab.expect(
        A,
        LARGE_BLOCKS,
        "28 00 0000003f 00 0001 00",
        "",
        &std::format!("GOOD {}", "abcd".repeat(2048)),
    );
    for (data, expected) in [
        ("00 88 0000 00 01 0003 abcd", "5/1a/00"),
        ("00 88 0000 00 00 0002 abcd", "5/26/00 list 6"),
        ("00 88 0000 00 02 0002 abcd", "5/26/00 list 5"),
        ("00 88 0000 40 01 0002 abcd", "5/26/00 list 4.7"),
    ] {
        lab.expect(A, LARGE_BLOCKS, "04 10 00 00 00 00", data, expected);
    }
    // IMMED, and how far it is.
    lab.data_out = 4;
    lab.expect(A, SMALL, "04 10 00 00 00 00", "00 82 0000", "GOOD");
    lab.expect(A, SMALL, TUR, "", "2/04/04 progress 0");
    assert!(lab.upkeep());
    lab.expect(A, SMALL, TUR, "", "GOOD");
}

#[test]
fn wrong_sanitizes() {
    let mut lab = Lab::new();
    for (lun, cdb, data, expected) in [
        (SMALL, "48 01 00000000 00 0004 00", "", "5/24/00 cdb 7"),
        (SMALL, "48 01 00000000 00 0205 00", "", "5/24/00 cdb 7"),
        (SMALL, "48 02 00000000 00 0001 00", "", "5/24/00 cdb 7"),
        (SMALL, "48 1f 00000000 00 0001 00", "", "5/24/00 cdb 7"),
        (SMALL, "48 04 00000000 00 0000 00", "", "5/24/00 cdb 1.4"),
        (SMALL, "48 42 00000000 00 0000 00", "", "5/24/00 cdb 1.6"),
        (SMALL, "48 01 00000000 00 0005 00", "00 00 0001 55", "5/26/00 list 0.4"),
        (SMALL, "48 01 00000000 00 0005 00", "21 00 0001 55", "5/26/00 list 0.6"),
        (SMALL, "48 01 00000000 00 0005 00", "01 00 0000 55", "5/26/00 list 2"),
        (SMALL, "48 01 00000000 00 0005 00", "01 00 0002 55", "5/26/00 list 2"),
        (SMALL, "48 01 00000000 00 0005 00", "01 00 0001", "5/1a/00"),
        (READ_ONLY, "48 02 00000000 00 0000 00", "", "7/27/00"),
    ] {
        lab.expect(A, lun, cdb, data, expected);
    }
    assert_eq!(lab.io(), "");
}

#[test]
fn commands_of_32_bytes() {
    let mut lab = Lab::new();
    let cdb = |action: &str, flags: &str, lba: u32, blocks: u32| {
        std::format!("7f 00 00000000 00 18 {action} {flags} 00 00000000{lba:08x} 00*8 {blocks:08x}")
    };
    for (cdb, data, expected, io) in [
        (cdb("0009", "00", 5, 1), "", "GOOD 05*512", "read 5+1"),
        (cdb("0009", "08", 5, 1), "", "GOOD 05*512", "flush, read 5+1"),
        (cdb("000b", "08", 5, 1), "aa*512", "GOOD", "write 5 512 bytes fua"),
        (cdb("000a", "02", 5, 1), "aa*512", "GOOD", "flush, read 5+1"),
        (cdb("000a", "02", 5, 1), "ab*512", "e/1d/00 information 0", "flush, read 5+1"),
        (cdb("000a", "04", 5, 1), "", "5/24/00 cdb 10.2", ""),
        (cdb("000c", "02", 6, 1), "bb*512", "GOOD", "write 6 512 bytes fua, read 6+1"),
        (cdb("000d", "00", 7, 2), "cc*512", "GOOD", "write 7 1024 bytes"),
        (cdb("000d", "19", 7, 2), "", "GOOD", "unmap 7+2 anchor"),
        (cdb("000d", "10", 7, 2), "", "5/24/00 cdb 10.4", ""),
        (cdb("0009", "00", 1000, 1), "", "5/21/00", ""),
        (cdb("0009", "00", 0, 65), "", "5/24/00 cdb 28", ""),
        (cdb("0009", "20", 0, 1), "", "5/24/00 cdb 10.5", ""),
        (cdb("0008", "00", 0, 1), "", "5/24/00 cdb 8", ""),
        ("7f 00 00000000 00 18 0009 00 00 00*8 00 00 00 01 00*4 00000001".into(), "", "5/24/00 cdb 23.0", ""),
        ("7f 00 00000000 00 10 0009 00 00 00*16 00000001".into(), "", "5/24/00 cdb 7", ""),
        ("7f 00 00000000 00 18 0009 00 00 00*4".into(), "", "5/24/00 cdb 16", ""),
    ] {
        lab.expect(A, SMALL, &cdb, data, expected);
        assert_eq!(lab.io(), io, "{cdb}");
    }
    let seen = lab.run(SMALL, "a3 0c 02 7f 0009 00000100 00 00", "");
    assert_eq!(seen, "GOOD 000300207f04 00*5 1800091800 ff*8 00*8 ffffffff");
}

#[test]
fn an_atomic_write_is_one_block() {
    let mut lab = Lab::new();
    for (cdb, data, expected, io) in [
        ("9c 08 0000000000000005 0000 0001 00 00", "aa*512", "GOOD", "write 5 512 bytes fua"),
        ("9c 00 0000000000000005 0000 0000 00 00", "", "GOOD", ""),
        ("9c 00 0000000000000005 0000 0002 00 00", "", "5/24/00 cdb 12", ""),
        ("9c 00 0000000000000005 0001 0001 00 00", "", "5/24/00 cdb 10", ""),
        ("9c 00 00000000000003e8 0000 0001 00 00", "", "5/21/00", ""),
        ("9c 20 0000000000000005 0000 0001 00 00", "", "5/24/00 cdb 1.5", ""),
    ] {
        lab.expect(A, SMALL, cdb, data, expected);
        assert_eq!(lab.io(), io, "{cdb}");
    }
}
