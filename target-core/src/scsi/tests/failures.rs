//! What storage cannot do, as sense data.

use super::harness::{A, LARGE_BLOCKS, Lab, SMALL, hex, request, show};
use crate::io::IoError;
use crate::scsi::{Command, Step};
use crate::wire::Lun;

#[test]
fn every_error_has_its_sense() {
    for (error, cdb, expected) in [
        (IoError::Read { lba: 5 }, "28 00 00000000 00 0008 00", "3/11/00 information 5"),
        (IoError::Read { lba: 5 }, "2f 00 00000000 00 0008 00", "3/11/00 information 5"),
        (IoError::Read { lba: 5 }, "2f 02 00000000 00 0001 00", "3/11/00 information 5"),
        (IoError::Read { lba: 5 }, "2e 00 00000000 00 0001 00", "3/11/00 information 5"),
        (IoError::Read { lba: 5 }, "2e 02 00000000 00 0001 00", "3/11/00 information 5"),
        (IoError::Write { lba: 6 }, "2a 00 00000000 00 0001 00", "3/0c/00 information 6"),
        (IoError::Write { lba: 6 }, "2e 02 00000000 00 0001 00", "3/0c/00 information 6"),
        (IoError::NoSpace, "2a 00 00000000 00 0001 00", "7/27/07"),
        (IoError::WriteProtected, "2a 00 00000000 00 0001 00", "7/27/00"),
        (IoError::NotReady, "28 00 00000000 00 0001 00", "2/04/00"),
        (IoError::Hardware, "35 00 00000000 00 0000 00", "4/44/00"),
        (IoError::Cancelled, "28 00 00000000 00 0001 00", "b/00/00"),
        // The flush before a read of the medium, and before a stop.
        (IoError::Hardware, "28 08 00000000 00 0001 00", "4/44/00"),
        (IoError::Hardware, "1b 00 00 00 00 00", "4/44/00"),
    ] {
        let mut lab = Lab::new();
        lab.fail.push(error);
        lab.expect(A, SMALL, cdb, "00*512", expected);
        assert_eq!(lab.fail, [], "{cdb}");
        lab.expect(A, SMALL, "00 00 00 00 00 00", "", "GOOD");
    }
}

#[test]
fn a_failed_write_counts_its_data_as_expected() {
    let mut lab = Lab::new();
    lab.fail.push(IoError::Write { lba: 1 });
    let outcome = lab.command(A, Lun(0), &hex("2a 00 00000000 00 0002 00"), &hex("00*1024"));
    assert_eq!(outcome.data_out_expected, 1024);
    let refused = lab.command(A, Lun(0), &hex("2a 20 00000000 00 0002 00"), &hex("00*1024"));
    assert_eq!(refused.data_out_expected, 0);
}

#[test]
fn a_write_that_did_not_stick_is_found_by_the_byte_check() {
    let mut lab = Lab::new();
    let cdb = hex("2e 02 00000003 00 0001 00");
    let (mut command, _) = Command::start(&mut lab.server, &request(A, Lun(0), &cdb));
    assert!(matches!(command.data_out(&mut lab.server, hex("aa*512").into()), Step::Io { .. }));
    assert!(matches!(command.io_done(&mut lab.server, Ok(hex("").into())), Step::Io { .. }));
    let step = command.io_done(&mut lab.server, Ok(hex("aa*511 ab").into()));
    assert!(matches!(step, Step::Done(outcome) if show(&outcome) == "e/1d/00 information 511"));
}

#[test]
fn storage_that_answers_with_another_length_is_broken() {
    let mut lab = Lab::new();
    lab.short_reads = true;
    lab.expect(A, SMALL, "28 00 00000000 00 0001 00", "", "4/44/00");
    lab.expect(A, LARGE_BLOCKS, "2f 02 00000000 00 0001 00", "00*4096", "4/44/00");
}

#[test]
fn steps_out_of_turn_fail_and_do_no_harm() {
    let mut lab = Lab::new();
    let cdb = hex("28 00 00000000 00 0001 00");
    for wrong_data in [true, false] {
        let (mut command, _) = Command::start(&mut lab.server, &request(A, Lun(0), &cdb));
        if !wrong_data {
            assert!(matches!(command.io_done(&mut lab.server, Ok(hex("00*512").into())), Step::Done(_)));
        }
        let step = match wrong_data {
            true => command.data_out(&mut lab.server, hex("00*512").into()),
            false => command.io_done(&mut lab.server, Ok(hex("00*512").into())),
        };
        assert!(matches!(step, Step::Done(outcome) if show(&outcome) == "4/44/00"));
    }
}
