//! WRITE(6), WRITE(10), WRITE(12), WRITE(16) (SBC-3 5.32 to 5.35)

use super::cdb::Cdb;
use super::next::{AfterIo, Context, Handled, Next, WithData};
use super::unit::Extent;
use crate::io::{IoOp, SgList};

/// A write that waits for its data.
#[derive(Clone, Copy, Debug)]
pub(super) struct Job {
    pub(super) extent: Extent,
    /// Must be on stable storage before the status: FUA, or no write cache.
    pub(super) fua: bool,
}

pub(super) fn write(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    let extent = context.extent(cdb)?;
    if extent.blocks == 0 {
        return Ok(Next::GOOD);
    }
    let unit = context.unit()?;
    let fua = cdb.byte(0) >> 5 != 0 && cdb.bit(1, 3);
    let job = Job { extent, fua: fua || !unit.modes.write_cache };
    Ok(Next::DataOut { len: unit.bytes(extent.blocks), then: WithData::Write(job) })
}

pub(super) fn with_data(context: &mut Context<'_>, job: Job, data: &SgList) -> Handled {
    match whole_blocks(context, job.extent, data)? {
        Some((extent, data)) => {
            Ok(Next::Io { op: IoOp::Write { lba: extent.lba, data, fua: job.fua }, then: AfterIo::Good })
        }
        None => Ok(Next::GOOD),
    }
}

/// The blocks of `extent` for which all data arrived, with that data; `None` if there is not even one. An initiator that
/// expects to transfer less than its CDB says gets that much written; the residual count tells it about the rest.
pub(super) fn whole_blocks(
    context: &mut Context<'_>,
    extent: Extent,
    data: &SgList,
) -> Result<Option<(Extent, SgList)>, super::outcome::Failure> {
    let unit = context.unit()?;
    let blocks = u32::try_from(data.len()).unwrap_or(u32::MAX) / unit.block_size();
    let extent = Extent { blocks: blocks.min(extent.blocks), ..extent };
    let len = usize::try_from(unit.bytes(extent.blocks)).unwrap_or(usize::MAX);
    Ok(match (extent.blocks, len == data.len()) {
        (0, _) => None,
        (_, true) => Some((extent, data.clone())),
        (_, false) => Some((extent, data.slice(0, len))),
    })
}
