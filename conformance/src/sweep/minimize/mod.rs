//! What is the smallest run that fails in the same way? Passes from the cheapest to the dearest, again and again until none finds
//! anything.
//!
//! A candidate counts only if its failure has the same signature: check, clause and last probe, never texts, times or ids. The first
//! other failure met on the way is kept. Candidates run side by side, but the first in order wins, so that the result does not depend
//! on the number of threads; only a budget of time can cut the search short at another place.

mod passes;
mod values;

use super::file::RunFile;
use super::one::{guarded, judge, judge_within};
use initiator_sim::trace::hash_bytes;
use initiator_sim::workload::{Case, Faults, Run, Signature};
use initiator_sim::world::Keep;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Replays after which a search ends.
const REPLAYS_MAX: usize = 5_000;

/// What came of a search.
#[derive(Clone, Debug)]
pub struct Minimal {
    /// The smallest case.
    pub case: Case,
    /// How it fails.
    pub signature: Signature,
    /// Steps and faults at first.
    pub before: (usize, usize),
    /// Runs that it took.
    pub replays: usize,
    /// Time that it took.
    pub time: Duration,
    /// The budget ended before the search did.
    pub cut_short: bool,
    /// Another failure that was met, with the case that shows it.
    pub other: Option<(Signature, Case)>,
}

impl Minimal {
    /// Steps and faults that are left.
    pub fn after(&self) -> (usize, usize) {
        (self.case.steps.len(), self.case.faults.len())
    }

    /// As a file, read back and run twice: whether it still fails in the same way.
    pub fn file(&self) -> (RunFile, Result<(), String>) {
        let title = format!("{} breaks {}", self.signature.class, self.signature.site);
        let file = RunFile { title, fails: Some(self.signature.clone()), run: self.case.clone() };
        let result = RunFile::parse("the written file", &file.text()).and_then(|read| {
            if read != file {
                return Err("the file does not say what was meant".to_owned());
            }
            let twice = [judge(&read.run), judge(&read.run)];
            let same = twice.iter().all(|signature| signature.as_ref() == Some(&self.signature));
            if same { Ok(()) } else { Err("the file does not fail as the run did".to_owned()) }
        });
        (file, result)
    }
}

/// A search under way.
struct Search {
    want: Signature,
    jobs: usize,
    /// Events after which a candidate is given up: a run that hangs about must not eat the budget.
    events: u64,
    deadline: Instant,
    replays: usize,
    /// By hash of the case.
    known: HashMap<u64, bool>,
    other: Option<(Signature, Case)>,
}

impl Search {
    fn is_over(&self) -> bool {
        self.replays >= REPLAYS_MAX || Instant::now() >= self.deadline
    }

    /// The first of the candidates that fails as wanted.
    fn first(&mut self, candidates: &[Case]) -> Option<usize> {
        let mut at = 0;
        while at < candidates.len() && !self.is_over() {
            let batch = &candidates[at..candidates.len().min(at + self.jobs)];
            let keys: Vec<u64> = batch.iter().map(key).collect();
            let known: Vec<Option<bool>> = keys.iter().map(|key| self.known.get(key).copied()).collect();
            let results: Vec<Option<Option<Signature>>> = std::thread::scope(|scope| {
                let run = |(case, known): (&'_ Case, &Option<bool>)| {
                    let case = case.clone();
                    let events = self.events;
                    known.is_none().then(|| scope.spawn(move || judge_within(&case, events)))
                };
                let running: Vec<_> = batch.iter().zip(&known).map(run).collect();
                running.into_iter().map(|it| it.map(|it| it.join().unwrap_or(None))).collect()
            });
            for (offset, result) in results.into_iter().enumerate() {
                let hit = match (result, known[offset]) {
                    (Some(signature), _) => {
                        self.replays += 1;
                        let hit = signature.as_ref() == Some(&self.want);
                        self.known.insert(keys[offset], hit);
                        if let Some(signature) = signature.filter(|_| !hit && self.other.is_none()) {
                            self.other = Some((signature, batch[offset].clone()));
                        }
                        hit
                    }
                    (None, known) => known.unwrap_or(false),
                };
                if hit {
                    return Some(at + offset);
                }
            }
            at += batch.len();
        }
        None
    }

    fn fails(&mut self, case: &Case) -> bool {
        self.first(std::slice::from_ref(case)).is_some()
    }
}

fn key(case: &Case) -> u64 {
    let text = serde_json::to_vec(case).unwrap_or_default();
    hash_bytes(0, &text)
}

/// Searches for the smallest case that fails as `case` does.
///
/// # Errors
/// It does not fail, or not the same way when its faults are written down.
pub fn minimize(case: &Case, budget: Duration, jobs: usize) -> Result<Minimal, String> {
    let began = Instant::now();
    let want = judge(case).ok_or("it does not fail: there is nothing to make smaller")?;
    let (report, world) = guarded(case, Keep::default())?;
    let mut first = Run::new(case.clone(), super::one::probes(), Keep::default())?;
    first.world().stop_at_failure();
    let events = first.finish().0.events;
    let mut search = Search {
        want: want.clone(),
        jobs: jobs.max(1),
        events: 2 * events + 1000,
        deadline: began + budget,
        replays: 1,
        known: HashMap::new(),
        other: None,
    };
    let mut best = case.clone();
    // Only what did happen can be taken away piece by piece.
    if matches!(case.faults, Faults::Drawn(_)) {
        let listed = Case { faults: Faults::Listed(world.record().to_vec()), ..case.clone() };
        if search.fails(&listed) {
            best = listed;
        }
    }
    let before = (best.steps.len(), best.faults.len());
    let found = report.violations.first().map(|found| found.at);
    let end = found.or(report.panic.as_ref().map(|panic| panic.at)).unwrap_or(u64::MAX);
    passes::cut_tail(&mut search, &mut best, &report.begun, end);
    loop {
        let start = best.clone();
        passes::all(&mut search, &mut best);
        values::all(&mut search, &mut best);
        if best == start || search.is_over() {
            break;
        }
    }
    let cut_short = search.is_over();
    Ok(Minimal {
        case: best,
        signature: want,
        before,
        replays: search.replays,
        time: began.elapsed(),
        cut_short,
        other: search.other,
    })
}
