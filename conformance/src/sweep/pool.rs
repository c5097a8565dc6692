//! How are seeds run on all cores, and the results still the same for any number of them?
//!
//! Threads take the next seed each; what they bring is put back into the order of the seeds before anyone sees it.

use super::one::Ran;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError, mpsc};

/// Results for each thread that may wait for a slow seed before them.
const AHEAD: u64 = 16;

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

/// How far the results have been taken: threads must not run away from a slow seed, for what they bring would pile up.
#[derive(Default)]
struct Turnstile {
    taken: Mutex<u64>,
    moved: Condvar,
    enough: AtomicBool,
}

impl Turnstile {
    /// Waits until the seed with this number may run; false if no more are wanted.
    fn admits(&self, number: u64, ahead: u64) -> bool {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let waits =
            |taken: &mut u64| !self.enough.load(Ordering::Relaxed) && number >= taken.saturating_add(ahead);
        drop(self.moved.wait_while(taken, waits));
        !self.enough.load(Ordering::Relaxed)
    }

    /// So many were taken.
    fn advance(&self, taken: u64) {
        *self.taken.lock().unwrap_or_else(PoisonError::into_inner) = taken;
        self.moved.notify_all();
    }

    fn close(&self) {
        // Under the lock, so that nobody misses it between looking and waiting.
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        self.enough.store(true, Ordering::Relaxed);
        drop(taken);
        self.moved.notify_all();
    }
}

/// Closes the turnstile however `take` ends, a panic included: threads that wait would never end.
struct Closing<'a>(&'a Turnstile);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.close();
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
    let gate = Turnstile::default();
    let jobs = jobs.max(1);
    let ahead = AHEAD * jobs as u64;
    std::thread::scope(|scope| {
        let (sender, receiver) = mpsc::channel();
        for _ in 0..jobs {
            let (sender, next, gate) = (sender.clone(), &next, &gate);
            scope.spawn(move || {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(seed) = span.nth(number) else { return };
                    if !gate.admits(number, ahead) || sender.send((number, run(seed))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let closing = Closing(&gate);
        let mut early = BTreeMap::new();
        let mut due = 0;
        for (number, ran) in &receiver {
            early.insert(number, ran);
            while let Some(ran) = early.remove(&due) {
                due += 1;
                if take(ran).is_break() {
                    return;
                }
            }
            gate.advance(due);
        }
        drop(closing);
    });
}
