//! The world around one target: how is it made, moved and looked at?
//!
//! A client (a scenario's runner, a workload) opens connections and sends bytes, then steps the world and takes what its
//! sockets see:
//!
//! ```text
//!   let conn = world.connect(portal, initiator);
//!   world.send(conn, bytes, op);
//!   while let Some(seen) = world.next_seen(limit) { ... }
//! ```
//!
//! Everything a client does takes effect at the present virtual time; time passes only in [`World::step`] and what calls it.
//! Every step handles one event, drains the target, and runs the checks.

mod client;
mod conn;
mod driver;
mod faults;
mod freeze;
mod lifecycle;
mod marks;
mod probes;
mod receive;
mod recording;
mod seen;
mod step;
pub mod tap;
#[cfg(test)]
mod tests;

pub use marks::{all_marks, outcome_name};
pub use probes::{ProbeRecord, Recorder};
pub use recording::{DiskOp, Happened, Moment};
pub use seen::{Seen, WireRecord};

use crate::clock::{Nanos, TargetClock};
use crate::disk::{Disk, DiskConfig};
use crate::fault::plan::{Plan, Planner};
use crate::fault::{FaultId, Recorded};
use crate::net::{Dir, NetConfig};
use crate::oracle::{Oracles, ProbeDefinitions, Violation};
use crate::queue::Queue;
use crate::rng::{Domain, Keyed, Site};
use crate::trace::{Tag, Trace};
use conn::Conn;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use target_core::config::{Config, ConfigError};
use target_core::io::IoId;
use target_core::target::{Target, Usage};

/// What a world is made of.
#[derive(Clone, Debug, Default)]
pub struct WorldConfig {
    /// Decides everything that is left to chance.
    pub seed: u64,
    /// The target.
    pub target: Config,
    /// Its disks, by device number; where there is none, one that fits the logical unit is made.
    pub disks: Vec<DiskConfig>,
    /// The network of every connection.
    pub net: NetConfig,
    /// How fast the target's clock runs.
    pub clock: TargetClock,
    /// Faults by chance, or those of an earlier run.
    pub plan: Plan,
    /// Which PDU fires which probe with what; `None` leaves probe events unchecked.
    pub definitions: Option<Arc<ProbeDefinitions>>,
    /// What is remembered beside the trace hash.
    pub keep: Keep,
}

/// What is remembered. Nothing of it changes what happens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// Every PDU at the target's socket: [`World::wire`].
    pub wire: bool,
    /// Every probe event: [`World::probes`].
    pub probes: bool,
    /// Every event of the trace, to find where two runs part: [`World::trace`].
    pub trace: bool,
    /// Bytes, probes, storage, faults and findings, moment by moment: [`World::moments`].
    pub moments: bool,
    /// Do not run the checks.
    pub unchecked: bool,
}

/// The core panicked: a bug there, whatever was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorePanic {
    /// The seed of the run.
    pub seed: u64,
    /// When.
    pub at: Nanos,
    /// What the panic said.
    pub message: String,
}

/// Things to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Happening {
    /// The connection request reaches the target.
    Open(u32),
    /// The answer to it reaches the initiator.
    Connected(u32),
    Refused(u32),
    /// Something arrives on a lane.
    Arrive(u32, Dir),
    /// A storage operation of this generation of the target is due.
    Io(u32, u32, IoId),
    Wake(u64),
    Fault(FaultId),
    /// The target's process goes on.
    Thaw,
}

/// A target, its disks, and the connections to it.
pub struct World {
    /// `None` while it is down.
    target: Option<Target<Recorder>>,
    inner: Inner,
    /// When the target wants to be called at the latest.
    deadline: Option<Nanos>,
    /// Time-outs handed in since anything else happened, to notice one that changes nothing.
    idle_timeouts: u32,
    panic: Option<CorePanic>,
}

/// All but the target itself, so that both can be borrowed at once.
struct Inner {
    config: WorldConfig,
    queue: Queue<Happening>,
    conns: Vec<Conn>,
    disks: Vec<Disk>,
    /// The disk of each operation under way.
    io: BTreeMap<IoId, u32>,
    planner: Planner,
    faults: Vec<faults::Scripted>,
    hits: Vec<FaultId>,
    seen: VecDeque<Seen>,
    /// Connections the target has closed, to be told so.
    closed: Vec<u32>,
    /// Connections whose socket may have room again.
    want_transmit: Vec<u32>,
    /// Connections the target reads again.
    resumed: Vec<u32>,
    /// Which life of the target this is.
    generation: u32,
    wakes: usize,
    oracles: Option<Box<Oracles>>,
    violations: Vec<Violation>,
    fired: Vec<ProbeRecord>,
    probes: Vec<ProbeRecord>,
    wire: Vec<WireRecord>,
    trace: Trace,
    /// PDUs that passed at the target's socket.
    pdus: u64,
    recording: recording::Recording,
    marks: marks::Marks,
    /// Reads under way that will return wrong bits, and of which blocks.
    rotten: BTreeMap<IoId, (u32, std::ops::Range<u64>)>,
    /// From this event of the trace on all that is left to chance is that of another seed.
    fork: Option<(u64, u64)>,
    /// Until then the target's process stands still.
    frozen_until: Nanos,
    /// Nothing happens after this event of the trace.
    until: Option<u64>,
    /// Nothing happens after the first finding.
    until_failure: bool,
}

