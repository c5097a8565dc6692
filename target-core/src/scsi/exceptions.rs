//! Is the disk about to fail? Informational exceptions (SPC-4 7.5.12, 7.3.10)
//!
//! There is one thing to predict a failure from: blocks that storage could not read or write. From [`THRESHOLD`] of them on
//! the unit says so, in the way that the mode page asks for. TEST reports a failure that there is none of.

use super::attention::Attention;
use super::mode_values::Exceptions;
use super::sense::{SenseCode, code};
use super::unit::LogicalUnit;
use crate::time::Instant;
use core::time::Duration;

/// So many blocks that could not be read or written are a sign.
pub(super) const THRESHOLD: u64 = 8;

/// What was reported so far with the settings that are in force.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reported {
    count: u32,
    last: Option<Instant>,
}

/// The exception that the unit has to report, if any.
pub(super) fn exception(unit: &LogicalUnit) -> Option<Attention> {
    let control = unit.modes.exceptions;
    if control.disabled {
        None
    } else if control.test {
        Some(Attention::FailureTest)
    } else if unit.counters.uncorrected() >= THRESHOLD {
        Some(Attention::FailurePredicted)
    } else {
        None
    }
}

/// What log page 2Fh and, with MRIE 6, REQUEST SENSE say.
pub(super) fn on_request(unit: &LogicalUnit) -> Option<SenseCode> {
    let asked_for = unit.modes.exceptions.method == Exceptions::ON_REQUEST;
    exception(unit)
        .filter(|_| asked_for)
        .map(|attention| SenseCode { key: code::NO_SENSE.key, ..attention.code() })
}

/// Establishes the unit attention that is due (MRIE 2): once, or as often as the mode page says.
pub(super) fn report(unit: &mut LogicalUnit, now: Instant, limit: u32) {
    let control = unit.modes.exceptions;
    if control.disabled || control.method != Exceptions::ATTENTION {
        return;
    }
    let Some(attention) = exception(unit) else { return };
    let Reported { count, last } = unit.reported;
    let once = matches!(control.interval_tenths, 0 | u32::MAX);
    let interval = Duration::from_millis(u64::from(control.interval_tenths).saturating_mul(100));
    let due = match last {
        None => true,
        Some(_) if once => false,
        Some(last) => (control.reports == 0 || count < control.reports) && now.since(last) >= interval,
    };
    if due {
        unit.reported = Reported { count: count.saturating_add(1), last: Some(now) };
        unit.attention(attention, None, limit);
    }
}
