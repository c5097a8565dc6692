//! Third-party copies and tokens.

use super::harness::{A, B, HUGE, LARGE_BLOCKS, Lab, READ_ONLY, SMALL, dump, hex};
use crate::io::IoError;
use crate::scsi::{Command, Step};
use crate::time::Instant;
use crate::wire::Lun;
use core::time::Duration;
use std::format;
use std::string::String;
use std::vec::Vec;

/// The identification descriptor of a unit, by its NAA designator.
fn cscd(lab: &mut Lab, lun: u16) -> String {
    let page = lab.command(A, Lun::from_number(lun), &hex("12 01 83 00ff 00"), &[]).data_in.to_bytes();
    let naa: String = page[8..16].iter().map(|byte| format!("{byte:02x}")).collect();
    let block = if lun == LARGE_BLOCKS { "00001000" } else { "00000200" };
    format!("e400 0000 0103 0008 {naa} 00*12 {block}")
}

fn segment(from: u16, to: u16, blocks: u16, lba: u64, dest: u64) -> String {
    format!("02 00 0018 {from:04x} {to:04x} 0000 {blocks:04x} {lba:016x} {dest:016x}")
}

/// A list of EXTENDED COPY(LID1).
fn list(id: u8, usage: u8, cscds: &[String], segments: &[String]) -> Vec<u8> {
    let (c, s) = (hex(&cscds.join(" ")), hex(&segments.join(" ")));
    let mut out = hex(&format!("{id:02x} {usage:02x} {:04x} 00*4 {:08x} 00*4", c.len(), s.len()));
    out.extend(c);
    out.extend(s);
    out
}

fn copy(lab: &mut Lab, list: &[u8]) -> String {
    let cdb = format!("83 00 00*8 {:08x} 00 00", list.len());
    lab.run(SMALL, &cdb, &dump(list))
}

#[test]
fn blocks_go_from_unit_to_unit() {
    let mut lab = Lab::new();
    let (small, huge) = (cscd(&mut lab, SMALL), cscd(&mut lab, HUGE));
    let both = [small, huge];
    let runs = [segment(0, 1, 3, 7, 1 << 32), segment(1, 0, 1, 5, 900)];
    assert_eq!(copy(&mut lab, &list(9, 0, &both, &runs)), "GOOD");
    assert_eq!(lab.io(), "read 7+3, write 4294967296 1536 bytes fua, read 5+1, write 900 512 bytes");
    lab.expect(A, SMALL, "28 00 00000384 00 0001 00", "", "GOOD 05*512");
    let status = "84 00 09 00*7 0000000c 00 00";
    lab.expect(A, SMALL, status, "", "GOOD 00000008 01 0002 00 00000800");
    lab.expect(A, SMALL, "84 04 09 00*7 00000050 00 00", "", "GOOD 00000000");
    lab.expect(A, SMALL, "84 01 09 00*7 00000050 00 00", "", "GOOD 00000000");
    // Another nexus has no such list, and neither has this one another.
    lab.expect(B, SMALL, status, "", "5/24/00 cdb 2");
    lab.expect(A, SMALL, "84 00 08 00*7 0000000c 00 00", "", "5/24/00 cdb 2");
    lab.expect(A, SMALL, "84 05 00000009 00*4 0000000c 00 00", "", "5/24/00 cdb 2");
    let parameters = "GOOD 0000002a 01000000 0010 0010 000003c0 00008000 00*14 0040 40 09 00*5 02 02 e4";
    lab.expect(A, SMALL, "84 03 00*8 00000100 00 00", "", parameters);
    // The long form, without a list identifier.
    let c = format!("{} {}", both[0], both[1]);
    let long =
        format!("01 10 0020 00*11 00 ff 000000 00000000 00*18 0040 001c 0000 {c} {}", segment(0, 0, 2, 1, 3));
    let len = hex(&long).len();
    lab.io();
    lab.expect(A, SMALL, &format!("83 01 00*8 {len:08x} 00 00"), &long, "GOOD");
    assert_eq!(lab.io(), "read 1+2, write 3 1024 bytes");
}

