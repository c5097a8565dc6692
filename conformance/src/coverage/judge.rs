//! How does each clause stand, and what does not fit together?

use super::evidence::Evidence;
use super::exceptions::{Exception, Kind, is_within, section_of};
use super::table::{Also, Clause, Force, Level};
use super::uses::Use;
use super::{EXCEPTIONS, TABLE};
use std::collections::BTreeMap;

/// Every clause, judged, and what is wrong with the files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coverage {
    /// In the order of the table.
    pub clauses: Vec<Judged>,
    /// What does not fit together.
    pub problems: Vec<Problem>,
    /// Scenarios that name clauses but prove nothing, and why.
    pub void: Vec<(String, String)>,
}

/// A clause and how it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The row.
    pub clause: Clause,
    /// How it stands.
    pub state: State,
    /// What checks it: scenarios, then the rest as the table writes it.
    pub by: Vec<String>,
    /// Where the target says first that it meets it: `file:line`.
    pub met: Option<String>,
}

/// How a clause stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Something fails if the target breaks it.
    Covered,
    /// There is a reason for no check.
    Excepted(Kind, String),
    /// Nothing would notice.
    Missing,
    /// It does not bind a target.
    NotAsked,
}

/// Something that does not fit together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What became of it.
    pub stale: Stale,
    /// `file: what`.
    pub text: String,
}

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stale {
    /// It was needed once: an exception for a clause that is covered by now.
    Yes,
    /// It refers to nothing, or contradicts something.
    No,
}

impl State {
    /// One word.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Covered => "covered",
            Self::Excepted(..) => "excepted",
            Self::Missing => "missing",
            Self::NotAsked => "not asked",
        }
    }
}

impl Coverage {
    /// Clauses whose id begins with this, so that a document or a section can be looked at alone.
    #[must_use]
    pub fn of(&self, spec: &str) -> Self {
        let mut part = self.clone();
        part.clauses.retain(|judged| judged.clause.id.starts_with(spec));
        part
    }

    /// What the target has to keep, a peer can see and something checks, though no line of the target says to meet it.
    pub fn uncited(&self) -> impl Iterator<Item = &Judged> {
        self.clauses.iter().filter(|judged| {
            let has_to = judged.clause.level.force() == Force::Must && judged.clause.seen;
            has_to && judged.state == State::Covered && judged.met.is_none()
        })
    }

    /// Covered ones and all that should be, of a force.
    pub fn count(&self, force: Force) -> (usize, usize) {
        let of_force = self.clauses.iter().filter(|judged| judged.clause.level.force() == force);
        of_force.fold((0, 0), |(covered, all), judged| match judged.state {
            State::Covered => (covered + 1, all + 1),
            State::Missing => (covered, all + 1),
            State::Excepted(..) | State::NotAsked => (covered, all),
        })
    }
}

/// Puts everything together.
pub(super) fn judge(
    clauses: Vec<Clause>,
    exceptions: &[Exception],
    uses: &[Use],
    evidence: &Evidence,
) -> Coverage {
    let index: BTreeMap<&str, usize> =
        clauses.iter().enumerate().map(|(at, clause)| (clause.id.as_str(), at)).collect();
    let mut problems = Vec::new();
    let mut wrong = |text: String| problems.push(Problem { stale: Stale::No, text });
    let mut by: Vec<Vec<String>> = vec![Vec::new(); clauses.len()];
    for used in uses {
        for id in &used.clauses {
            match index.get(id.as_str()) {
                None => wrong(format!("scenarios/{}: there is no clause {id}", used.scenario)),
                Some(at) if used.void.is_none() => by[*at].push(used.scenario.clone()),
                Some(_) => {}
            }
        }
    }
    for (at, clause) in clauses.iter().enumerate() {
        for also in &clause.also {
            match refers(also, &clauses, &index, evidence) {
                Err(what) => wrong(format!("{TABLE}:{}: {}: {what}", clause.line, clause.id)),
                Ok(Some(text)) => by[at].push(text),
                Ok(None) => {}
            }
        }
    }
    for (id, place) in evidence.cited.iter().filter(|(id, _)| !index.contains_key(id.as_str())) {
        wrong(format!("{place}: there is no clause {id}"));
    }
    follow(&clauses, &index, &mut by);
    let reasons = reasons(&clauses, exceptions, &by, &mut problems);
    let judged = clauses.into_iter().zip(by).zip(reasons).map(|((clause, by), reason)| {
        let state = match reason {
            _ if !clause.asks_target() => State::NotAsked,
            _ if !by.is_empty() => State::Covered,
            Some(entry) => State::Excepted(entry.kind, entry.reason.clone()),
            None => State::Missing,
        };
        if !clause.seen && state == State::Missing {
            let text = format!(
                "{TABLE}:{}: {} is not seen on the wire and has no exception",
                clause.line, clause.id
            );
            problems.push(Problem { stale: Stale::No, text });
        }
        let met = evidence.met.get(&clause.id).cloned();
        Judged { clause, state, by, met }
    });
    let judged = judged.collect();
    let void = uses.iter().filter(|used| !used.clauses.is_empty());
    let void = void.filter_map(|used| Some((used.scenario.clone(), used.void.clone()?))).collect();
    Coverage { clauses: judged, problems, void }
}

