//! Have it ready: PRE-FETCH(10), PRE-FETCH(16) (SBC-3 5.7, 5.8)

use super::cdb::Cdb;
use super::next::{AfterIo, Context, Handled, Next};
use crate::io::IoOp;

/// Reads the blocks, or as many of them as one command may, so that what caches there are below may keep them; 0 blocks
/// stands for all to the last. The status is GOOD, never CONDITION MET: nothing says that they are kept. IMMED asks for
/// a status at once; then nothing is read.
pub(super) fn prefetch(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    let transfer_bytes = context.server.transfer_bytes;
    let unit = context.unit()?;
    let span = cdb.span();
    unit.in_range(span)?;
    if cdb.bit(1, 1) {
        return Ok(Next::GOOD);
    }
    let left = unit.config.blocks.saturating_sub(span.lba);
    let wanted = if span.blocks == 0 { left } else { u64::from(span.blocks) };
    let most = unit.transfer_blocks_max(transfer_bytes);
    let blocks = u32::try_from(wanted).unwrap_or(u32::MAX).min(most);
    Ok(Next::Io { op: IoOp::Verify { lba: span.lba, blocks }, then: AfterIo::Good })
}
