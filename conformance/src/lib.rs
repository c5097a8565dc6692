//! The application around the iSCSI target core and the simulated world: scenario reader, runner, golden traces, server
//! and command line.
//!
//! ```text
//!  scenarios/*.scn.yaml ──yaml──> scenario ──> runner ──┬── simulator (initiator-sim, virtual clock)
//!                                                │      └── TCP (any target, real time)
//!                                                └──> trace ──> golden (snapshots/)
//! ```

pub mod bench;
pub mod capture;
pub mod cli;
pub mod coverage;
pub mod fuzzing;
pub mod golden;
pub mod import;
pub mod live;
#[cfg(feature = "planted")]
pub mod mutants;
pub mod page;
mod random;
pub mod report;
pub mod runner;
pub mod scenario;
pub mod server;
pub mod storage;
pub mod sweep;
pub mod trace;
pub mod usdt;
pub mod yaml;
