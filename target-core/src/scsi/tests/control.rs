//! TEST UNIT READY, REQUEST SENSE, START STOP UNIT, PREVENT ALLOW MEDIUM REMOVAL, unknown commands.

use super::harness::{A, B, Lab, SMALL, hex, request, show};
use crate::scsi::{Command, Step};
use crate::wire::Lun;

#[test]
fn unknown_commands() {
    let mut lab = Lab::new();
    lab.table(
        SMALL,
        &[
            ("ff 00 00 00 00 00", "", "5/20/00"),
            ("05 00 00 00 00 00", "", "5/20/00"),
            ("7f 00 00000000 0018 0001", "", "5/24/00 cdb 8"),
            ("9e 11 0000000000000000 00000020 00 00", "", "5/24/00 cdb 1.4"),
            ("a3 1f 00 00 0000 00000100 00 00", "", "5/24/00 cdb 1.4"),
            ("00 00 00 00 00 00", "", "GOOD"),
            ("00 80 00 00 00 00", "", "5/24/00 cdb 1.7"),
            // NACA is there, whether or not the command fails.
            ("00 00 00 00 00 04", "", "GOOD"),
            ("00 00 00 00 00 01", "", "5/24/00 cdb 5.0"),
        ],
    );
}

#[test]
fn an_aca_task_without_an_aca_condition() {
    let mut lab = Lab::new();
    let cdb = hex("00 00 00 00 00 00");
    let (_, step) =
        Command::start(&mut lab.server, &crate::scsi::Request { attr: 4, ..request(A, Lun(0), &cdb) });
    assert!(matches!(step, Step::Done(outcome) if show(&outcome) == "5/49/00"));
}

#[test]
fn request_sense() {
    let mut lab = Lab::fresh();
    lab.table(
        SMALL,
        &[
            // It reports the unit attention as data, and that clears it.
            ("03 00 00 00 ff 00", "", "GOOD 70000600000000 0a00000000 290000000000"),
            ("03 00 00 00 ff 00", "", "GOOD 70*1 00*6 0a 00*10"),
            ("03 00 00 00 08 00", "", "GOOD 70*1 00*6 0a"),
            ("03 00 00 00 00 00", "", "GOOD"),
            ("00 00 00 00 00 00", "", "GOOD"),
            ("03 02 00 00 ff 00", "", "5/24/00 cdb 1.1"),
        ],
    );
}

#[test]
fn stops_and_starts() {
    let mut lab = Lab::new();
    lab.table(
        SMALL,
        &[
            ("1b 01 00 00 00 00", "", "GOOD"),
            ("00 00 00 00 00 00", "", "2/04/02"),
            ("28 00 00000000 00 0001 00", "", "2/04/02"),
            ("2a 00 00000000 00 0001 00", "a0*512", "2/04/02"),
            ("2f 00 00000000 00 0001 00", "", "2/04/02"),
            ("35 00 00000000 00 0000 00", "", "2/04/02"),
            // What needs no medium goes on.
            ("25 00 00000000 0000 00 00", "", "GOOD 000003e700000200"),
            ("03 00 00 00 0e 00", "", "GOOD 70000200000000 0a 00000000 0402"),
            ("1a 08 01 00 04 00", "", "GOOD 0f001000"),
            // A stopped unit has nothing to flush.
            ("1b 00 00 00 00 00", "", "GOOD"),
        ],
    );
    assert_eq!(lab.io(), "flush");
    lab.expect(B, SMALL, "00 00 00 00 00 00", "", "2/04/02");
    lab.table(
        SMALL,
        &[
            ("1b 00 00 00 01 00", "", "GOOD"),
            ("00 00 00 00 00 00", "", "GOOD"),
            // NO_FLUSH.
            ("1b 00 00 00 04 00", "", "GOOD"),
            ("00 00 00 00 00 00", "", "2/04/02"),
            // Not removable, no power conditions.
            ("1b 00 00 00 03 00", "", "5/24/00 cdb 4.1"),
            ("1b 00 00 01 01 00", "", "5/24/00 cdb 3.3"),
        ],
    );
    assert_eq!(lab.io(), "");
    lab.server.target_reset(B);
    assert_eq!(lab.run(SMALL, "00 00 00 00 00 00", ""), "6/29/03");
    assert_eq!(lab.run(SMALL, "00 00 00 00 00 00", ""), "GOOD");
}

#[test]
fn prevents_and_allows_removal() {
    let mut lab = Lab::new();
    let prevented = |lab: &Lab| lab.server.removal_prevented(Lun(0));
    lab.expect(A, SMALL, "1e 00 00 00 01 00", "", "GOOD");
    lab.expect(B, SMALL, "1e 00 00 00 01 00", "", "GOOD");
    lab.expect(A, SMALL, "1e 00 00 00 00 00", "", "GOOD");
    assert!(prevented(&lab));
    lab.server.nexus_down(B);
    assert!(!prevented(&lab));
    lab.expect(A, SMALL, "1e 00 00 00 01 00", "", "GOOD");
    assert!(prevented(&lab));
    lab.server.lun_reset(Lun(0), A);
    assert!(!prevented(&lab));
    assert_eq!(lab.run(SMALL, "00 00 00 00 00 00", ""), "6/29/03");
    lab.expect(A, SMALL, "1e 00 00 00 02 00", "", "5/24/00 cdb 4.1");
}
