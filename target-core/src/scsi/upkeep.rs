//! What goes over a whole medium, long after its command may have been answered? FORMAT UNIT and SANITIZE.
//!
//! The work belongs to the unit, not to the command: it outlives aborts, resets and sessions. The engine asks for its next
//! operation ([`DeviceServer::upkeep_op`]) from time to time and brings the result back; a command without IMMED waits
//! until it is over ([`Wait::Over`]). Where storage keeps records, what was interrupted by a crash is not forgotten.

use super::keep::{Fields, MEDIUM};
use super::next::{Context, Handled, Next, Wait};
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
    phase: Phase,
    /// What had failed before it began.
    before: Option<Purpose>,
    /// An operation is with storage.
    under_way: bool,
}

/// How far it is. Where storage keeps records, a crash at any moment finds the unit under upkeep, or failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Storage is to keep that it goes on.
    Recording,
    /// Blocks are written.
    Filling,
    /// All blocks of all passes are done; the flush is not.
    Flushing,
    /// Storage is to forget it.
    Clearing,
    /// Storage is to keep that it has failed.
    Failing,
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
    let kept = unit.keeps_records();
    let before = if let Condition::Failed(before) = unit.condition { Some(before) } else { None };
    let phase = if kept { Phase::Recording } else { Phase::Filling };
    unit.begin_failed = None;
    unit.condition = Condition::Busy(Upkeep::new(purpose, fill, phase, before));
    context.server.upkeep = true;
    Ok(match (immediate, kept) {
        (true, false) => Next::GOOD,
        (true, true) => Next::Wait(Wait::Begun),
        (false, _) => Next::Wait(Wait::Over),
    })
}

/// Leaves the failure of the last one behind; the command waits until storage has forgotten it, if it keeps such things.
pub(super) fn forgive(context: &mut Context<'_>) -> Handled {
    let unit = context.unit()?;
    if !unit.keeps_records() {
        unit.condition = Condition::Fit;
        return Ok(Next::GOOD);
    }
    let Condition::Failed(purpose) = unit.condition else { return Ok(Next::GOOD) };
    let over = Upkeep { pass: 1, ..Upkeep::new(purpose, Fill::Nothing, Phase::Clearing, Some(purpose)) };
    unit.begin_failed = None;
    unit.condition = Condition::Busy(over);
    context.server.upkeep = true;
    Ok(Next::Wait(Wait::Over))
}

/// The unit may have begun, so that no crash makes it forget.
pub(super) fn begun(context: &mut Context<'_>) -> Handled {
    let unit = context.unit()?;
    match &unit.condition {
        Condition::Busy(Upkeep { phase: Phase::Recording, .. }) => Ok(Next::Wait(Wait::Begun)),
        _ => unit.begin_failed.take().map_or(Ok(Next::GOOD), |sense| Err(sense.into())),
    }
}

/// The unit may be fit again.
pub(super) fn over(context: &mut Context<'_>) -> Handled {
    let unit = context.unit()?;
    if let Some(sense) = unit.begin_failed.take() {
        return Err(sense.into());
    }
    match &unit.condition {
        Condition::Fit => Ok(Next::GOOD),
        Condition::Busy(_) => Ok(Next::Wait(Wait::Over)),
        Condition::Failed(Purpose::Format) => Err(code::FORMAT_FAILED.into()),
        Condition::Failed(Purpose::Sanitize { .. }) => Err(code::SANITIZE_FAILED.into()),
    }
}

/// Form of the record of the medium.
const FORM: u8 = 1;
/// What the record says: work goes on, or it has failed.
const BUSY: u8 = 1;
const FAILED: u8 = 2;

impl Purpose {
    /// Its number in the record.
    const fn number(self) -> u8 {
        match self {
            Self::Format => 0,
            Self::Sanitize { exit_allowed: false } => 1,
            Self::Sanitize { exit_allowed: true } => 2,
        }
    }

    const fn of(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Format),
            1 => Some(Self::Sanitize { exit_allowed: false }),
            2 => Some(Self::Sanitize { exit_allowed: true }),
            _ => None,
        }
    }
}

/// What a record of the medium means for a unit that is new: a SANITIZE begins again, which is the only way to be sure of all its
/// blocks; a FORMAT UNIT that was interrupted has failed. `None` if the record makes no sense.
pub(super) fn decode(record: &[u8]) -> Option<Condition> {
    let mut fields = Fields(record);
    if fields.byte()? != FORM {
        return None;
    }
    let (state, purpose) = (fields.byte()?, Purpose::of(fields.byte()?)?);
    if state == FAILED {
        return fields.end().map(|()| Condition::Failed(purpose));
    }
    let passes = fields.byte()?;
    let fill = if passes == 0 {
        Fill::Nothing
    } else {
        let (invert, len) = (fields.byte()? == 1, usize::from(fields.be16()?));
        Fill::Pattern { block: fields.take(len)?.to_vec(), passes, invert }
    };
    fields.end()?;
    match purpose {
        Purpose::Format if state == BUSY => Some(Condition::Failed(purpose)),
        Purpose::Sanitize { .. } if state == BUSY => {
            Some(Condition::Busy(Upkeep::new(purpose, fill, Phase::Filling, None)))
        }
        _ => None,
    }
}

