//! MODE SENSE, MODE SELECT.

use super::harness::{A, B, HUGE, LARGE_BLOCKS, Lab, READ_ONLY, SMALL, hex, lun_config, show};
use crate::scsi::mode_values::ModeParameters;
use crate::scsi::{Command, Step, mode_record};
use crate::wire::Lun;

const RECOVERY: &str = "010a 00*10";
const DISCONNECT: &str = "020e 00*14";
const CACHING_ON: &str = "8812 04 00*17";
const CACHING_OFF: &str = "8812 00 00*17";
const CONTROL: &str = "8a0a 00 10 00*8";
const EXTENSION: &str = "ca01 001c 01 00*27";
const POWER: &str = "9a26 00*38";
const EXCEPTIONS: &str = "9c0a 08 00*9";
const DESCRIPTOR: &str = "000003e8 00000200";

fn good(parts: &[&str]) -> std::string::String {
    std::format!("GOOD {}", parts.join(" "))
}

#[test]
fn senses() {
    let mut lab = Lab::new();
    let all = [RECOVERY, DISCONNECT, CACHING_ON, CONTROL, POWER, EXCEPTIONS].join(" ");
    let with_subpages = [RECOVERY, DISCONNECT, CACHING_ON, CONTROL, EXTENSION, POWER, EXCEPTIONS].join(" ");
    for (lun, cdb, expected) in [
        (SMALL, "1a 00 3f 00 ff 00", good(&["7b001008", DESCRIPTOR, &all])),
        (SMALL, "1a 00 3f ff ff 00", good(&["9b001008", DESCRIPTOR, &with_subpages])),
        (SMALL, "1a 08 3f 00 ff 00", good(&["73001000", &all])),
        (SMALL, "1a 00 3f 00 04 00", good(&["7b001008"])),
        (SMALL, "1a 08 01 00 ff 00", good(&["0f001000", RECOVERY])),
        (SMALL, "1a 08 08 00 ff 00", good(&["17001000", CACHING_ON])),
        (LARGE_BLOCKS, "1a 08 08 00 ff 00", good(&["17001000", CACHING_OFF])),
        (LARGE_BLOCKS, "1a 00 08 00 ff 00", good(&["1f001008 00000040 00001000", CACHING_OFF])),
        (SMALL, "1a 08 0a 00 ff 00", good(&["0f001000", CONTROL])),
        (SMALL, "1a 08 0a ff ff 00", good(&["2f001000", CONTROL, EXTENSION])),
        (SMALL, "1a 08 1c 00 ff 00", good(&["0f001000", EXCEPTIONS])),
        // WP.
        (READ_ONLY, "1a 08 1c 00 ff 00", good(&["0f009000", EXCEPTIONS])),
        // Changeable and default values.
        (SMALL, "1a 08 48 00 ff 00", good(&["17001000 8812 04 00*17"])),
        (SMALL, "1a 08 4a 00 ff 00", good(&["0f001000 8a0a 24 06 08 00*7"])),
        (SMALL, "1a 08 5c 00 ff 00", good(&["0f001000 9c0a 0c 0f ff*8"])),
        (SMALL, "1a 08 88 00 ff 00", good(&["17001000", CACHING_ON])),
        (SMALL, "1a 08 c8 00 ff 00", good(&["17001000", CACHING_ON])),
        (SMALL, "1a 08 04 00 ff 00", "5/24/00 cdb 2.5".into()),
        (SMALL, "1a 08 0a 02 ff 00", "5/24/00 cdb 3".into()),
        (SMALL, "1a 08 3f 01 ff 00", "5/24/00 cdb 3".into()),
        (SMALL, "1a 10 0a 00 ff 00", "5/24/00 cdb 1.4".into()),
        // The long form, with short and long block descriptors.
        (SMALL, "5a 08 08 00 00 00 00 00ff 00", good(&["001a 0010 00 00 0000", CACHING_ON])),
        (SMALL, "5a 00 08 00 00 00 00 00ff 00", good(&["0022 0010 00 00 0008", DESCRIPTOR, CACHING_ON])),
        (
            SMALL,
            "5a 10 08 00 00 00 00 00ff 00",
            good(&["002a 0010 01 00 0010 00000000 000003e8 00000000 00000200", CACHING_ON]),
        ),
        (HUGE, "5a 00 01 00 00 00 00 0010 00", good(&["001a 0010 00 00 0008 ffffffff 00000200"])),
        (
            HUGE,
            "5a 10 01 00 00 00 00 0018 00",
            good(&["0022 0010 01 00 0010 00000002 00000000 00000000 00000200"]),
        ),
        (SMALL, "5a 18 01 00 00 00 00 0008 00", good(&["0012 0010 00 00 0000"])),
    ] {
        lab.expect(A, lun, cdb, "", &expected);
    }
}

