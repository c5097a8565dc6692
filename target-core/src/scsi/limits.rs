//! What are the limits of a logical unit? Block limits, logical block provisioning (SBC-3 6.6.3, 6.6.4)
//!
//! Each limit is enforced where the command is.

use super::provisioning::{UNMAP_BLOCKS_MAX, UNMAP_DESCRIPTORS_MAX};
use super::unit::LogicalUnit;
use crate::config::AtomicWrites;
use alloc::vec::Vec;

/// The transfer length that suits this target best, if the limit allows it.
const OPTIMAL_TRANSFER_BYTES: u32 = 1 << 20;

/// What is best unmapped together: a page of memory, a block of most file systems.
const UNMAP_GRANULE_BYTES: u32 = 4096;

/// UGAVALID with UNMAP GRANULARITY ALIGNMENT 0.
const ALIGNED_TO_ZERO: u32 = 1 << 31;

/// LBPU, LBPWS, LBPWS10 and LBPRZ 001b; ANC_SUP; PROVISIONING TYPE thin.
const UNMAPS_TO_ZEROS: u8 = 0xe4;
const ANC_SUP: u8 = 0x02;
const TYPE_THIN: u8 = 0x02;

/// How much one command may transfer, unmap, and write as a whole.
pub(super) fn block_limits(unit: &LogicalUnit, transfer_bytes: u32) -> Vec<u8> {
    let max = unit.transfer_blocks_max(transfer_bytes);
    let optimal = unit.transfer_blocks_max(OPTIMAL_TRANSFER_BYTES).min(max);
    let mut body = Vec::with_capacity(0x3c);
    body.extend([0, unit.compare_blocks_max(transfer_bytes)]);
    let physical = 1_u16.checked_shl(unit.config.policy.physical_exponent.into()).unwrap_or(0);
    body.extend(if physical > 1 { physical } else { 0 }.to_be_bytes());
    body.extend(max.to_be_bytes());
    body.extend(optimal.to_be_bytes());
    body.extend([0; 4]);
    let unmap = if unit.is_thin() {
        let granule = (UNMAP_GRANULE_BYTES / unit.block_size()).max(1);
        [UNMAP_BLOCKS_MAX, UNMAP_DESCRIPTORS_MAX, granule, ALIGNED_TO_ZERO]
    } else {
        [0; 4]
    };
    for field in unmap {
        body.extend(field.to_be_bytes());
    }
    body.extend(u64::from(max).to_be_bytes());
    let AtomicWrites { blocks, alignment, granularity } = unit.config.policy.atomic;
    let unless_one = |field: u32| if field > 1 { field } else { 0 };
    for field in [blocks.min(max), unless_one(alignment), unless_one(granularity)] {
        body.extend(field.to_be_bytes());
    }
    body.resize(0x3c, 0);
    body
}

/// Whether blocks can be let go of, and how.
pub(super) fn provisioning(unit: &LogicalUnit) -> Vec<u8> {
    if !unit.is_thin() {
        return Vec::from([0; 4]);
    }
    let anchors = if unit.anchors() { ANC_SUP } else { 0 };
    Vec::from([0, UNMAPS_TO_ZEROS | anchors, TYPE_THIN, 0])
}
