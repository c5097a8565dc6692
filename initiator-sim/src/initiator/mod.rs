//! How does an initiator speak to a target? The lab's own initiator, without I/O and without a clock.
//!
//! It is correct by default and can be made wrong in any place: a [`Draft`] names what to send and whatever is to
//! deviate, [`Session::compose`] fills in the rest (RFC 7143 4.2.2: CmdSN, ExpStatSN, tags, lengths, digests) and
//! returns bytes. [`Session::receive`] takes bytes and returns PDUs, keeps the numbering, and reports what the
//! target may not do as [`Violation`]s; they are the same in the simulator and over TCP.
//!
//! Programs are small state machines on top: they are fed what was received, return drafts to send, and at last an
//! outcome. Whoever drives them moves the bytes, and may change a draft before it is composed.
//!
//! Nothing here knows target-core: the two ends of a conformance test must not share a mistake.

mod audit;
mod compose;
mod draft;
mod keys;
mod negotiate;
mod params;
mod receive;
pub mod serial;
mod session;
#[cfg(test)]
mod session_tests;
mod violation;

pub use compose::Composed;
pub use draft::{Draft, FieldValue};
pub use keys::{KeyRule, key_rule, known_keys};
pub use negotiate::{Negotiation, Settled, Side};
pub use params::{ConnParams, SessionParams};
pub use receive::{DigestPart, Incoming};
pub use session::{Connection, Phase, Session};
pub use violation::{Strength, Violation};