#[test]
fn selects_what_can_be_changed() {
    let mut lab = Lab::new();
    // WCE off, told to the other nexus only, once.
    lab.expect(A, SMALL, "15 10 0000 18 00", "00000000 0812 00*18", "GOOD");
    assert_eq!(lab.run(SMALL, "00 00 00 00 00 00", ""), "GOOD");
    assert_eq!(lab.run_as(B, SMALL, "00 00 00 00 00 00", ""), "6/2a/01");
    lab.expect(B, SMALL, "1a 08 08 00 ff 00", "", &good(&["17001000", CACHING_OFF]));
    lab.run(SMALL, "2a 00 00000003 00 0001 00", "a3*512");
    assert_eq!(lab.io(), "write 3 512 bytes fua");
    // The default value is still what the configuration says.
    lab.expect(B, SMALL, "1a 08 88 00 ff 00", "", &good(&["17001000", CACHING_ON]));
    // No change, no attention: the same page, an empty list, a header alone, the device-specific bits echoed.
    lab.expect(A, SMALL, "15 10 0000 18 00", "00009000 0812 00*18", "GOOD");
    lab.expect(A, SMALL, "15 10 0000 00 00", "", "GOOD");
    lab.expect(A, SMALL, "15 00 0000 00 00", "", "GOOD");
    lab.expect(A, SMALL, "15 10 0000 04 00", "00000000", "GOOD");
    lab.expect(A, SMALL, "15 10 0000 18 00", "", "GOOD");
    assert_eq!(lab.run_as(B, SMALL, "00 00 00 00 00 00", ""), "GOOD");
    // Two pages and a block descriptor in the long form.
    let list = "0000 0000 01 00 0010 00000000 000003e8 00000000 00000200 0812 04 00*17 0a0a 00 10 00*8";
    lab.expect(A, SMALL, "55 10 0000000000 0038 00", list, "GOOD");
    lab.expect(A, SMALL, "1a 08 08 00 ff 00", "", &good(&["17001000", CACHING_ON]));
    // A reset brings the defaults back.
    lab.expect(A, SMALL, "15 10 0000 18 00", "00000000 0812 00*18", "GOOD");
    assert!(lab.server.lun_reset(Lun(0), A));
    assert_eq!(lab.run(SMALL, "00 00 00 00 00 00", ""), "6/29/03");
    lab.expect(A, SMALL, "1a 08 08 00 ff 00", "", &good(&["17001000", CACHING_ON]));
}

#[test]
fn software_write_protection() {
    let mut lab = Lab::new();
    let on = "00000000 0a0a 00 10 08 00*7";
    // A write whose data is still to come when protection starts does not get through any more.
    let cdb = hex("2a 00 00000003 00 0001 00");
    let (mut early, step) = Command::start(&mut lab.server, &super::harness::request(B, Lun(0), &cdb));
    assert_eq!(step, Step::DataOut { len: 512 });
    lab.table(
        SMALL,
        &[
            ("15 10 0000 10 00", on, "GOOD"),
            ("2a 00 00000003 00 0001 00", "a3*512", "7/27/02"),
            ("28 00 00000003 00 0001 00", "", "GOOD 03*512"),
            ("1a 08 0a 00 ff 00", "", "GOOD 0f009000 8a0a 00 10 08 00*7"),
        ],
    );
    match early.data_out(&mut lab.server, hex("a3*512").into()) {
        Step::Done(outcome) => assert_eq!(show(&outcome), "7/27/02"),
        step => panic!("{step:?}"),
    }
    lab.expect(A, SMALL, "15 10 0000 10 00", "00000000 0a0a 00 10 00*8", "GOOD");
    lab.expect(A, SMALL, "2a 00 00000003 00 0001 00", "a3*512", "GOOD");
}

