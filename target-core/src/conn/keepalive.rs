//! Is the peer still there? When to send a NOP-In ping and when to give up (RFC 7143 section 11.19).
//!
//! Anything heard from the peer counts as life: an initiator busy with a full window may answer its ping late, and is
//! not dropped for that.

use crate::time::Instant;
use core::time::Duration;

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing before [`KeepAlive::deadline`].
    Wait,
    /// Send a ping; it counts as sent.
    Ping,
    /// The ping was not answered in time: drop the connection.
    Dead,
}

/// The keep-alive of one connection in full feature phase.
#[derive(Clone, Copy, Debug)]
pub struct KeepAlive {
    interval: Duration,
    timeout: Duration,
    last_heard: Instant,
    /// When the ping went out that is not answered yet.
    pinged: Option<Instant>,
}

impl KeepAlive {
    /// Pings after `interval` of silence (zero: never); gives up when `timeout` passes in silence after that.
    pub const fn new(now: Instant, interval: Duration, timeout: Duration) -> Self {
        Self { interval, timeout, last_heard: now, pinged: None }
    }

    /// A PDU came in.
    pub fn heard(&mut self, now: Instant) {
        self.last_heard = now;
    }

    /// The NOP-Out that answers the ping came in.
    pub fn answered(&mut self) {
        self.pinged = None;
    }

    /// True while a ping waits for its answer.
    pub const fn is_waiting(&self) -> bool {
        self.pinged.is_some()
    }

    /// When to call [`KeepAlive::poll`] at the latest.
    pub fn deadline(&self) -> Option<Instant> {
        match self.pinged {
            Some(sent) if planted!(PingUnderLoad) => Some(sent + self.timeout),
            Some(sent) => Some(sent.max(self.last_heard) + self.timeout),
            None if self.interval.is_zero() => None,
            None => Some(self.last_heard + self.interval),
        }
    }

    /// What to do at `now`.
    pub fn poll(&mut self, now: Instant) -> Action {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return Action::Wait;
        }
        if self.pinged.is_some() && !planted!(DeadPeerKept) {
            return Action::Dead;
        }
        self.pinged = Some(now);
        Action::Ping
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Instant {
        Instant::from_nanos(seconds * 1_000_000_000)
    }

    fn keepalive() -> KeepAlive {
        KeepAlive::new(at(0), Duration::from_secs(30), Duration::from_secs(10))
    }

    #[test]
    fn pings_after_silence_and_gives_up_after_more() {
        let mut it = keepalive();
        assert_eq!(
            (it.poll(at(29)), it.poll(at(30)), it.poll(at(30))),
            (Action::Wait, Action::Ping, Action::Wait)
        );
        assert_eq!(it.deadline(), Some(at(40)));
        assert_eq!(it.poll(at(40)), Action::Dead);
    }

    #[test]
    fn anything_heard_is_life_but_only_the_answer_ends_the_ping() {
        let mut it = keepalive();
        assert_eq!(it.poll(at(30)), Action::Ping);
        it.heard(at(39));
        assert_eq!((it.poll(at(48)), it.is_waiting(), it.deadline()), (Action::Wait, true, Some(at(49))));
        it.heard(at(48));
        it.answered();
        assert_eq!((it.is_waiting(), it.deadline()), (false, Some(at(78))));
    }

    #[test]
    fn a_zero_interval_never_pings() {
        let mut it = KeepAlive::new(at(0), Duration::ZERO, Duration::from_secs(10));
        assert_eq!((it.deadline(), it.poll(at(1_000_000))), (None, Action::Wait));
    }
}
