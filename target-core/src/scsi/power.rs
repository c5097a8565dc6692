//! How awake is the unit? Power conditions (SPC-4 5.11, SBC-3 4.20)
//!
//! A condition is not entered by a timer of the engine: which one holds follows from the time of the last command that used
//! the medium, the timers of the power condition page and what START STOP UNIT said. So nothing runs, and nothing is late.

use super::mode_values::{POWER_CONDITIONS, Power};
use super::sense::SenseCode;
use crate::time::Instant;
use core::time::Duration;

/// What START STOP UNIT left behind, and when the medium was used.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PowerState {
    /// A condition that a command asked for; the index of it in the order of the mode page.
    commanded: Option<usize>,
    /// A command has taken the timers out of use, until LU_CONTROL gives control back.
    timers_off: bool,
    used: Option<Instant>,
}

/// A condition that a command may ask for: index in the order of the mode page, idle_a first.
pub(super) const IDLE_A: usize = 0;
pub(super) const IDLE_C: usize = 2;
pub(super) const STANDBY_Y: usize = 3;
pub(super) const STANDBY_Z: usize = 4;

impl PowerState {
    /// A command used the medium: the unit is active and the timers begin anew.
    pub(super) const fn used(&mut self, now: Instant) {
        self.commanded = None;
        self.used = Some(now);
    }

    /// ACTIVE, IDLE, STANDBY: that condition (`None` for active), whatever the timers say.
    pub(super) const fn command(&mut self, condition: Option<usize>, now: Instant) {
        self.commanded = condition;
        self.timers_off = true;
        self.used = Some(now);
    }

    /// START: active, with the timers in use.
    pub(super) const fn start(&mut self, now: Instant) {
        *self = Self { commanded: None, timers_off: false, used: Some(now) };
    }

    /// LU_CONTROL: the timers decide from now on. The condition stays until they say something else.
    pub(super) const fn release(&mut self, now: Instant) {
        self.timers_off = false;
        self.used = Some(now);
    }

    /// FORCE_IDLE_0, FORCE_STANDBY_0: as if these timers had expired; the deepest condition of `which` that is enabled.
    pub(super) fn force(&mut self, timers: Power, which: core::ops::RangeInclusive<usize>, now: Instant) {
        let enabled = timers.timers().map(|(on, _)| on);
        let deepest = which.rev().find(|at| enabled.get(*at).copied().unwrap_or(false));
        if deepest.is_some() {
            self.commanded = deepest;
            self.timers_off = false;
            self.used = Some(now);
        }
    }

    /// What REQUEST SENSE says of the condition; `None` while the unit is active.
    pub(super) fn sense(self, timers: Power, now: Instant) -> Option<SenseCode> {
        let idle_for = now.since(self.used.unwrap_or(Instant::ZERO));
        let expired = |(on, tenths): (bool, u32)| {
            on && !self.timers_off && idle_for >= Duration::from_millis(u64::from(tenths).saturating_mul(100))
        };
        let by_timer = timers.timers().into_iter().rposition(expired);
        // The deeper of the two; of one depth, the command's.
        let (at, timer) = match (self.commanded, by_timer) {
            (Some(command), Some(timer)) if timer > command => (timer, true),
            (Some(command), _) => (command, false),
            (None, Some(timer)) => (timer, true),
            (None, None) => return None,
        };
        let (timer_ascq, command_ascq) = ASCQS.get(at).copied()?;
        Some(SenseCode { key: 0, asc: 0x5e, ascq: if timer { timer_ascq } else { command_ascq } })
    }
}

/// ADDITIONAL SENSE CODE QUALIFIER of 5Eh for each condition: activated by its timer, by a command.
const ASCQS: [(u8, u8); POWER_CONDITIONS] =
    [(0x01, 0x03), (0x05, 0x06), (0x07, 0x08), (0x09, 0x0a), (0x02, 0x04)];

#[cfg(test)]
mod tests {
    use super::*;

    fn ascq(state: PowerState, timers: Power, millis: u64) -> Option<u8> {
        state.sense(timers, Instant::ZERO + Duration::from_millis(millis)).map(|code| code.ascq)
    }

    #[test]
    fn the_deepest_expired_timer_decides_and_use_begins_anew() {
        let off = (false, 0);
        let timers = Power::new([(true, 1), off, (true, 3), off, (true, 5)]);
        let mut state = PowerState::default();
        for (millis, expected) in [(99, None), (100, Some(1)), (300, Some(7)), (500, Some(2))] {
            assert_eq!(ascq(state, timers, millis), expected, "{millis}");
        }
        state.used(Instant::ZERO + Duration::from_millis(1000));
        assert_eq!((ascq(state, timers, 1099), ascq(state, timers, 1100)), (None, Some(1)));
        assert_eq!(ascq(PowerState::default(), Power::default(), 1 << 40), None);
    }

    #[test]
    fn a_command_holds_until_control_is_given_back() {
        let timers = Power::new([(true, 1), (false, 0), (false, 0), (false, 0), (true, 50)]);
        let mut state = PowerState::default();
        state.command(Some(STANDBY_Y), Instant::ZERO);
        assert_eq!(ascq(state, timers, 9000), Some(0x0a));
        state.release(Instant::ZERO);
        assert_eq!((ascq(state, timers, 200), ascq(state, timers, 5000)), (Some(0x0a), Some(2)));
        state.start(Instant::ZERO);
        assert_eq!(ascq(state, timers, 50), None);
        state.force(timers, IDLE_A..=IDLE_C, Instant::ZERO);
        assert_eq!(ascq(state, timers, 0), Some(3));
        state.force(timers, STANDBY_Y..=STANDBY_Z, Instant::ZERO);
        assert_eq!(ascq(state, timers, 0), Some(4));
    }
}
