//! What goes over a whole medium, long after its command may have been answered? FORMAT UNIT and SANITIZE.
//!
//! The work belongs to the unit, not to the command: it outlives aborts, resets and sessions. The engine asks for its next
//! operation ([`DeviceServer::upkeep_op`]) from time to time and brings the result back; a command without IMMED waits
//! until it is over ([`Next::Wait`]).

use super::next::{Context, Handled, Next};
use super::outcome::Failure;
use super::provisioning::UNMAP_BLOCKS_MAX;
use super::sense::{Sense, code};
use super::server::DeviceServer;
use super::unit::{LogicalUnit, UnitKey, io_sense};
use crate::io::{DeviceId, IoError, IoOp, SgList};
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;

/// One write of an upkeep.
const WRITE_BYTES: u32 = 1 << 20;
/// A pattern is laid out up to this length; longer writes repeat that piece.
const PIECE_BYTES: usize = 1 << 16;

/// Which command it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Format,
    Sanitize {
        /// AUSE: a failure may be ended by EXIT FAILURE MODE.
        exit_allowed: bool,
    },
}

/// What the blocks are to become.
#[derive(Clone, Debug)]
pub(super) enum Fill {
    /// Unmapped; zeros where nothing can be unmapped.
    Nothing,
    /// This block, again and again; inverted in every second pass if `invert`.
    Pattern { block: Vec<u8>, passes: u8, invert: bool },
}

/// Work on its way.
#[derive(Clone, Debug)]
pub(super) struct Upkeep {
    purpose: Purpose,
    fill: Fill,
    pass: u8,
    next: u64,
    /// All blocks of all passes are done; the flush is not.
    flushing: bool,
    /// An operation is with storage.
    under_way: bool,
}

/// Whether a unit is under upkeep.
#[derive(Clone, Debug, Default)]
pub(super) enum Condition {
    /// It is not.
    #[default]
    Fit,
    /// It is.
    Busy(Upkeep),
    /// The last one has failed.
    Failed(Purpose),
}

impl Condition {
    /// What a command is told instead of being executed.
    pub(super) fn refusal(&self, blocks: u64) -> Option<Sense> {
        match self {
            Self::Fit => None,
            Self::Busy(upkeep) => Some(upkeep.sense(blocks)),
            Self::Failed(Purpose::Format) => Some(code::FORMAT_FAILED.into()),
            Self::Failed(Purpose::Sanitize { .. }) => Some(code::SANITIZE_FAILED.into()),
        }
    }

    pub(super) const fn is_busy(&self) -> bool {
        matches!(self, Self::Busy(_))
    }
}

/// Begins work on the unit; the command is complete at once, or waits for the end.
pub(super) fn begin(context: &mut Context<'_>, purpose: Purpose, fill: Fill, immediate: bool) -> Handled {
    let unit = context.unit()?;
    if Arc::strong_count(&unit.visitors) > 1 {
        // A third-party copy is at it, on behalf of a command that no task set of the unit knows.
        return Err(Failure::Busy);
    }
    if let (true, Some(sense)) = (unit.condition.is_busy(), unit.condition.refusal(unit.config.blocks)) {
        // Another one began while this one's list was on its way.
        return Err(sense.into());
    }
    unit.condition =
        Condition::Busy(Upkeep { purpose, fill, pass: 0, next: 0, flushing: false, under_way: false });
    context.server.upkeep = true;
    Ok(if immediate { Next::GOOD } else { Next::Wait })
}

/// The unit may be fit again.
pub(super) fn woken(context: &mut Context<'_>) -> Handled {
    match &context.unit()?.condition {
        Condition::Fit => Ok(Next::GOOD),
        Condition::Busy(_) => Ok(Next::Wait),
        Condition::Failed(Purpose::Format) => Err(code::FORMAT_FAILED.into()),
        Condition::Failed(Purpose::Sanitize { .. }) => Err(code::SANITIZE_FAILED.into()),
    }
}

impl Upkeep {
    const fn passes(&self) -> u8 {
        match self.fill {
            Fill::Nothing => 1,
            Fill::Pattern { passes, .. } => passes,
        }
    }

