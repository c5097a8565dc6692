//! What came of a drawn run?

use crate::clock::{Nanos, show};
use crate::oracle::Violation;
use crate::world::CorePanic;
use std::collections::BTreeMap;
use std::fmt;

/// The result of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// What was drawn, one option a line.
    pub options: Vec<String>,
    /// Operations carried out, by kind.
    pub operations: BTreeMap<&'static str, u64>,
    /// Operations that could not be carried out.
    pub skipped: u64,
    /// Connections opened.
    pub connections: u32,
    /// Faults that happened by chance.
    pub faults: usize,
    /// Events of the trace.
    pub events: u64,
    /// Virtual time at the end.
    pub virtual_time: Nanos,
    /// Hash of everything that happened.
    pub trace_hash: u64,
    /// What the checks found, by time.
    pub violations: Vec<Violation>,
    /// The core's panic, if it did.
    pub panic: Option<CorePanic>,
}

impl Report {
    /// True if nothing was wrong.
    pub fn passed(&self) -> bool {
        self.violations.is_empty() && self.panic.is_none()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}", self.seed)?;
        for option in &self.options {
            writeln!(f, "  {option}")?;
        }
        let operations: Vec<String> =
            self.operations.iter().map(|(name, count)| format!("{name} {count}")).collect();
        writeln!(f, "  did {}; skipped {}", operations.join(", "), self.skipped)?;
        let (connections, faults, events) = (self.connections, self.faults, self.events);
        let time = show(self.virtual_time);
        writeln!(
            f,
            "  {connections} connections, {faults} faults, {events} events, {time} s, trace {:016x}",
            self.trace_hash
        )?;
        for violation in &self.violations {
            writeln!(f, "  VIOLATION {violation}")?;
        }
        if let Some(panic) = &self.panic {
            writeln!(f, "  PANIC at {} (seed {}): {}", show(panic.at), panic.seed, panic.message)?;
        }
        Ok(())
    }
}
