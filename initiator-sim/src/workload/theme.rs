//! What may go wrong in a drawn run? A theme decides which operations and which kinds of fault can be drawn at all.

use super::op::What;
use crate::clock::{MILLI, Nanos, SECOND};
use crate::fault::plan::Profile;
use crate::rng::{Domain, Keyed, Site};
use serde::{Deserialize, Serialize};

/// What may go wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Theme {
    /// Anything: a random subset of all kinds of operation and fault, with random weights.
    #[default]
    Swarm,
    /// Nothing: every answer can be foretold.
    Lite,
    /// What TCP and hosts do on any day: delays, cuts, stalls, ended and reset connections, partitions, a process that stands still.
    Network,
    /// Slow, failing, rotting and stalled disks, bad ranges of blocks, crashes with lost and torn writes.
    Disk,
    /// A middlebox that drops, repeats, swaps and damages PDUs, and the recovery levels that are there for it.
    Recovery,
    /// Bytes that no initiator should send.
    Hostile,
}

impl Theme {
    /// All, in the order in which `all` takes turns.
    pub const ALL: [Self; 6] =
        [Self::Swarm, Self::Lite, Self::Network, Self::Disk, Self::Recovery, Self::Hostile];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Swarm => "swarm",
            Self::Lite => "lite",
            Self::Network => "network",
            Self::Disk => "disk",
            Self::Recovery => "recovery",
            Self::Hostile => "hostile",
        }
    }

    /// The theme of a seed where all take part: drawn, so that neighbouring seeds differ.
    pub fn of_seed(seed: u64) -> Self {
        let site = Site { kind: 0x200, ..Site::default() };
        *Keyed::new(seed).at(Domain::Workload, site).pick(&Self::ALL).unwrap_or(&Self::Swarm)
    }

    /// The faults by chance, and whether an initiator can hold the target to what it sees: with a middlebox that changes PDUs, or
    /// an initiator that sends what it should not, it cannot.
    pub(super) fn faults(self, rng: Keyed) -> (Profile, bool) {
        let all = match self {
            Self::Lite => Profile::default(),
            Self::Network => Profile { delay_max: 2 * SECOND, ..network() },
            Self::Disk => disk(),
            Self::Recovery => Profile { delay: 20_000, delay_max: 50 * MILLI, ..middlebox() },
            Self::Hostile => Profile { split: 30_000, delay_max: 50 * MILLI, ..Profile::default() },
            Self::Swarm => Profile { delay_max: 2 * SECOND, ..merge(&[network(), disk(), middlebox()]) },
        };
        let mut draw = rng.at(Domain::Workload, Site { kind: 0x201, ..Site::default() });
        // Each kind is in or out, and its weight is between a quarter and four times the usual.
        let mut weigh = |rate: u32| {
            let (within, weight) = (draw.chance(600_000), draw.range(0, 4));
            if within { rate.saturating_mul(1 << weight) / 4 } else { 0 }
        };
        let drawn = Profile {
            split: weigh(all.split),
            coalesce: weigh(all.coalesce),
            delay: weigh(all.delay),
            stall: weigh(all.stall),
            reset: weigh(all.reset),
            half_close: weigh(all.half_close),
            close: weigh(all.close),
            corrupt_bit: weigh(all.corrupt_bit),
            drop: weigh(all.drop),
            dup: weigh(all.dup),
            swap: weigh(all.swap),
            corrupt_field: 0,
            delay_max: all.delay_max,
            disk_slow: weigh(all.disk_slow),
            disk_fail: weigh(all.disk_fail),
            disk_rot: weigh(all.disk_rot),
            crash_lost: weigh(all.crash_lost),
            crash_torn: weigh(all.crash_torn),
        };
        let drawn = Profile { corrupt_field: weigh(all.corrupt_field), ..drawn };
        let changed = drawn.corrupt_bit + drawn.drop + drawn.dup + drawn.swap + drawn.corrupt_field;
        let honest = changed == 0;
        (drawn, honest && !self.is_hostile())
    }

    /// Operations may send what is no PDU.
    pub(super) const fn is_hostile(self) -> bool {
        matches!(self, Self::Hostile | Self::Swarm)
    }

    /// The recovery levels and several connections are on offer.
    pub(super) const fn recovers(self) -> bool {
        matches!(self, Self::Recovery | Self::Swarm | Self::Lite)
    }

    /// How often each kind of operation is drawn, in parts of their sum.
    pub(super) fn weight(self, kind: Kind) -> u64 {
        let (network, disk) = match self {
            Self::Lite => (0, 0),
            Self::Network => (4, 1),
            Self::Disk => (0, 4),
            Self::Recovery => (1, 1),
            Self::Hostile => (1, 1),
            Self::Swarm => (2, 2),
        };
        match kind {
            Kind::Read => 24,
            Kind::Write => 24,
            Kind::Rewrite => 6,
            Kind::Verify => 4,
            Kind::Sync => 4,
            Kind::Cdb => 10,
            Kind::Reserve => 4,
            Kind::Tmf => 6,
            Kind::Ping => 6,
            Kind::Text => 2,
            Kind::Logout => 2,
            Kind::Login => 3,
            Kind::HangUp => 1,
            Kind::Join => {
                if self.recovers() {
                    4
                } else {
                    1
                }
            }
            Kind::Leave => 1,
            Kind::Snack => {
                if self.recovers() {
                    3
                } else {
                    0
                }
            }
            Kind::Hostile => match self {
                Self::Hostile => 12,
                Self::Swarm => 3,
                _ => 0,
            },
            Kind::Clog => network,
            Kind::Partition => network,
            Kind::StallDisk => disk,
            Kind::Crash => disk / 2,
            Kind::BadBlocks => disk,
            Kind::Freeze => network / 2,
        }
    }
}

