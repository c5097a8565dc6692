//! SYNCHRONIZE CACHE(10), SYNCHRONIZE CACHE(16) (SBC-3 5.22, 5.23)

use super::cdb::Cdb;
use super::next::{AfterIo, Context, Handled, Next};
use crate::io::IoOp;

/// Flushes the whole device, which covers any range. The status always waits for it: IMMED only permits to be earlier, and
/// an initiator that gets GOOD later but with the work done has lost nothing.
pub(super) fn synchronize(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    context.unit()?.in_range(cdb.span())?;
    if planted!(FlushMissing) {
        return Ok(Next::GOOD);
    }
    Ok(Next::Io { op: IoOp::Flush, then: AfterIo::Good })
}