impl World {
    /// A world at time zero, its target up and its disks empty.
    ///
    /// # Errors
    /// The target's configuration is not one.
    pub fn new(config: WorldConfig) -> Result<Self, ConfigError> {
        let rng = Keyed::new(config.seed);
        let target = start_target(&config.target, rng, 0)?;
        let oracles = (!config.keep.unchecked)
            .then(|| Box::new(Oracles::new(&config.target, config.definitions.clone())));
        let inner = Inner {
            queue: Queue::default(),
            conns: Vec::new(),
            disks: make_disks(&config),
            io: BTreeMap::new(),
            planner: Planner::new(rng, config.plan.clone()),
            faults: Vec::new(),
            hits: Vec::new(),
            seen: VecDeque::new(),
            closed: Vec::new(),
            want_transmit: Vec::new(),
            resumed: Vec::new(),
            generation: 0,
            wakes: 0,
            oracles,
            violations: Vec::new(),
            fired: Vec::new(),
            probes: Vec::new(),
            wire: Vec::new(),
            trace: Trace::new(config.keep.trace),
            pdus: 0,
            recording: recording::Recording::default(),
            marks: marks::Marks::default(),
            rotten: BTreeMap::new(),
            fork: None,
            frozen_until: 0,
            until: None,
            until_failure: false,
            config,
        };
        Ok(Self { target: Some(target), inner, deadline: None, idle_timeouts: 0, panic: None })
    }

    /// From the event of the trace with this number on, all that is left to chance is that of another seed.
    pub const fn fork_at(&mut self, event: u64, seed: u64) {
        self.inner.fork = Some((event, seed));
    }

    /// The seed that has taken over, if one has since the last call.
    pub fn take_fork(&mut self) -> Option<u64> {
        let (event, seed) = self.inner.fork?;
        if self.inner.trace.count() < event {
            return None;
        }
        self.inner.fork = None;
        self.inner.planner.reseed(Keyed::new(seed));
        Some(seed)
    }

    /// Nothing happens after the event of the trace with this number.
    pub const fn stop_at(&mut self, event: u64) {
        self.inner.until = Some(event);
    }

    /// Nothing happens after the first finding.
    pub const fn stop_at_failure(&mut self) {
        self.inner.until_failure = true;
    }

    /// True if it was stopped, and nothing happens any more.
    pub fn is_stopped(&self) -> bool {
        if self.inner.until_failure && !self.inner.violations.is_empty() {
            return true;
        }
        self.inner.until.is_some_and(|event| self.inner.trace.count() >= event)
    }

    /// The virtual time.
    pub const fn now(&self) -> Nanos {
        self.inner.queue.now()
    }

    /// The seed.
    pub const fn seed(&self) -> u64 {
        self.inner.config.seed
    }

    /// The run's randomness, for clients that draw in the domain [`Domain::Workload`].
    pub const fn rng(&self) -> Keyed {
        self.inner.planner.rng()
    }

    /// What the checks found so far.
    pub fn violations(&self) -> &[Violation] {
        &self.inner.violations
    }

    /// The core's panic, if it did. Nothing happens after it.
    pub const fn core_panic(&self) -> Option<&CorePanic> {
        self.panic.as_ref()
    }

    /// Every probe event, if they are kept.
    pub fn probes(&self) -> &[ProbeRecord] {
        &self.inner.probes
    }

    /// Every PDU at the target's socket, if they are kept.
    pub fn wire(&self) -> &[WireRecord] {
        &self.inner.wire
    }

    /// What the target holds, and what it was configured with; `None` while it is down.
    pub fn usage(&self) -> Option<(Usage, &Config)> {
        self.target.as_ref().map(|target| (target.usage(), target.config()))
    }

    /// Hash of everything that happened so far.
    pub const fn trace_hash(&self) -> u64 {
        self.inner.trace.hash()
    }

    /// The trace: how many events, and the events themselves if they are kept.
    pub const fn trace(&self) -> &Trace {
        &self.inner.trace
    }

    /// PDUs that passed at the target's socket, both ways.
    pub const fn pdus(&self) -> u64 {
        self.inner.pdus
    }

    /// Every fault that happened by chance. Given back as [`Plan::explicit`] with the same seed it makes the same run.
    pub fn record(&self) -> &[Recorded] {
        self.inner.planner.record()
    }

    /// What the wire has told about a connection: names, phase, negotiated parameters.
    pub fn track(&self, conn: u32) -> Option<&tap::Track> {
        self.inner.conns.get(conn as usize).map(|conn| &conn.tap.track)
    }

    /// How many connections were ever opened; their ordinals are below.
    pub fn connections(&self) -> u32 {
        u32::try_from(self.inner.conns.len()).unwrap_or(u32::MAX)
    }
}

impl Inner {
    const fn now(&self) -> Nanos {
        self.queue.now()
    }

    fn note(&mut self, tag: Tag, subject: u64, content: &[u8]) {
        self.trace.add(self.queue.now(), tag, subject, content);
    }
}

/// A target whose challenges depend on the seed and on which life of the target it is.
fn start_target(config: &Config, rng: Keyed, generation: u32) -> Result<Target<Recorder>, ConfigError> {
    let mut seed = [0; 32];
    rng.at(Domain::Lifecycle, Site { pdu: generation, ..Site::default() }).fill(&mut seed);
    Target::new(config.clone(), seed, Recorder::default())
}

fn make_disks(config: &WorldConfig) -> Vec<Disk> {
    let luns = || config.target.targets.iter().flat_map(|target| &target.luns);
    let count = luns().map(|lun| lun.device.0 + 1).max().unwrap_or(0).max(config.disks.len() as u32);
    let make = |number: u32| {
        let fitting = luns().find(|lun| lun.device.0 == number).map(|lun| DiskConfig {
            block_size: lun.block_size,
            blocks: lun.blocks,
            ..DiskConfig::default()
        });
        let config = config.disks.get(number as usize).cloned().or(fitting).unwrap_or_default();
        Disk::new(config, number)
    };
    (0..count).map(make).collect()
}
