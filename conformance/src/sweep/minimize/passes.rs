//! Taking away: what came after the failure, kinds of fault, clients, sessions, single faults, single steps.

use super::Search;
use initiator_sim::fault::Recorded;
use initiator_sim::workload::{Case, Faults, Op, What};
use initiator_sim::world::outcome_name;
use std::collections::{BTreeMap, BTreeSet};

/// Everything that had not begun when it failed.
pub(super) fn cut_tail(search: &mut Search, best: &mut Case, begun: &[(u64, u64)], end: u64) {
    let before: BTreeSet<u64> = begun.iter().filter(|(_, at)| *at <= end).map(|(id, _)| *id).collect();
    let mut cut = best.clone();
    cut.steps.retain(|op| before.contains(&op.id));
    take(search, best, vec![cut]);
}

/// All the others, once each.
pub(super) fn all(search: &mut Search, best: &mut Case) {
    // Nothing wrong at all is the best that can be.
    take(search, best, vec![Case { faults: Faults::None, ..best.clone() }]);
    kinds(search, best);
    clients(search, best);
    sessions(search, best);
    let faults = listed(best);
    ddmin(search, best, faults, |case, faults| case.faults = Faults::Listed(faults));
    let steps = best.steps.clone();
    ddmin(search, best, steps, |case, steps| case.steps = steps);
}

/// Takes the first candidate that still fails.
pub(super) fn take(search: &mut Search, best: &mut Case, mut candidates: Vec<Case>) -> bool {
    candidates.retain(|candidate| candidate != best);
    match search.first(&candidates) {
        Some(at) => {
            *best = candidates.swap_remove(at);
            true
        }
        None => false,
    }
}

fn listed(case: &Case) -> Vec<Recorded> {
    if let Faults::Listed(faults) = &case.faults { faults.clone() } else { Vec::new() }
}

fn kinds(search: &mut Search, best: &mut Case) {
    let names: BTreeSet<&str> = listed(best).iter().map(|fault| outcome_name(&fault.outcome)).collect();
    for name in names {
        let mut faults = listed(best);
        faults.retain(|fault| outcome_name(&fault.outcome) != name);
        take(search, best, vec![Case { faults: Faults::Listed(faults), ..best.clone() }]);
    }
}

fn clients(search: &mut Search, best: &mut Case) {
    for client in 0..best.depths.len() {
        let mut less = best.clone();
        less.steps.retain(|op| op.client as usize != client);
        take(search, best, vec![less]);
    }
}

/// A session is a login and the steps up to the client's next one.
fn sessions(search: &mut Search, best: &mut Case) {
    let mut session = 0;
    loop {
        let mut number: BTreeMap<u32, usize> = BTreeMap::new();
        let mut next = 0;
        let mut of_op = |op: &Op| {
            if matches!(op.what, What::Login { .. }) || !number.contains_key(&op.client) {
                number.insert(op.client, next);
                next += 1;
            }
            number.get(&op.client).copied().unwrap_or(0)
        };
        let numbers: Vec<usize> = best.steps.iter().map(&mut of_op).collect();
        if session >= next {
            return;
        }
        let mut less = best.clone();
        let mut at = numbers.iter();
        less.steps.retain(|_| at.next() != Some(&session));
        if !take(search, best, vec![less]) {
            session += 1;
        }
    }
}

/// Delta debugging: leaves out ever smaller parts, as long as that still fails.
fn ddmin<T: Clone>(search: &mut Search, best: &mut Case, mut items: Vec<T>, put: impl Fn(&mut Case, Vec<T>)) {
    let mut size = items.len().div_ceil(2);
    while size > 0 && !items.is_empty() && !search.is_over() {
        let mut candidates = Vec::new();
        let mut left = Vec::new();
        // From the end: what comes late matters least.
        for at in (0..items.len()).step_by(size).rev() {
            let mut rest = items.clone();
            rest.drain(at..items.len().min(at + size));
            let mut case = best.clone();
            put(&mut case, rest.clone());
            candidates.push(case);
            left.push(rest);
        }
        match search.first(&candidates) {
            Some(at) => {
                *best = candidates.swap_remove(at);
                items = left.swap_remove(at);
                size = size.min(items.len());
            }
            None if size == 1 => return,
            None => size = size.div_ceil(2).min(size - 1),
        }
    }
}