/// What a reference of the table means: text to show, nothing yet for another clause, or what is wrong with it.
fn refers(
    also: &Also,
    clauses: &[Clause],
    index: &BTreeMap<&str, usize>,
    evidence: &Evidence,
) -> Result<Option<String>, String> {
    match also {
        Also::Same(id) => match index.get(id.as_str()).and_then(|at| clauses.get(*at)) {
            None => Err(format!("there is no clause {id}")),
            Some(other) if !other.asks_target() => Err(format!("{id} does not bind a target")),
            Some(other) if other.also.iter().any(|also| matches!(also, Also::Same(_))) => {
                Err(format!("{id} refers to another clause itself; name that one"))
            }
            Some(_) => Ok(None),
        },
        Also::Rule(name) if evidence.rules.contains(name) => Ok(Some(format!("rule {name}"))),
        Also::Rule(name) => Err(format!("no check of the simulator has the rule {name}")),
        Also::Test(file, function) => {
            match evidence.functions.get(file).is_some_and(|known| known.contains(function)) {
                true => Ok(Some(format!("test {file}::{function}"))),
                false => Err(format!("there is no test {function} in {file}")),
            }
        }
    }
}

/// Clauses that say the same as a covered one are covered by it.
fn follow(clauses: &[Clause], index: &BTreeMap<&str, usize>, by: &mut [Vec<String>]) {
    for (at, clause) in clauses.iter().enumerate() {
        for also in &clause.also {
            let Also::Same(id) = also else { continue };
            let covered =
                index.get(id.as_str()).and_then(|other| by.get(*other)).is_some_and(|by| !by.is_empty());
            if covered && let Some(own) = by.get_mut(at) {
                own.push(format!("as {id}"));
            }
        }
    }
}

/// The exception of each clause.
fn reasons<'a>(
    clauses: &[Clause],
    exceptions: &'a [Exception],
    by: &[Vec<String>],
    problems: &mut Vec<Problem>,
) -> Vec<Option<&'a Exception>> {
    let mut reasons: Vec<Option<&Exception>> = vec![None; clauses.len()];
    let mut add =
        |stale, text: String| problems.push(Problem { stale, text: format!("{EXCEPTIONS}: {text}") });
    for entry in exceptions {
        for name in &entry.clauses {
            let section = section_of(name);
            let mut needed = 0;
            for (at, clause) in clauses.iter().enumerate() {
                let meant =
                    section.map_or(clause.id == *name, |section| is_within(clause.section(), section));
                if !meant {
                    continue;
                }
                let covered = by.get(at).is_some_and(|by| !by.is_empty());
                // A section stands for those of its clauses that need an exception.
                if section.is_some() && (!clause.asks_target() || covered) {
                    continue;
                }
                needed += 1;
                if !clause.asks_target() {
                    add(Stale::No, format!("{name} binds no target ({})", clause.binds.name()));
                } else if covered {
                    add(
                        Stale::Yes,
                        format!("{name} is covered by {}; take the exception out", by[at].join(", ")),
                    );
                } else if let Some(place) = reasons.get_mut(at) {
                    if place.is_some() {
                        add(Stale::No, format!("{} has two exceptions", clause.id));
                    } else if let Some(what) = contradiction(clause, entry.kind) {
                        add(Stale::No, format!("{}: {what}", clause.id));
                    }
                    *place = Some(entry);
                }
            }
            if needed == 0 {
                let what =
                    if section.is_some() { "no clause in it needs one" } else { "there is no such clause" };
                let stale = if section.is_some() { Stale::Yes } else { Stale::No };
                add(stale, format!("{name}: {what}"));
            }
        }
    }
    reasons
}

/// Why a kind of exception does not fit a clause.
fn contradiction(clause: &Clause, kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Unobservable if clause.seen => Some("unobservable, but its row says that the wire shows it"),
        Kind::Unused if clause.level != Level::May => {
            Some("unused is for what a target may do, not for what it has to")
        }
        Kind::Unobservable | Kind::Unused | Kind::Option => None,
    }
}
