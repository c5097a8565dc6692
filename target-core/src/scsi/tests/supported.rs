//! REPORT SUPPORTED OPERATION CODES, and that it tells the truth.

use super::harness::{A, Lab, SMALL, hex};
use crate::scsi::table::TABLE;
use crate::scsi::{commands, status};
use crate::wire::Lun;
use std::format;
use std::vec::Vec;

#[test]
fn the_list_of_commands() {
    let opcodes: Vec<_> = commands()
        .map(|command| match command.action {
            Some(action) => format!("{:02x}/{action:02x}", command.opcode),
            None => format!("{:02x}", command.opcode),
        })
        .collect();
    assert_eq!(
        opcodes.join(" "),
        "00 03 04 08 0a 12 15 16 17 1a 1b 1c 1d 1e 25 28 2a 2e 2f 34 35 37 3b/02 3b/0a 3c/02 3c/03 3c/0a 3c/0b 41 42 48/01 48/02 48/03 48/1f 4c 4d 53 55 \
         56 57 5a 5e/00 5e/01 5e/02 5e/03 5f/00 5f/01 5f/02 5f/03 5f/04 5f/05 5f/06 5f/07 7f/07 7f/09 7f/0a 7f/0b 7f/0c 7f/0d 83/00 83/01 83/10 83/11 84/00 \
         84/01 84/03 84/04 84/05 84/07 88 89 8a 8b 8e 8f 90 91 93 9c 9e/10 9e/12 a0 a3/05 a3/0a a3/0c a3/0d a3/0e a3/0f a4/06 a4/0a a4/0e a4/0f a8 aa \
         ae af b7"
    );
}

#[test]
fn the_table_is_consistent() {
    assert!(TABLE.is_sorted_by_key(|entry| (entry.opcode, entry.action)));
    for entry in &TABLE {
        let len = match entry.opcode >> 5 {
            0 => 6,
            1 | 2 => 10,
            3 => 32,
            4 => 16,
            5 => 12,
            group => panic!("{}: group {group}", entry.name),
        };
        assert_eq!((entry.usage.len(), entry.usage[0]), (len, entry.opcode), "{}", entry.name);
        let control = if len == 32 { 1 } else { len - 1 };
        assert_eq!(entry.usage[control], 0, "{}: NACA is everywhere alike", entry.name);
        if let Some(action) = entry.action {
            let seen = if len == 32 { u16::from(entry.usage[9]) } else { u16::from(entry.usage[1] & 0x1f) };
            assert_eq!(seen, action, "{}", entry.name);
        }
    }
}

#[test]
fn reports() {
    let mut lab = Lab::new();
    lab.table(
        SMALL,
        &[
            // One command, by opcode; with timeouts.
            ("a3 0c 01 28 0000 00000100 00 00", "", "GOOD 0003000a 2818ffffffff00ffff04"),
            ("a3 0c 81 00 0000 00000100 00 00", "", "GOOD 00830006 00*5 04 000a 00*6 0000003c"),
            ("a3 0c 01 ff 0000 00000100 00 00", "", "GOOD 00010000"),
            ("a3 0c 81 ff 0000 00000100 00 00", "", "GOOD 00010000"),
            ("a3 0c 01 9e 0000 00000100 00 00", "", "5/24/00 cdb 2.2"),
            // By service action.
            ("a3 0c 02 9e 0010 00000100 00 00", "", "GOOD 00030010 9e10 00*8 ffffffff0004"),
            ("a3 0c 02 9e 0011 00000100 00 00", "", "GOOD 00010000"),
            ("a3 0c 02 ff 0011 00000100 00 00", "", "GOOD 00010000"),
            ("a3 0c 02 28 0000 00000100 00 00", "", "5/24/00 cdb 2.2"),
            // By either.
            ("a3 0c 03 9e 0010 00000004 00 00", "", "GOOD 00030010"),
            ("a3 0c 03 9e 0011 00000004 00 00", "", "GOOD 00010000"),
            ("a3 0c 03 28 0000 00000004 00 00", "", "GOOD 0003000a"),
            ("a3 0c 03 28 0001 00000004 00 00", "", "GOOD 00010000"),
            ("a3 0c 03 ff 0000 00000004 00 00", "", "GOOD 00010000"),
            ("a3 0c 04 28 0000 00000004 00 00", "", "5/24/00 cdb 2.2"),
            ("a3 0c 08 28 0000 00000004 00 00", "", "5/24/00 cdb 2.3"),
            ("a3 0c 00 00 0000 00000000 00 00", "", "GOOD"),
        ],
    );
}

