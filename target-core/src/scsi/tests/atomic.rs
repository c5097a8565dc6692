//! COMPARE AND WRITE, ORWRITE.

use super::harness::{A, B, HUGE, LARGE_BLOCKS, Lab, READ_ONLY, SMALL, TRANSFER_BYTES, hex, request};
use crate::io::{IoError, SgList};
use crate::scsi::{Command, Step, is_atomic, status};
use crate::wire::Lun;
use std::format;

const CAW: &str = "89 00 0000000000000005 000000 01 00 00";

#[test]
fn writes_if_it_is_as_expected() {
    let mut lab = Lab::new();
    lab.expect(A, SMALL, CAW, "05*512 aa*512", "GOOD");
    assert_eq!(lab.io(), "read 5+1, write 5 512 bytes");
    lab.expect(A, SMALL, "28 00 00000005 00 0001 00", "", "GOOD aa*512");
    // FUA, and two blocks.
    lab.expect(A, SMALL, "89 08 0000000000000004 000000 02 00 00", "04*512 aa*512 bb*1024", "GOOD");
    assert_eq!(lab.io(), "read 5+1, read 4+2, write 4 1024 bytes fua");
    lab.expect(A, LARGE_BLOCKS, "89 00 0000000000000003 000000 01 00 00", "03*4096 00*4096", "GOOD");
    assert_eq!(lab.io(), "read 3+1, write 3 4096 bytes fua");
}

#[test]
fn a_difference_is_reported_and_nothing_written() {
    let mut lab = Lab::new();
    lab.expect(A, SMALL, CAW, "05*511 06 aa*512", "e/1d/00 information 511");
    lab.expect(A, SMALL, CAW, "00*512 aa*512", "e/1d/00 information 0");
    lab.expect(
        A,
        SMALL,
        "89 00 0000000000000004 000000 02 00 00",
        "04*512 05 04*511 aa*1024",
        "e/1d/00 information 513",
    );
    assert_eq!(lab.io(), "read 5+1, read 5+1, read 4+2");
}

#[test]
fn errors() {
    let mut lab = Lab::new();
    let most = TRANSFER_BYTES / 512 / 2;
    let over = format!("89 00 0000000000000000 000000 {:02x} 00 00", most + 1);
    for (lun, cdb, data, expected) in [
        (SMALL, over.as_str(), "", "5/24/00 cdb 13"),
        (SMALL, "89 00 0000000000000000 000000 00 00 00", "", "GOOD"),
        (SMALL, "89 00 00000000000003e8 000000 01 00 00", "", "5/21/00"),
        (SMALL, "89 00 00000000000003e7 000000 02 00 00", "", "5/21/00"),
        (SMALL, "89 20 0000000000000000 000000 01 00 00", "", "5/24/00 cdb 1.5"),
        (SMALL, "89 00 0000000000000000 000001 01 00 00", "", "5/24/00 cdb 12.0"),
        // Half of the data is not half of the command.
        (SMALL, CAW, "05*512", "5/24/00 cdb 13"),
        (READ_ONLY, CAW, "05*512 aa*512", "7/27/00"),
        (HUGE, "89 00 0000000200000000 000000 01 00 00", "", "5/21/00"),
    ] {
        lab.expect(A, lun, cdb, data, expected);
    }
    assert_eq!(lab.io(), "");
    lab.fail = [IoError::Read { lba: 5 }].into();
    lab.expect(A, SMALL, CAW, "05*512 aa*512", "3/11/00 information 5");
    lab.fail = [IoError::Write { lba: 5 }].into();
    lab.expect(A, SMALL, CAW, "05*512 aa*512", "3/0c/00 information 5");
    lab.short_reads = true;
    lab.expect(A, SMALL, CAW, "05*512 aa*512", "4/44/00");
}