    fn sense(&self, blocks: u64) -> Sense {
        let code = match self.purpose {
            Purpose::Format => code::FORMAT_IN_PROGRESS,
            Purpose::Sanitize { .. } => code::SANITIZE_IN_PROGRESS,
        };
        let whole = u128::from(blocks).saturating_mul(u128::from(self.passes())).max(1);
        let past = u128::from(blocks).saturating_mul(u128::from(self.pass));
        let done = past.saturating_add(u128::from(self.next)).min(whole);
        let parts = done.saturating_mul(1 << 16).checked_div(whole).unwrap_or(0);
        Sense::new(code).with_progress(u16::try_from(parts).unwrap_or(u16::MAX))
    }

    /// The next operation, and how far it brings the work.
    fn op(&self, unit: &LogicalUnit) -> IoOp {
        let (lba, size) = (self.next, unit.block_size());
        let left = unit.config.blocks.saturating_sub(lba);
        let at_most = |blocks: u32| u32::try_from(left).unwrap_or(u32::MAX).min(blocks.max(1));
        if self.flushing || left == 0 {
            return IoOp::Flush;
        }
        let (block, inverted) = match &self.fill {
            Fill::Nothing if unit.is_thin() => {
                return IoOp::Unmap { lba, blocks: at_most(UNMAP_BLOCKS_MAX), anchor: false };
            }
            Fill::Nothing => (Vec::from([0]).repeat(usize::try_from(size).unwrap_or(0)), false),
            Fill::Pattern { block, invert, .. } => (block.clone(), *invert && self.pass % 2 == 1),
        };
        let flip = if inverted { u8::MAX } else { 0 };
        let block: Vec<u8> = block.iter().map(|byte| byte ^ flip).collect();
        let bytes = unit.bytes(at_most(WRITE_BYTES / size));
        IoOp::Write { lba, data: repeated(&block, usize::try_from(bytes).unwrap_or(0)), fua: false }
    }

    /// An operation is done. True once there is nothing left.
    fn advance(&mut self, blocks: u64, done: u64) -> bool {
        if self.flushing {
            return true;
        }
        self.next = self.next.saturating_add(done);
        if self.next >= blocks {
            self.pass = self.pass.saturating_add(1);
            if self.pass < self.passes() {
                self.next = 0;
            } else {
                self.flushing = true;
            }
        }
        false
    }
}

/// `len` bytes of that block again and again.
fn repeated(block: &[u8], len: usize) -> SgList {
    let times = (PIECE_BYTES.min(len) / block.len().max(1)).max(1);
    let piece = Bytes::from(block.repeat(times));
    let (mut data, mut left) = (SgList::new(), len);
    while left > 0 && !piece.is_empty() {
        let take = left.min(piece.len());
        data.push(piece.slice(..take));
        left = left.saturating_sub(take);
    }
    data
}

impl DeviceServer {
    /// Whether any unit is under upkeep.
    pub(crate) const fn has_upkeep(&self) -> bool {
        self.upkeep
    }

    /// The next operation of a unit that waits for none.
    pub(crate) fn upkeep_op(&mut self) -> Option<(UnitKey, DeviceId, IoOp)> {
        for unit in self.units() {
            let Condition::Busy(upkeep) = &unit.condition else { continue };
            if upkeep.under_way {
                continue;
            }
            let op = upkeep.op(unit);
            if let Condition::Busy(upkeep) = &mut unit.condition {
                upkeep.under_way = true;
                upkeep.flushing |= op == IoOp::Flush;
            }
            return Some((unit.key, unit.config.device, op));
        }
        None
    }

    /// What came of it. True if the unit's upkeep is over.
    pub(crate) fn upkeep_done(&mut self, key: UnitKey, op: &IoOp, result: Result<SgList, IoError>) -> bool {
        let Some(unit) = self.find_key(key).and_then(|at| self.unit(at)) else { return false };
        let (blocks, size) = (unit.config.blocks, unit.block_size());
        let Condition::Busy(upkeep) = &mut unit.condition else { return false };
        upkeep.under_way = false;
        let done = match op {
            IoOp::Unmap { blocks, .. } => u64::from(*blocks),
            IoOp::Write { data, .. } => u64::try_from(data.len()).unwrap_or(0) / u64::from(size),
            _ => 0,
        };
        let purpose = upkeep.purpose;
        match result.map_err(io_sense) {
            Ok(_) if !upkeep.advance(blocks, done) => return false,
            Ok(_) => unit.condition = Condition::Fit,
            Err(_) => unit.condition = Condition::Failed(purpose),
        }
        self.upkeep = self.units().iter().any(|unit| unit.condition.is_busy());
        true
    }
}
