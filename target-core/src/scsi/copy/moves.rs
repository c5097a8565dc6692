//! Reading here and writing there, piece by piece.

use super::lists::{End, ListKey};
use crate::io::{IoOp, SgList};
use crate::scsi::access::Access;
use crate::scsi::access_state;
use crate::scsi::next::{AfterIo, Context, Handled, Next};
use crate::scsi::outcome::NexusId;
use crate::scsi::sense::{Sense, SenseCode, code};
use crate::scsi::server::DeviceServer;
use crate::scsi::unit::{Extent, LogicalUnit, UnitKey};
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

/// What is read or written at a time.
const PIECE_BYTES: u32 = 1 << 20;

/// A run of blocks to copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Move {
    /// Where they come from; `None` for zeros.
    pub(super) from: Option<(UnitKey, u64)>,
    /// Where they go.
    pub(super) to: (UnitKey, u64),
    pub(super) blocks: u32,
}

/// A copy under way.
#[derive(Clone, Debug)]
pub(in crate::scsi) struct Job {
    moves: VecDeque<Move>,
    /// Its record, if it has one.
    list: Option<ListKey>,
    /// As long as this exists the record says that it is under way.
    _under_way: Option<Arc<()>>,
    /// As long as this exists nothing atomic begins at the unit that is read or written now.
    visit: Option<Arc<()>>,
    /// Blocks of the piece that is read or written now.
    piece: u32,
}

impl Job {
    pub(super) fn new(moves: Vec<Move>, list: Option<ListKey>, under_way: Option<Arc<()>>) -> Self {
        Self { moves: moves.into(), list, _under_way: under_way, visit: None, piece: 0 }
    }
}

/// Whether the nexus might do it itself, now.
fn may(
    server: &mut DeviceServer,
    nexus: NexusId,
    key: UnitKey,
    run: Extent,
    access: Access,
) -> Result<(), SenseCode> {
    let (now, group) = (server.now, server.nexus(nexus).map_or(0, |ports| ports.group));
    let at = server.find_key(key).ok_or(code::COPY_TARGET_NOT_REACHABLE)?;
    let unit = server.unit(at).ok_or(code::COPY_TARGET_NOT_REACHABLE)?;
    let state = unit.access.of(group, now).0;
    // READ(16) and WRITE(16) stand for what the copy does.
    access_state::check(state, 0x88, None).map_err(|_| code::COPY_TARGET_NOT_REACHABLE)?;
    let protected = access == Access::Changes && unit.write_protection().is_some();
    let unfit = unit.stopped || unit.ejected || unit.condition.refusal(unit.config.blocks).is_some();
    if unfit
        || protected
        || (unit.conflicts(nexus, access) && !planted!(CopyUnreserved))
        || unit.atomic.strong_count() > 0
    {
        return Err(code::THIRD_PARTY_FAILURE);
    }
    unit.still_there(run).map_err(|_| code::COPY_ABORTED)
}

/// Goes on to the next piece, or ends well.
pub(super) fn advance(context: &mut Context<'_>, mut job: Job) -> Handled {
    job.visit = None;
    while job.moves.front().is_some_and(|run| run.blocks == 0) {
        job.moves.pop_front();
        if let Some(record) = job.list.and_then(|list| context.server.lists.find(list)) {
            record.segments = record.segments.saturating_add(1);
        }
    }
    let Some(run) = job.moves.front().copied() else {
        if let Some(record) = job.list.and_then(|list| context.server.lists.find(list)) {
            record.end = End::Well;
        }
        return Ok(Next::GOOD);
    };
    let block_size = match unit(context, run.to.0) {
        Ok(unit) => unit.block_size(),
        Err(sense) => return failed(context, &job, sense.into()),
    };
    job.piece = run.blocks.min((PIECE_BYTES / block_size).max(1));
    match run.from {
        Some((key, lba)) => {
            let piece = Extent { lba, blocks: job.piece };
            if let Err(sense) = may(context.server, context.nexus, key, piece, Access::Reads) {
                return failed(context, &job, sense.into());
            }
            job.visit = unit(context, key).ok().map(|unit| Arc::clone(&unit.visitors));
            let op = IoOp::Read { lba, blocks: job.piece };
            Ok(Next::Elsewhere { unit: key, op, then: AfterIo::CopyRead(job) })
        }
        None => {
            let zeros = usize::try_from(job.piece.saturating_mul(block_size)).unwrap_or(0);
            write(context, job, vec![0; zeros].into())
        }
    }
}

fn unit<'a>(context: &'a mut Context<'_>, key: UnitKey) -> Result<&'a mut LogicalUnit, SenseCode> {
    let at = context.server.find_key(key).ok_or(code::COPY_TARGET_NOT_REACHABLE)?;
    context.server.unit(at).ok_or(code::COPY_TARGET_NOT_REACHABLE)
}

/// A piece was read.
pub(in crate::scsi) fn read_done(context: &mut Context<'_>, job: Job, data: SgList) -> Handled {
    write(context, job, data)
}

fn write(context: &mut Context<'_>, mut job: Job, data: SgList) -> Handled {
    let Some(run) = job.moves.front().copied() else { return advance(context, job) };
    let (key, lba) = run.to;
    let piece = Extent { lba, blocks: job.piece };
    if let Err(sense) = may(context.server, context.nexus, key, piece, Access::Changes) {
        return failed(context, &job, sense.into());
    }
    let target = match unit(context, key) {
        Ok(target) => target,
        Err(sense) => return failed(context, &job, sense.into()),
    };
    if u32::try_from(data.len()).ok() != Some(target.bytes(job.piece)) {
        return failed(context, &job, code::THIRD_PARTY_FAILURE.into());
    }
    let fua = !target.modes.write_cache;
    job.visit = Some(Arc::clone(&target.visitors));
    Ok(Next::Elsewhere { unit: key, op: IoOp::Write { lba, data, fua }, then: AfterIo::CopyWritten(job) })
}

/// A piece was written.
pub(in crate::scsi) fn written(context: &mut Context<'_>, mut job: Job) -> Handled {
    let piece = u64::from(job.piece);
    let block_size =
        job.moves.front().and_then(|run| unit(context, run.to.0).ok().map(|unit| unit.block_size()));
    if let Some(run) = job.moves.front_mut() {
        run.blocks = run.blocks.saturating_sub(job.piece);
        run.to.1 = run.to.1.saturating_add(piece);
        if let Some((_, lba)) = &mut run.from {
            *lba = lba.saturating_add(piece);
        }
    }
    if let Some(record) = job.list.and_then(|list| context.server.lists.find(list)) {
        record.blocks = record.blocks.saturating_add(piece);
        record.bytes = record.bytes.saturating_add(piece.saturating_mul(u64::from(block_size.unwrap_or(0))));
    }
    advance(context, job)
}

/// It cannot go on; what was written stays.
pub(in crate::scsi) fn failed(context: &mut Context<'_>, job: &Job, sense: Sense) -> Handled {
    if let Some(record) = job.list.and_then(|list| context.server.lists.find(list)) {
        record.segments = record.segments.saturating_add(u16::from(planted!(CopyResult)));
        record.end = End::Failed(sense);
    }
    Err(sense.into())
}