/// Kinds of operation, for weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each variant is the operation of its name")]
pub(super) enum Kind {
    Read,
    Write,
    Rewrite,
    Verify,
    Sync,
    Cdb,
    Reserve,
    Tmf,
    Ping,
    Text,
    Logout,
    Login,
    HangUp,
    Join,
    Leave,
    Snack,
    Hostile,
    Clog,
    Partition,
    StallDisk,
    Crash,
    BadBlocks,
    Freeze,
}

impl Kind {
    pub(super) const ALL: [Self; 23] = [
        Self::Read,
        Self::Write,
        Self::Rewrite,
        Self::Verify,
        Self::Sync,
        Self::Cdb,
        Self::Reserve,
        Self::Tmf,
        Self::Ping,
        Self::Text,
        Self::Logout,
        Self::Login,
        Self::HangUp,
        Self::Join,
        Self::Leave,
        Self::Snack,
        Self::Hostile,
        Self::Clog,
        Self::Partition,
        Self::StallDisk,
        Self::Crash,
        Self::BadBlocks,
        Self::Freeze,
    ];
}

/// Names of what operations do, to count which were never drawn.
pub fn operation_names() -> impl Iterator<Item = &'static str> {
    What::NAMES.into_iter()
}

fn network() -> Profile {
    Profile {
        split: 60_000,
        coalesce: 2_000,
        delay: 50_000,
        stall: 5_000,
        reset: 2_000,
        half_close: 500,
        close: 1_000,
        ..Profile::default()
    }
}

fn disk() -> Profile {
    Profile {
        delay_max: 3 * SECOND,
        disk_slow: 50_000,
        disk_fail: 10_000,
        disk_rot: 3_000,
        crash_lost: 300_000,
        crash_torn: 300_000,
        ..Profile::default()
    }
}

fn middlebox() -> Profile {
    Profile {
        corrupt_bit: 3_000,
        drop: 5_000,
        dup: 4_000,
        swap: 4_000,
        corrupt_field: 3_000,
        reset: 1_000,
        ..Profile::default()
    }
}

fn merge(parts: &[Profile]) -> Profile {
    let most = |pick: fn(&Profile) -> u32| parts.iter().map(pick).max().unwrap_or(0);
    Profile {
        split: most(|it| it.split),
        coalesce: most(|it| it.coalesce),
        delay: most(|it| it.delay),
        stall: most(|it| it.stall),
        reset: most(|it| it.reset),
        half_close: most(|it| it.half_close),
        close: most(|it| it.close),
        corrupt_bit: most(|it| it.corrupt_bit),
        drop: most(|it| it.drop),
        dup: most(|it| it.dup),
        swap: most(|it| it.swap),
        corrupt_field: most(|it| it.corrupt_field),
        delay_max: 0,
        disk_slow: most(|it| it.disk_slow),
        disk_fail: most(|it| it.disk_fail),
        disk_rot: most(|it| it.disk_rot),
        crash_lost: most(|it| it.crash_lost),
        crash_torn: most(|it| it.crash_torn),
    }
}

/// Longest time an operation of this theme stops something.
pub(super) const LONGEST: Nanos = 10 * SECOND;
