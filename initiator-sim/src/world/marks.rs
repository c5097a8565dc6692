//! What has this run touched? Probes, pairs of them, violations, transitions and kinds of fault, as bits and names.
//!
//! Kept in every run: a bit or two for each event. Sweeps join the marks of their runs and say what was never hit.

use super::World;
use crate::fault::{CrashVerb, DiskVerb, Outcome, Verb};
use std::collections::BTreeSet;
use target_core::api::Event;
use target_core::conn::states::CONNECTION;
use target_core::fault::Fault;
use target_core::probe::Probe;
use target_core::session::states::SESSION;
use target_core::target::Cells;

/// What a run has touched.
#[derive(Clone, Debug, Default)]
pub(super) struct Marks {
    probes: u16,
    /// By the earlier probe, a bit for the later one, on one connection.
    pairs: [u16; 16],
    faults: Vec<Fault>,
    /// Faults that are acts, not draws at a site.
    acts: Vec<&'static str>,
    /// Of targets that are gone.
    cells: Cells,
    /// The last probe of all.
    last: Option<Probe>,
    /// The last probe before the first finding.
    before_failure: Option<Option<Probe>>,
}

impl Marks {
    /// A probe fired; `before` is the one before it on its connection.
    pub(super) fn probe(&mut self, before: Option<Probe>, probe: Probe) {
        self.probes |= 1 << probe as u16;
        self.last = Some(probe);
        if let Some(row) = before.and_then(|before| self.pairs.get_mut(before as usize)) {
            *row |= 1 << probe as u16;
        }
    }

    /// The target told something.
    pub(super) fn event(&mut self, event: &Event) {
        if let Event::Violation { fault, .. } = event
            && !self.faults.contains(fault)
        {
            self.faults.push(*fault);
        }
    }

    /// The world did something to the target, its disks or its connections.
    pub(super) fn act(&mut self, name: &'static str) {
        if !self.acts.contains(&name) {
            self.acts.push(name);
        }
    }

    /// A target is gone.
    pub(super) fn gone(&mut self, cells: Cells) {
        self.cells.add(cells);
    }

    /// Something was found wrong.
    pub(super) fn failed(&mut self) {
        self.before_failure.get_or_insert(self.last);
    }
}

impl World {
    /// The probe that fired last before the first finding, if there is a finding and a probe.
    pub fn probe_before_failure(&self) -> Option<Probe> {
        let last = self.inner.marks.last.filter(|_| self.panic.is_some());
        self.inner.marks.before_failure.flatten().or(last)
    }

    /// Everything that this run has touched, by name, sorted.
    pub fn marks(&self) -> BTreeSet<String> {
        let marks = &self.inner.marks;
        let mut cells = marks.cells;
        if let Some(target) = &self.target {
            cells.add(target.cells());
        }
        let mut out = BTreeSet::new();
        for probe in Probe::ALL {
            if marks.probes & 1 << probe as u16 != 0 {
                out.insert(probe_mark(probe));
            }
            let row = marks.pairs.get(probe as usize).copied().unwrap_or(0);
            let later = Probe::ALL.into_iter().filter(|later| row & 1 << *later as u16 != 0);
            out.extend(later.map(|later| pair_mark(probe, later)));
        }
        out.extend(marks.faults.iter().map(|fault| format!("violation {fault:?}")));
        let connection = CONNECTION.cells.iter().flatten().flatten();
        out.extend(
            connection.filter(|cell| cells.has_connection(**cell)).map(|cell| format!("connection {cell:?}")),
        );
        let session = SESSION.cells.iter().flatten().flatten();
        out.extend(session.filter(|cell| cells.has_session(**cell)).map(|cell| format!("session {cell:?}")));
        out.extend(marks.acts.iter().map(|name| format!("fault {name}")));
        out.extend(self.record().iter().map(|record| format!("fault {}", outcome_name(&record.outcome))));
        out
    }
}

/// Every mark there is, to tell which were never made. Violations of which there are kinds within kinds stand once.
pub fn all_marks() -> BTreeSet<String> {
    let mut out: BTreeSet<String> = Probe::ALL.into_iter().map(probe_mark).collect();
    for first in Probe::ALL {
        out.extend(Probe::ALL.into_iter().map(|later| pair_mark(first, later)));
    }
    out.extend(Fault::every().iter().map(|fault| format!("violation {fault:?}")));
    out.extend(CONNECTION.cells.iter().flatten().flatten().map(|cell| format!("connection {cell:?}")));
    out.extend(SESSION.cells.iter().flatten().flatten().map(|cell| format!("session {cell:?}")));
    out.extend(ACTS.iter().map(|name| format!("fault {name}")));
    out.extend(OUTCOMES.iter().map(|name| format!("fault {name}")));
    out
}

fn probe_mark(probe: Probe) -> String {
    format!("probe {}", probe.name())
}

fn pair_mark(first: Probe, later: Probe) -> String {
    format!("pair {} > {}", first.name(), later.name())
}

/// Faults that last, or that come of how the world is made.
const ACTS: [&str; 11] = [
    "clog",
    "partition",
    "full_buffer",
    "stall_disk",
    "bad_blocks",
    "cancelled",
    "late_after_cancel",
    "crash",
    "restart",
    "freeze",
    "drift",
];

/// Kinds of fault that can happen by chance.
const OUTCOMES: [&str; 17] = [
    "split",
    "coalesce",
    "delay",
    "stall",
    "reset",
    "half_close",
    "close",
    "corrupt_bit",
    "drop",
    "dup",
    "swap",
    "corrupt_field",
    "disk_slow",
    "disk_fail",
    "disk_rot",
    "crash_lost",
    "crash_torn",
];

/// What kind of fault an outcome is.
pub const fn outcome_name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Net(Verb::Split(_)) => "split",
        Outcome::Net(Verb::Coalesce(_)) => "coalesce",
        Outcome::Net(Verb::Delay(_)) => "delay",
        Outcome::Net(Verb::Hold) => "hold",
        Outcome::Net(Verb::Stall(_)) => "stall",
        Outcome::Net(Verb::Reset) => "reset",
        Outcome::Net(Verb::HalfClose) => "half_close",
        Outcome::Net(Verb::Close) => "close",
        Outcome::Net(Verb::CorruptBit { .. }) => "corrupt_bit",
        Outcome::Net(Verb::Drop) => "drop",
        Outcome::Net(Verb::Dup) => "dup",
        Outcome::Net(Verb::Swap) => "swap",
        Outcome::Net(Verb::CorruptField { .. }) => "corrupt_field",
        Outcome::Disk(DiskVerb::Slow(_)) => "disk_slow",
        Outcome::Disk(DiskVerb::Fail) => "disk_fail",
        Outcome::Disk(DiskVerb::Rot { .. }) => "disk_rot",
        Outcome::Crash(CrashVerb::Lost) => "crash_lost",
        Outcome::Crash(CrashVerb::Torn(_)) => "crash_torn",
    }
}
