//! The same block again and again: WRITE SAME(10), WRITE SAME(16) (SBC-3 5.42, 5.43)
//!
//! No more than one command may transfer, and at least one block (WSNZ). UNMAP and ANCHOR are refused as reserved bits: the
//! unit is fully provisioned.

use super::cdb::Cdb;
use super::next::{AfterIo, Context, Handled, Next, WithData};
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
}

/// NDOB (bit 0 of byte 1; the short form has none) stands for a block of zeros.
pub(super) fn write_same(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    let extent = context.extent(cdb)?;
    let length_at = cdb.span().length_at;
    if extent.blocks == 0 {
        return Err(Cdb::reject(length_at, None));
    }
    let len = context.unit()?.block_size();
    if cdb.bit(1, 0) {
        let zeros = Vec::from([0]).repeat(usize::try_from(len).unwrap_or(0));
        return fill(context, extent, &zeros);
    }
    Ok(Next::DataOut { len, then: WithData::WriteSame(Job { extent, length_at }) })
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
    fill(context, job.extent, &data.to_bytes())
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
