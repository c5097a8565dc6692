//! What time is it in the simulated world? Virtual nanoseconds since the run started; nothing here reads a real clock.

use target_core::time::Instant;

/// Virtual time, or a span of it, in nanoseconds.
pub type Nanos = u64;

/// One microsecond.
pub const MICRO: Nanos = 1_000;
/// One millisecond.
pub const MILLI: Nanos = 1_000_000;
/// One second.
pub const SECOND: Nanos = 1_000_000_000;

/// The target's clock: it may run faster or slower than the world's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TargetClock {
    /// How much faster, in millionths; less than 0 is slower. More than -1,000,000.
    pub drift_ppm: i32,
}

impl TargetClock {
    /// What it shows at a time of the world's.
    pub fn reads(self, now: Nanos) -> Instant {
        Instant::from_nanos(self.scaled(now))
    }

    /// When in the world it first shows `at`, or more.
    pub fn shows(self, at: Instant) -> Nanos {
        let at = at.as_nanos();
        if self.drift_ppm == 0 {
            return at;
        }
        let rate = u128::try_from(1_000_000 + i64::from(self.drift_ppm)).unwrap_or(1);
        let mut now = u64::try_from(u128::from(at) * 1_000_000 / rate.max(1)).unwrap_or(u64::MAX);
        while self.scaled(now) < at && now < u64::MAX {
            now += 1;
        }
        now
    }

    fn scaled(self, now: Nanos) -> Nanos {
        if self.drift_ppm == 0 {
            return now;
        }
        let drifted = i128::from(now) + i128::from(now) * i128::from(self.drift_ppm) / 1_000_000;
        u64::try_from(drifted).unwrap_or(u64::MAX)
    }
}

/// A virtual time for people: seconds with nine digits.
pub fn show(now: Nanos) -> String {
    format!("{}.{:09}", now / SECOND, now % SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drifting_clock_reaches_each_time_once_and_not_before() {
        for drift_ppm in [0, 1, -1, 333, 50_000, -50_000] {
            let clock = TargetClock { drift_ppm };
            for at in [0, 1, 7, 999, MILLI + 1, 30 * SECOND, 86_400 * SECOND + 3] {
                let now = clock.shows(Instant::from_nanos(at));
                assert!(clock.reads(now).as_nanos() >= at, "{drift_ppm} {at}");
                assert!(now == 0 || clock.reads(now - 1).as_nanos() < at, "{drift_ppm} {at}");
            }
        }
        assert_eq!(TargetClock { drift_ppm: 50_000 }.reads(SECOND).as_nanos(), 1_050_000_000);
        assert_eq!(TargetClock { drift_ppm: -50_000 }.reads(SECOND).as_nanos(), 950_000_000);
    }
}
