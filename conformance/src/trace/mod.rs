//! What happened in a run, as values and as files: PDUs, probe events, connections and notes in their order.
//!
//! A trace file holds one JSON object a line. `run --trace`, `serve --record` and `trace record` (live) write the same
//! format, so one reader, one `trace show`, one `trace diff` and one `trace check` serve all:
//!
//! ```text
//! {"time_ns":1500,"conn":0,"event":"opened"}
//! {"time_ns":1500,"conn":0,"pdu":"LoginRequest","from":"initiator","bhs":"4387..","data":"496e.."}
//! {"time_ns":1500,"conn":0,"probe":"login-command","ci_local":"192.0.2.1", .. ,"ii_flags":135}
//! {"time_ns":9000,"conn":0,"event":"closed","how":"reset"}
//! {"time_ns":9000,"conn":0,"event":"note","text":"target: crash"}
//! {"time_ns":9500,"event":"lost","count":12}
//! ```
//!
//! Probe lines carry every member of the provider's structs under its published name. Connections are counted in the order
//! in which they first show, times from the beginning of the trace.

mod conns;
mod diff;
mod filter;
pub(crate) mod hex;
mod jsonl;
mod judge;
mod members;
mod probe;
mod record;
#[cfg(test)]
mod tests;
mod top;

pub use conns::{ConnIds, ConnKey};
pub use diff::{Ignored, TraceDiff, diff};
pub use filter::Filter;
pub use jsonl::{TraceError, read_jsonl, read_jsonl_file, write_jsonl, write_line};
pub use judge::{Finding, Judge};
pub use probe::ProbeRecord;
pub use record::{CONN_UNKNOWN, Record, RecordKind};
pub use top::{Top, TopRow};