#[test]
fn descriptor_sense() {
    let mut lab = Lab::new();
    lab.expect(A, SMALL, "15 10 0000 10 00", "00000000 0a0a 04 10 00*8", "GOOD");
    let cdb = hex("28 20 00000003 00 0001 00");
    let sense =
        |lab: &mut Lab, lun: u16| lab.command(A, Lun::from_number(lun), &cdb, &[]).sense.bytes().to_vec();
    assert_eq!(sense(&mut lab, SMALL), hex("72052400 00000008 02060000 cd000100"));
    assert_eq!(sense(&mut lab, LARGE_BLOCKS), hex("70000500 0000000a 00000000 240000cd 0001"));
    // REQUEST SENSE has a bit of its own.
    lab.expect(A, SMALL, "03 00 00 00 ff 00", "", "GOOD 70*1 00*6 0a 00*10");
    lab.expect(A, SMALL, "03 01 00 00 ff 00", "", "GOOD 72 00*7");
    let crc = crate::scsi::Sense::new(crate::scsi::code::PROTOCOL_CRC_ERROR);
    assert_eq!(lab.server.formatted(Lun(0), crc).bytes()[..], hex("720b4705 00000000")[..]);
}

#[test]
fn refuses_what_cannot_be_changed() {
    let mut lab = Lab::new();
    lab.table(
        SMALL,
        &[
            // No PF.
            ("15 00 0000 18 00", "00000000 0812 00*18", "5/24/00 cdb 1.4"),
            // Lists that end too early, at each place where they can.
            ("15 10 0000 03 00", "000000", "5/1a/00"),
            ("15 10 0000 08 00", "00000008 00000000", "5/1a/00"),
            ("15 10 0000 05 00", "00000000 08", "5/1a/00"),
            ("15 10 0000 06 00", "00000000 0812", "5/1a/00"),
            ("15 10 0000 18 00", "00000000 0812 00*17", "5/1a/00"),
            ("55 10 0000000000 0007 00", "00*7", "5/1a/00"),
            // Header and block descriptor.
            ("15 10 0000 04 00", "00010000", "5/26/00 list 1"),
            ("15 10 0000 04 00", "00000100", "5/26/00 list 2"),
            ("15 10 0000 08 00", "00000004 00000000", "5/26/00 list 3"),
            ("15 10 0000 0c 00", "00000008 000003e7 00000200", "5/26/00 list 4"),
            ("15 10 0000 0c 00", "00000008 000003e8 00001000", "5/26/00 list 9"),
            ("15 10 0000 0c 00", "00000008 000003e8 00000200", "GOOD"),
            ("55 10 0000000000 0010 00", "0000 0000 01 00 0008 00*8", "5/26/00 list 6"),
            ("55 10 0000000000 0018 00", "0000 0000 00 00 0010 00*16", "5/26/00 list 6"),
            ("55 10 0000000000 0018 00", "0000 0000 01 00 0010 00*12 00000400", "5/26/00 list 20"),
            ("55 10 0000000000 0018 00", "0000 0000 01 00 0010 00*7 01 00*4 00000200", "5/26/00 list 8"),
            // Pages: unknown, a subpage, wrong length, a bit that is fixed.
            ("15 10 0000 06 00", "00000000 0400", "5/26/00 list 4.5"),
            ("15 10 0000 18 00", "00000000 4a12 00*18", "5/26/00 list 5"),
            ("15 10 0000 18 00", "00000000 0811 00*18", "5/26/00 list 5"),
            ("15 10 0000 18 00", "00000000 0812 05 00*17", "5/26/00 list 6.0"),
            ("15 10 0000 10 00", "00000000 0a0a 00*10", "5/26/00 list 7.4"),
            ("15 10 0000 10 00", "00000000 1c0a 80 00*9", "5/26/00 list 6.7"),
            // Nothing of the first page is taken if the second is wrong.
            ("15 10 0000 24 00", "00000000 0812 00*18 0a0a 00*10", "5/26/00 list 27.4"),
            ("1a 08 08 00 ff 00", "", &good(&["17001000", CACHING_ON])),
        ],
    );
    assert_eq!(lab.run_as(B, SMALL, "00 00 00 00 00 00", ""), "GOOD");
}

