//! What is a row of the table made of?

use crate::scsi::access::Access;
use crate::scsi::cdb::Cdb;
use crate::scsi::next::Handler;

/// What the common checks need to know of a command.
pub(in crate::scsi) mod flag {
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
    /// Answered while the unit is being formatted or sanitized, and after that has failed.
    pub const UNDER_UPKEEP: u8 = 1 << 7;
    /// Only where blocks can be unmapped.
    pub const THIN: u8 = 1 << 6;
}

use flag::{FLUSHES, MEDIUM, WRITES};

/// One command.
#[derive(Clone, Copy)]
pub(in crate::scsi) struct Entry {
    pub(in crate::scsi) opcode: u8,
    /// Service action, where the opcode has them.
    pub(in crate::scsi) action: Option<u16>,
    pub(in crate::scsi) name: &'static str,
    /// CDB usage data (SPC-4 6.35.3) but for NACA, which all commands have: its length is that of the CDB; a bit is one if
    /// the device server looks at it; the opcode and the service action stand as they are.
    pub(in crate::scsi) usage: &'static [u8],
    pub(in crate::scsi) flags: u8,
    /// What it does as far as reservations are concerned.
    pub(in crate::scsi) access: fn(Cdb<'_>) -> Access,
    /// RECOMMENDED COMMAND TIMEOUT in seconds.
    pub(in crate::scsi) timeout_secs: u32,
    pub(in crate::scsi) run: Handler,
}

pub(super) const fn free(_: Cdb<'_>) -> Access {
    Access::Free
}

pub(super) const fn readiness(_: Cdb<'_>) -> Access {
    Access::Ready
}

pub(super) const fn informs(_: Cdb<'_>) -> Access {
    Access::Inform
}

const fn reads(_: Cdb<'_>) -> Access {
    Access::Reads
}

pub(super) const fn changes(_: Cdb<'_>) -> Access {
    Access::Changes
}

pub(super) const fn reserves(_: Cdb<'_>) -> Access {
    Access::Reserve
}

pub(super) const fn releases(_: Cdb<'_>) -> Access {
    Access::Release
}

pub(super) const fn persist_in(_: Cdb<'_>) -> Access {
    Access::PersistIn
}

pub(super) const fn persist_out(_: Cdb<'_>) -> Access {
    Access::PersistOut
}

/// Commands that answer from memory, and commands that move data.
const QUICK_SECS: u32 = 10;
const MEDIUM_SECS: u32 = 60;
/// Commands that go over the whole medium.
pub(super) const UPKEEP_SECS: u32 = 86_400;

/// A command without service actions; if it does not write, it reads.
pub(super) const fn entry(
    opcode: u8,
    name: &'static str,
    usage: &'static [u8],
    flags: u8,
    run: Handler,
) -> Entry {
    let timeout_secs = if flags & (MEDIUM | FLUSHES) != 0 { MEDIUM_SECS } else { QUICK_SECS };
    let access: fn(Cdb<'_>) -> Access = if flags & WRITES == 0 { reads } else { changes };
    Entry { opcode, action: None, name, usage, flags, access, timeout_secs, run }
}

impl Entry {
    pub(super) const fn action(self, action: u16) -> Self {
        Self { action: Some(action), ..self }
    }

    pub(super) const fn timed(self, timeout_secs: u32) -> Self {
        Self { timeout_secs, ..self }
    }

    pub(super) const fn access(self, access: fn(Cdb<'_>) -> Access) -> Self {
        Self { access, ..self }
    }
}

/// All bits of a byte.
pub(super) const X: u8 = 0xff;
/// Byte 1 of READ and WRITE: DPO and FUA.
pub(super) const DPO_FUA: u8 = 0x18;
/// Byte 1 of VERIFY: DPO and both bits of BYTCHK.
pub(super) const DPO_BYTCHK: u8 = 0x16;
/// Byte 1 of WRITE AND VERIFY: DPO and the one bit of BYTCHK that is not reserved.
pub(super) const DPO_COMPARE: u8 = 0x12;
/// Byte 1 of XDWRITEREAD: DPO, FUA and DISABLE WRITE.
pub(super) const DPO_FUA_DISABLE: u8 = 0x1c;
/// Byte 1 of WRITE SAME: ANCHOR and UNMAP; of WRITE SAME(16): NDOB too.
pub(super) const ANCHOR_UNMAP: u8 = 0x18;
pub(super) const ANCHOR_UNMAP_NDOB: u8 = 0x19;
/// GROUP NUMBER of PRE-FETCH, which initiators count on: for statistics that are not kept here.
pub(super) const GROUP: u8 = 0x1f;
/// Byte 1 of SYNCHRONIZE CACHE and PRE-FETCH: IMMED.
pub(super) const IMMED: u8 = 0x02;
