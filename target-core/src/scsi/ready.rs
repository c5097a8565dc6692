//! Can it be used now, and what happened? TEST UNIT READY, REQUEST SENSE, START STOP UNIT, PREVENT ALLOW MEDIUM REMOVAL
//! (SPC-4 6.47, 6.39; SBC-3 5.20, 5.10)

use super::access::Access;
use super::cdb::Cdb;
use super::next::{AfterIo, Context, Handled, Next};
use super::sense::{Sense, code};
use crate::io::IoOp;

/// The common checks have said all there is to say.
pub(super) fn test_unit_ready(_: &mut Context<'_>, _: Cdb<'_>) -> Handled {
    Ok(Next::GOOD)
}

/// Sense data as data, with GOOD: that there is no such unit, else a unit attention (which is cleared by that), else that
/// the unit is stopped, else that there is nothing.
pub(super) fn request_sense(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    let nexus = context.nexus;
    let sense = match context.unit() {
        Err(_) => code::LUN_NOT_SUPPORTED,
        Ok(unit) => match unit.side(nexus).and_then(|side| side.pending.take()) {
            Some(attention) => attention.code(),
            None if unit.stopped => code::START_REQUIRED,
            None => code::NO_SENSE,
        },
    };
    let sense = Sense::new(sense).in_format(cdb.bit(1, 0));
    Ok(Next::data(sense.bytes().to_vec(), u32::from(cdb.byte(4))))
}

/// Stopping flushes the cache unless NO_FLUSH (bit 2) says otherwise; the unit is stopped once that succeeded. LOEJ and
/// power conditions are refused as reserved bits: the medium cannot be removed and there is one power condition. As for
/// SYNCHRONIZE CACHE, IMMED does not make the status come earlier.
pub(super) fn start_stop(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    let (start, no_flush) = (cdb.bit(4, 0), cdb.bit(4, 2));
    let unit = context.unit()?;
    if start {
        unit.stopped = false;
        return Ok(Next::GOOD);
    }
    if unit.stopped || no_flush {
        return stop(context);
    }
    Ok(Next::Io { op: IoOp::Flush, then: AfterIo::Stop })
}

pub(super) fn stop(context: &mut Context<'_>) -> Handled {
    context.unit()?.stopped = true;
    Ok(Next::GOOD)
}

/// Allowing removal may be had under another nexus's reservation, preventing it may not.
pub(super) fn prevents(cdb: Cdb<'_>) -> Access {
    if cdb.bit(4, 0) { Access::Changes } else { Access::Free }
}

/// Likewise starting and stopping.
pub(super) fn stops(cdb: Cdb<'_>) -> Access {
    if cdb.bit(4, 0) { Access::Free } else { Access::Changes }
}

/// Each nexus prevents for itself; it ends with the nexus and with a reset.
pub(super) fn prevent_allow(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    let nexus = context.nexus;
    if let Some(side) = context.unit()?.side(nexus) {
        side.prevents_removal = cdb.bit(4, 0);
    }
    Ok(Next::GOOD)
}
