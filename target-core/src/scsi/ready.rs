//! Can it be used now, and what happened? TEST UNIT READY, REQUEST SENSE, START STOP UNIT, PREVENT ALLOW MEDIUM REMOVAL
//! (SPC-4 6.47, 6.39; SBC-3 5.20, 5.10)

use super::access::Access;
use super::cdb::Cdb;
use super::exceptions;
use super::medium;
use super::next::{AfterIo, Context, Handled, Next};
use super::power;
use super::sense::{Sense, code};
use super::unit::LogicalUnit;
use crate::io::IoOp;
use crate::time::Instant;

/// The common checks have said all there is to say.
pub(super) fn test_unit_ready(_: &mut Context<'_>, _: Cdb<'_>) -> Handled {
    Ok(Next::GOOD)
}

/// Sense data as data, with GOOD: that there is no such unit, else a unit attention (which is cleared by that), else that
/// how far a FORMAT UNIT or SANITIZE is, or that one has failed, else that the unit is stopped, else an informational exception that is reported this way, else the power condition, else nothing.
pub(super) fn request_sense(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    let (nexus, now) = (context.nexus, context.server.now);
    if let Ok(unit) = context.unit()
        && unit.side(nexus).is_none_or(|side| side.pending.is_empty())
        && let Some(sense) = unit.condition.refusal(unit.config.blocks)
    {
        let sense = sense.in_format(cdb.bit(1, 0));
        return Ok(Next::data(sense.bytes().to_vec(), u32::from(cdb.byte(4))));
    }
    let sense = match context.unit() {
        Err(_) => code::LUN_NOT_SUPPORTED,
        Ok(unit) => match unit.side(nexus).and_then(|side| side.pending.take()) {
            Some(attention) => attention.code(),
            None if unit.ejected => code::MEDIUM_NOT_PRESENT,
            None if unit.stopped => code::START_REQUIRED,
            None => {
                let condition = || unit.power.sense(unit.modes.power, now);
                exceptions::on_request(unit).or_else(condition).unwrap_or(code::NO_SENSE)
            }
        },
    };
    let sense = Sense::new(sense).in_format(cdb.bit(1, 0));
    Ok(Next::data(sense.bytes().to_vec(), u32::from(cdb.byte(4))))
}

/// POWER CONDITION of START STOP UNIT.
mod condition {
    pub(super) const START_VALID: u8 = 0x0;
    pub(super) const ACTIVE: u8 = 0x1;
    pub(super) const IDLE: u8 = 0x2;
    pub(super) const STANDBY: u8 = 0x3;
    pub(super) const LU_CONTROL: u8 = 0x7;
    pub(super) const FORCE_IDLE_0: u8 = 0xa;
    pub(super) const FORCE_STANDBY_0: u8 = 0xb;
}

/// LOEJ counts where the medium can be taken out and POWER CONDITION is 0. Stopping and standby flush the cache unless NO_FLUSH (bit 2) says otherwise, and come once that succeeded. A stopped unit
/// needs START, or a power condition that is not stopped. As for SYNCHRONIZE CACHE, IMMED does not make the status come
/// earlier.
pub(super) fn start_stop(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    let (start, no_flush) = (cdb.bit(4, 0), cdb.bit(4, 2));
    let (wanted, modifier) = (cdb.byte(4) >> 4, usize::from(cdb.byte(3) & 0x0f));
    let now = context.server.now;
    let most = match wanted {
        condition::IDLE => 2,
        condition::STANDBY => 1,
        _ => 0,
    };
    if modifier > most {
        return Err(Cdb::reject(3, Some(3)));
    }
    let load_eject = cdb.bit(4, 1);
    let unit = context.unit()?;
    let timers = unit.modes.power;
    if load_eject && wanted == condition::START_VALID && !unit.config.policy.removable {
        return Err(Cdb::reject(4, Some(1)));
    }
    if unit.ejected {
        return match (wanted == condition::START_VALID, start, load_eject) {
            (true, true, true) => medium::load(context),
            (true, false, _) => Ok(Next::GOOD),
            _ => Err(code::MEDIUM_NOT_PRESENT.into()),
        };
    }
    match wanted {
        condition::START_VALID if !start && load_eject => {
            unit.may_eject()?;
            let flush = !unit.stopped && !no_flush;
            return if flush {
                Ok(Next::Io { op: IoOp::Flush, then: AfterIo::Eject })
            } else {
                medium::eject(context)
            };
        }
        condition::START_VALID if !start => {
            let flush = !unit.stopped && !no_flush;
            return if flush { Ok(Next::Io { op: IoOp::Flush, then: AfterIo::Stop }) } else { stop(context) };
        }
        condition::START_VALID => {
            unit.counters.starts = unit.counters.starts.saturating_add(u32::from(unit.stopped));
            unit.stopped = false;
            unit.power.start(now);
        }
        condition::ACTIVE => wake(unit, None, now),
        condition::IDLE => wake(unit, Some(power::IDLE_A.saturating_add(modifier)), now),
        condition::STANDBY => {
            // STANDBY_Z has the lower modifier.
            let standby = if modifier == 0 { power::STANDBY_Z } else { power::STANDBY_Y };
            if !unit.stopped && !no_flush {
                return Ok(Next::Io { op: IoOp::Flush, then: AfterIo::Standby(standby) });
            }
            return power_down(context, standby);
        }
        condition::LU_CONTROL => unit.power.release(now),
        condition::FORCE_IDLE_0 => unit.power.force(timers, power::IDLE_A..=power::IDLE_C, now),
        condition::FORCE_STANDBY_0 => unit.power.force(timers, power::STANDBY_Y..=power::STANDBY_Z, now),
        _ => return Err(Cdb::reject(4, Some(7))),
    }
    Ok(Next::GOOD)
}

/// A power condition other than stopped, by command.
fn wake(unit: &mut LogicalUnit, condition: Option<usize>, now: Instant) {
    unit.counters.starts = unit.counters.starts.saturating_add(u32::from(unit.stopped));
    unit.stopped = false;
    unit.power.command(condition, now);
}

/// The cache is flushed, or need not be.
pub(super) fn power_down(context: &mut Context<'_>, condition: usize) -> Handled {
    let now = context.server.now;
    wake(context.unit()?, Some(condition), now);
    Ok(Next::GOOD)
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
    if cdb.bit(4, 0) && cdb.byte(4) >> 4 == condition::START_VALID { Access::Free } else { Access::Changes }
}

/// Each nexus prevents for itself; it ends with the nexus and with a reset.
pub(super) fn prevent_allow(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    let nexus = context.nexus;
    if let Some(side) = context.unit()?.side(nexus) {
        side.prevents_removal = cdb.bit(4, 0);
    }
    Ok(Next::GOOD)
}
