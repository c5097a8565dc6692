//! What came of many seeds? Numbers that add up, so that shards of a range together give what the whole range gives.

use super::one::{Failure, Ran};
use initiator_sim::trace::hash_bytes;
use initiator_sim::workload::operation_names;
use initiator_sim::world::all_marks;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The sum over many runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tally {
    /// What was drawn from: a profile, or `all`.
    pub profile: String,
    /// How many seeds ran.
    pub seeds: u64,
    /// How many of them failed.
    pub failed: u64,
    /// Events of their traces.
    pub events: u64,
    /// Their virtual time.
    pub virtual_ns: u128,
    /// Connections.
    pub connections: u64,
    /// Faults by chance.
    pub faults: u64,
    /// Operations that were carried out, by kind.
    pub operations: BTreeMap<String, u64>,
    /// Of all trace hashes with their seeds; the same for any order and any sharding.
    pub hash: String,
    /// What was touched, and by how many runs.
    pub marks: BTreeMap<String, u64>,
}

/// A seed that failed, as a line of a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// The seed.
    pub seed: u64,
    /// What it was drawn as.
    pub profile: String,
    /// What was wrong.
    pub failure: Failure,
    /// Where the run was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

impl Found {
    /// Of a run that failed.
    pub fn of(ran: &Ran) -> Option<Self> {
        let failure = ran.failure.clone()?;
        Some(Self { seed: ran.seed, profile: ran.case.profile.name().to_owned(), failure, file: None })
    }
}

impl Tally {
    /// Of nothing.
    pub fn new(profile: &str) -> Self {
        Self { profile: profile.to_owned(), hash: show(0), ..Self::default() }
    }

    /// Adds a run.
    pub fn add(&mut self, ran: &Ran) {
        self.seeds += 1;
        self.failed += u64::from(ran.failure.is_some());
        for mark in &ran.marks {
            *self.marks.entry(mark.clone()).or_default() += 1;
        }
        let Some(report) = &ran.report else { return };
        self.events += report.events;
        self.virtual_ns += u128::from(report.virtual_time);
        self.connections += u64::from(report.connections);
        self.faults += report.faults as u64;
        for (name, count) in &report.operations {
            *self.operations.entry((*name).to_owned()).or_default() += count;
        }
        let mut pair = [0; 16];
        pair[..8].copy_from_slice(&ran.seed.to_le_bytes());
        pair[8..].copy_from_slice(&report.trace_hash.to_le_bytes());
        self.hash = show(self.sum().wrapping_add(hash_bytes(0, &pair)));
    }

    /// Adds another sum.
    ///
    /// # Errors
    /// They were drawn from different profiles.
    pub fn merge(&mut self, other: &Self) -> Result<(), String> {
        if self.profile != other.profile {
            let (one, two) = (&self.profile, &other.profile);
            return Err(format!("shards of different profiles cannot be joined: {one} and {two}"));
        }
        self.seeds += other.seeds;
        self.failed += other.failed;
        self.events += other.events;
        self.virtual_ns += other.virtual_ns;
        self.connections += other.connections;
        self.faults += other.faults;
        self.hash = show(self.sum().wrapping_add(other.sum()));
        for (into, from) in [(&mut self.operations, &other.operations), (&mut self.marks, &other.marks)] {
            for (name, count) in from {
                *into.entry(name.clone()).or_default() += count;
            }
        }
        Ok(())
    }

    fn sum(&self) -> u64 {
        u64::from_str_radix(&self.hash, 16).unwrap_or(0)
    }

    /// What no run has touched, operations that were never carried out included.
    pub fn never_hit(&self) -> BTreeSet<String> {
        let mut never: BTreeSet<String> =
            all_marks().into_iter().filter(|mark| !self.marks.contains_key(mark)).collect();
        let operations = operation_names().filter(|name| !self.operations.contains_key(*name));
        never.extend(operations.map(|name| format!("operation {name}")));
        never
    }

    /// The sum for people. `pairs` shows every pair of probes that was never seen.
    pub fn lines(&self, pairs: bool) -> Vec<String> {
        let operations: Vec<String> =
            self.operations.iter().map(|(name, count)| format!("{name} {count}")).collect();
        let mut lines = vec![
            format!(
                "{} seeds ({}), {} failed; {} events, {} connections, {} faults, {} virtual seconds, traces {}",
                self.seeds,
                self.profile,
                self.failed,
                self.events,
                self.connections,
                self.faults,
                self.virtual_ns / 1_000_000_000,
                self.hash
            ),
            format!("did {}", operations.join(", ")),
        ];
        let never = self.never_hit();
        let of_pairs = never.iter().filter(|mark| mark.starts_with("pair ")).count();
        let hit = self.marks.len();
        lines.push(format!(
            "{hit} marks hit; never hit: {} and {of_pairs} of 256 ordered pairs of probes",
            never.len() - of_pairs
        ));
        let shown = never.iter().filter(|mark| pairs || !mark.starts_with("pair "));
        lines.extend(shown.map(|mark| format!("  never {mark}")));
        lines
    }
}

fn show(sum: u64) -> String {
    format!("{sum:016x}")
}
