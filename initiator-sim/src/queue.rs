//! What happens next? One queue of future events, ordered by time and, at one time, by who asked first.
//!
//! The clock moves only when an event is taken, so time in which nothing happens costs nothing.

use crate::clock::Nanos;
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// Future events of type `T` and the virtual clock.
#[derive(Debug)]
pub struct Queue<T> {
    heap: BinaryHeap<Reverse<Entry<T>>>,
    now: Nanos,
    next: u64,
}

#[derive(Debug)]
struct Entry<T> {
    at: Nanos,
    sequence: u64,
    event: T,
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T> Eq for Entry<T> {}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new(), now: 0, next: 0 }
    }
}

impl<T> Queue<T> {
    /// The virtual time.
    pub const fn now(&self) -> Nanos {
        self.now
    }

    /// Plans `event` for the time `at`, or for now if that is past.
    pub fn schedule(&mut self, at: Nanos, event: T) {
        let entry = Entry { at: at.max(self.now), sequence: self.next, event };
        self.next += 1;
        self.heap.push(Reverse(entry));
    }

    /// When the next event is due.
    pub fn next_at(&self) -> Option<Nanos> {
        self.heap.peek().map(|Reverse(entry)| entry.at)
    }

    /// Takes the next event and moves the clock to it.
    pub fn pop(&mut self) -> Option<T> {
        let Reverse(entry) = self.heap.pop()?;
        self.now = entry.at;
        Some(entry.event)
    }

    /// Moves the clock forward without an event; not past the next one, never back.
    pub fn advance(&mut self, to: Nanos) {
        let limit = self.next_at().unwrap_or(Nanos::MAX);
        self.now = self.now.max(to.min(limit));
    }

    /// How many events are planned.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// True if nothing is planned.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn earliest_first_and_stable_at_one_time() {
        let mut queue = Queue::default();
        for (at, event) in [(5, 'c'), (1, 'a'), (5, 'd'), (3, 'b'), (5, 'e')] {
            queue.schedule(at, event);
        }
        let order: String = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(order, "abcde");
        assert_eq!(queue.now(), 5);
        queue.schedule(2, 'x');
        assert_eq!(queue.next_at(), Some(5), "an event in the past is due now");
    }

    #[test]
    fn the_clock_does_not_jump_over_events() {
        let mut queue = Queue::default();
        queue.schedule(10, ());
        queue.advance(7);
        assert_eq!(queue.now(), 7);
        queue.advance(100);
        assert_eq!(queue.now(), 10);
        queue.advance(3);
        assert_eq!(queue.now(), 10);
    }
}
