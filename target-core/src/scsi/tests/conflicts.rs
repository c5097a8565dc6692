//! The conflict matrix of persistent reservations: every command of the table, under every type, from every role.

use super::harness::{A, B, Lab, SMALL, hex};
use crate::scsi::persist::Kind;
use crate::scsi::table::TABLE;
use crate::scsi::{NexusId, status};
use crate::wire::Lun;
use std::format;
use std::string::String;
use std::vec::Vec;

/// Somebody who is not registered.
const C: NexusId = NexusId(3);

/// What the tables of SPC-4 5.12.1 and SBC-3 4.17 say of a command, in the order of their columns: from an unregistered
/// nexus under the Write Exclusive types and the Exclusive Access types, from a registered one that does not hold Write
/// Exclusive, Exclusive Access, and from a registered one under the types for registrants.
fn row(opcode: u8, action: Option<u16>) -> &'static str {
    let (all, reads, changes, legacy) = ("aaaaa", "acaca", "cccca", "cccca");
    match (opcode, action) {
        // INQUIRY, REPORT LUNS, REQUEST SENSE, TEST UNIT READY, READ CAPACITY, START STOP UNIT and PREVENT ALLOW with 0,
        // PERSISTENT RESERVE IN, REGISTER.
        (0x00 | 0x03 | 0x12 | 0x25 | 0x4d | 0x5e | 0xa0, _)
        | (0xa3, Some(0x05 | 0x0a | 0x0e | 0x0f))
        | (0x9e, Some(0x10))
        | (0x5f, Some(0 | 6)) => all,
        // What is left of PERSISTENT RESERVE OUT is for registrants.
        (0x5f, _) => "ccaaa",
        (
            0x08 | 0x28 | 0x88 | 0xa8 | 0x2f | 0x8f | 0xaf | 0x34 | 0x90 | 0x1a | 0x5a | 0x37 | 0xb7 | 0x1c
            | 0x3c,
            _,
        )
        | (0xa3, Some(0x0c | 0x0d))
        | (0x9e, Some(0x12)) => reads,
        (0x0a | 0x2a | 0x8a | 0xaa | 0x2e | 0x8e | 0xae | 0x15 | 0x55 | 0x35 | 0x91, _)
        | (0x41 | 0x42 | 0x53 | 0x93 | 0x89 | 0x8b | 0x1d | 0x3b | 0x4c | 0xa4, _) => changes,
        (0x04 | 0x48 | 0x9c, _) | (0x7f, Some(0x07 | 0x0b..=0x0d)) => changes,
        (0x7f, Some(0x09 | 0x0a)) => reads,
        (0x16 | 0x17 | 0x56 | 0x57, _) => legacy,
        // As they are without further bits: stop, and allow.
        (0x83, Some(0x10)) => reads,
        (0x83 | 0x84, _) => changes,
        (0x1b, _) => changes,
        (0x1e, _) => all,
        _ => panic!("{opcode:#x} {action:x?} has no row"),
    }
}

fn reserved(kind: Kind) -> Lab {
    let mut lab = Lab::new();
    lab.server.nexus_up(C, "iqn.2026-01.x:c,i,0x00023d000001", "iqn.2026-01.x:t,t,0x0001", 1);
    lab.expect(C, SMALL, "00 00 00 00 00 00", "", "6/29/00");
    for (nexus, key) in [(A, "0a"), (B, "0b")] {
        lab.expect(nexus, SMALL, "5f 00 00 0000 00000018 00", &format!("00*15 {key} 00*8"), "GOOD");
    }
    let cdb = format!("5f 01 {:02x} 0000 00000018 00", kind as u8);
    lab.expect(A, SMALL, &cdb, "00*7 0a 00*16", "GOOD");
    lab
}

#[test]
fn every_command_under_every_type_from_every_role() {
    let mut wrong: Vec<String> = Vec::new();
    for entry in &TABLE {
        let mut cdb = Vec::from(entry.usage);
        cdb[1..].fill(0);
        if cdb.len() == 32 {
            cdb[7..10].copy_from_slice(&entry.usage[7..10]);
        } else {
            cdb[1] = entry.action.unwrap_or(0) as u8;
        }
        let list = if entry.opcode == 0x5f { hex("00 00 00 18") } else { Vec::new() };
        for (at, byte) in list.iter().enumerate() {
            cdb[5 + at] = *byte;
        }
        let row = row(entry.opcode, entry.action).as_bytes();
        for kind in Kind::ALL {
            let exclusive = matches!(
                kind,
                Kind::ExclusiveAccess | Kind::ExclusiveAccessRegistrants | Kind::ExclusiveAccessAll
            );
            let for_registrants = kind.is_for_registrants();
            let registrant = match (for_registrants, exclusive) {
                (true, _) => 4,
                (false, false) => 2,
                (false, true) => 3,
            };
            for (nexus, expected) in [(A, b'a'), (B, row[registrant]), (C, row[usize::from(exclusive)])] {
                let mut lab = reserved(kind);
                // Keys that are wrong make a conflict too: all zero is A's in none of these, so give the right ones.
                let key = match nexus {
                    A => 0x0a,
                    B => 0x0b,
                    _ => 0,
                };
                let mut data = [0; 24];
                data[7] = key;
                let outcome = lab.command(nexus, Lun(0), &cdb, &data);
                let conflict = outcome.status == status::RESERVATION_CONFLICT;
                // From registrants PERSISTENT RESERVE OUT conflicts for other reasons as well: another type, not the holder.
                let judged =
                    entry.opcode != 0x5f || expected == b'c' || matches!(entry.action, Some(0 | 3 | 6));
                if judged && conflict != (expected == b'c') {
                    wrong.push(format!("{} {kind:?} {nexus:?}: {:02x}", entry.name, outcome.status));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_decides_within_a_command() {
    let mut lab = reserved(Kind::WriteExclusive);
    for (cdb, expected) in [
        ("1b 00 00 00 01 00", "GOOD"),
        ("1b 00 00 00 00 00", "18"),
        ("1e 00 00 00 00 00", "GOOD"),
        ("1e 00 00 00 01 00", "18"),
    ] {
        lab.expect(B, SMALL, cdb, "", expected);
        lab.expect(C, SMALL, cdb, "", expected);
    }
}
