//! What happened in a run, as values and as files: PDUs, probe events, connections and notes in their order.
//!
//! A trace file holds one JSON object a line. `run --trace` and `serve --record` write the same format, so one reader,
//! one `trace show` and one `trace diff` serve both:
//!
//! ```text
//! {"time_ns":1500,"conn":0,"event":"opened"}
//! {"time_ns":1500,"conn":0,"pdu":"LoginRequest","from":"initiator","bhs":"4387..","data":"496e.."}
//! {"time_ns":1500,"conn":0,"probe":"login-command","ci_local":"192.0.2.1", .. ,"ii_flags":135}
//! {"time_ns":9000,"conn":0,"event":"closed","how":"reset"}
//! {"time_ns":9000,"conn":0,"event":"note","text":"target: crash"}
//! ```
//!
//! Probe lines carry every member of the provider's structs under its published name. A recording made outside the
//! simulator cannot know the connection's ordinal, so `conn` may be missing.

mod diff;
pub(crate) mod hex;
mod jsonl;
mod members;
mod probe;
mod record;
#[cfg(test)]
mod tests;

pub use diff::{Ignored, TraceDiff, diff};
pub use jsonl::{TraceError, read_jsonl, read_jsonl_file, write_jsonl, write_line};
pub use probe::ProbeRecord;
pub use record::{CONN_UNKNOWN, Record, RecordKind};
