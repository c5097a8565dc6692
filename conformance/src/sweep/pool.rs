//! How are seeds run on all cores, and the results still the same for any number of them?
//!
//! Threads take the next seed each; what they bring is put back into the order of the seeds before anyone sees it.

use super::one::Ran;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;

/// Which seeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first.
    pub first: u64,
    /// The one after the last.
    pub end: u64,
    /// Of them, those that leave this rest ...
    pub rest: u64,
    /// ... when divided by this.
    pub shards: u64,
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text}: seeds are A..B, with A below B, or one number");
        let (first, end) = match text.split_once("..") {
            Some((first, end)) => (first.parse().map_err(|_| wrong())?, end.parse().map_err(|_| wrong())?),
            None => {
                let one = initiator_sim::workload::parse_seed(text)?;
                (one, one.checked_add(1).ok_or_else(wrong)?)
            }
        };
        if first < end { Ok(Self { first, end, rest: 0, shards: 1 }) } else { Err(wrong()) }
    }
}

impl Span {
    /// The `number`th of them.
    fn nth(&self, number: u64) -> Option<u64> {
        let into = (self.rest + self.shards - self.first % self.shards) % self.shards;
        let step = number.checked_mul(self.shards)?;
        self.first.checked_add(into)?.checked_add(step).filter(|seed| *seed < self.end)
    }

    /// How many.
    pub const fn len(&self) -> u64 {
        let into = (self.rest + self.shards - self.first % self.shards) % self.shards;
        (self.end - self.first).saturating_sub(into).div_ceil(self.shards)
    }

    /// True if there are none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Runs seeds on `jobs` threads and hands the results to `take` in the order of the seeds, until that has enough.
pub fn sweep(
    span: &Span,
    jobs: usize,
    run: &(dyn Fn(u64) -> Ran + Sync),
    take: &mut dyn FnMut(Ran) -> ControlFlow<()>,
) {
    let next = AtomicU64::new(0);
    let enough = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // A few results may wait for a slow seed before them; more would only take memory.
        let (sender, receiver) = mpsc::sync_channel(4 * jobs.max(1));
        for _ in 0..jobs.max(1) {
            let (sender, next, enough) = (sender.clone(), &next, &enough);
            scope.spawn(move || {
                while !enough.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(seed) = span.nth(number) else { return };
                    if sender.send((number, run(seed))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut early = BTreeMap::new();
        let mut due = 0;
        for (number, ran) in &receiver {
            early.insert(number, ran);
            while let Some(ran) = early.remove(&due) {
                due += 1;
                if take(ran).is_break() {
                    enough.store(true, Ordering::Relaxed);
                    return;
                }
            }
        }
    });
}
