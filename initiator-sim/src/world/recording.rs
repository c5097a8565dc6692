//! What happened in a run, moment by moment? The bytes of each direction, probes, storage, faults and findings, for captures and
//! pages.
//!
//! Kept only if [`Keep::moments`](super::Keep::moments) says so; keeping it changes nothing of what happens.

use super::{Inner, ProbeRecord, World};
use crate::clock::Nanos;
use crate::fault::Recorded;
use crate::net::Dir;
use crate::oracle::Violation;
use bytes::Bytes;
use std::net::SocketAddr;
use target_core::api::Event;
use target_core::io::IoOp;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Moment {
    /// Virtual time.
    pub at: Nanos,
    /// What.
    pub what: Happened,
}

/// What happened. The order in a recording is the order in which things happened, also at one time.
#[derive(Clone, Debug, PartialEq)]
pub enum Happened {
    /// The target accepted a connection.
    Opened {
        /// Its ordinal.
        conn: u32,
        /// The target's end.
        local: SocketAddr,
        /// The initiator's end.
        remote: SocketAddr,
    },
    /// One side wrote bytes to its socket: as they were before the middlebox and the wire.
    Sent {
        /// The connection.
        conn: u32,
        /// Which way.
        dir: Dir,
        /// The bytes.
        bytes: Bytes,
    },
    /// The other side read bytes. All of one direction together are the stream as it was received.
    Received {
        /// The connection.
        conn: u32,
        /// Which way.
        dir: Dir,
        /// The bytes.
        bytes: Bytes,
    },
    /// The middlebox dropped a whole PDU.
    Lost {
        /// The connection.
        conn: u32,
        /// Which way.
        dir: Dir,
        /// The PDU with its digests.
        bytes: Bytes,
    },
    /// One side learnt that the connection has ended.
    Ended {
        /// The connection.
        conn: u32,
        /// Who: the receiver of this direction.
        dir: Dir,
        /// By a reset, and not by an orderly end.
        reset: bool,
    },
    /// A probe fired.
    Probe(Box<ProbeRecord>),
    /// Storage was asked.
    DiskBegan {
        /// Device number.
        device: u32,
        /// Id of the operation, to find its end.
        id: u64,
        /// What was asked.
        op: DiskOp,
    },
    /// The target gave up a storage operation.
    DiskCancelled {
        /// Id of the operation.
        id: u64,
    },
    /// Storage answered.
    DiskEnded {
        /// Device number.
        device: u32,
        /// Id of the operation.
        id: u64,
        /// The error, for people; `None` for success.
        error: Option<String>,
    },
    /// A fault of chance, or of a record, happened.
    Fault(Recorded),
    /// Anything else that was done to a connection or a disk: scripted faults, endings, partitions.
    Act {
        /// The connection, if it is about one.
        conn: Option<u32>,
        /// What, in a word: `hit`, `reset`, `crash`, `restart`.
        text: String,
    },
    /// News of the target for its operator: logins, sessions that ended, breaches of protocol.
    News(Event),
    /// A check failed.
    Violation(Violation),
}

/// What storage was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each variant is the operation of its name, its fields the blocks concerned")]
pub enum DiskOp {
    Read { lba: u64, blocks: u32 },
    Write { lba: u64, bytes: u64, fua: bool },
    Verify { lba: u64, blocks: u32 },
    Unmap { lba: u64, blocks: u32, anchor: bool },
    Status { lba: u64, runs: u32 },
    Flush,
    Keep { bytes: u64 },
}

impl From<&IoOp> for DiskOp {
    fn from(op: &IoOp) -> Self {
        match op {
            IoOp::Read { lba, blocks } => Self::Read { lba: *lba, blocks: *blocks },
            IoOp::Write { lba, data, fua } => Self::Write { lba: *lba, bytes: data.len() as u64, fua: *fua },
            IoOp::Verify { lba, blocks } => Self::Verify { lba: *lba, blocks: *blocks },
            IoOp::Unmap { lba, blocks, anchor } => {
                Self::Unmap { lba: *lba, blocks: *blocks, anchor: *anchor }
            }
            IoOp::Status { lba, runs } => Self::Status { lba: *lba, runs: *runs },
            IoOp::Flush => Self::Flush,
            IoOp::Keep { record, .. } => Self::Keep { bytes: record.len() as u64 },
        }
    }
}

/// The recording and how far it has followed what others keep.
#[derive(Debug, Default)]
pub(super) struct Recording {
    moments: Vec<Moment>,
    faults: usize,
    violations: usize,
}

impl Recording {
    /// Keeps a moment.
    pub(super) fn push(&mut self, at: Nanos, what: Happened) {
        self.moments.push(Moment { at, what });
    }
}

impl World {
    /// Everything that happened, if it is kept.
    pub fn moments(&self) -> &[Moment] {
        &self.inner.recording.moments
    }

    /// Adds what a client found: it belongs to the findings of the run.
    pub fn add_violation(&mut self, violation: Violation) {
        self.inner.violations.push(violation);
        self.inner.marks.failed();
        self.inner.tell_records();
    }

    /// Takes what happened so far.
    pub fn take_moments(&mut self) -> Vec<Moment> {
        std::mem::take(&mut self.inner.recording.moments)
    }
}

impl Inner {
    /// Keeps a moment, if moments are kept; only then it is made.
    pub(super) fn tell(&mut self, what: impl FnOnce() -> Happened) {
        if self.config.keep.moments {
            let at = self.queue.now();
            self.recording.push(at, what());
        }
    }

    /// Follows the records of faults and findings, which are kept anyway.
    pub(super) fn tell_records(&mut self) {
        if !self.config.keep.moments {
            return;
        }
        let at = self.queue.now();
        let Recording { moments, faults, violations } = &mut self.recording;
        let record = self.planner.record();
        let new = record.get(*faults..).unwrap_or_default();
        moments.extend(new.iter().map(|fault| Moment { at, what: Happened::Fault(fault.clone()) }));
        *faults = record.len();
        let new = self.violations.get(*violations..).unwrap_or_default();
        moments.extend(new.iter().map(|found| Moment { at, what: Happened::Violation(found.clone()) }));
        *violations = self.violations.len();
    }
}
