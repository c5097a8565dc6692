//! Which commands are there? (SPC-4 annex E, SBC-3 5.1)
//!
//! [`TABLE`] is the only list of commands: dispatch, the check for reserved bits and REPORT SUPPORTED OPERATION CODES read
//! it. To add a command: one line here, its handler in the file of its family.

use super::cdb::Cdb;
use super::next::Handler;
use super::sense::{Sense, code};
use super::{inquiry, read, ready, write};

/// What the common checks need to know of a command.
pub(super) mod flag {
    /// Answered although no logical unit has that number.
    pub const NO_UNIT: u8 = 1 << 0;
    /// Neither stopped by a unit attention nor clearing one.
    pub const UNDER_ATTENTION: u8 = 1 << 1;
    /// Needs the medium: refused while the unit is stopped.
    pub const MEDIUM: u8 = 1 << 2;
    /// Would change the medium: refused while it is write protected.
    pub const WRITES: u8 = 1 << 3;
}

use flag::{MEDIUM, NO_UNIT, UNDER_ATTENTION, WRITES};

/// One command.
pub(super) struct Entry {
    pub(super) opcode: u8,
    /// Service action, where the opcode has them.
    pub(super) action: Option<u16>,
    pub(super) name: &'static str,
    /// CDB usage data (SPC-4 6.35.3): its length is that of the CDB; a bit is one if the device server looks at it; the
    /// opcode and the service action stand as they are.
    pub(super) usage: &'static [u8],
    pub(super) flags: u8,
    /// Whether a nexus may have it while another one holds an SPC-2 reservation (SPC-2 5.5.1).
    pub(super) despite_reservation: fn(Cdb<'_>) -> bool,
    /// RECOMMENDED COMMAND TIMEOUT in seconds.
    pub(super) timeout_secs: u32,
    pub(super) run: Handler,
}

const fn never(_: Cdb<'_>) -> bool {
    false
}

const fn always(_: Cdb<'_>) -> bool {
    true
}

/// Commands that answer from memory, and commands that move data.
const QUICK_SECS: u32 = 10;
const MEDIUM_SECS: u32 = 60;

/// A command without service actions that conflicts with reservations.
const fn entry(opcode: u8, name: &'static str, usage: &'static [u8], flags: u8, run: Handler) -> Entry {
    let timeout_secs = if flags & MEDIUM != 0 { MEDIUM_SECS } else { QUICK_SECS };
    Entry { opcode, action: None, name, usage, flags, despite_reservation: never, timeout_secs, run }
}

impl Entry {
    const fn despite_reservation(self, when: fn(Cdb<'_>) -> bool) -> Self {
        Self { despite_reservation: when, ..self }
    }
}

const DPO_FUA: u8 = 0x18;

/// All commands, by opcode and service action.
#[rustfmt::skip]
pub(super) static TABLE: &[Entry] = &[
    entry(0x00, "TEST UNIT READY", &[0x00, 0, 0, 0, 0, 0], MEDIUM, ready::test_unit_ready),
    entry(0x08, "READ(6)", &[0x08, 0x1f, 0xff, 0xff, 0xff, 0], MEDIUM, read::read),
    entry(0x0a, "WRITE(6)", &[0x0a, 0x1f, 0xff, 0xff, 0xff, 0], MEDIUM | WRITES, write::write),
    entry(0x12, "INQUIRY", &[0x12, 0x01, 0xff, 0xff, 0xff, 0], NO_UNIT | UNDER_ATTENTION, inquiry::inquiry)
        .despite_reservation(always),
    entry(0x28, "READ(10)", &[0x28, DPO_FUA, 0xff, 0xff, 0xff, 0xff, 0, 0xff, 0xff, 0], MEDIUM, read::read),
    entry(0x2a, "WRITE(10)", &[0x2a, DPO_FUA, 0xff, 0xff, 0xff, 0xff, 0, 0xff, 0xff, 0], MEDIUM | WRITES, write::write),
    entry(0x88, "READ(16)", &[0x88, DPO_FUA, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0],
        MEDIUM, read::read),
    entry(0x8a, "WRITE(16)", &[0x8a, DPO_FUA, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0],
        MEDIUM | WRITES, write::write),
    entry(0xa8, "READ(12)", &[0xa8, DPO_FUA, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0], MEDIUM, read::read),
    entry(0xaa, "WRITE(12)", &[0xaa, DPO_FUA, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0], MEDIUM | WRITES,
        write::write),
];

/// For each opcode the place of its first entry; [`ABSENT`] if it has none.
static FIRST: [u8; 256] = first_entries();
const ABSENT: u8 = 0xff;

const fn first_entries() -> [u8; 256] {
    let mut first = [ABSENT; 256];
    let mut at = TABLE.len();
    while at > 0 {
        at -= 1;
        first[TABLE[at].opcode as usize] = at as u8;
    }
    first
}

/// The entries of one opcode.
pub(super) fn of_opcode(opcode: u8) -> impl Iterator<Item = &'static Entry> {
    let first = FIRST.get(usize::from(opcode)).copied().unwrap_or(ABSENT);
    TABLE.iter().skip(usize::from(first)).take_while(move |entry| entry.opcode == opcode)
}

/// The entry for a CDB: INVALID COMMAND OPERATION CODE if there is none with its opcode, INVALID FIELD IN CDB if only the
/// service action is unknown.
pub(super) fn find(cdb: Cdb<'_>) -> Result<&'static Entry, Sense> {
    let mut known = false;
    for entry in of_opcode(cdb.byte(0)) {
        known = true;
        if entry.action.is_none_or(|action| action == u16::from(cdb.byte(1) & Entry::ACTION_BITS)) {
            return Ok(entry);
        }
    }
    Err(if known { Sense::cdb_field(1, Some(4)) } else { code::INVALID_OPCODE.into() })
}

impl Entry {
    /// SERVICE ACTION in byte 1 (SPC-4 4.2.2.3).
    const ACTION_BITS: u8 = 0x1f;

    /// Refuses a CDB that is too short or has a bit set that the device server does not look at. That covers NACA and the
    /// obsolete LINK in the control byte, RDPROTECT and the like.
    pub(super) fn check_reserved(&self, cdb: Cdb<'_>) -> Result<(), Sense> {
        if cdb.0.len() < self.usage.len() {
            return Err(Sense::cdb_field(u16::try_from(cdb.0.len()).unwrap_or(u16::MAX), None));
        }
        for (at, (byte, usage)) in cdb.0.iter().zip(self.usage).enumerate().skip(1) {
            let seen = if at == 1 && self.action.is_some() { usage | Self::ACTION_BITS } else { *usage };
            let reserved = byte & !seen;
            if reserved != 0 {
                let bit = 7_u32.saturating_sub(reserved.leading_zeros());
                return Err(Sense::cdb_field(u16::try_from(at).unwrap_or(u16::MAX), u8::try_from(bit).ok()));
            }
        }
        Ok(())
    }
}

/// A command that the device server knows, for listings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandInfo {
    /// Operation code.
    pub opcode: u8,
    /// Service action, where the opcode has them.
    pub action: Option<u16>,
    /// Name as in the standard.
    pub name: &'static str,
    /// Length of its CDB in bytes.
    pub cdb_len: usize,
}

/// All commands, by opcode and service action.
pub fn commands() -> impl Iterator<Item = CommandInfo> {
    TABLE.iter().map(|entry| CommandInfo {
        opcode: entry.opcode,
        action: entry.action,
        name: entry.name,
        cdb_len: entry.usage.len(),
    })
}
