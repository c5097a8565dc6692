//! What came of a run, as values: scenarios, their cases, what failed and what was known to fail.

use crate::runner::suite::Ran;
use crate::runner::{Failure, Report, Verdict};
use schemars::JsonSchema;
use serde::Serialize;

/// A whole run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Results {
    /// What ran.
    pub tool: Tool,
    /// Cases that passed.
    pub passed: usize,
    /// Cases that failed, golden traces that differ, and expectations that nothing needs any more.
    pub failed: usize,
    /// Cases that could not be run here.
    pub skipped: usize,
    /// Cases that failed as they are known to.
    pub expected: usize,
    /// By name.
    pub scenarios: Vec<Suite>,
    /// Golden traces that no scenario refers to.
    pub stale_snapshots: Vec<String>,
}

/// The program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// A scenario, or another group of cases.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Suite {
    /// `topic/name`.
    pub name: String,
    /// What is checked.
    pub title: String,
    /// Clauses.
    pub req: Vec<String>,
    /// How binding they are: `must`, `should`, `may` or `robust`.
    pub level: String,
    /// Words to select by.
    pub tags: Vec<String>,
    /// The file, from the root.
    pub file: Option<String>,
    /// Its cases.
    pub cases: Vec<CaseResult>,
    /// What counts as a failure.
    pub failures: Vec<FailureResult>,
}

/// How a case ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Everything held.
    #[default]
    Passed,
    /// Something did not.
    Failed,
    /// It failed as it is known to.
    Xfail,
    /// It could not be run here.
    Skipped,
}

impl Outcome {
    /// In a word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Xfail => "xfail",
            Self::Skipped => "skipped",
        }
    }
}

/// One case.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CaseResult {
    /// Values of the matrix, or empty.
    pub label: String,
    /// How it ended.
    pub verdict: Outcome,
    /// Why it was skipped, or the signature of the failure.
    pub reason: Option<String>,
    /// The seed.
    pub seed: u64,
    /// How long it took in nanoseconds: virtual in the simulator.
    pub time_ns: u64,
    /// Hash of everything that happened in the simulator, in hex.
    pub hash: Option<String>,
}

/// A failure that counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FailureResult {
    /// `topic/name[label]`.
    pub case: String,
    /// What kind.
    pub class: String,
    /// Id of the step; empty if it belongs to none.
    pub step: String,
    /// What `xfail` and the minimiser compare.
    pub signature: String,
    /// Where the step stands.
    pub file: Option<String>,
    /// From 1.
    pub line: Option<usize>,
    /// From 1.
    pub column: Option<usize>,
    /// One sentence.
    pub headline: String,
    /// Differences and the like, a line each.
    pub details: Vec<String>,
    /// What passed last on the wire, oldest first.
    pub last_pdus: Vec<String>,
    /// When, ready to be read.
    pub time: String,
}

/// One line of a report: a case, or a failure that belongs to a scenario as a whole.
#[derive(Clone, Debug)]
pub struct Row<'a> {
    /// The scenario.
    pub suite: &'a Suite,
    /// `topic/name[label]`, or what failed of the whole.
    pub name: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it was skipped, or the signature.
    pub reason: Option<&'a str>,
    /// What failed.
    pub failure: Option<&'a FailureResult>,
    /// How long it took.
    pub time_ns: u64,
    /// The seed.
    pub seed: u64,
}

impl Results {
    /// From groups of cases; the totals are counted here.
    pub fn new(scenarios: Vec<Suite>, stale_snapshots: Vec<String>) -> Self {
        let rows = || scenarios.iter().flat_map(Suite::rows);
        let count = |outcome| rows().filter(|row| row.outcome == outcome).count();
        let stale = stale_snapshots.len();
        Self {
            tool: Tool { name: "iscsi-lab".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() },
            passed: count(Outcome::Passed),
            failed: count(Outcome::Failed) + stale,
            skipped: count(Outcome::Skipped),
            expected: count(Outcome::Xfail),
            scenarios,
            stale_snapshots,
        }
    }

    /// From a run of scenarios.
    pub fn of(ran: &[Ran], stale_snapshots: &[String]) -> Self {
        Self::new(ran.iter().map(suite).collect(), stale_snapshots.to_vec())
    }

