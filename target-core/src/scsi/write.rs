//! WRITE(6), WRITE(10), WRITE(12), WRITE(16) and WRITE AND VERIFY(10), (12), (16) (SBC-3 5.32 to 5.38)

use super::atomic;
use super::cdb::Cdb;
use super::next::{AfterIo, Context, Handled, Next, WithData};
use super::outcome::Failure;
use super::unit::Extent;
use super::verify::Check;
use crate::io::{IoOp, SgList};

/// A write that waits for its data.
#[derive(Clone, Copy, Debug)]
pub(super) struct Job {
    extent: Extent,
    /// Must be on stable storage before the status: FUA, or no write cache.
    fua: bool,
    after: After,
}

/// What is to be done with the blocks once they are written.
#[derive(Clone, Copy, Debug)]
enum After {
    Nothing,
    /// Check that they can be read.
    Verify,
    /// Check that they are what was sent.
    Compare,
}

/// FUA is bit 3 of byte 1; the short form has none. DPO is a hint about caching that needs no action.
pub(super) fn write(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    let fua = cdb.byte(0) >> 5 != 0 && cdb.flag(3);
    begin(context, cdb, fua, After::Nothing)
}

/// The medium is verified, so the blocks must get there first: always FUA. BYTCHK is bit 1 of byte 1.
pub(super) fn write_and_verify(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    let after = if cdb.flag(1) { After::Compare } else { After::Verify };
    begin(context, cdb, true, after)
}

/// WRITE ATOMIC(16) (SBC-4 5.48): as many blocks, and there, as the storage says that it never tears. ATOMIC BOUNDARY would
/// divide them. One block needs nothing more; for several the unit must be had alone.
pub(super) fn write_atomic(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    let transfer_bytes = context.server.transfer_bytes;
    let unit = context.unit()?;
    let limits = unit.config.policy.atomic;
    let extent = unit.extent(cdb.atomic_span(), transfer_bytes)?;
    if cdb.be16(10) != 0 {
        return Err(Cdb::reject(10, None));
    }
    if extent.lba.checked_rem(limits.alignment.into()) != Some(0) {
        return Err(Cdb::reject(2, None));
    }
    if extent.blocks > limits.blocks || extent.blocks.checked_rem(limits.granularity) != Some(0) {
        return Err(Cdb::reject(12, None));
    }
    if extent.blocks > 1 {
        return atomic::replace(context, cdb, extent);
    }
    proceed(context, extent, cdb.flag(3), After::Nothing)
}

fn begin(context: &mut Context<'_>, cdb: Cdb<'_>, fua: bool, after: After) -> Handled {
    let extent = context.extent(cdb)?;
    proceed(context, extent, fua, after)
}

fn proceed(context: &mut Context<'_>, extent: Extent, fua: bool, after: After) -> Handled {
    if extent.blocks == 0 {
        return Ok(Next::GOOD);
    }
    let unit = context.unit()?;
    let job = Job { extent, fua: (fua && !planted!(FuaIgnored)) || !unit.modes.write_cache, after };
    Ok(Next::DataOut { len: unit.bytes(extent.blocks), then: WithData::Write(job) })
}

/// Protection may have come since the command started: SWP set by another nexus holds from its MODE SELECT on.
pub(super) fn with_data(context: &mut Context<'_>, job: Job, data: SgList) -> Handled {
    if let Some(sense) = context.unit()?.write_protection() {
        return Err(sense.into());
    }
    let Some((extent, data)) = whole_blocks(context, job.extent, data)? else {
        return Ok(Next::GOOD);
    };
    let then = match job.after {
        After::Nothing => AfterIo::Good,
        After::Verify => AfterIo::Check(Check::Readable(extent)),
        After::Compare => AfterIo::Check(Check::Same { extent, data: data.clone(), repeated: false }),
    };
    Ok(Next::Io { op: IoOp::Write { lba: extent.lba, data, fua: job.fua }, then })
}

/// The blocks of `extent` for which all data arrived, with that data; `None` if there is not even one. An initiator that
/// expects to transfer less than its CDB says gets that much done; the residual count tells it about the rest. Blocks that
/// a resize took away meanwhile are an error.
pub(super) fn whole_blocks(
    context: &mut Context<'_>,
    extent: Extent,
    data: SgList,
) -> Result<Option<(Extent, SgList)>, Failure> {
    let unit = context.unit()?;
    unit.still_there(extent)?;
    let blocks = u32::try_from(data.len()).unwrap_or(u32::MAX) / unit.block_size();
    let extent = Extent { blocks: blocks.min(extent.blocks), ..extent };
    let len = usize::try_from(unit.bytes(extent.blocks)).unwrap_or(usize::MAX);
    Ok(match (extent.blocks, len == data.len()) {
        (0, _) => None,
        (_, true) => Some((extent, data)),
        (_, false) => Some((extent, data.slice(0, len))),
    })
}
