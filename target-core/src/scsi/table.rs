//! Which commands are there? (SPC-4 annex E, SBC-3 5.1)
//!
//! [`TABLE`] is the only list of commands: dispatch, the check for reserved bits and REPORT SUPPORTED OPERATION CODES read
//! it. To add a command: one line here, its handler in the file of its family.

use super::aca::NACA;
use super::access::Access;
use super::cdb::Cdb;
use super::next::Handler;
use super::sense::{Sense, code};
use super::{
    atomic, buffer, cache, capacity, defects, diagnostic, inquiry, log, luns, mode_select, mode_sense,
    persist, prefetch, read, ready, reserve, same, supported, timestamp, verify, write,
};

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
    /// Takes as long as the medium, but works on a stopped unit too.
    pub const FLUSHES: u8 = 1 << 4;
    /// Must have the logical unit for itself.
    pub const ATOMIC: u8 = 1 << 5;
}

use flag::{ATOMIC, FLUSHES, MEDIUM, NO_UNIT, UNDER_ATTENTION, WRITES};

/// One command.
pub(super) struct Entry {
    pub(super) opcode: u8,
    /// Service action, where the opcode has them.
    pub(super) action: Option<u16>,
    pub(super) name: &'static str,
    /// CDB usage data (SPC-4 6.35.3) but for NACA, which all commands have: its length is that of the CDB; a bit is one if
    /// the device server looks at it; the opcode and the service action stand as they are.
    pub(super) usage: &'static [u8],
    pub(super) flags: u8,
    /// What it does as far as reservations are concerned.
    pub(super) access: fn(Cdb<'_>) -> Access,
    /// RECOMMENDED COMMAND TIMEOUT in seconds.
    pub(super) timeout_secs: u32,
    pub(super) run: Handler,
}

const fn free(_: Cdb<'_>) -> Access {
    Access::Free
}

const fn readiness(_: Cdb<'_>) -> Access {
    Access::Ready
}

const fn informs(_: Cdb<'_>) -> Access {
    Access::Inform
}

const fn reads(_: Cdb<'_>) -> Access {
    Access::Reads
}

const fn changes(_: Cdb<'_>) -> Access {
    Access::Changes
}

const fn reserves(_: Cdb<'_>) -> Access {
    Access::Reserve
}

const fn releases(_: Cdb<'_>) -> Access {
    Access::Release
}

const fn persist_in(_: Cdb<'_>) -> Access {
    Access::PersistIn
}

const fn persist_out(_: Cdb<'_>) -> Access {
    Access::PersistOut
}

/// Commands that answer from memory, and commands that move data.
const QUICK_SECS: u32 = 10;
const MEDIUM_SECS: u32 = 60;

/// A command without service actions; if it does not write, it reads.
const fn entry(opcode: u8, name: &'static str, usage: &'static [u8], flags: u8, run: Handler) -> Entry {
    let timeout_secs = if flags & (MEDIUM | FLUSHES) != 0 { MEDIUM_SECS } else { QUICK_SECS };
    let access: fn(Cdb<'_>) -> Access = if flags & WRITES == 0 { reads } else { changes };
    Entry { opcode, action: None, name, usage, flags, access, timeout_secs, run }
}

impl Entry {
    const fn action(self, action: u16) -> Self {
        Self { action: Some(action), ..self }
    }

    const fn access(self, access: fn(Cdb<'_>) -> Access) -> Self {
        Self { access, ..self }
    }
}

/// All bits of a byte.
const X: u8 = 0xff;
/// Byte 1 of READ and WRITE: DPO and FUA.
const DPO_FUA: u8 = 0x18;
/// Byte 1 of VERIFY: DPO and both bits of BYTCHK.
const DPO_BYTCHK: u8 = 0x16;
/// Byte 1 of WRITE AND VERIFY: DPO and the one bit of BYTCHK that is not reserved.
const DPO_COMPARE: u8 = 0x12;
/// Byte 1 of WRITE SAME(16): NDOB.
const NDOB: u8 = 0x01;
/// GROUP NUMBER of PRE-FETCH, which initiators count on: for statistics that are not kept here.
const GROUP: u8 = 0x1f;
/// Byte 1 of SYNCHRONIZE CACHE and PRE-FETCH: IMMED.
const IMMED: u8 = 0x02;

/// All commands, by opcode and service action.
#[rustfmt::skip]
pub(super) static TABLE: &[Entry] = &[
    entry(0x00, "TEST UNIT READY", &[0x00, 0, 0, 0, 0, 0], MEDIUM, ready::test_unit_ready).access(readiness),
    entry(0x03, "REQUEST SENSE", &[0x03, 0x01, 0, 0, X, 0], NO_UNIT | UNDER_ATTENTION, ready::request_sense).access(free),
    entry(0x08, "READ(6)", &[0x08, 0x1f, X, X, X, 0], MEDIUM, read::read),
    entry(0x0a, "WRITE(6)", &[0x0a, 0x1f, X, X, X, 0], MEDIUM | WRITES, write::write),
    entry(0x12, "INQUIRY", &[0x12, 0x01, X, X, X, 0], NO_UNIT | UNDER_ATTENTION, inquiry::inquiry).access(free),
    entry(0x15, "MODE SELECT(6)", &[0x15, 0x10, 0, 0, X, 0], 0, mode_select::mode_select).access(changes),
    entry(0x16, "RESERVE(6)", &[0x16, 0, 0, 0, 0, 0], 0, reserve::reserve).access(reserves),
    entry(0x17, "RELEASE(6)", &[0x17, 0, 0, 0, 0, 0], 0, reserve::release).access(releases),
    entry(0x1a, "MODE SENSE(6)", &[0x1a, 0x08, X, X, X, 0], 0, mode_sense::mode_sense),
    entry(0x1b, "START STOP UNIT", &[0x1b, 0x01, 0, 0, 0x05, 0], FLUSHES, ready::start_stop).access(ready::stops),
    entry(0x1c, "RECEIVE DIAGNOSTIC RESULTS", &[0x1c, 0x01, X, X, X, 0], 0, diagnostic::receive),
    entry(0x1d, "SEND DIAGNOSTIC", &[0x1d, 0xf7, 0, X, X, 0], FLUSHES, diagnostic::send).access(changes),
    entry(0x1e, "PREVENT ALLOW MEDIUM REMOVAL", &[0x1e, 0, 0, 0, 0x01, 0], 0, ready::prevent_allow)
        .access(ready::prevents),
    entry(0x25, "READ CAPACITY(10)", &[0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0], 0, capacity::short).access(free),
    entry(0x28, "READ(10)", &[0x28, DPO_FUA, X, X, X, X, 0, X, X, 0], MEDIUM, read::read),
    entry(0x2a, "WRITE(10)", &[0x2a, DPO_FUA, X, X, X, X, 0, X, X, 0], MEDIUM | WRITES, write::write),
    entry(0x2e, "WRITE AND VERIFY(10)", &[0x2e, DPO_COMPARE, X, X, X, X, 0, X, X, 0], MEDIUM | WRITES, write::write_and_verify),
    entry(0x2f, "VERIFY(10)", &[0x2f, DPO_BYTCHK, X, X, X, X, 0, X, X, 0], MEDIUM, verify::verify),
    entry(0x34, "PRE-FETCH(10)", &[0x34, IMMED, X, X, X, X, GROUP, X, X, 0], MEDIUM, prefetch::prefetch),
    entry(0x35, "SYNCHRONIZE CACHE(10)", &[0x35, IMMED, X, X, X, X, 0, X, X, 0], MEDIUM, cache::synchronize).access(changes),
    entry(0x37, "READ DEFECT DATA(10)", &[0x37, 0, 0x1f, 0, 0, 0, 0, X, X, 0], 0, defects::short),
    entry(0x3b, "WRITE BUFFER, DATA", &[0x3b, 0x02, X, X, X, X, X, X, X, 0], 0, buffer::write_data).action(0x02).access(changes),
    entry(0x3b, "WRITE BUFFER, ECHO", &[0x3b, 0x0a, X, X, X, X, X, X, X, 0], 0, buffer::write_echo).action(0x0a).access(changes),
    entry(0x3c, "READ BUFFER, DATA", &[0x3c, 0x02, X, X, X, X, X, X, X, 0], 0, buffer::read_data).action(0x02),
    entry(0x3c, "READ BUFFER, DESCRIPTOR", &[0x3c, 0x03, X, X, X, X, X, X, X, 0], 0, buffer::describe_data).action(0x03),
    entry(0x3c, "READ BUFFER, ECHO", &[0x3c, 0x0a, X, X, X, X, X, X, X, 0], 0, buffer::read_echo).action(0x0a),
    entry(0x3c, "READ BUFFER, ECHO DESCRIPTOR", &[0x3c, 0x0b, X, X, X, X, X, X, X, 0], 0, buffer::describe_echo).action(0x0b),
    entry(0x41, "WRITE SAME(10)", &[0x41, 0, X, X, X, X, 0, X, X, 0], MEDIUM | WRITES, same::write_same),
    entry(0x4c, "LOG SELECT", &[0x4c, 0x02, 0xc0, 0, 0, 0, 0, X, X, 0], 0, log::select).access(changes),
    entry(0x4d, "LOG SENSE", &[0x4d, 0, X, X, 0, X, X, X, X, 0], 0, log::sense).access(free),
    entry(0x55, "MODE SELECT(10)", &[0x55, 0x10, 0, 0, 0, 0, 0, X, X, 0], 0, mode_select::mode_select).access(changes),
    entry(0x56, "RESERVE(10)", &[0x56, 0, 0, 0, 0, 0, 0, 0, 0, 0], 0, reserve::reserve).access(reserves),
    entry(0x57, "RELEASE(10)", &[0x57, 0, 0, 0, 0, 0, 0, 0, 0, 0], 0, reserve::release).access(releases),
    entry(0x5a, "MODE SENSE(10)", &[0x5a, 0x18, X, X, 0, 0, 0, X, X, 0], 0, mode_sense::mode_sense),
    entry(0x5e, "PERSISTENT RESERVE IN, READ KEYS", &[0x5e, 0x00, 0, 0, 0, 0, 0, X, X, 0], 0, persist::keys).action(0x00).access(persist_in),
    entry(0x5e, "PERSISTENT RESERVE IN, READ RESERVATION", &[0x5e, 0x01, 0, 0, 0, 0, 0, X, X, 0], 0, persist::reservation).action(0x01).access(persist_in),
    entry(0x5e, "PERSISTENT RESERVE IN, REPORT CAPABILITIES", &[0x5e, 0x02, 0, 0, 0, 0, 0, X, X, 0], 0, persist::capabilities).action(0x02).access(persist_in),
    entry(0x5e, "PERSISTENT RESERVE IN, READ FULL STATUS", &[0x5e, 0x03, 0, 0, 0, 0, 0, X, X, 0], 0, persist::full_status).action(0x03).access(persist_in),
    entry(0x5f, "PERSISTENT RESERVE OUT, REGISTER", &[0x5f, 0x00, X, 0, 0, X, X, X, X, 0], 0, persist::out).action(0x00).access(persist_out),
    entry(0x5f, "PERSISTENT RESERVE OUT, RESERVE", &[0x5f, 0x01, X, 0, 0, X, X, X, X, 0], 0, persist::out).action(0x01).access(persist_out),
    entry(0x5f, "PERSISTENT RESERVE OUT, RELEASE", &[0x5f, 0x02, X, 0, 0, X, X, X, X, 0], 0, persist::out).action(0x02).access(persist_out),
    entry(0x5f, "PERSISTENT RESERVE OUT, CLEAR", &[0x5f, 0x03, X, 0, 0, X, X, X, X, 0], 0, persist::out).action(0x03).access(persist_out),
    entry(0x5f, "PERSISTENT RESERVE OUT, PREEMPT", &[0x5f, 0x04, X, 0, 0, X, X, X, X, 0], 0, persist::out).action(0x04).access(persist_out),
    entry(0x5f, "PERSISTENT RESERVE OUT, PREEMPT AND ABORT", &[0x5f, 0x05, X, 0, 0, X, X, X, X, 0], 0, persist::out).action(0x05).access(persist_out),
    entry(0x5f, "PERSISTENT RESERVE OUT, REGISTER AND IGNORE EXISTING KEY", &[0x5f, 0x06, X, 0, 0, X, X, X, X, 0], 0, persist::out).action(0x06).access(persist_out),
    entry(0x5f, "PERSISTENT RESERVE OUT, REGISTER AND MOVE", &[0x5f, 0x07, X, 0, 0, X, X, X, X, 0], 0, persist::out).action(0x07).access(persist_out),
    entry(0x88, "READ(16)", &[0x88, DPO_FUA, X, X, X, X, X, X, X, X, X, X, X, X, 0, 0], MEDIUM, read::read),
    entry(0x89, "COMPARE AND WRITE", &[0x89, DPO_FUA, X, X, X, X, X, X, X, X, 0, 0, 0, X, 0, 0], MEDIUM | WRITES | ATOMIC,
        atomic::compare_and_write),
    entry(0x8a, "WRITE(16)", &[0x8a, DPO_FUA, X, X, X, X, X, X, X, X, X, X, X, X, 0, 0], MEDIUM | WRITES, write::write),
    entry(0x8b, "ORWRITE(16)", &[0x8b, DPO_FUA, X, X, X, X, X, X, X, X, X, X, X, X, 0, 0], MEDIUM | WRITES | ATOMIC, atomic::or_write),
    entry(0x8e, "WRITE AND VERIFY(16)", &[0x8e, DPO_COMPARE, X, X, X, X, X, X, X, X, X, X, X, X, 0, 0], MEDIUM | WRITES,
        write::write_and_verify),
    entry(0x8f, "VERIFY(16)", &[0x8f, DPO_BYTCHK, X, X, X, X, X, X, X, X, X, X, X, X, 0, 0], MEDIUM, verify::verify),
    entry(0x90, "PRE-FETCH(16)", &[0x90, IMMED, X, X, X, X, X, X, X, X, X, X, X, X, GROUP, 0], MEDIUM, prefetch::prefetch),
    entry(0x91, "SYNCHRONIZE CACHE(16)", &[0x91, IMMED, X, X, X, X, X, X, X, X, X, X, X, X, 0, 0], MEDIUM, cache::synchronize).access(changes),
    entry(0x93, "WRITE SAME(16)", &[0x93, NDOB, X, X, X, X, X, X, X, X, X, X, X, X, 0, 0], MEDIUM | WRITES, same::write_same),
    entry(0x9e, "READ CAPACITY(16)", &[0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, X, X, X, X, 0, 0], 0, capacity::long)
        .action(0x10).access(free),
    entry(0xa0, "REPORT LUNS", &[0xa0, 0, X, 0, 0, 0, X, X, X, X, 0, 0], NO_UNIT | UNDER_ATTENTION, luns::report_luns)
        .access(free),
    entry(0xa3, "REPORT SUPPORTED OPERATION CODES", &[0xa3, 0x0c, 0x87, X, X, X, X, X, X, X, 0, 0], 0, supported::report)
        .action(0x0c).access(informs),
    entry(0xa3, "REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS", &[0xa3, 0x0d, 0x80, 0, 0, 0, X, X, X, X, 0, 0], 0, supported::functions)
        .action(0x0d).access(informs),
    entry(0xa3, "REPORT TIMESTAMP", &[0xa3, 0x0f, 0, 0, 0, 0, X, X, X, X, 0, 0], 0, timestamp::report).action(0x0f).access(free),
    entry(0xa4, "SET TIMESTAMP", &[0xa4, 0x0f, 0, 0, 0, 0, X, X, X, X, 0, 0], 0, timestamp::set).action(0x0f).access(changes),
    entry(0xa8, "READ(12)", &[0xa8, DPO_FUA, X, X, X, X, X, X, X, X, 0, 0], MEDIUM, read::read),
    entry(0xaa, "WRITE(12)", &[0xaa, DPO_FUA, X, X, X, X, X, X, X, X, 0, 0], MEDIUM | WRITES, write::write),
    entry(0xae, "WRITE AND VERIFY(12)", &[0xae, DPO_COMPARE, X, X, X, X, X, X, X, X, 0, 0], MEDIUM | WRITES, write::write_and_verify),
    entry(0xaf, "VERIFY(12)", &[0xaf, DPO_BYTCHK, X, X, X, X, X, X, X, X, 0, 0], MEDIUM, verify::verify),
    entry(0xb7, "READ DEFECT DATA(12)", &[0xb7, 0x1f, 0, 0, 0, 0, X, X, X, X, 0, 0], 0, defects::long),
];

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

    /// The CDB usage data, NACA included.
    pub(super) fn bits(&self) -> impl Iterator<Item = u8> {
        let control = self.usage.len().wrapping_sub(1);
        self.usage.iter().enumerate().map(move |(at, bits)| if at == control { bits | NACA } else { *bits })
    }

    /// Refuses a CDB that is too short or has a bit set that the device server does not look at. That covers the obsolete
    /// LINK in the control byte, RDPROTECT and the like.
    pub(super) fn check_reserved(&self, cdb: Cdb<'_>) -> Result<(), Sense> {
        if cdb.0.len() < self.usage.len() {
            return Err(Sense::cdb_field(u16::try_from(cdb.0.len()).unwrap_or(u16::MAX), None));
        }
        for (at, (byte, usage)) in cdb.0.iter().zip(self.bits()).enumerate().skip(1) {
            let seen = if at == 1 && self.action.is_some() { usage | Self::ACTION_BITS } else { usage };
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