#[test]
fn exchange() {
    let mut lab = Lab::new();
    let cdb = "53 00 00000005 00 0002 00";
    lab.expect(A, SMALL, cdb, "f0*512 06*512", "GOOD f5*512 00*512");
    lab.expect(A, SMALL, "28 00 00000005 00 0002 00", "", "GOOD f0*512 06*512");
    // DISABLE WRITE; half of the data; the long form with FUA.
    lab.expect(A, SMALL, "53 04 00000005 00 0001 00", "ff*512", "GOOD 0f*512");
    lab.expect(A, SMALL, cdb, "f1*512", "GOOD 01*512");
    let long = "7f 00 00000000 00 18 0007 08 00 0000000000000005 00000000 0000 0000 00000001";
    lab.expect(A, SMALL, long, "f0*512", "GOOD 01*512");
    assert_eq!(
        lab.io(),
        "read 5+2, write 5 1024 bytes, read 5+2, read 5+1, read 5+1, write 5 512 bytes, read 5+1, write 5 512 bytes fua"
    );
    for (lun, cdb, data, expected) in [
        (SMALL, "53 00 00000000 00 0000 00", "", "GOOD"),
        (SMALL, "53 00 000003e8 00 0001 00", "", "5/21/00"),
        (SMALL, "53 01 00000000 00 0001 00", "", "5/24/00 cdb 1.0"),
        (SMALL, "53 00 00000000 01 0001 00", "", "5/24/00 cdb 6.0"),
        (READ_ONLY, cdb, "ff*1024", "7/27/00"),
    ] {
        lab.expect(A, lun, cdb, data, expected);
    }
    assert!(is_atomic(&hex(cdb)) && is_atomic(&hex(long)));
}

#[test]
fn or() {
    let mut lab = Lab::new();
    let cdb = "8b 00 0000000000000005 00000002 00 00";
    lab.expect(A, SMALL, cdb, "f0*512 00*512", "GOOD");
    lab.expect(A, SMALL, "28 00 00000005 00 0002 00", "", "GOOD f5*512 06*512");
    lab.expect(A, SMALL, "8b 08 0000000000000005 00000001 00 00", "0f*512", "GOOD");
    assert_eq!(lab.io(), "read 5+2, write 5 1024 bytes, read 5+2, read 5+1, write 5 512 bytes fua");
    for (cdb, expected) in [
        ("8b 00 0000000000000000 00000000 00 00", "GOOD"),
        ("8b 00 00000000000003e8 00000001 00 00", "5/21/00"),
        ("8b 00 0000000000000000 00000041 00 00", "5/24/00 cdb 10"),
        ("8b 40 0000000000000000 00000001 00 00", "5/24/00 cdb 1.6"),
    ] {
        lab.expect(A, SMALL, cdb, "", expected);
    }
    // A whole block came: as for WRITE, that much is done.
    lab.expect(A, SMALL, cdb, "00*600", "GOOD");
    assert_eq!(lab.io(), "read 5+1, write 5 512 bytes");
    lab.expect(A, READ_ONLY, cdb, "00*1024", "7/27/00");
}

#[test]
fn nothing_comes_in_between() {
    assert!(is_atomic(&hex(CAW)) && is_atomic(&hex("8b 00")));
    assert!(!is_atomic(&hex("2a 00 00000000 00 0001 00")) && !is_atomic(&[]) && !is_atomic(&hex("ff")));
    let mut lab = Lab::new();
    let (mut command, step) = Command::start(&mut lab.server, &request(A, Lun(0), &hex(CAW)));
    assert_eq!(step, Step::DataOut { len: 1024 });
    let busy = format!("{:02x}", status::BUSY);
    lab.expect(B, SMALL, "2a 00 00000005 00 0001 00", "aa*512", &busy);
    lab.expect(B, SMALL, "28 00 00000005 00 0001 00", "", &busy);
    lab.expect(B, LARGE_BLOCKS, "28 00 00000005 00 0000 00", "", "GOOD");
    lab.expect(B, SMALL, "12 00 00 0001 00", "", "GOOD 00");
    let data = SgList::from(hex("05*512 aa*512"));
    assert!(matches!(command.data_out(&mut lab.server, data), Step::Io { .. }));
    lab.expect(B, SMALL, "28 00 00000005 00 0001 00", "", &busy);
    let step = command.io_done(&mut lab.server, Ok(SgList::from(hex("05*512"))));
    assert!(matches!(step, Step::Io { .. }));
    lab.expect(B, SMALL, "28 00 00000005 00 0001 00", "", &busy);
    let step = command.io_done(&mut lab.server, Ok(SgList::new()));
    assert!(matches!(step, Step::Done(_)));
    lab.expect(B, SMALL, "28 00 00000005 00 0000 00", "", "GOOD");
    // One that is given up keeps nobody out.
    let (command, _) = Command::start(&mut lab.server, &request(A, Lun(0), &hex(CAW)));
    drop(command);
    lab.expect(B, SMALL, "28 00 00000005 00 0000 00", "", "GOOD");
}
