//! What came of a drawn run?

use crate::clock::{Nanos, show};
use crate::fault::Recorded;
use crate::oracle::Violation;
use crate::world::{CorePanic, World};
use serde::{Deserialize, Serialize};
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
    /// Ids of operations that were begun, and when.
    pub begun: Vec<(u64, Nanos)>,
    /// What stays the same when the same failure comes from another run; `None` if it passed.
    pub signature: Option<Signature>,
    /// Operations that could not be carried out.
    pub skipped: u64,
    /// Connections opened.
    pub connections: u32,
    /// Faults that happened by chance.
    pub faults: usize,
    /// They themselves.
    pub record: Vec<Recorded>,
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

/// What kind of failure it was: without times, ids and message texts, so that runs that differ can have the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// The check, or `panic`.
    pub class: String,
    /// The clause, or what is stable of the panic's message.
    pub site: String,
    /// The probe that fired last before it.
    #[serde(default)]
    pub probe: Option<String>,
}

impl Signature {
    /// Of the first finding, or of the panic where nothing was found before it.
    pub(super) fn of(violations: &[Violation], world: &World) -> Option<Self> {
        let probe = world.probe_before_failure().map(|probe| probe.name().to_owned());
        if let Some(first) = violations.first() {
            return Some(Self { class: first.rule.into(), site: first.clause.clone(), probe });
        }
        let panic = world.core_panic()?;
        let site = panic.message.chars().filter(|c| !c.is_ascii_digit()).take(80).collect();
        Some(Self { class: "panic".into(), site, probe })
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} after {}", self.class, self.site, self.probe.as_deref().unwrap_or("no probe"))
    }
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
        self.options.iter().chain(&self.results()).try_for_each(|line| writeln!(f, "  {line}"))
    }
}

impl Report {
    /// What came of it, a line each.
    pub fn results(&self) -> Vec<String> {
        let operations: Vec<String> =
            self.operations.iter().map(|(name, count)| format!("{name} {count}")).collect();
        let (connections, faults, events) = (self.connections, self.faults, self.events);
        let time = show(self.virtual_time);
        let mut lines = vec![
            format!("did {}; skipped {}", operations.join(", "), self.skipped),
            format!(
                "{connections} connections, {faults} faults, {events} events, {time} s, trace {:016x}",
                self.trace_hash
            ),
        ];
        lines.extend(self.violations.iter().map(|violation| format!("VIOLATION {violation}")));
        lines.extend(
            self.panic
                .iter()
                .map(|panic| format!("PANIC at {} (seed {}): {}", show(panic.at), panic.seed, panic.message)),
        );
        lines
    }
}
