//! UNMAP, GET LBA STATUS, and WRITE SAME that unmaps.

use super::harness::{A, HUGE, LARGE_BLOCKS, Lab, READ_ONLY, SMALL};
use crate::io::IoError;
use std::format;

/// A list with these descriptors.
fn list(descriptors: &str, count: usize) -> std::string::String {
    format!("{:04x} {:04x} 00000000 {descriptors}", count * 16 + 6, count * 16)
}

#[test]
fn unmapped_blocks_are_zeros() {
    let mut lab = Lab::new();
    let two = list("0000000000000005 00000003 00000000 0000000000000001 00000001 00000000", 2);
    lab.expect(A, SMALL, "42 00 00000000 00 0028 00", &two, "GOOD");
    assert_eq!(lab.io(), "unmap 5+3, unmap 1+1");
    lab.expect(A, SMALL, "28 00 00000000 00 0006 00", "", "GOOD 00*1024 02*512 03*512 04*512 00*512");
    lab.io();
    // ANCHOR; a range of no blocks; a descriptor that is not whole.
    let one = list("0000000000000007 00000001 00000000 0000000000000009 00000000 00000000 0102", 2);
    lab.expect(A, SMALL, "42 01 00000000 00 002a 00", &one, "GOOD");
    assert_eq!(lab.io(), "unmap 7+1 anchor");
    // Without a write cache it is on stable storage before the status.
    let one = list("0000000000000007 00000001 00000000", 1);
    lab.expect(A, LARGE_BLOCKS, "42 00 00000000 00 0018 00", &one, "GOOD");
    assert_eq!(lab.io(), "unmap 7+1, flush");
    // Nothing to do, also right behind the last block.
    lab.expect(A, SMALL, "42 00 00000000 00 0018 00", &list("00000000000003e8 00000000 00000000", 1), "GOOD");
    lab.expect(A, SMALL, "42 00 00000000 00 0000 00", "", "GOOD");
    lab.expect(A, SMALL, "42 00 00000000 00 0008 00", "0006 0000 00000000", "GOOD");
    assert_eq!(lab.io(), "");
}

#[test]
fn a_wrong_list_unmaps_nothing() {
    let mut lab = Lab::new();
    let good = "0000000000000005 00000003 00000000";
    let outside = list(&format!("{good} 00000000000003e7 00000002 00000000"), 2);
    let beyond = list(&format!("{good} 00000000000003e9 00000000 00000000"), 2);
    for (lun, cdb, data, expected) in [
        (SMALL, "42 00 00000000 00 0028 00", &*outside, "5/21/00"),
        (SMALL, "42 00 00000000 00 0028 00", &beyond, "5/21/00"),
        (SMALL, "42 00 00000000 00 0007 00", "", "5/1a/00"),
        (SMALL, "42 00 00000000 00 0028 00", &list(good, 1), "5/1a/00"),
        (SMALL, "42 00 00000000 00 0018 00", &list(good, 2), "5/1a/00"),
        (SMALL, "42 00 00000000 00 0018 00", &format!("0017 0010 00000000 {good}"), "5/1a/00"),
        (SMALL, "42 00 00000000 01 0018 00", &list(good, 1), "5/24/00 cdb 6.0"),
        (LARGE_BLOCKS, "42 01 00000000 00 0018 00", &list(good, 1), "5/24/00 cdb 1.0"),
        (READ_ONLY, "42 00 00000000 00 0018 00", &list(good, 1), "5/20/00"),
        (HUGE, "9e 12 0000000000000000 00000020 00 00", "", "5/20/00"),
    ] {
        lab.expect(A, lun, cdb, data, expected);
    }
    // More descriptors than MAXIMUM UNMAP BLOCK DESCRIPTOR COUNT.
    let many = list(&"0000000000000001 00000001 00000000 ".repeat(257), 257);
    lab.expect(A, SMALL, "42 00 00000000 00 1018 00", &many, "5/26/00 list 2");
    assert_eq!(lab.io(), "");
    lab.fail = [IoError::NoSpace].into();
    lab.expect(A, SMALL, "42 00 00000000 00 0018 00", &list(good, 1), "7/27/07");
}

