//! Can these events be true? Each by the definitions file, and against what the connection has shown before.
//!
//! No bytes are needed, so live events, recordings and simulated runs are judged alike. What is judged:
//!
//! | file | what must hold |
//! |---|---|
//! | `rules` | members that the definitions fix; bits of ii_flags that the PDU has no field for; args\[2\] |
//! | `conn` | strings that stay, StatSN without a gap, ExpStatSN, CmdSN and ExpCmdSN in order |
//! | `phases` | stages of a login, pings, text exchanges, task management, logouts: tags and what they answer |
//! | `task` | of a SCSI command: its LUN in every PDU, DataSN and R2TSN, tags of R2Ts, lengths against its CDB |
//!
//! An event with an impossible member is a bug of the target's probes if the target sent the PDU, and of the probes or the
//! initiator if it received it: an initiator that breaks these rules on purpose shows here too. A Reject has no probe but
//! takes a StatSN; a gap is excused by as many requests that were not answered. Retransmissions (ErrorRecoveryLevel 1 and
//! above) must equal what they repeat. A connection whose beginning was not seen, or of which events were lost, is judged
//! by what came after.

mod conn;
mod phases;
mod rules;
mod task;

use super::{ProbeRecord, Record, RecordKind};
use conn::Conn;
use rules::Rules;
use std::collections::BTreeMap;
use std::fmt;
use target_core::probe::Probe;

/// More connections than this are not remembered: the oldest go first.
const CONNS_MAX: usize = 4096;

/// Something that cannot be true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The event.
    pub probe: Probe,
    /// The member that is wrong.
    pub member: &'static str,
    /// What it is and what it should be.
    pub text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.probe.name(), self.member, self.text)
    }
}

/// Where findings about one event go.
struct Findings(Probe, Vec<Finding>);

impl Findings {
    fn add(&mut self, member: &'static str, text: impl Into<String>) {
        self.1.push(Finding { probe: self.0, member, text: text.into() });
    }

    /// Adds it unless the condition holds.
    fn want(&mut self, holds: bool, member: &'static str, text: impl FnOnce() -> String) {
        if !holds {
            self.add(member, text());
        }
    }
}

/// Judges one trace, event by event.
pub struct Judge {
    rules: Rules,
    conns: BTreeMap<u32, Conn>,
    judged: u64,
}

impl Judge {
    /// By the definitions file that is built in.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new() -> Result<Self, String> {
        let definitions = crate::runner::definitions()?;
        Ok(Self { rules: Rules::new(&definitions)?, conns: BTreeMap::new(), judged: 0 })
    }

    /// Events judged so far.
    pub const fn judged(&self) -> u64 {
        self.judged
    }

    /// Takes the next record of the trace.
    pub fn record(&mut self, record: &Record) -> Vec<Finding> {
        match &record.what {
            RecordKind::Probe(event) => return self.event(record.conn, event),
            RecordKind::Closed { .. } => drop(self.conns.remove(&record.conn)),
            RecordKind::Lost(_) => self.conns.values_mut().for_each(Conn::forget),
            RecordKind::Opened | RecordKind::Note(_) | RecordKind::Pdu { .. } => {}
        }
        Vec::new()
    }

    fn event(&mut self, id: u32, event: &ProbeRecord) -> Vec<Finding> {
        self.judged += 1;
        let mut found = Findings(event.probe, Vec::new());
        self.rules.check(event, &mut found);
        if !self.conns.contains_key(&id) && self.conns.len() >= CONNS_MAX {
            self.conns.pop_first();
        }
        let twins = self.twins(id, event);
        if event.probe == Probe::TaskCommand {
            self.task_management(id, &twins, event);
        }
        let conn = self.conns.entry(id).or_insert_with(|| Conn::new(event));
        conn.shared = !twins.is_empty();
        conn.take(event, &self.rules, &mut found);
        found.1
    }

    /// Other connections that may be of the same session (RFC 7143 4.2.3: several connections), for all that probes tell.
    fn twins(&self, id: u32, event: &ProbeRecord) -> Vec<u32> {
        let same = |(other, conn): &(&u32, &Conn)| **other != id && conn.may_share_a_session_with(event);
        self.conns.iter().filter(same).map(|(other, _)| *other).collect()
    }

    /// What a task management function does to the tasks of others: most may be gone, a reassigned one moves.
    fn task_management(&mut self, id: u32, twins: &[u32], event: &ProbeRecord) {
        const REASSIGN: u32 = 8;
        if event.ii_flags & 0x7f == REASSIGN {
            let moved = twins.iter().find_map(|twin| self.conns.get_mut(twin)?.tasks.remove(&event.ii_ttt));
            if let (Some(task), Some(conn)) = (moved, self.conns.get_mut(&id)) {
                conn.tasks.insert(event.ii_ttt, task);
            }
            return;
        }
        for conn in self.conns.values_mut().filter(|conn| conn.target == event.ii_target) {
            conn.aborts = true;
        }
    }
}

#[cfg(test)]
mod tests;
