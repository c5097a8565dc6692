//! The same block again and again: WRITE SAME(10), WRITE SAME(16) (SBC-3 5.42, 5.43)
//!
//! No more than one command may transfer; a length of 0 stands for the rest of the medium (WSNZ is 0). UNMAP lets go of the blocks if what would be
//! written are zeros, as which they read then; other blocks are written.

use super::cdb::{Cdb, Span};
use super::next::{AfterIo, Context, Handled, Next, WithData};
use super::outcome::Failure;
use super::provisioning;
use super::unit::Extent;
use crate::io::{IoOp, SgList};
use alloc::vec::Vec;
use bytes::Bytes;

/// Blocks are laid out up to this length; longer runs repeat that piece.
const PIECE_BYTES: usize = 1 << 16;

/// A WRITE SAME that waits for its block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Job {
    extent: Extent,
    length_at: u16,
    unmap: Option<Unmap>,
}

/// UNMAP, and ANCHOR.
#[derive(Clone, Copy, Debug)]
struct Unmap {
    anchor: bool,
}

/// NDOB (bit 0 of byte 1; the short form has none) stands for a block of zeros.
pub(super) fn write_same(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    let length_at = cdb.span().length_at;
    let extent = match context.extent(cdb)? {
        Extent { lba, blocks: 0 } => rest(context, lba, length_at)?,
        extent => extent,
    };
    let unmap = unmaps(context, cdb)?;
    let len = context.unit()?.block_size();
    if cdb.flag(0) {
        if let Some(Unmap { anchor }) = unmap {
            return Ok(provisioning::release(extent, anchor));
        }
        let zeros = Vec::from([0]).repeat(usize::try_from(len).unwrap_or(0));
        return fill(context, extent, &zeros);
    }
    // More than a block is refused as less is: who sends it means something else than WRITE SAME does.
    if context.data_out > len {
        return Err(Cdb::reject(length_at, None));
    }
    let len = if planted!(WriteSameLength) { len.saturating_mul(extent.blocks) } else { len };
    Ok(Next::DataOut { len, then: WithData::WriteSame(Job { extent, length_at, unmap }) })
}

/// All blocks from `lba` on, if one command may write as many.
fn rest(context: &mut Context<'_>, lba: u64, length_at: u16) -> Result<Extent, Failure> {
    let transfer_bytes = context.server.transfer_bytes;
    let unit = context.unit()?;
    let blocks = u32::try_from(unit.config.blocks.saturating_sub(lba)).unwrap_or(u32::MAX);
    unit.extent(Span { lba, blocks, length_at }, transfer_bytes)
}

/// UNMAP (byte 1, bit 3) where blocks can be unmapped; ANCHOR (bit 4) with it alone, and where space can be kept.
fn unmaps(context: &mut Context<'_>, cdb: Cdb<'_>) -> Result<Option<Unmap>, Failure> {
    let (unmap, anchor) = (cdb.flag(3), cdb.flag(4));
    let unit = context.unit()?;
    if anchor && !(unmap && unit.anchors()) {
        return Err(Cdb::reject(cdb.flags_at(), Some(4)));
    }
    if unmap && !unit.is_thin() {
        return Err(Cdb::reject(cdb.flags_at(), Some(3)));
    }
    Ok(unmap.then_some(Unmap { anchor }))
}

pub(super) fn with_data(context: &mut Context<'_>, job: Job, data: &SgList) -> Handled {
    let unit = context.unit()?;
    if let Some(sense) = unit.write_protection() {
        return Err(sense.into());
    }
    unit.still_there(job.extent)?;
    if u32::try_from(data.len()).ok() != Some(unit.block_size()) {
        // Less than a block came: there is nothing to repeat.
        return Err(Cdb::reject(job.length_at, None));
    }
    match job.unmap {
        Some(Unmap { anchor }) if data.pieces().flatten().all(|byte| *byte == 0) => {
            Ok(provisioning::release(job.extent, anchor))
        }
        _ => fill(context, job.extent, &data.to_bytes()),
    }
}

fn fill(context: &mut Context<'_>, extent: Extent, block: &[u8]) -> Handled {
    let unit = context.unit()?;
    let fua = !unit.modes.write_cache;
    let mut left = usize::try_from(unit.bytes(extent.blocks)).unwrap_or(usize::MAX);
    let times = (PIECE_BYTES.min(left) / block.len().max(1)).max(1);
    let piece = Bytes::from(block.repeat(times));
    let mut data = SgList::new();
    while left > 0 && !piece.is_empty() {
        let take = left.min(piece.len());
        data.push(piece.slice(..take));
        left = left.saturating_sub(take);
    }
    Ok(Next::Io { op: IoOp::Write { lba: extent.lba, data, fua }, then: AfterIo::Good })
}