#[test]
fn status_of_blocks() {
    let mut lab = Lab::new();
    let descriptors = "0000000000000005 00000002 00 000000 0000000000000007 00000001 01 000000";
    let expected = format!("GOOD 00000024 00000000 {descriptors}");
    lab.expect(A, SMALL, "9e 12 0000000000000005 00000028 00 00", "", &expected);
    assert_eq!(lab.io(), "status 5 2");
    // Room for less than one: cut off.
    lab.expect(A, SMALL, "9e 12 0000000000000005 0000000a 00 00", "", "GOOD 00000014 00000000 0000");
    // Up to the last block, and not beyond.
    let last = "GOOD 00000014 00000000 00000000000003e7 00000001 00 000000";
    lab.expect(A, SMALL, "9e 12 00000000000003e7 00000100 00 00", "", last);
    lab.expect(A, SMALL, "9e 12 00000000000003e8 00000100 00 00", "", "5/21/00");
}

#[test]
fn write_same_unmaps_zeros_alone() {
    let mut lab = Lab::new();
    for (lun, cdb, data, expected, io) in [
        (SMALL, "41 08 00000005 00 0003 00", "00*512", "GOOD", "unmap 5+3"),
        (SMALL, "41 08 00000005 00 0003 00", "00*511 01", "GOOD", "write 5 1536 bytes"),
        (SMALL, "93 09 0000000000000005 00000003 00 00", "", "GOOD", "unmap 5+3"),
        (SMALL, "93 19 0000000000000005 00000003 00 00", "", "GOOD", "unmap 5+3 anchor"),
        (SMALL, "93 01 0000000000000005 00000003 00 00", "", "GOOD", "write 5 1536 bytes"),
        (LARGE_BLOCKS, "93 08 0000000000000005 00000001 00 00", "00*4096", "GOOD", "unmap 5+1, flush"),
        (SMALL, "93 11 0000000000000005 00000003 00 00", "", "5/24/00 cdb 1.4", ""),
        (LARGE_BLOCKS, "93 19 0000000000000005 00000003 00 00", "", "5/24/00 cdb 1.4", ""),
        (SMALL, "41 08 00000005 00 0000 00", "", "5/24/00 cdb 7", ""),
        (SMALL, "41 08 00000005 00 0041 00", "", "5/24/00 cdb 7", ""),
        (HUGE, "41 08 00000005 00 0001 00", "", "5/24/00 cdb 1.3", ""),
    ] {
        lab.expect(A, lun, cdb, data, expected);
        assert_eq!(lab.io(), io, "{cdb}");
    }
}

#[test]
fn what_a_unit_cannot_do_is_not_listed() {
    let mut lab = Lab::new();
    lab.expect(A, SMALL, "a3 0c 01 42 0000 00000100 00 00", "", "GOOD 00 03 000a 42 01 00000000 00 ffff 04");
    lab.expect(A, HUGE, "a3 0c 01 42 0000 00000100 00 00", "", "GOOD 00 01 0000");
    lab.expect(A, HUGE, "a3 0c 02 9e 0012 00000100 00 00", "", "GOOD 00 01 0000");
    let all = |lab: &mut Lab, lun| {
        let cdb = super::harness::hex("a3 0c 00 00 0000 00002000 00 00");
        lab.command(A, crate::wire::Lun::from_number(lun), &cdb, &[]).data_in.len()
    };
    assert_eq!(all(&mut lab, SMALL) - all(&mut lab, HUGE), 16);
}

#[test]
fn pages_tell_what_can_be_unmapped() {
    let mut lab = Lab::new();
    lab.expect(A, SMALL, "12 01 b2 0008 00", "", "GOOD 00b20004 00 e6 02 00");
    lab.expect(A, LARGE_BLOCKS, "12 01 b2 0008 00", "", "GOOD 00b20004 00 e4 02 00");
    lab.expect(A, HUGE, "12 01 b2 0008 00", "", "GOOD 00b20004 00 00 00 00");
    let limits = |lab: &mut Lab, lun| {
        let cdb = super::harness::hex("12 01 b0 0040 00");
        lab.command(A, crate::wire::Lun::from_number(lun), &cdb, &[]).data_in.to_bytes().slice(20..36)
    };
    assert_eq!(limits(&mut lab, SMALL)[..], super::harness::hex("00100000 00000100 00000008 80000000"));
    assert_eq!(limits(&mut lab, LARGE_BLOCKS)[8..], super::harness::hex("00000001 80000000"));
    assert_eq!(limits(&mut lab, HUGE)[..], [0; 16]);
    for (lun, byte) in [(SMALL, 0xc0), (LARGE_BLOCKS, 0xc0), (HUGE, 0)] {
        let cdb = super::harness::hex("9e 10 00*8 00000020 00 00");
        let data = lab.command(A, crate::wire::Lun::from_number(lun), &cdb, &[]).data_in.to_bytes();
        assert_eq!(data[14], byte);
    }
}
