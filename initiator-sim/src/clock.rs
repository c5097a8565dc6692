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

/// The core's reading of the virtual time.
pub const fn instant(now: Nanos) -> Instant {
    Instant::from_nanos(now)
}

/// A virtual time for people: seconds with nine digits.
pub fn show(now: Nanos) -> String {
    format!("{}.{:09}", now / SECOND, now % SECOND)
}
