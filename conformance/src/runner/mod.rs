//! How does a scenario run? One interpreter over a small trait, with the simulator or TCP behind it.
//!
//! ```text
//!  Scenario + Case ──> case::run ──> steps (futures, one a `par` branch) ──> Session (initiator-sim)
//!                          │              waits ──> exec: polls them, lets the lab go on until one can
//!                          │                                │
//!                          │                           Lab: simulator (World, virtual clock) | TCP (real time)
//!                          └──> Report: passed, skipped with a reason, or a Failure with its signature
//! ```

mod case;
mod exec;
mod failure;
mod finish;
mod lab;
mod needs;
mod offers;
mod pick;
mod record;
mod scope;
mod setup;
mod sim;
mod state;
mod steps;
pub mod suite;
mod tcp;

pub use case::{Backend, Options, Report, TcpOptions, Verdict, run};
pub use failure::{Class, Failure};
pub use lab::{Dial, End, Happened, Lab};
pub use pick::{Pick, Shard};
pub use record::records;
pub(crate) use record::sends;
pub use setup::{INITIATOR_NAME, TARGET_NAME, definitions};
pub use sim::SimLab;
pub use tcp::TcpLab;
