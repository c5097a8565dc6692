//! Which scenarios name which clauses, and which of them count?
//!
//! A scenario that is known to fail, that has no golden trace, or that the simulated target skips proves nothing.

use crate::golden;
use crate::scenario::{Collection, Scenario, cases};
use std::path::Path;

/// What a scenario says about clauses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Use {
    /// `topic/name`.
    pub(super) scenario: String,
    /// Its `req:`.
    pub(super) clauses: Vec<String>,
    /// Why it does not count.
    pub(super) void: Option<String>,
}

/// Reads all scenarios of a root.
pub(super) fn read(root: &Path) -> Result<Vec<Use>, String> {
    let collection = Collection::find(root).map_err(|error| format!("scenarios: {error}"))?;
    let mut uses = Vec::new();
    let mut wrong = Vec::new();
    for name in collection.names() {
        match collection.load(name).map_err(|error| error.message).and_then(|found| one(root, &found)) {
            Ok(found) => uses.push(found),
            Err(message) => wrong.push(message),
        }
    }
    if wrong.is_empty() { Ok(uses) } else { Err(wrong.join("\n")) }
}

fn one(root: &Path, scenario: &Scenario) -> Result<Use, String> {
    let path = golden::snapshot_path(root, &scenario.name);
    let trace = golden::read(&path).map_err(|error| error.to_string())?;
    let void = match (&scenario.xfail, trace) {
        (Some(xfail), _) => Some(format!("known to fail: {}", xfail.reason)),
        (None, None) => Some("it has no golden trace".to_owned()),
        (None, Some(trace)) => not_run(&trace, cases(scenario)?.len()),
    };
    Ok(Use { scenario: scenario.name.clone(), clauses: scenario.req.clone(), void })
}

/// Why none of the cases ran to its end, as the golden trace tells.
fn not_run(trace: &str, cases: usize) -> Option<String> {
    let verdict = |line: &&str| line.starts_with("skipped: ") || line.starts_with("fails: ");
    let first = trace.lines().find(verdict)?;
    (trace.lines().filter(verdict).count() >= cases).then(|| first.to_owned())
}