#[test]
fn what_cannot_be_copied() {
    let mut lab = Lab::new();
    let small = cscd(&mut lab, SMALL);
    let (large, read_only) = (cscd(&mut lab, LARGE_BLOCKS), cscd(&mut lab, READ_ONLY));
    let one = |segment: String| list(1, 0, core::slice::from_ref(&small), &[segment]);
    let cases: &[(Vec<u8>, &str)] = &[
        (one(segment(0, 1, 1, 0, 0)), "a/08/04"),
        (one(segment(0, 0, 8, 0, 999)), "a/00/00"),
        (one(segment(0, 0, 65, 0, 100)), "5/26/0d"),
        (one(segment(0, 0, 1, 0, 100).replacen("02 00 0018", "02 00 0017", 1)), "5/26/00 list 50"),
        (one(segment(0, 0, 1, 0, 100).replacen("02", "0a", 1)), "5/26/09"),
        (list(1, 0, &[small.clone(), large.clone()], &[segment(0, 1, 1, 0, 0)]), "5/26/0d"),
        (list(1, 0, &[small.clone(), read_only.clone()], &[segment(0, 1, 1, 0, 0)]), "a/0d/01"),
        (list(1, 0, &[small.replacen("e4", "e5", 1)], &[segment(0, 0, 1, 0, 1)]), "5/26/07"),
        (list(1, 0, &[small.replacen("e400", "e440", 1)], &[segment(0, 0, 1, 0, 1)]), "5/26/00 list 17.7"),
        (list(1, 0, &[small.replacen("e400", "e420", 1)], &[segment(0, 0, 1, 0, 1)]), "a/0d/02"),
        (list(1, 0, &[small.replacen("00000200", "00001000", 1)], &[segment(0, 0, 1, 0, 1)]), "a/0d/03"),
        (
            list(1, 0, &[small.replacen("0008 ", "0008 9", 1).replacen("0103 0008 9", "0103 0008 ", 1)], &[]),
            "GOOD",
        ),
        (list(1, 0x08, core::slice::from_ref(&small), &[]), "5/26/00 list 1.4"),
        (list(1, 0x18, core::slice::from_ref(&small), &[]), "5/26/00 list 0"),
        (list(1, 0, &std::vec![small.clone(); 17], &[]), "5/26/06"),
        (list(1, 0, core::slice::from_ref(&small), &std::vec![segment(0, 0, 1, 0, 1); 17]), "5/26/08"),
        (list(1, 0, &std::vec![small.clone(); 17], &std::vec![segment(0, 0, 1, 0, 1); 17]), "5/1a/00"),
    ];
    for (list, expected) in cases {
        assert_eq!(copy(&mut lab, list), *expected, "{}", dump(list));
    }
    let mut cut = one(segment(0, 0, 1, 0, 1));
    cut.truncate(60);
    assert_eq!(copy(&mut lab, &cut), "5/1a/00");
    lab.table(
        SMALL,
        &[
            ("83 00 00*8 00000000 00 00", "", "GOOD"),
            ("83 00 00*8 0000000f 00 00", "", "5/1a/00"),
            ("83 00 00*8 00010000 00 00", "", "5/1a/00"),
        ],
    );
    // A copy that fails on the way says so, and what was done.
    lab.fail = [IoError::Write { lba: 9 }].into();
    assert_eq!(
        copy(&mut lab, &list(2, 0, core::slice::from_ref(&small), &[segment(0, 0, 1, 0, 9)])),
        "a/0d/01"
    );
    lab.expect(A, SMALL, "84 00 02 00*7 0000000c 00 00", "", "GOOD 00000008 02 0000 00 00000000");
    let details = "GOOD 0000004a 00*52 02 00 0012 70000a 00*4 0a 00*4 0d01 00*4";
    lab.expect(A, SMALL, "84 04 02 00*7 00000050 00 00", "", details);
    // What the nexus may not write, its copy may not either.
    lab.expect(B, HUGE, "16 00 00 00 00 00", "", "GOOD");
    let huge = cscd(&mut lab, HUGE);
    assert_eq!(copy(&mut lab, &list(3, 0, &[small, huge], &[segment(0, 1, 1, 0, 9)])), "a/0d/01");
}