impl Upkeep {
    const fn new(purpose: Purpose, fill: Fill, phase: Phase, before: Option<Purpose>) -> Self {
        Self { purpose, fill, pass: 0, next: 0, phase, before, under_way: false }
    }

    /// What storage is to keep of it now; nothing if it is over.
    fn record(&self) -> Bytes {
        let mut out = Vec::from([FORM, BUSY, self.purpose.number()]);
        match (self.phase, &self.fill) {
            (Phase::Clearing, _) => return Bytes::new(),
            (Phase::Failing, _) => return Vec::from([FORM, FAILED, self.purpose.number()]).into(),
            (_, Fill::Nothing) => out.push(0),
            (_, Fill::Pattern { block, passes, invert }) => {
                out.extend([*passes, u8::from(*invert)]);
                out.extend(u16::try_from(block.len()).unwrap_or(u16::MAX).to_be_bytes());
                out.extend(block);
            }
        }
        out.into()
    }

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
        let left = unit.config.blocks.saturating_sub(lba).saturating_sub(planted!(SanitizeShort).into());
        if matches!(self.phase, Phase::Recording | Phase::Clearing | Phase::Failing) {
            return IoOp::Keep { name: MEDIUM.into(), record: self.record() };
        }
        let at_most = |blocks: u32| u32::try_from(left).unwrap_or(u32::MAX).min(blocks.max(1));
        if self.phase == Phase::Flushing || left == 0 {
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

    /// An operation has moved `done` blocks of `blocks`.
    fn advance(&mut self, blocks: u64, done: u64) {
        self.next = self.next.saturating_add(done);
        if self.next >= blocks {
            self.pass = self.pass.saturating_add(1);
            if self.pass < self.passes() {
                self.next = 0;
            } else {
                self.phase = Phase::Flushing;
            }
        }
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
                if op == IoOp::Flush {
                    upkeep.phase = Phase::Flushing;
                }
            }
            return Some((unit.key, unit.config.device, op));
        }
        None
    }

    /// What came of it. True if commands may wait for just that.
    pub(crate) fn upkeep_done(&mut self, key: UnitKey, op: &IoOp, result: Result<SgList, IoError>) -> bool {
        let Some(unit) = self.find_key(key).and_then(|at| self.unit(at)) else { return false };
        let (blocks, size, kept) = (unit.config.blocks, unit.block_size(), unit.keeps_records());
        let Condition::Busy(upkeep) = &mut unit.condition else { return false };
        upkeep.under_way = false;
        let done = match op {
            IoOp::Unmap { blocks, .. } => u64::from(*blocks),
            IoOp::Write { data, .. } => u64::try_from(data.len()).unwrap_or(0) / u64::from(size),
            _ => 0,
        };
        let over = match (upkeep.phase, result.map_err(io_sense)) {
            (Phase::Recording, Ok(_)) => {
                upkeep.phase = Phase::Filling;
                return true;
            }
            (Phase::Recording, Err(sense)) => {
                let before = upkeep.before.map_or(Condition::Fit, Condition::Failed);
                unit.begin_failed = Some(sense);
                before
            }
            (Phase::Filling, Ok(_)) => {
                upkeep.advance(blocks, done);
                return false;
            }
            (Phase::Flushing, Ok(_)) if kept => {
                upkeep.phase = Phase::Clearing;
                return false;
            }
            (Phase::Flushing | Phase::Clearing, Ok(_)) => Condition::Fit,
            (Phase::Filling | Phase::Flushing | Phase::Clearing, Err(_)) if kept => {
                upkeep.phase = Phase::Failing;
                return false;
            }
            (Phase::Filling | Phase::Flushing | Phase::Clearing, Err(_)) | (Phase::Failing, _) => {
                if planted!(SanitizeForgiven) { Condition::Fit } else { Condition::Failed(upkeep.purpose) }
            }
        };
        unit.condition = over;
        self.count_upkeep();
        true
    }

    /// Finds out anew whether any unit is under upkeep.
    pub(super) fn count_upkeep(&mut self) {
        self.upkeep = self.units().iter().any(|unit| unit.condition.is_busy());
    }
}
