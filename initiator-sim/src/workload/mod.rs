//! Initiators in the world: one that runs programs, and whole runs drawn from a seed.
//!
//! [`run_seed`] draws a target, disks, a network, faults and what the initiators do, runs all of it with every check, lifts the
//! faults, demands progress and reads everything back. The same seed gives the same [`Report`], bit by bit.

pub mod client;
mod draw;
mod op;
mod report;
mod run;
#[cfg(test)]
mod tests;

pub use draw::{Drawn, INITIATOR, Mood, PORTAL, TARGET};
pub use op::{Op, What};
pub use report::Report;
pub use run::Run;

use crate::oracle::ProbeDefinitions;
use crate::world::{Keep, World};
use std::sync::Arc;

/// Draws and runs one seed; the world as it is at the end shows what was kept.
///
/// # Errors
/// The core refuses the drawn configuration, which is a mistake of the drawing.
pub fn run_seed(
    seed: u64,
    definitions: Option<Arc<ProbeDefinitions>>,
    keep: Keep,
) -> Result<(Report, World), String> {
    Ok(Run::new(Drawn::new(seed), definitions, keep)?.finish())
}