#[test]
fn a_copy_under_way_is_seen_and_one_that_was_dropped_too() {
    let mut lab = Lab::new();
    let small = cscd(&mut lab, SMALL);
    let data = list(4, 0, &[small], &[segment(0, 0, 1, 0, 9)]);
    let cdb = hex(&format!("83 00 00*8 {:08x} 00 00", data.len()));
    let (mut command, step) = Command::start(&mut lab.server, &super::harness::request(A, Lun(0), &cdb));
    assert!(matches!(step, Step::DataOut { .. }));
    assert!(matches!(command.data_out(&mut lab.server, data.clone().into()), Step::Io { .. }));
    let status = "84 00 04 00*7 0000000c 00 00";
    lab.expect(A, SMALL, status, "", "GOOD 00000008 00 0000 00 00000000");
    assert_eq!(copy(&mut lab, &data), "5/00/16");
    // Nothing atomic comes in between.
    lab.expect(A, SMALL, "89 00 0000000000000000 000000 01 00 00", "00*1024", "08");
    lab.expect(A, SMALL, "04 00 00 00 00 00", "", "08");
    drop(command);
    lab.expect(A, SMALL, status, "", "GOOD 00000008 02 0000 00 00000000");
    lab.expect(A, SMALL, "89 00 0000000000000000 000000 01 00 00", "00*1024", "GOOD");
    assert_eq!(copy(&mut lab, &data), "GOOD");
}

#[test]
fn a_copy_leaves_a_unit_alone_that_is_sanitized() {
    let mut lab = Lab::new();
    let large = cscd(&mut lab, LARGE_BLOCKS);
    lab.expect(A, LARGE_BLOCKS, "48 81 00000000 00 0005 00", "02 00 0001 55", "GOOD");
    let data = list(1, 0, &[large], &[segment(0, 0, 1, 0, 9)]);
    assert_eq!(copy(&mut lab, &data), "a/0d/01");
    assert!(lab.upkeep());
    assert_eq!(copy(&mut lab, &data), "GOOD");
}

/// A list of POPULATE TOKEN.
fn populate(ranges: &[(u64, u32)], timeout: u32) -> String {
    let descriptors: Vec<String> =
        ranges.iter().map(|(lba, blocks)| format!("{lba:016x} {blocks:08x} 00000000")).collect();
    let len = ranges.len() * 16;
    format!("{:04x} 02 00 {timeout:08x} 00010000 0000 {len:04x} {}", len + 14, descriptors.join(" "))
}

/// A list of WRITE USING TOKEN.
fn using(token: &str, offset: u64, flags: u8, ranges: &[(u64, u32)]) -> String {
    let descriptors: Vec<String> =
        ranges.iter().map(|(lba, blocks)| format!("{lba:016x} {blocks:08x} 00000000")).collect();
    let len = ranges.len() * 16;
    format!(
        "{:04x} {flags:02x} 00*5 {offset:016x} {token} 00*6 {len:04x} {}",
        len + 534,
        descriptors.join(" ")
    )
}

fn run(lab: &mut Lab, action: u8, id: u32, list: &str) -> String {
    let cdb = format!("83 {action:02x} 00*4 {id:08x} {:08x} 00 00", hex(list).len());
    lab.run(SMALL, &cdb, list)
}

fn token(lab: &mut Lab, id: u32) -> String {
    let cdb = hex(&format!("84 07 {id:08x} 00*4 0000022a 00 00"));
    let data = lab.command(A, Lun(0), &cdb, &[]).data_in.to_bytes();
    assert_eq!((data.len(), dump(&data[32..38])), (550, "000002020000".into()));
    dump(&data[38..])
}