    /// Every line of a report, in order.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.scenarios.iter().flat_map(Suite::rows)
    }
}

impl Suite {
    /// Its cases, each with what failed of it, and behind them what failed of the whole.
    pub fn rows(&self) -> Vec<Row<'_>> {
        let mut rest: Vec<&FailureResult> = self.failures.iter().collect();
        let mut rows: Vec<Row<'_>> = self
            .cases
            .iter()
            .map(|case| {
                let name = self.full_name(case);
                let at = rest.iter().position(|failure| failure.case == name);
                let failure = at.map(|at| rest.remove(at));
                Row {
                    suite: self,
                    outcome: if failure.is_some() { Outcome::Failed } else { case.verdict },
                    reason: case.reason.as_deref(),
                    failure,
                    time_ns: case.time_ns,
                    seed: case.seed,
                    name,
                }
            })
            .collect();
        let seed = self.cases.first().map_or(0, |case| case.seed);
        rows.extend(rest.into_iter().map(|failure| Row {
            suite: self,
            name: format!("{} ({})", failure.case, failure.class),
            outcome: Outcome::Failed,
            reason: Some(&failure.signature),
            failure: Some(failure),
            time_ns: 0,
            seed,
        }));
        rows
    }

    fn full_name(&self, case: &CaseResult) -> String {
        if case.label.is_empty() { self.name.clone() } else { format!("{}[{}]", self.name, case.label) }
    }
}

impl FailureResult {
    /// The headline and everything under it.
    pub fn text(&self) -> String {
        let mut lines = Vec::new();
        if let (Some(file), Some(line)) = (&self.file, self.line) {
            lines.push(format!("{file}:{line}"));
        }
        lines.push(self.headline.clone());
        lines.extend(self.details.iter().map(|line| format!("  {line}")));
        if !self.last_pdus.is_empty() {
            lines.push("the last PDUs:".to_owned());
            lines.extend(self.last_pdus.iter().map(|line| format!("  {line}")));
        }
        if !self.time.is_empty() {
            lines.push(format!("at {}", self.time));
        }
        lines.push(format!("signature: {}", self.signature));
        lines.join("\n")
    }

    /// From what the runner tells.
    pub fn of(case: &str, failure: &Failure) -> Self {
        let place = failure.at.as_ref().map(|at| (at.source.name.clone(), at.place()));
        Self {
            case: case.to_owned(),
            class: failure.class.name().to_owned(),
            step: failure.step.clone(),
            signature: failure.signature(),
            file: place.as_ref().map(|(file, _)| file.clone()),
            line: place.as_ref().map(|(_, place)| place.line),
            column: place.as_ref().map(|(_, place)| place.column),
            headline: failure.headline.clone(),
            details: failure.details.clone(),
            last_pdus: failure.last.clone(),
            time: failure.time.clone(),
        }
    }
}

fn suite(ran: &Ran) -> Suite {
    let scenario = &ran.selected.scenario;
    let failures = ran.failures();
    let counts = |report: &Report| failures.iter().any(|(name, _)| *name == report.full_name());
    Suite {
        name: scenario.name.clone(),
        title: scenario.title.clone(),
        req: scenario.req.clone(),
        level: scenario.level.name().to_owned(),
        tags: scenario.tags.clone(),
        file: Some(scenario.source.name.clone()),
        cases: ran.reports.iter().map(|report| case(report, counts(report))).collect(),
        failures: failures.iter().map(|(name, failure)| FailureResult::of(name, failure)).collect(),
    }
}

fn case(report: &Report, counts: bool) -> CaseResult {
    let (verdict, reason) = match &report.verdict {
        Verdict::Passed => (Outcome::Passed, None),
        Verdict::Failed(failure) if counts => (Outcome::Failed, Some(failure.signature())),
        Verdict::Failed(failure) => (Outcome::Xfail, Some(failure.signature())),
        Verdict::Skipped(why) => (Outcome::Skipped, Some(why.clone())),
    };
    CaseResult {
        label: report.label.clone(),
        verdict,
        reason,
        seed: report.seed,
        time_ns: report.time,
        hash: report.hash.map(|hash| format!("{hash:016x}")),
    }
}
