//! How does a run become a capture, and a capture a scenario?
//!
//! ```text
//!  World::moments ──cutter──> PDUs ──┬── write: pcapng with three interfaces
//!                                    └── page (the other way to look at a run)
//!  a capture ──read──> segments ──streams──> bytes in order ──cutter──> import (a scenario)
//! ```
//!
//! One file has three interfaces, and every packet of them the run's virtual time:
//!
//! - `sim:wire`: the TCP streams as the readers got them, in IP packets with right checksums.
//! - `sim:pdu`: each PDU as it passed at the target's socket, one a packet; the probe it fired is the packet's comment.
//! - `sim:lost`: what the middlebox dropped. Never part of the streams: a dissector would hide the good PDU behind it.
//!
//! Faults and failed checks are comments of the next packet of their connection. The same run gives the same bytes.

mod cutter;
mod packet;
mod read;
mod streams;
#[cfg(test)]
mod tests;
mod ties;
mod write;

pub use cutter::{Cut, Cutter};
pub use read::{Segment, segments};
pub use streams::{Piece, Stream, streams};
pub use ties::Ties;
pub use write::pcapng;

use initiator_sim::fault::{Outcome, Recorded};
use initiator_sim::rng::Domain;
use initiator_sim::world::ProbeRecord;

/// An event of a probe on one line.
pub fn describe_probe(probe: &ProbeRecord) -> String {
    let tag = |name: &str, value: u32| match value {
        u32::MAX => String::new(),
        value => format!(" {name}={value:#x}"),
    };
    format!(
        "probe {}{}{} lun={} cmdsn={} statsn={} datasn={} datalen={} flags={:#04x}",
        probe.probe.name(),
        tag("itt", probe.itt),
        tag("ttt", probe.ttt),
        probe.lun,
        probe.cmd_sn,
        probe.stat_sn,
        probe.data_sn,
        probe.data_len,
        probe.flags
    )
}

/// A fault on one line, with the site that names it.
pub fn describe_fault(fault: &Recorded) -> String {
    let what = match &fault.outcome {
        Outcome::Net(verb) => format!("{verb:?}"),
        Outcome::Disk(verb) => format!("{verb:?}"),
        Outcome::Crash(verb) => format!("{verb:?}"),
    };
    let site = fault.site;
    let place = match fault.domain {
        Domain::NetOut => format!("to the target, operation {}, PDU {}", site.op, site.pdu),
        Domain::NetIn => format!("to the initiator, operation {}, PDU {}", site.op, site.pdu),
        Domain::Disk => format!("disk {}, block {}", site.conn, site.op),
        Domain::Clock | Domain::Workload | Domain::Lifecycle => format!("{:?}", fault.domain),
    };
    format!("{what} ({place})")
}