#[test]
fn a_token_stands_for_blocks() {
    let mut lab = Lab::new();
    assert_eq!(run(&mut lab, 0x10, 7, &populate(&[(10, 2), (20, 2)], 0)), "GOOD");
    let status = "84 07 00000007 00*4 00000020 00 00";
    let says = "GOOD 00000222 10 01 0000 00000000 00 00 00 f1 0000000000000004 0000 00*6";
    lab.expect(A, SMALL, status, "", says);
    let token = token(&mut lab, 7);
    assert_eq!(run(&mut lab, 0x11, 8, &using(&token, 1, 0, &[(100, 3)])), "GOOD");
    assert_eq!(lab.io(), "read 11+1, write 100 512 bytes, read 20+2, write 101 1024 bytes");
    let says = "GOOD 00000020 11 01 0000 00000000 00 00 00 f1 0000000000000003 0002 00*6";
    lab.expect(
        A,
        SMALL,
        "84 05 00000008 00*4 00000020 00 00",
        "",
        &says.replace("00000020 11", "0000001c 11"),
    );
    // Too far; one block too many.
    assert_eq!(run(&mut lab, 0x11, 8, &using(&token, 2, 0, &[(100, 3)])), "5/26/00 list 8");
    // Zeros need no token to be made.
    let zeros = "ffff0001 0000 01f8 00*504";
    assert_eq!(run(&mut lab, 0x11, 9, &using(zeros, 0, 0, &[(10, 2)])), "GOOD");
    assert_eq!(lab.io(), "write 10 1024 bytes");
    lab.expect(A, SMALL, "28 00 0000000a 00 0001 00", "", "GOOD 00*512");
    // Deleted after its last use; forgotten when unused.
    assert_eq!(run(&mut lab, 0x11, 8, &using(&token, 0, 2, &[(100, 1)])), "GOOD");
    assert_eq!(run(&mut lab, 0x11, 8, &using(&token, 0, 0, &[(100, 1)])), "5/23/04");
    assert_eq!(run(&mut lab, 0x10, 7, &populate(&[(10, 2)], 5)), "GOOD");
    let token = self::token(&mut lab, 7);
    lab.server.set_now(Instant::ZERO + Duration::from_secs(4));
    assert_eq!(run(&mut lab, 0x11, 8, &using(&token, 0, 0, &[(100, 1)])), "GOOD");
    lab.server.set_now(Instant::ZERO + Duration::from_secs(9));
    assert_eq!(run(&mut lab, 0x11, 8, &using(&token, 0, 0, &[(100, 1)])), "5/23/04");
}

#[test]
fn what_is_wrong_with_a_token() {
    let mut lab = Lab::new();
    for (list, expected) in [
        (populate(&[(10, 2), (11, 1)], 0), "5/26/00 list 32"),
        (populate(&[(999, 2)], 0), "5/21/00"),
        (populate(&[(0, 65)], 0), "5/26/00 list 24"),
        (populate(&[(0, 1)], 601), "5/26/00 list 4"),
        (populate(&[(0, 1)], 0).replacen("00010000", "00800000", 1), "5/26/00 list 8"),
        (populate(&[(0, 1)], 0).replacen("001e 02", "001e 03", 1), "5/26/00 list 2.0"),
        (populate(&[(0, 1)], 0).replacen("001e", "001f", 1), "5/26/00 list 0"),
    ] {
        assert_eq!(run(&mut lab, 0x10, 1, &list), expected, "{list}");
    }
    assert_eq!(run(&mut lab, 0x11, 1, &using("00800000 0000 01f8 00*504", 0, 0, &[(0, 1)])), "5/23/01");
    assert_eq!(run(&mut lab, 0x11, 1, &using("00010000 0000 01f8 00*504", 0, 0, &[(0, 1)])), "5/23/04");
    lab.table(
        SMALL,
        &[
            ("83 10 00*4 00000001 00000000 00 00", "", "GOOD"),
            ("83 10 00*4 00000001 0000001f 00 00", "", "5/1a/00"),
            ("83 11 00*4 00000001 00000218 00 00", "", "5/1a/00"),
            ("84 07 00000001 00*4 00000020 00 00", "", "5/24/00 cdb 2"),
        ],
    );
    lab.expect(A, READ_ONLY, "83 11 00*4 00000001 00000228 00 00", "", "7/27/00");
}
