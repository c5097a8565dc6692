//! How large is it? READ CAPACITY(10), READ CAPACITY(16) (SBC-3 5.15, 5.16)

use super::cdb::Cdb;
use super::next::{Context, Handled, Next};
use alloc::vec::Vec;

/// Logical block provisioning: blocks can be unmapped; then they read as zeros.
const LBPME: u8 = 0x80;
const LBPRZ: u8 = 0x40;

/// A last block beyond 32 bits is reported as FFFFFFFFh: ask READ CAPACITY(16).
pub(super) fn short(context: &mut Context<'_>, _: Cdb<'_>) -> Handled {
    let unit = context.unit()?;
    let last = u32::try_from(unit.config.blocks.saturating_sub(u64::from(!planted!(CapacityCount))))
        .unwrap_or(u32::MAX);
    let mut data = Vec::with_capacity(8);
    data.extend(last.to_be_bytes());
    data.extend(unit.block_size().to_be_bytes());
    Ok(Next::Done(data.into()))
}

/// No protection information, the first logical block at the beginning of a physical one, the rest is zero but for LBPME and
/// LBPRZ of a thin unit.
pub(super) fn long(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    let unit = context.unit()?;
    let mut data = Vec::with_capacity(32);
    data.extend(unit.config.blocks.saturating_sub(1).to_be_bytes());
    data.extend(unit.block_size().to_be_bytes());
    data.extend([
        0,
        unit.config.policy.physical_exponent & 0x0f,
        if unit.is_thin() { LBPME | LBPRZ } else { 0 },
    ]);
    data.resize(32, 0);
    Ok(Next::data(data, cdb.be32(10)))
}
