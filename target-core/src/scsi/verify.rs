//! Is the medium readable, and does it hold this? VERIFY(10), VERIFY(12), VERIFY(16) (SBC-3 5.29 to 5.31)
//!
//! [`Check`] is shared with WRITE AND VERIFY.

use super::cdb::Cdb;
use super::compare::first_difference;
use super::next::{AfterIo, Context, Handled, Next, WithData};
use super::sense::{Sense, code};
use super::unit::Extent;
use super::write::whole_blocks;
use crate::io::{IoOp, SgList};

/// What to hold blocks on the medium against.
#[derive(Clone, Debug)]
pub(super) enum Check {
    /// They can be read.
    Readable(Extent),
    /// They are what the initiator sent: block by block, or all of them the same one block.
    Same { extent: Extent, data: SgList, repeated: bool },
}

/// A VERIFY that waits for its data.
#[derive(Clone, Copy, Debug)]
pub(super) struct Job {
    extent: Extent,
    repeated: bool,
}

pub(super) fn verify(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    let repeated = match (cdb.flag(2), cdb.flag(1)) {
        (false, false) => None,
        (false, true) => Some(false),
        (true, true) => Some(true),
        (true, false) => return Err(Cdb::reject(cdb.flags_at(), Some(2))),
    };
    let extent = context.extent(cdb)?;
    if extent.blocks == 0 {
        return Ok(Next::GOOD);
    }
    match repeated {
        None => settled(context, Check::Readable(extent)),
        Some(repeated) => {
            let blocks = if repeated { 1 } else { extent.blocks };
            let len = context.unit()?.bytes(blocks);
            Ok(Next::DataOut { len, then: WithData::Verify(Job { extent, repeated }) })
        }
    }
}

pub(super) fn with_data(context: &mut Context<'_>, job: Job, data: SgList) -> Handled {
    let Job { extent, repeated } = job;
    let sent = if repeated { Extent { blocks: 1, ..extent } } else { extent };
    let Some((sent, data)) = whole_blocks(context, sent, data)? else {
        return Ok(Next::GOOD);
    };
    let extent = if repeated { extent } else { sent };
    settled(context, Check::Same { extent, data, repeated })
}

/// It is the medium that is verified, so what a write cache holds has to go there first.
fn settled(context: &mut Context<'_>, check: Check) -> Handled {
    if context.unit()?.modes.write_cache {
        return Ok(Next::Io { op: IoOp::Flush, then: AfterIo::Check(check) });
    }
    Ok(check.begin())
}

impl Check {
    pub(super) const fn extent(&self) -> Extent {
        match self {
            Self::Readable(extent) | Self::Same { extent, .. } => *extent,
        }
    }

    pub(super) fn begin(self) -> Next {
        match self {
            Self::Readable(Extent { lba, blocks }) => {
                Next::Io { op: IoOp::Verify { lba, blocks }, then: AfterIo::Good }
            }
            Self::Same { extent, data, repeated } => Next::Io {
                op: IoOp::Read { lba: extent.lba, blocks: extent.blocks },
                then: AfterIo::Compare { extent, data, repeated },
            },
        }
    }
}

/// MISCOMPARE carries the offset of the first byte that differs, counted from the first block.
pub(super) fn compare(
    context: &mut Context<'_>,
    extent: Extent,
    expected: &SgList,
    repeated: bool,
    found: &SgList,
) -> Handled {
    let unit = context.unit()?;
    if u32::try_from(found.len()).ok() != Some(unit.bytes(extent.blocks)) {
        return Err(code::INTERNAL_TARGET_FAILURE.into());
    }
    let difference = if repeated {
        let step = expected.len().max(1);
        (0..found.len()).step_by(step).find_map(|at| {
            let within = first_difference(&found.slice(at, step), expected)?;
            Some(at.saturating_add(within))
        })
    } else {
        first_difference(found, expected)
    };
    match difference.filter(|_| !planted!(VerifyGood)) {
        None => Ok(Next::GOOD),
        Some(at) => {
            let at = u64::try_from(at).unwrap_or(u64::MAX);
            Err(Sense::new(code::MISCOMPARE).with_information(at).into())
        }
    }
}
