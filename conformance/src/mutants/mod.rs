//! Does the suite notice errors? Each one planted in the core (`target_core::planted`) is switched on in a process of its own,
//! which runs the scenarios or drawn seeds against it; what that process says is collected here.
//!
//! A process each, because the switch is one for the whole process: so errors are tried in parallel, and one that hangs or
//! aborts takes nobody along.

mod child;
mod parent;
pub mod survivors;

pub use child::{seeds, smaller, suite};
pub use parent::{Verdict, try_all};

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What an error is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Against {
    /// Every scenario, or up to those that run together with the first that notices (`first`).
    Suite {
        /// Stop early.
        first: bool,
    },
    /// Drawn runs: `tries` times up to `budget` seeds, every time others.
    Seeds {
        /// Seeds of one try.
        budget: u64,
        /// How often.
        tries: u64,
    },
    /// The first drawn run of up to so many that fails by it: how small can that be made?
    Minimizer {
        /// Seeds.
        budget: u64,
    },
}

/// What one process found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// Scenarios that failed, in the order in which they ran, and the class of their first failure: `golden`, `oracle`,
    /// `mismatch` and so on.
    pub scenarios: Vec<(String, String)>,
    /// For each try how many seeds it took; `None` if the budget was not enough.
    pub tries: Vec<Option<u64>>,
    /// The rule that the first seed of each successful try broke.
    pub rules: Vec<String>,
    /// The run that was made smaller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smaller: Option<Smaller>,
}

/// What the minimiser made of a failing seed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Smaller {
    /// The seed.
    pub seed: u64,
    /// Steps and faults at first.
    pub before: (usize, usize),
    /// And at the end.
    pub after: (usize, usize),
    /// Runs that it took.
    pub replays: usize,
    /// Time that it took.
    pub micros: u64,
    /// Why the file, read back and run twice, does not fail as the seed did.
    pub broken: Option<String>,
}

impl Found {
    /// How many scenarios failed by each class.
    pub fn by_check(&self) -> BTreeMap<&str, usize> {
        let mut checks = BTreeMap::new();
        for (_, check) in &self.scenarios {
            *checks.entry(check.as_str()).or_default() += 1;
        }
        checks
    }

    /// The median of the seeds it took; `None` if half of the tries or more were in vain.
    pub fn median(&self) -> Option<u64> {
        let mut tries: Vec<u64> = self.tries.iter().map(|seeds| seeds.unwrap_or(u64::MAX)).collect();
        tries.sort_unstable();
        tries.get(tries.len() / 2).copied().filter(|seeds| *seeds != u64::MAX)
    }

    /// Whether anything noticed.
    pub fn is_noticed(&self) -> bool {
        !self.scenarios.is_empty() || self.median().is_some() || self.smaller.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use target_core::planted::BUGS;

    #[test]
    fn names_are_unique_and_survivors_are_among_them() {
        let names: std::collections::BTreeSet<_> = BUGS.iter().map(|planted| planted.name).collect();
        assert_eq!(names.len(), BUGS.len());
        for (name, _) in survivors::SURVIVORS.iter().chain(survivors::BEYOND_SEEDS) {
            assert!(names.contains(name), "there is no {name}");
        }
    }

    #[test]
    fn the_median_counts_what_was_in_vain() {
        let found = |tries: &[Option<u64>]| Found { tries: tries.to_vec(), ..Found::default() };
        assert_eq!(found(&[Some(9), Some(1), None]).median(), Some(9));
        assert_eq!(found(&[None, Some(1), None]).median(), None);
        assert!(!found(&[]).is_noticed());
    }
}
