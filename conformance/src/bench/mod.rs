//! How fast is a target? A load client that is not the bottleneck itself.
//!
//! Each connection is a session of its own on a thread of its own. Commands and data of one round go out in one system
//! call, and buffers are used again. It reuses the core's framing on purpose: this measures, it does not judge
//! conformance.

pub mod initiator;
mod lane;
mod login;
mod pattern;
pub mod probes;
mod report;
pub mod sim;
mod wire;

pub use report::Report;

use lane::Lane;
use std::net::SocketAddr;
use std::sync::Barrier;
use std::time::{Duration, Instant};

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Reads only.
    Read,
    /// Writes only.
    Write,
    /// One of each in turn.
    Mixed,
}

/// A CHAP name and its secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Chap {
    /// CHAP_N.
    pub name: String,
    /// The secret.
    pub secret: String,
}

impl std::fmt::Debug for Chap {
    /// Shows the name, never the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chap").field("name", &self.name).finish_non_exhaustive()
    }
}

/// One measurement.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where the target is.
    pub address: SocketAddr,
    /// Its iSCSI name.
    pub target: String,
    /// Our iSCSI name; connections differ in their ISID.
    pub initiator: String,
    /// Logical unit number.
    pub lun: u16,
    /// Reads or writes.
    pub op: Op,
    /// Bytes of one command.
    pub block_bytes: u32,
    /// Commands outstanding on each connection.
    pub depth: u16,
    /// How long.
    pub time: Duration,
    /// Connections, each with a session.
    pub connections: u16,
    /// Ask for header and data digests.
    pub digests: target_core::wire::Digests,
    /// Credentials, where the target asks for some.
    pub chap: Option<Chap>,
    /// Compare what is read with what was written. Writes the region first if the operation is to read.
    pub verify: bool,
}

/// Runs the plan.
///
/// # Errors
/// One sentence for people: the target cannot be reached, refuses, or answers what was not asked.
pub fn run(plan: &Plan) -> Result<Report, String> {
    let mut lanes = Vec::new();
    for n in 0..plan.connections.max(1) {
        let mut lane = Lane::connect(plan, n).map_err(|error| format!("connection {n}: {error}"))?;
        if plan.verify && plan.op == Op::Read {
            lane.prefill().map_err(|error| format!("connection {n}: {error}"))?;
        }
        lanes.push(lane);
    }
    let start = Barrier::new(lanes.len());
    let results: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = lanes
            .into_iter()
            .map(|lane| {
                let start = &start;
                scope.spawn(move || {
                    start.wait();
                    let began = Instant::now();
                    lane.run(began + plan.time).map(|tally| (tally, began.elapsed()))
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join()).collect()
    });
    let mut report = Report::new(plan);
    for (n, result) in results.into_iter().enumerate() {
        let (tally, time) = result
            .map_err(|_| format!("connection {n} panicked"))?
            .map_err(|error| format!("connection {n}: {error}"))?;
        report.add(&tally, time)?;
    }
    Ok(report)
}
