//! When did the failure become inevitable? From each of many points on, everything that is left to chance, and what the initiators
//! still do, is drawn anew: the share of runs that fail all the same rises where the failure is decided.

use super::one::probes;
use initiator_sim::clock::{Nanos, show};
use initiator_sim::trace::hash_bytes;
use initiator_sim::workload::{Case, Run, Signature};
use initiator_sim::world::Keep;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Points between the beginning and the failure.
pub const CUTS: u64 = 32;

/// One point of the curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// Event of the trace from which on things are drawn anew.
    pub event: u64,
    /// Its virtual time in the run itself.
    pub at: Nanos,
    /// Runs that failed in the same way.
    pub failed: u32,
    /// Of so many.
    pub runs: u32,
}

/// The curve of a failing case: `runs` runs at each point.
///
/// # Errors
/// It does not fail.
pub fn causality(case: &Case, runs: u32) -> Result<Vec<Point>, String> {
    let keep = Keep { trace: true, ..Keep::default() };
    let mut run = Run::new(case.clone(), probes(), keep)?;
    run.world().stop_at_failure();
    let (report, world) = run.finish();
    let want = report.signature.ok_or("it does not fail: there is nothing to look at")?;
    let events = world.trace().events();
    let last = events.len() as u64;
    let point = |cut: u64| {
        let event = last * cut / (CUTS - 1);
        let at = events.get(usize::try_from(event).unwrap_or(0)).or(events.last()).map_or(0, |it| it.at);
        let seed = |number: u32| hash_bytes(event, &number.to_le_bytes());
        let failed = (0..runs).map(|number| u32::from(fails(case, event, seed(number), &want))).sum();
        Point { event, at, failed, runs }
    };
    Ok((0..CUTS).map(point).collect())
}

fn fails(case: &Case, event: u64, seed: u64, want: &Signature) -> bool {
    let run = || -> Result<Option<Signature>, String> {
        let mut run = Run::new(case.clone(), probes(), Keep::default())?;
        run.world().fork_at(event, seed);
        run.world().stop_at_failure();
        Ok(run.finish().0.signature)
    };
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(Some(is))) => (is.class, is.site) == (want.class.clone(), want.site.clone()),
        _ => false,
    }
}

/// The curve as text, one line a point.
pub fn text(points: &[Point]) -> Vec<String> {
    let mut out = vec!["   event  time                failed".to_owned()];
    for point in points {
        let share = 40 * u64::from(point.failed) / u64::from(point.runs.max(1));
        let bar = "#".repeat(usize::try_from(share).unwrap_or(0));
        let percent = 100 * u64::from(point.failed) / u64::from(point.runs.max(1));
        out.push(
            format!("{:>8}  {:<18}  {percent:>3}% {bar}", point.event, show(point.at)).trim_end().to_owned(),
        );
    }
    out
}
