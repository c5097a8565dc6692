//! READ(6), READ(10), READ(12), READ(16) (SBC-3 5.11 to 5.14)

use super::cdb::Cdb;
use super::next::{AfterIo, Context, Handled, Next};
use super::sense::code;
use super::unit::Extent;
use crate::io::{IoOp, SgList};

/// FUA (bit 3 of byte 1) asks for what is on the medium: with a write cache, that means flushing it first. DPO is a hint
/// about caching that needs no action. The short form has neither (the table refuses the bits there).
pub(super) fn read(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    let extent = context.extent(cdb)?;
    if extent.blocks == 0 {
        return Ok(Next::GOOD);
    }
    let fua = cdb.byte(0) >> 5 != 0 && cdb.flag(3);
    if fua && !planted!(ReadFuaCached) && context.unit()?.modes.write_cache {
        return Ok(Next::Io { op: IoOp::Flush, then: AfterIo::FlushedRead(extent) });
    }
    Ok(fetch(extent))
}

pub(super) const fn fetch(extent: Extent) -> Next {
    Next::Io { op: IoOp::Read { lba: extent.lba, blocks: extent.blocks }, then: AfterIo::Read(extent) }
}

/// Storage that answers with another length than asked for is broken: better no data than shifted data.
pub(super) fn deliver(context: &mut Context<'_>, extent: Extent, data: SgList) -> Handled {
    if u32::try_from(data.len()).ok() == Some(context.unit()?.bytes(extent.blocks)) {
        Ok(Next::Done(data))
    } else {
        Err(code::INTERNAL_TARGET_FAILURE.into())
    }
}
