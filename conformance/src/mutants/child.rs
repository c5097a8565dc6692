//! What does one process do, with one error switched on or none?

use super::{Found, Smaller};
use crate::runner::suite::{Filter, Ran, run_all, select};
use crate::runner::{Backend, Options};
use crate::scenario::Collection;
use crate::sweep::judge;
use crate::sweep::minimize::minimize;
use initiator_sim::workload::{Case, Theme};
use std::path::Path;
use std::time::Duration;
use target_core::planted::{Bug, switch_off, switch_on};

/// Scenarios that run before it is asked whether one of them failed.
const SHARE: usize = 16;

/// Between the seeds of two tries.
const APART: u64 = 1 << 32;

/// Runs every scenario once; with `first`, up to the share in which one fails.
pub fn suite(root: &Path, bug: Option<Bug>, first: bool) -> Result<Found, String> {
    let collection = Collection::find(root).map_err(|error| error.to_string())?;
    let mut selected = select(&collection, &Filter::default())
        .map_err(|errors| errors.into_iter().map(|error| error.message).collect::<Vec<_>>().join("\n"))?;
    if let Some(bug) = bug {
        switch_on(bug);
    }
    let options = Options { backend: Backend::Simulator, seed: None, twice: false, moments: false };
    let mut found = Found::default();
    while !selected.is_empty() && (!first || found.scenarios.is_empty()) {
        let rest = selected.split_off(selected.len().min(SHARE));
        for ran in run_all(root, selected, &options, 1, &|_: &Ran| {}) {
            if let Some((_, failure)) = ran.failures().first() {
                found.scenarios.push((ran.selected.scenario.name.clone(), failure.class.name().to_owned()));
            }
        }
        selected = rest;
    }
    switch_off();
    Ok(found)
}

/// The rule that a seed breaks with the error, and keeps without it.
fn rule_broken_by(bug: Bug, seed: u64) -> Option<String> {
    let broken = || judge(&Case::draw(seed, Theme::of_seed(seed))).map(|signature| signature.class);
    switch_on(bug);
    let rule = broken();
    switch_off();
    rule.filter(|_| broken().is_none())
}

/// Makes the first of `budget` seeds that fails by the error as small as possible, on one thread.
pub fn smaller(bug: Bug, budget: u64) -> Result<Found, String> {
    let Some(seed) = (0..budget).find(|seed| rule_broken_by(bug, *seed).is_some()) else {
        return Ok(Found::default());
    };
    switch_on(bug);
    let minimal = minimize(&Case::draw(seed, Theme::of_seed(seed)), Duration::from_secs(10), 1);
    let minimal = minimal.map(|minimal| Smaller {
        seed,
        before: minimal.before,
        after: minimal.after(),
        replays: minimal.replays,
        micros: u64::try_from(minimal.time.as_micros()).unwrap_or(u64::MAX),
        broken: minimal.file().1.err(),
    });
    switch_off();
    Ok(Found { smaller: Some(minimal?), ..Found::default() })
}

/// Draws and runs seeds until one breaks a rule that it keeps without the error.
pub fn seeds(bug: Bug, budget: u64, tries: u64) -> Result<Found, String> {
    let mut found = Found::default();
    for of in 0..tries {
        let mut seeds = None;
        for at in 0..budget {
            let seed = of * APART + at;
            if let Some(rule) = rule_broken_by(bug, seed) {
                seeds = Some(at + 1);
                found.rules.push(rule);
                break;
            }
        }
        found.tries.push(seeds);
        let in_vain = found.tries.iter().filter(|seeds| seeds.is_none()).count() as u64;
        if 2 * in_vain > tries {
            // Whatever the others find, the median is out of reach.
            break;
        }
    }
    Ok(found)
}
