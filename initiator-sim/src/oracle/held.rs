//! Does the target hold no more than its limits say? What a flood, a peer that does not read or one that never goes on can
//! make it keep.

use super::Sink;
use crate::clock::Nanos;
use target_core::config::Config;
use target_core::target::Usage;

/// Frames that were read already when a connection was paused, and what each of them may add.
const SLACK: usize = 64;

/// How long the target surely waits for write data, in the world's time: its clock may be fast by a twentieth.
pub(super) fn patience(config: &Config) -> Nanos {
    let own = u64::try_from(config.timers.data_out.as_nanos()).unwrap_or(u64::MAX);
    own - own / 16
}

/// The most that a target of one configuration may hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    half_open: usize,
    sessions: usize,
    tasks: usize,
    held: u64,
    unsent: usize,
    orphans: usize,
}

impl Bounds {
    pub(super) fn of(config: &Config) -> Self {
        let limits = &config.limits;
        let (commands, immediate) = (limits.commands as usize, limits.immediate as usize);
        let r2ts = usize::from(config.offer.max_outstanding_r2t);
        let connections = usize::from(config.offer.max_connections);
        Self {
            half_open: limits.half_open as usize,
            sessions: limits.sessions as usize,
            tasks: 2 * commands + (1 + immediate) * connections + SLACK,
            // The last command that was let in may bring as much as one may transfer.
            held: limits.held_bytes + u64::from(limits.transfer_bytes),
            unsent: commands * (1 + r2ts) + 2 * immediate + 16 + SLACK,
            orphans: 8 * commands + SLACK,
        }
    }

    /// After a change of the configuration what was taken before may still be there.
    pub(super) fn widen(&mut self, other: Self) {
        self.half_open = self.half_open.max(other.half_open);
        self.sessions = self.sessions.max(other.sessions);
        self.tasks = self.tasks.max(other.tasks);
        self.held = self.held.max(other.held);
        self.unsent = self.unsent.max(other.unsent);
        self.orphans = self.orphans.max(other.orphans);
    }

    pub(super) fn check(&self, usage: &Usage, sink: &mut Sink) {
        let all = [
            ("half-open connections", usage.half_open as u64, self.half_open as u64),
            ("connections to be refused", usage.refused as u64, self.half_open as u64),
            ("sessions", usage.sessions as u64, self.sessions as u64),
            ("commands of one session", usage.tasks_of_one_session as u64, self.tasks as u64),
            ("bytes of data", usage.held_bytes, self.held * usage.sessions as u64),
            ("bytes stored", usage.stored_bytes, usage.held_bytes),
            ("PDUs not sent", usage.unsent as u64, (self.unsent * usage.connections) as u64),
            ("operations given up", usage.orphans as u64, self.orphans as u64),
        ];
        for (what, held, most) in all.into_iter().filter(|(_, held, most)| held > most) {
            sink.add("held", "Limits", format!("{held} {what}, at most {most}"));
        }
    }
}
