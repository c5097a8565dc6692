//! Was this run the same as that one? A rolling hash over everything that happened, and the first place two runs differ.

use crate::clock::{Nanos, show};
use std::fmt;

/// What kind of thing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Tag {
    /// A connection was opened.
    Open = 1,
    /// Bytes reached the target.
    ToTarget = 2,
    /// The target serialised bytes.
    FromTarget = 3,
    /// Bytes reached the initiator.
    ToInitiator = 4,
    /// A connection ended, seen from one side.
    End = 5,
    /// Storage was asked.
    IoStart = 6,
    /// Storage answered.
    IoDone = 7,
    /// A probe fired.
    Probe = 8,
    /// A timer ran.
    Timer = 9,
    /// A fault took effect.
    Fault = 10,
    /// The operator or the lifecycle acted.
    Admin = 11,
    /// The target reported an event.
    Event = 12,
}

const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// From so many bytes on four chains are faster than one.
const ROWS_MIN: usize = 128;

/// Folds a word into a hash.
const fn fold(hash: u64, word: u64) -> u64 {
    let product = (hash ^ word) as u128 * (MULTIPLIER | 1) as u128;
    (product as u64) ^ ((product >> 64) as u64) ^ hash.rotate_left(23)
}

/// Hash of some bytes: 64 bits, not cryptographic, the same on every machine.
pub fn hash_bytes(start: u64, bytes: &[u8]) -> u64 {
    let mut hash = fold(start ^ MULTIPLIER, bytes.len() as u64);
    // Four chains at a time, because one has to wait for each of its products.
    let mut rows = bytes.chunks_exact(32);
    if bytes.len() >= ROWS_MIN {
        let mut chains = [hash, hash ^ 1, hash ^ 2, hash ^ 3];
        for row in &mut rows {
            for (chain, word) in chains.iter_mut().zip(row.chunks_exact(8)) {
                *chain = fold(*chain, word.try_into().map_or(0, u64::from_le_bytes));
            }
        }
        hash = chains.into_iter().fold(hash, fold);
    }
    let bytes = if bytes.len() >= ROWS_MIN { rows.remainder() } else { bytes };
    let mut words = bytes.chunks_exact(8);
    for word in &mut words {
        hash = fold(hash, word.try_into().map_or(0, u64::from_le_bytes));
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        hash = fold(hash, u64::from_le_bytes(last));
    }
    hash
}

/// One thing that happened.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TraceEvent {
    /// When.
    pub at: Nanos,
    /// What.
    pub tag: Tag,
    /// Connection or device.
    pub subject: u64,
    /// Hash of the content.
    pub content: u64,
}

impl fmt::Debug for TraceEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} {} {:016x}", show(self.at), self.tag, self.subject, self.content)
    }
}

/// The rolling hash of a run, and the events themselves if they are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    hash: u64,
    count: u64,
    kept: Option<Vec<TraceEvent>>,
}

impl Trace {
    /// An empty trace; `keep` remembers each event, which [`first_difference`] needs to name one.
    pub fn new(keep: bool) -> Self {
        Self { hash: 0, count: 0, kept: keep.then(Vec::new) }
    }

    /// Adds one event.
    pub fn add(&mut self, at: Nanos, tag: Tag, subject: u64, content: &[u8]) {
        self.add_hash(at, tag, subject, hash_bytes(0, content));
    }

    /// Adds one event whose content is hashed already.
    pub fn add_hash(&mut self, at: Nanos, tag: Tag, subject: u64, content: u64) {
        self.hash = fold(fold(fold(self.hash, at), subject << 8 | tag as u64), content);
        self.count += 1;
        if let Some(kept) = &mut self.kept {
            kept.push(TraceEvent { at, tag, subject, content });
        }
    }

    /// The hash so far.
    pub const fn hash(&self) -> u64 {
        self.hash
    }

    /// How many events so far.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The events, if they are kept.
    pub fn events(&self) -> &[TraceEvent] {
        self.kept.as_deref().unwrap_or_default()
    }
}

/// The first place where two runs that should be the same are not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Divergence {
    /// Ordinal of the event.
    pub index: usize,
    /// The event in the first run, if it has that many.
    pub first: Option<TraceEvent>,
    /// The event in the second run.
    pub second: Option<TraceEvent>,
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "event {}: {:?} in the first run, {:?} in the second", self.index, self.first, self.second)
    }
}

/// Compares two traces.
pub fn first_difference(first: &Trace, second: &Trace) -> Option<Divergence> {
    if first.hash == second.hash && first.count == second.count {
        return None;
    }
    let (one, two) = (first.events(), second.events());
    let index = one.iter().zip(two).position(|(a, b)| a != b).unwrap_or(one.len().min(two.len()));
    Some(Divergence { index, first: one.get(index).copied(), second: two.get(index).copied() })
}

/// Runs `run` twice and compares.
///
/// # Errors
/// The first event that differs.
pub fn run_twice(mut run: impl FnMut() -> Trace) -> Result<Trace, Divergence> {
    let first = run();
    let second = run();
    first_difference(&first, &second).map_or(Ok(first), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_time_subject_and_content_all_count() {
        let trace = |events: &[(u64, u64, &[u8])]| {
            let mut trace = Trace::new(true);
            for (at, subject, content) in events {
                trace.add(*at, Tag::ToTarget, *subject, content);
            }
            trace
        };
        let base = trace(&[(1, 1, b"a"), (2, 1, b"b")]);
        for (other, index) in [
            (trace(&[(1, 1, b"a"), (3, 1, b"b")]), 1),
            (trace(&[(1, 2, b"a"), (2, 1, b"b")]), 0),
            (trace(&[(1, 1, b"a"), (2, 1, b"b\0")]), 1),
            (trace(&[(1, 1, b"a")]), 1),
            (trace(&[(2, 1, b"b"), (1, 1, b"a")]), 0),
        ] {
            assert_eq!(first_difference(&base, &other).map(|d| d.index), Some(index));
        }
        assert_eq!(first_difference(&base, &base.clone()), None);
    }

    #[test]
    fn a_run_that_is_not_the_same_twice_is_caught() {
        let mut runs = 0;
        let result = run_twice(|| {
            runs += 1;
            let mut trace = Trace::new(true);
            trace.add(5, Tag::Timer, 0, &[runs]);
            trace
        });
        assert_eq!(result.map_err(|d| d.index), Err(0));
        assert!(run_twice(|| Trace::new(false)).is_ok());
    }

    /// Part of what a recorded hash means: must not change.
    #[test]
    fn known_answers() {
        assert_eq!(hash_bytes(0, b""), KNOWN[0]);
        assert_eq!(hash_bytes(0, b"iscsi-lab"), KNOWN[1]);
    }

    const KNOWN: [u64; 2] = [7076015220383203821, 11200365823813387650];
}
