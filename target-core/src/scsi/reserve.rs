//! Who may use it alone? RESERVE(6), RESERVE(10), RELEASE(6), RELEASE(10) (SPC-2 7.21, 7.16; SPC-4 5.12.3)
//!
//! The reservation is one field of the logical unit; the common checks turn away everybody else by the command's
//! [`Access`](super::access::Access). It ends with RELEASE, with the nexus and with a reset. Third-party and extent
//! reservations are obsolete and refused as reserved bits. Under a persistent reservation both commands do nothing, and
//! say GOOD to whom that reservation lets in (CRH).

use super::cdb::Cdb;
use super::next::{Context, Handled, Next};

/// Who comes here holds the reservation already or nobody does.
pub(super) fn reserve(context: &mut Context<'_>, _: Cdb<'_>) -> Handled {
    let nexus = context.nexus;
    let unit = context.unit()?;
    if !unit.persistent.is_in_use() {
        unit.reserved_by = Some(nexus);
    }
    Ok(Next::GOOD)
}

/// Releasing what one does not hold is no error and does nothing.
pub(super) fn release(context: &mut Context<'_>, _: Cdb<'_>) -> Handled {
    let nexus = context.nexus;
    let unit = context.unit()?;
    if unit.reserved_by == Some(nexus) {
        unit.reserved_by = None;
    }
    Ok(Next::GOOD)
}
