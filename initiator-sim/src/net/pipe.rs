//! What is under way? Chunks in order, each with the time it arrives, and what arrived but was not read.

use crate::clock::Nanos;
use bytes::Bytes;
use std::collections::VecDeque;

/// What arrives at the far end of a pipe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// Bytes, as one read returns them.
    Bytes(Bytes),
    /// The sender will send no more.
    Fin,
    /// The connection is broken.
    Reset,
}

impl Arrival {
    fn len(&self) -> usize {
        if let Self::Bytes(bytes) = self { bytes.len() } else { 0 }
    }
}

#[derive(Clone, Debug)]
struct Segment {
    at: Nanos,
    sent: Nanos,
    what: Arrival,
}

/// One direction of a connection, below any middlebox.
#[derive(Clone, Debug, Default)]
pub struct Pipe {
    segments: VecDeque<Segment>,
    unread: VecDeque<Arrival>,
    /// Bytes in `segments` and `unread`.
    held: usize,
    last: Nanos,
    stalled_until: Nanos,
    cut: bool,
    reading: Reading,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Reading {
    #[default]
    On,
    Off,
}

impl Pipe {
    /// Bytes that were sent and not yet read.
    pub const fn held(&self) -> usize {
        self.held
    }

    /// Nothing arrives before `at`.
    pub fn open_at(&mut self, at: Nanos) {
        self.last = self.last.max(at);
    }

    /// Adds bytes that arrive at `at`, but never before what was sent earlier.
    pub fn push(&mut self, now: Nanos, at: Nanos, what: Arrival) {
        self.last = self.last.max(at);
        self.held += what.len();
        self.segments.push_back(Segment { at: self.last, sent: now, what });
    }

    /// Adds bytes to the newest chunk if it was sent within `window` before `now` and is still under way.
    pub fn join(&mut self, now: Nanos, window: Nanos, more: &Bytes) -> bool {
        let Some(Segment { at, sent, what: Arrival::Bytes(bytes) }) = self.segments.back_mut() else {
            return false;
        };
        if *at <= now || now.saturating_sub(*sent) > window {
            return false;
        }
        let mut joined = Vec::with_capacity(bytes.len() + more.len());
        joined.extend_from_slice(bytes);
        joined.extend_from_slice(more);
        *bytes = joined.into();
        self.held += more.len();
        true
    }

    /// Breaks the connection: what is under way still arrives, then the reset.
    pub fn reset(&mut self, now: Nanos, at: Nanos) {
        self.segments.retain(|segment| !matches!(segment.what, Arrival::Fin));
        self.push(now, at, Arrival::Reset);
    }

    /// When the next arrival is due; `None` if nothing is under way or a partition holds it up.
    pub fn due(&self) -> Option<Nanos> {
        let head = self.segments.front()?;
        (!self.cut).then(|| head.at.max(self.stalled_until))
    }

    /// What arrives now, one chunk a call.
    pub fn arrive(&mut self, now: Nanos) -> Option<Arrival> {
        if self.due()? > now {
            return None;
        }
        let what = self.segments.pop_front()?.what;
        if what == Arrival::Reset {
            // A reset destroys what was not read.
            self.drop_unread();
            self.reading = Reading::On;
        }
        if self.reading == Reading::Off {
            self.unread.push_back(what);
            return None;
        }
        self.held -= what.len();
        Some(what)
    }

    /// The receiver reads (or not). What had arrived meanwhile comes out of [`Pipe::read`].
    pub const fn set_reading(&mut self, on: bool) {
        self.reading = if on { Reading::On } else { Reading::Off };
    }

    /// True if the receiver reads.
    pub fn is_reading(&self) -> bool {
        self.reading == Reading::On
    }

    /// Takes what arrived while the receiver did not read.
    pub fn read(&mut self) -> Option<Arrival> {
        if self.reading == Reading::Off {
            return None;
        }
        let what = self.unread.pop_front()?;
        self.held -= what.len();
        Some(what)
    }

    /// Nothing arrives before `until`.
    pub fn stall(&mut self, until: Nanos) {
        self.stalled_until = self.stalled_until.max(until);
    }

    /// Cuts or mends the wire. While it is cut nothing arrives and nothing is lost.
    pub const fn partition(&mut self, cut: bool) {
        self.cut = cut;
    }

    /// The receiver is gone: whatever comes is thrown away.
    pub fn discard(&mut self) {
        self.drop_unread();
        self.segments.clear();
        self.held = 0;
    }

    fn drop_unread(&mut self) {
        let lost: usize = self.unread.iter().map(Arrival::len).sum();
        self.held -= lost;
        self.unread.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &'static str) -> Arrival {
        Arrival::Bytes(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn order_is_kept_whatever_the_latency() {
        let mut pipe = Pipe::default();
        pipe.push(0, 100, bytes("ab"));
        pipe.push(1, 10, bytes("cd"));
        pipe.push(2, 20, Arrival::Fin);
        assert_eq!((pipe.due(), pipe.held()), (Some(100), 4));
        assert_eq!(pipe.arrive(99), None);
        let all: Vec<_> = std::iter::from_fn(|| pipe.arrive(100)).collect();
        assert_eq!(all, [bytes("ab"), bytes("cd"), Arrival::Fin]);
        assert_eq!(pipe.held(), 0);
    }

    #[test]
    fn stall_and_partition_hold_back_without_losing() {
        let mut pipe = Pipe::default();
        pipe.push(0, 5, bytes("a"));
        pipe.stall(50);
        assert_eq!(pipe.due(), Some(50));
        pipe.partition(true);
        assert_eq!((pipe.due(), pipe.arrive(60)), (None, None));
        pipe.partition(false);
        assert_eq!(pipe.arrive(60), Some(bytes("a")));
    }

    #[test]
    fn a_receiver_that_does_not_read_keeps_the_buffer_full() {
        let mut pipe = Pipe::default();
        pipe.set_reading(false);
        pipe.push(0, 5, bytes("abc"));
        pipe.push(0, 5, Arrival::Fin);
        assert_eq!((pipe.arrive(5), pipe.arrive(5)), (None, None));
        assert_eq!((pipe.held(), pipe.read()), (3, None));
        pipe.set_reading(true);
        assert_eq!((pipe.read(), pipe.read(), pipe.read()), (Some(bytes("abc")), Some(Arrival::Fin), None));
        assert_eq!(pipe.held(), 0);
    }

    #[test]
    fn a_reset_destroys_what_was_not_read() {
        let mut pipe = Pipe::default();
        pipe.set_reading(false);
        pipe.push(0, 5, bytes("abc"));
        assert_eq!(pipe.arrive(5), None);
        pipe.reset(6, 9);
        assert_eq!(pipe.arrive(9), Some(Arrival::Reset));
        assert_eq!((pipe.held(), pipe.read()), (0, None));
    }

    #[test]
    fn writes_join_within_the_window_only() {
        let mut pipe = Pipe::default();
        pipe.push(0, 100, bytes("a"));
        assert!(pipe.join(3, 5, &Bytes::from_static(b"b")));
        assert!(!pipe.join(6, 5, &Bytes::from_static(b"c")));
        assert!(!pipe.join(100, 500, &Bytes::from_static(b"c")), "it has arrived");
        assert_eq!(pipe.arrive(100), Some(bytes("ab")));
    }
}
