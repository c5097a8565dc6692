//! What is one thing that happened?

use super::ProbeRecord;
use initiator_sim::codec::Pdu;

/// Stands for the connection of a record that does not say which it was.
pub const CONN_UNKNOWN: u32 = u32::MAX;

/// One thing that happened, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Nanoseconds since the run started: virtual in the simulator, real elsewhere.
    pub time_ns: u64,
    /// The connection's ordinal in the run, from 0, or [`CONN_UNKNOWN`].
    pub conn: u32,
    /// What.
    pub what: RecordKind,
}

/// The things that happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordKind {
    /// A PDU passed.
    Pdu {
        /// It came from the target; else from the initiator.
        from_target: bool,
        /// The PDU.
        pdu: Pdu,
    },
    /// A probe fired.
    Probe(ProbeRecord),
    /// The connection was opened.
    Opened,
    /// The connection ended.
    Closed {
        /// In a word or two: `fin`, `reset`, `refused`.
        how: String,
    },
    /// So many events fired here that a tracer had no room for.
    Lost(u64),
    /// Anything else worth a line: a step's name, a fault, what an operator did.
    Note(String),
}