#[test]
fn task_management_functions() {
    let mut lab = Lab::new();
    lab.table(
        SMALL,
        &[
            ("a3 0d 00 00 0000 00000010 00 00", "", "GOOD fa000000"),
            ("a3 0d 80 00 0000 00000010 00 00", "", "GOOD fa00000c 00*12"),
            ("a3 0d 80 00 0000 00000004 00 00", "", "GOOD fa00000c"),
            ("a3 0d 00 00 0000 00000003 00 00", "", "5/24/00 cdb 6"),
        ],
    );
}

#[test]
fn the_whole_list_is_the_table() {
    let mut lab = Lab::new();
    for (timeouts, size) in [(0x00, 8), (0x80, 20)] {
        let cdb = hex(&format!("a3 0c {timeouts:02x} 00 0000 0000ffff 00 00"));
        let data = lab.command(A, Lun(0), &cdb, &[]).data_in.to_bytes();
        let len = u32::from_be_bytes(data[..4].try_into().unwrap());
        assert_eq!((len as usize, data.len()), (TABLE.len() * size, TABLE.len() * size + 4));
        for (entry, descriptor) in TABLE.iter().zip(data[4..].chunks(size)) {
            assert_eq!(descriptor[0], entry.opcode);
            assert_eq!(u16::from_be_bytes([descriptor[2], descriptor[3]]), entry.action.unwrap_or(0));
            assert_eq!(descriptor[5], u8::from(entry.action.is_some()) | if size == 20 { 2 } else { 0 });
            assert_eq!(usize::from(descriptor[7]), entry.usage.len());
        }
    }
}

/// The usage data as reported: each bit that is zero there is refused, with its place; no bit that is one there is.
#[test]
fn the_usage_data_is_true() {
    for entry in &TABLE {
        let mut plain = entry.usage.to_vec();
        plain[1..].fill(0);
        let long = plain.len() == 32;
        if long {
            plain[7..10].copy_from_slice(&entry.usage[7..10]);
        } else if let Some(action) = entry.action {
            plain[1] = action as u8;
        }
        for (at, bit) in (1..plain.len()).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
            if long && (7..10).contains(&at) || !long && at == 1 && bit < 5 && entry.action.is_some() {
                continue;
            }
            let mut lab = Lab::new();
            let mut cdb = plain.clone();
            cdb[at] |= 1 << bit;
            let outcome = lab.command(A, Lun(0), &cdb, &[]);
            let field = outcome.sense.field.map(|field| (usize::from(field.byte), field.bit));
            let refused = outcome.status == status::CHECK_CONDITION && field == Some((at, Some(bit)));
            let used = entry.bits().nth(at).is_some_and(|bits| bits & (1 << bit) != 0);
            // A bit that is looked at may still have a wrong value; then it is its field that is pointed at.
            let excused = [
                "VERIFY(",
                "MODE SENSE(",
                "REPORT SUPPORTED",
                "LOG SENSE",
                "SEND DIAG",
                "START STOP",
                "RECEIVE COPY",
                "RECEIVE ROD",
                "REPORT IDENT",
                "SET IDENT",
                "REPORT PRIO",
                "SET PRIO",
            ]
            .iter()
            .any(|name| entry.name.starts_with(name));
            assert!(refused != used || (used && excused), "{} byte {at} bit {bit}: {outcome:?}", entry.name);
        }
    }
}
