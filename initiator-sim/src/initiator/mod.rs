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

mod aca;
mod answers;
mod audit;
pub mod cdb;
pub mod chap;
mod command;
mod compose;
mod draft;
#[cfg(test)]
mod fake_target;
mod keys;
mod login;
mod negotiate;
mod params;
pub mod pattern;
mod program;
#[cfg(test)]
mod program_tests;
mod receive;
mod requests;
pub mod sense;
pub mod serial;
mod session;
#[cfg(test)]
mod session_tests;
mod text_program;
mod violation;

pub use aca::asks_for_aca;
pub use command::{CommandOutcome, CommandPlan, CommandProgram, Residual, Unsolicited, lun};
pub use compose::Composed;
pub use draft::{Draft, FieldValue};
pub use keys::{KeyRule, key_rule, known_keys};
pub use login::{
    ChapPlan, LoginBreak, LoginOutcome, LoginPlan, LoginProgram, MutualPlan, Stages, default_keys,
};
pub use negotiate::{Negotiation, Settled, Side};
pub use params::{ConnParams, SessionParams};
pub use program::{Step, automatic_answer};
pub use receive::{DigestPart, Incoming};
pub use requests::{LogoutOutcome, LogoutProgram, NopProgram, PingOutcome, TmfOutcome, TmfProgram};
pub use session::{Connection, Phase, Session};
pub use text_program::{DiscoveredTarget, TextOutcome, TextProgram, discovered};
pub use violation::{Strength, Violation};