#[test]
fn saved_values_outlive_a_reset() {
    let mut lab = Lab::new();
    let off = "00000000 0812 00*18";
    lab.expect(A, SMALL, "1a 08 c8 00 ff 00", "", &good(&["17001000", CACHING_ON]));
    lab.expect(A, SMALL, "15 11 0000 18 00", off, "GOOD");
    lab.expect(A, SMALL, "1a 08 c8 00 ff 00", "", &good(&["17001000", CACHING_OFF]));
    lab.expect(A, SMALL, "1a 08 88 00 ff 00", "", &good(&["17001000", CACHING_ON]));
    // Not saved: SWP, which a reset forgets.
    lab.expect(A, SMALL, "15 10 0000 10 00", "00000000 0a0a 00 10 08 00*7", "GOOD");
    assert!(lab.server.lun_reset(Lun(0), A));
    assert_eq!(lab.run(SMALL, "00 00 00 00 00 00", ""), "6/29/03");
    lab.expect(A, SMALL, "1a 08 08 00 ff 00", "", &good(&["17001000", CACHING_OFF]));
    lab.expect(A, SMALL, "1a 08 0a 00 ff 00", "", &good(&["0f001000", CONTROL]));
}

#[test]
fn what_a_page_may_not_hold() {
    let mut lab = Lab::new();
    lab.table(
        SMALL,
        &[
            // QERR 10b and TST 010b are reserved.
            ("15 10 0000 10 00", "00000000 0a0a 00 14 00*8", "5/26/00 list 7.2"),
            ("15 10 0000 10 00", "00000000 0a0a 40 10 00*8", "5/26/00 list 6.6"),
            // An MRIE that there is not; TEST of what is disabled.
            ("15 10 0000 10 00", "00000000 1c0a 00 04 00*8", "5/26/00 list 7.3"),
            ("15 10 0000 10 00", "00000000 1c0a 0c 06 00*8", "5/26/00 list 6.2"),
            // A subpage that there is not, the short form of one that there is, and the long form of one without.
            ("15 10 0000 24 00", "00000000 4a02 001c 00*28", "5/26/00 list 5"),
            ("15 10 0000 24 00", "00000000 4a00 001c 00*28", "5/26/00 list 4.6"),
            ("15 10 0000 24 00", "00000000 4a01 001b 00*28", "5/26/00 list 6"),
            ("15 10 0000 07 00", "00000000 4a0100", "5/1a/00"),
            ("15 10 0000 24 00", "00000000 4a01 001c 01 0f 00*26", "GOOD"),
            ("1a 08 0a 01 08 00", "", "GOOD 23001000 ca01001c"),
        ],
    );
}

#[test]
fn informational_exceptions_are_reported_as_the_page_says() {
    let mut lab = Lab::new();
    // MRIE 6 and TEST: REQUEST SENSE alone tells, and the log.
    lab.expect(A, SMALL, "15 10 0000 10 00", "00000000 1c0a 04 06 00*8", "GOOD");
    assert_eq!(lab.run_as(B, SMALL, "00 00 00 00 00 00", ""), "6/2a/01");
    lab.expect(A, SMALL, "03 00 0000 12 00", "", "GOOD 700000 00000000 0a 00000000 5dff 00 000000");
    lab.expect(A, SMALL, "4d 00 6f 00 00 0000 00ff 00", "", "GOOD 2f00 0008 0000 43 04 5dff ff 00");
    // MRIE 2, once.
    lab.expect(A, SMALL, "15 10 0000 10 00", "00000000 1c0a 04 02 00*8", "GOOD");
    assert_eq!(lab.run_as(B, SMALL, "00 00 00 00 00 00", ""), "6/2a/01");
    assert_eq!(lab.run_as(B, SMALL, "00 00 00 00 00 00", ""), "6/5d/ff");
    assert_eq!(lab.run(SMALL, "00 00 00 00 00 00", ""), "6/5d/ff");
    assert_eq!(lab.run(SMALL, "00 00 00 00 00 00", ""), "GOOD");
    // Every second, twice.
    lab.expect(A, SMALL, "15 10 0000 10 00", "00000000 1c0a 04 02 0000000a 00000002", "GOOD");
    for (millis, expected) in
        [(0, "6/5d/ff"), (900, "GOOD"), (1000, "6/5d/ff"), (1900, "GOOD"), (2000, "GOOD")]
    {
        lab.server.set_now(crate::time::Instant::ZERO + core::time::Duration::from_millis(millis));
        assert_eq!(lab.run(SMALL, "00 00 00 00 00 00", ""), expected, "{millis}");
    }
    // Without TEST it takes real failures.
    lab.expect(A, SMALL, "15 10 0000 10 00", "00000000 1c0a 00 02 00*8", "GOOD");
    for _ in 0..8 {
        assert_eq!(lab.run(SMALL, "00 00 00 00 00 00", ""), "GOOD");
        lab.fail.push(crate::io::IoError::Read { lba: 9 });
        lab.run(SMALL, "28 00 00000009 00 0001 00", "");
    }
    assert_eq!(lab.run(SMALL, "00 00 00 00 00 00", ""), "6/5d/00");
}

