//! Which blocks take space, and which need none any more? UNMAP, GET LBA STATUS (SBC-3 5.4, 5.28)
//!
//! A thin unit lets go of exactly the blocks that it is asked to, and they read as zeros from then on (LBPRZ).

use super::cdb::{Cdb, Span};
use super::next::{AfterIo, Context, Handled, Next, WithData};
use super::sense::{Sense, code};
use super::unit::{Extent, LogicalUnit};
use crate::config::Provisioning;
use crate::io::{IoOp, Runs, SgList};
use alloc::vec::Vec;

/// MAXIMUM UNMAP LBA COUNT and MAXIMUM UNMAP BLOCK DESCRIPTOR COUNT.
pub(super) const UNMAP_BLOCKS_MAX: u32 = 1 << 20;
pub(super) const UNMAP_DESCRIPTORS_MAX: u32 = 256;

/// LBA status descriptors in one answer at most: 64 KiB of them.
const RUNS_MAX: u32 = 4096;

/// Lengths of the header of both parameter lists, and of a descriptor of both.
const HEADER_LEN: usize = 8;
const DESCRIPTOR_LEN: usize = 16;

/// An UNMAP that waits for its list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Job {
    len: u32,
    anchor: bool,
}

/// What is left to be unmapped, the next range last.
#[derive(Clone, Debug)]
pub(super) struct Rest {
    ranges: Vec<Extent>,
    anchor: bool,
}

impl LogicalUnit {
    pub(super) fn is_thin(&self) -> bool {
        self.config.provisioning != Provisioning::Full
    }

    pub(super) fn anchors(&self) -> bool {
        self.config.provisioning == Provisioning::ThinAnchored
    }
}

/// ANCHOR (byte 1, bit 0) only where space can be kept.
pub(super) fn unmap(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    let anchor = cdb.bit(1, 0);
    if anchor && !context.unit()?.anchors() {
        return Err(Cdb::reject(1, Some(0)));
    }
    let len = u32::from(cdb.be16(7));
    if len == 0 {
        return Ok(Next::GOOD);
    }
    if usize::try_from(len).unwrap_or(0) < HEADER_LEN {
        return Err(code::PARAMETER_LIST_LENGTH.into());
    }
    Ok(Next::DataOut { len, then: WithData::Unmap(Job { len, anchor }) })
}

/// All descriptors are checked before anything is unmapped. One that is not whole is ignored, as SBC-3 5.28.2 has it.
pub(super) fn with_data(context: &mut Context<'_>, job: Job, data: &SgList) -> Handled {
    if let Some(sense) = context.unit()?.write_protection() {
        return Err(sense.into());
    }
    let list = data.to_bytes();
    if u32::try_from(list.len()).ok() != Some(job.len) {
        return Err(code::PARAMETER_LIST_LENGTH.into());
    }
    let (header, descriptors) = list.split_at_checked(HEADER_LEN).unwrap_or((&[], &[]));
    let (follows, length) = (usize::from(Cdb(header).be16(0)), usize::from(Cdb(header).be16(2)));
    let Some(descriptors) = descriptors.get(..length).filter(|_| follows.saturating_add(2) <= list.len())
    else {
        return Err(code::PARAMETER_LIST_LENGTH.into());
    };
    if descriptors.len() / DESCRIPTOR_LEN > usize::try_from(UNMAP_DESCRIPTORS_MAX).unwrap_or(0) {
        return Err(Sense::parameter_field(2, None).into());
    }
    let capacity = context.unit()?.config.blocks;
    let mut ranges = Vec::new();
    let mut sum = 0_u64;
    for (at, descriptor) in (0_u16..).zip(descriptors.chunks_exact(DESCRIPTOR_LEN)) {
        let descriptor = Cdb(descriptor);
        let (lba, blocks) = (descriptor.be64(0), descriptor.be32(8));
        if lba.checked_add(u64::from(blocks)).is_none_or(|end| end > capacity) {
            return Err(code::LBA_OUT_OF_RANGE.into());
        }
        sum = sum.saturating_add(u64::from(blocks));
        if sum > u64::from(UNMAP_BLOCKS_MAX) {
            return Err(Sense::parameter_field(at.saturating_mul(16).saturating_add(16), None).into());
        }
        if blocks > 0 {
            ranges.push(Extent { lba, blocks });
        }
    }
    ranges.reverse();
    proceed(context, Rest { ranges, anchor: job.anchor })
}

/// The next range; in the end, without a write cache, all of it goes to stable storage.
pub(super) fn proceed(context: &mut Context<'_>, mut rest: Rest) -> Handled {
    let Some(extent) = rest.ranges.pop() else { return harden(context) };
    context.unit()?.still_there(extent)?;
    Ok(unmap_then(extent, rest.anchor, AfterIo::Unmapped(rest)))
}

/// Unmaps blocks, as WRITE SAME may.
pub(super) fn release(extent: Extent, anchor: bool) -> Next {
    unmap_then(extent, anchor, AfterIo::Unmapped(Rest { ranges: Vec::new(), anchor }))
}

const fn unmap_then(extent: Extent, anchor: bool, then: AfterIo) -> Next {
    Next::Io { op: IoOp::Unmap { lba: extent.lba, blocks: extent.blocks, anchor }, then }
}

fn harden(context: &mut Context<'_>) -> Handled {
    if context.unit()?.modes.write_cache {
        return Ok(Next::GOOD);
    }
    Ok(Next::Io { op: IoOp::Flush, then: AfterIo::Good })
}

/// As many descriptors as the allocation length has room for, at least one.
pub(super) fn status(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    let (lba, allocation) = (cdb.be64(2), cdb.be32(10));
    context.unit()?.in_range(Span { lba, blocks: 0, length_at: 0 })?;
    let runs = (allocation.saturating_sub(8) / 16).clamp(1, RUNS_MAX);
    Ok(Next::Io { op: IoOp::Status { lba, runs }, then: AfterIo::Status { allocation } })
}

/// What storage says, up to the last block that the unit has.
pub(super) fn deliver(context: &mut Context<'_>, allocation: u32, found: &SgList) -> Handled {
    let end = context.unit()?.config.blocks;
    let mut descriptors = Vec::new();
    for mut run in Runs::read(found) {
        let left = end.saturating_sub(run.lba);
        run.blocks = run.blocks.min(u32::try_from(left).unwrap_or(u32::MAX));
        if run.blocks > 0 {
            run.emit(&mut descriptors);
        }
    }
    if descriptors.is_empty() {
        return Err(code::INTERNAL_TARGET_FAILURE.into());
    }
    let mut data = Vec::with_capacity(descriptors.len().saturating_add(HEADER_LEN));
    data.extend(u32::try_from(descriptors.len().saturating_add(4)).unwrap_or(u32::MAX).to_be_bytes());
    data.extend([0; 4]);
    data.extend(descriptors);
    Ok(Next::data(data, allocation))
}
