//! How is one seed run, and what kind of failure was it?

use crate::runner::definitions;
use initiator_sim::oracle::ProbeDefinitions;
use initiator_sim::trace::first_difference;
use initiator_sim::workload::{Case, Faults, Report, Run, Signature, Theme, run_case};
use initiator_sim::world::{Keep, World};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// What kind of failure, as exit codes tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// A check failed.
    Failed,
    /// Once the faults stopped nothing went on.
    NoProgress,
    /// The same case ran in two ways.
    NotDeterministic,
    /// The core, or the lab itself, panicked.
    Panicked,
}

/// A failure of one run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Its kind.
    pub class: Class,
    /// What stays the same when it comes from another run.
    pub signature: Signature,
    /// What was found, for people.
    pub text: String,
}

/// One seed that ran.
#[derive(Clone, Debug)]
pub struct Ran {
    /// The seed.
    pub seed: u64,
    /// What was drawn from it.
    pub case: Case,
    /// What came of it; `None` if the lab panicked.
    pub report: Option<Report>,
    /// What was wrong.
    pub failure: Option<Failure>,
    /// What it touched.
    pub marks: BTreeSet<String>,
}

/// Runs a seed with every check; `twice` compares two runs event by event.
pub fn run_seed(seed: u64, theme: Option<Theme>, twice: bool) -> Ran {
    let case = Case::draw(seed, theme.unwrap_or_else(|| Theme::of_seed(seed)));
    run_drawn(seed, case, twice, guarded)
}

/// The same for a case that was drawn; `run` runs it, or says how the lab panicked.
pub fn run_drawn(
    seed: u64,
    case: Case,
    twice: bool,
    mut run: impl FnMut(&Case, Keep) -> Result<(Report, World), String>,
) -> Ran {
    let (report, world) = match run(&case, Keep::default()) {
        Ok(done) => done,
        Err(text) => {
            let failure = lab_panic(text);
            return Ran { seed, case, report: None, failure: Some(failure), marks: BTreeSet::new() };
        }
    };
    let mut failure = failure(&report);
    if twice {
        let same = run(&case, Keep::default()).is_ok_and(|(second, _)| second == report);
        if !same {
            failure = Some(diverged(&case, run));
        }
    }
    Ran { seed, case, failure, marks: world.marks(), report: Some(report) }
}

/// What fails in a case, if anything does. Stops at the first finding, so it is quicker than a whole run.
pub fn judge(case: &Case) -> Option<Signature> {
    judge_within(case, u64::MAX)
}

/// The same, given up after so many events of its trace.
pub fn judge_within(case: &Case, events: u64) -> Option<Signature> {
    let run = || -> Result<Option<Signature>, String> {
        let mut run = Run::new(case.clone(), probes(), Keep::default())?;
        run.world().stop_at_failure();
        run.world().stop_at(events);
        Ok(run.finish().0.signature)
    };
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(signature)) => signature,
        // Values that the core does not take are no case.
        Ok(Err(_)) => None,
        Err(payload) => Some(lab_panic(message(&*payload)).signature),
    }
}

/// The case with what did happen by chance written out, so that it can be taken away piece by piece.
///
/// # Errors
/// The core refuses its configuration, or the lab panics.
pub fn written_out(case: &Case) -> Result<Case, String> {
    if !matches!(case.faults, Faults::Drawn(_)) {
        return Ok(case.clone());
    }
    let (report, _) = guarded(case, Keep::default())?;
    Ok(Case { faults: Faults::Listed(report.record), ..case.clone() })
}

/// The definitions of the probes: they are part of the program and can be read.
pub(super) fn probes() -> Option<Arc<ProbeDefinitions>> {
    definitions().ok()
}

pub(super) fn guarded(case: &Case, keep: Keep) -> Result<(Report, World), String> {
    match catch_unwind(AssertUnwindSafe(|| run_case(case, probes(), keep))) {
        Ok(result) => result,
        Err(payload) => Err(message(&*payload)),
    }
}

fn message(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().cloned();
    let text = text.or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    text.unwrap_or_else(|| "a panic without a message".to_owned())
}

fn lab_panic(text: String) -> Failure {
    let site: String = text.chars().filter(|c| !c.is_ascii_digit()).take(80).collect();
    let signature = Signature { class: "lab panic".into(), site, probe: None };
    Failure { class: Class::Panicked, signature, text }
}

/// What was wrong with a run.
pub(super) fn failure(report: &Report) -> Option<Failure> {
    let signature = report.signature.clone()?;
    let class = match &report.panic {
        Some(_) => Class::Panicked,
        None if report.violations.iter().any(|found| found.rule == "progress") => Class::NoProgress,
        None => Class::Failed,
    };
    let text = match (report.violations.first(), &report.panic) {
        (Some(found), _) => found.to_string(),
        (None, Some(panic)) => panic.message.clone(),
        (None, None) => String::new(),
    };
    Some(Failure { class, signature, text })
}

/// Two runs of one case that differ: where they part, both sides.
fn diverged(case: &Case, mut run: impl FnMut(&Case, Keep) -> Result<(Report, World), String>) -> Failure {
    let keep = Keep { trace: true, ..Keep::default() };
    let text = match (run(case, keep), run(case, keep)) {
        (Ok((_, first)), Ok((_, second))) => first_difference(first.trace(), second.trace()).map_or_else(
            || "two runs differed once, but not when they were looked at".to_owned(),
            |difference| difference.to_string(),
        ),
        _ => "one of two runs panicked".to_owned(),
    };
    let signature = Signature { class: "not deterministic".into(), site: String::new(), probe: None };
    Failure { class: Class::NotDeterministic, signature, text }
}
