//! How is coverage told: as text for people, as JSON for programs?

use super::floor::{share, shown};
use super::judge::{Coverage, Judged, Stale, State};
use super::table::Force;
use serde_json::{Value, json};
use std::fmt::Write;

/// What is counted for a section, or for everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) covered: usize,
    pub(super) excepted: usize,
    pub(super) missing: usize,
    pub(super) not_asked: usize,
}

impl Tally {
    pub(super) fn of<'a>(clauses: impl IntoIterator<Item = &'a Judged>) -> Self {
        let mut tally = Self::default();
        for judged in clauses {
            *match judged.state {
                State::Covered => &mut tally.covered,
                State::Excepted(..) => &mut tally.excepted,
                State::Missing => &mut tally.missing,
                State::NotAsked => &mut tally.not_asked,
            } += 1;
        }
        tally
    }
}

/// Runs of clauses of one section, in their order.
pub(super) fn sections(coverage: &Coverage) -> impl Iterator<Item = (&str, &[Judged])> {
    let runs = coverage.clauses.chunk_by(|a, b| a.clause.section() == b.clause.section());
    runs.filter_map(|run| Some((run.first()?.clause.section(), run)))
}

/// The report: a line for each section, what is missing, what does not fit, the sums. `all` tells of each clause.
pub fn text(coverage: &Coverage, all: bool) -> String {
    let mut out = format!("{:<20} {:>7} {:>8} {:>7}\n", "section", "covered", "excepted", "missing");
    for (section, clauses) in sections(coverage) {
        let tally = Tally::of(clauses);
        if all || tally.covered + tally.excepted + tally.missing > 0 {
            let _ = writeln!(
                out,
                "{section:<20} {:>7} {:>8} {:>7}",
                tally.covered, tally.excepted, tally.missing
            );
        }
        for judged in clauses.iter().filter(|_| all) {
            let _ = writeln!(out, "    {}", line(judged));
        }
    }
    for force in Force::ALL {
        let missing = coverage
            .clauses
            .iter()
            .filter(|judged| judged.clause.level.force() == force && judged.state == State::Missing);
        for judged in missing {
            let clause = &judged.clause;
            let _ = writeln!(
                out,
                "missing {}: {} ({}): {}",
                clause.level.name(),
                clause.id,
                clause.binds.name(),
                clause.gist
            );
        }
    }
    for (scenario, why) in &coverage.void {
        let _ = writeln!(out, "does not count: {scenario}: {why}");
    }
    for problem in &coverage.problems {
        let word = if problem.stale == Stale::Yes { "stale" } else { "wrong" };
        let _ = writeln!(out, "{word}: {}", problem.text);
    }
    let tally = Tally::of(&coverage.clauses);
    let stale = coverage.problems.iter().filter(|problem| problem.stale == Stale::Yes).count();
    let _ = writeln!(
        out,
        "{} clauses: {} covered, {} excepted, {} missing, {} not for targets; {stale} stale",
        coverage.clauses.len(),
        tally.covered,
        tally.excepted,
        tally.missing,
        tally.not_asked
    );
    for force in Force::ALL {
        let (covered, all) = coverage.count(force);
        let _ = writeln!(out, "{}: {covered} of {all}, {}%", force.name(), shown(share((covered, all))));
    }
    out
}

fn line(judged: &Judged) -> String {
    let clause = &judged.clause;
    let why = match &judged.state {
        State::Excepted(kind, reason) => format!("{}: {reason}", kind.name()),
        State::Covered | State::Missing | State::NotAsked => judged.by.join(", "),
    };
    let state = judged.state.name();
    let met = judged.met.as_ref().map_or_else(String::new, |place| format!("; met at {place}"));
    let (binds, level) = (clause.binds.name(), clause.level.name());
    format!("{} {binds} {level} [{state}] {}: {why}{met}", clause.id, clause.gist)
}

/// One JSON document.
pub fn json(coverage: &Coverage) -> String {
    let force = |force: Force| {
        let (covered, all) = coverage.count(force);
        (force.name().to_owned(), json!({ "covered": covered, "of": all }))
    };
    let problems = coverage.problems.iter();
    let document = json!({
        "counts": Force::ALL.map(force).into_iter().collect::<serde_json::Map<_, _>>(),
        "clauses": coverage.clauses.iter().map(clause).collect::<Vec<_>>(),
        "problems": problems.map(|one| json!({"stale": one.stale == Stale::Yes, "text": one.text})).collect::<Vec<_>>(),
        "void": coverage.void.iter().map(|(name, why)| json!({"scenario": name, "reason": why})).collect::<Vec<_>>(),
    });
    format!("{document:#}")
}

fn clause(judged: &Judged) -> Value {
    let exception = match &judged.state {
        State::Excepted(kind, reason) => Some(json!({"kind": kind.name(), "reason": reason})),
        State::Covered | State::Missing | State::NotAsked => None,
    };
    json!({
        "id": judged.clause.id,
        "binds": judged.clause.binds.name(),
        "level": judged.clause.level.name(),
        "seen": judged.clause.seen,
        "gist": judged.clause.gist,
        "state": judged.state.name(),
        "by": judged.by,
        "met": judged.met,
        "exception": exception,
    })
}