#[test]
fn power_conditions_by_timer_and_by_command() {
    let mut lab = Lab::new();
    let sense = |ascq: &str| std::format!("GOOD 700000 00000000 0a 00000000 {ascq} 00 000000");
    // IDLE_A after a second.
    let list = "00000000 1a26 00 02 0000000a 00*32";
    lab.expect(A, SMALL, "15 10 0000 2c 00", list, "GOOD");
    lab.expect(A, SMALL, "03 00 0000 12 00", "", &sense("0000"));
    lab.server.set_now(crate::time::Instant::ZERO + core::time::Duration::from_secs(1));
    lab.expect(A, SMALL, "03 00 0000 12 00", "", &sense("5e01"));
    lab.run(SMALL, "28 00 00000009 00 0001 00", "");
    lab.expect(A, SMALL, "03 00 0000 12 00", "", &sense("0000"));
    lab.io();
    for (cdb, ascq, ops) in [
        ("1b 00 00 00 20 00", "5e03", ""),
        ("1b 00 00 01 20 00", "5e06", ""),
        ("1b 00 00 02 20 00", "5e08", ""),
        ("1b 00 00 00 30 00", "5e04", "flush"),
        ("1b 00 00 01 34 00", "5e0a", ""),
        ("1b 00 00 00 70 00", "5e0a", ""),
        ("1b 00 00 00 b0 00", "5e0a", ""),
        ("1b 00 00 00 a0 00", "5e03", ""),
        ("1b 00 00 00 10 00", "0000", ""),
    ] {
        lab.expect(A, SMALL, cdb, "", "GOOD");
        lab.expect(A, SMALL, "03 00 0000 12 00", "", &sense(ascq));
        assert_eq!(lab.io(), ops, "{cdb}");
    }
    for (cdb, expected) in [
        ("1b 00 00 03 20 00", "5/24/00 cdb 3.3"),
        ("1b 00 00 02 30 00", "5/24/00 cdb 3.3"),
        ("1b 00 00 01 10 00", "5/24/00 cdb 3.3"),
        ("1b 00 00 00 50 00", "5/24/00 cdb 4.7"),
    ] {
        lab.expect(A, SMALL, cdb, "", expected);
    }
    // Stopped is deeper, and a power condition wakes the unit.
    lab.expect(A, SMALL, "1b 00 00 00 00 00", "", "GOOD");
    lab.expect(A, SMALL, "00 00 00 00 00 00", "", "2/04/02");
    lab.expect(A, SMALL, "1b 00 00 00 20 00", "", "GOOD");
    lab.expect(A, SMALL, "00 00 00 00 00 00", "", "GOOD");
    lab.expect(A, SMALL, "4d 00 4e 00 00 0000 00ff 00", "", "GOOD 0e00 0008 0004 43 04 00000001");
}

#[test]
fn saved_parameters_are_read_back_from_their_record_and_nothing_else_is() {
    let config = lun_config(SMALL, 512, 1000);
    let mut modes = ModeParameters::default_of(&config);
    modes.descriptor_sense = true;
    modes.initial_priority = 7;
    let record = mode_record::encode(&modes);
    assert_eq!(mode_record::decode(&record, &config), Some(modes));
    for at in 0..record.len() {
        assert_eq!(mode_record::decode(&record[..at], &config), None, "{at} bytes");
    }
    let longer = [&record[..], &[0]].concat();
    assert_eq!(mode_record::decode(&longer, &config), None);
    // Another form; a bit that no parameter has.
    for (at, bit) in [(0, 0x02), (4, 0x01)] {
        let mut other = record.to_vec();
        other[at] ^= bit;
        assert_eq!(mode_record::decode(&other, &config), None, "byte {at}");
    }
}
