//! Which commands are there? (SPC-4 annex E, SBC-3 5.1)
//!
//! [`TABLE`] is the only list of commands: dispatch, the check for reserved bits and REPORT SUPPORTED OPERATION CODES read
//! it. To add a command: one line in the rows of its family (any order), its handler in the file of its family.

mod block;
mod copy;
mod long;
mod primary;
mod reservation;
mod row;

use super::aca::NACA;
use super::cdb::{Cdb, VARIABLE_LENGTH};
use super::sense::{Sense, code};
use super::unit::LogicalUnit;
use super::upkeep::{Condition, Purpose};
pub(super) use row::{Entry, flag};

const FORMAT_UNIT: u8 = 0x04;

/// The rows, by family.
const FAMILIES: &[&[Entry]] = &[primary::ROWS, reservation::ROWS, block::ROWS, long::ROWS, copy::ROWS];

/// All commands, by opcode and service action.
pub(super) static TABLE: [Entry; COUNT] = sorted();

const COUNT: usize = count();

#[allow(clippy::indexing_slicing, reason = "evaluated by the compiler, which refuses an index out of range")]
const fn count() -> usize {
    let (mut family, mut sum) = (0, 0);
    while family < FAMILIES.len() {
        sum += FAMILIES[family].len();
        family += 1;
    }
    sum
}

/// Sorts by insertion; two rows for one command do not compile.
#[allow(clippy::indexing_slicing, reason = "evaluated by the compiler, which refuses an index out of range")]
const fn sorted() -> [Entry; COUNT] {
    let mut all = [FAMILIES[0][0]; COUNT];
    let (mut family, mut filled) = (0, 0);
    while family < FAMILIES.len() {
        let mut row = 0;
        while row < FAMILIES[family].len() {
            let entry = FAMILIES[family][row];
            let mut at = filled;
            while at > 0 && all[at - 1].order() >= entry.order() {
                assert!(all[at - 1].order() != entry.order(), "two rows for one command");
                all[at] = all[at - 1];
                at -= 1;
            }
            all[at] = entry;
            filled += 1;
            row += 1;
        }
        family += 1;
    }
    all
}

/// For each opcode the place of its first entry; [`ABSENT`] if it has none.
static FIRST: [u8; 256] = first_entries();
const ABSENT: u8 = 0xff;
const _: () = assert!(TABLE.len() < ABSENT as usize);

#[allow(clippy::indexing_slicing, reason = "evaluated by the compiler, which refuses an index out of range")]
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
pub(in crate::scsi) fn of_opcode(opcode: u8) -> impl Iterator<Item = &'static Entry> {
    let first = FIRST.get(usize::from(opcode)).copied().unwrap_or(ABSENT);
    TABLE.iter().skip(usize::from(first)).take_while(move |entry| entry.opcode == opcode)
}

/// The entry for a CDB: INVALID COMMAND OPERATION CODE if there is none with its opcode, INVALID FIELD IN CDB if only the
/// service action is unknown.
pub(in crate::scsi) fn find(cdb: Cdb<'_>) -> Result<&'static Entry, Sense> {
    let mut known = false;
    for entry in of_opcode(cdb.byte(0)) {
        known = true;
        if entry.action.is_none_or(|action| action == Entry::action_of(cdb)) {
            return Ok(entry);
        }
    }
    let field =
        if cdb.byte(0) == VARIABLE_LENGTH { Sense::cdb_field(8, None) } else { Sense::cdb_field(1, Some(4)) };
    Err(if known { field } else { code::INVALID_OPCODE.into() })
}

impl Entry {
    /// Its place in the table: by opcode, then by service action.
    const fn order(&self) -> u32 {
        let action = match self.action {
            Some(action) => action as u32,
            None => 0,
        };
        (self.opcode as u32) << 16 | action
    }

    /// SERVICE ACTION in byte 1 (SPC-4 4.2.2.3).
    const ACTION_BITS: u8 = 0x1f;

    /// Whether a logical unit has the command.
    pub(in crate::scsi) fn is_offered(&self, unit: &LogicalUnit) -> bool {
        self.flags & flag::THIN == 0 || unit.is_thin()
    }

    /// Whether it is FORMAT UNIT after a FORMAT UNIT that has failed.
    pub(in crate::scsi) const fn mends(&self, condition: &Condition) -> bool {
        self.opcode == FORMAT_UNIT && matches!(condition, Condition::Failed(Purpose::Format))
    }

    /// Whether it has no answer without a medium: what uses it, and what tells of it.
    pub(in crate::scsi) const fn needs_medium(&self) -> bool {
        self.flags & (flag::MEDIUM | flag::WRITES) != 0 || matches!(self.opcode, 0x25 | 0x37 | 0x9e | 0xb7)
    }

    /// The service action of a CDB: in byte 1, or two bytes of the variable length form.
    fn action_of(cdb: Cdb<'_>) -> u16 {
        if cdb.byte(0) == VARIABLE_LENGTH { cdb.be16(8) } else { u16::from(cdb.byte(1) & Self::ACTION_BITS) }
    }

    /// The CDB usage data, NACA included.
    pub(in crate::scsi) fn bits(&self) -> impl Iterator<Item = u8> {
        let control = if self.opcode == VARIABLE_LENGTH { 1 } else { self.usage.len().wrapping_sub(1) };
        self.usage.iter().enumerate().map(move |(at, bits)| if at == control { bits | NACA } else { *bits })
    }

    /// Refuses a CDB that is too short or has a bit set that the device server does not look at. That covers the obsolete
    /// LINK in the control byte, RDPROTECT and the like.
    pub(in crate::scsi) fn check_reserved(&self, cdb: Cdb<'_>) -> Result<(), Sense> {
        if cdb.0.len() < self.usage.len() {
            return Err(Sense::cdb_field(u16::try_from(cdb.0.len()).unwrap_or(u16::MAX), None));
        }
        let additional = u8::try_from(self.usage.len().saturating_sub(8)).unwrap_or(u8::MAX);
        if self.opcode == VARIABLE_LENGTH && cdb.byte(7) != additional {
            return Err(Sense::cdb_field(7, None));
        }
        for (at, (byte, usage)) in cdb.0.iter().zip(self.bits()).enumerate().skip(1) {
            let seen = if at == 1 && self.action.is_some() && self.opcode != VARIABLE_LENGTH {
                usage | Self::ACTION_BITS
            } else {
                usage
            };
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
