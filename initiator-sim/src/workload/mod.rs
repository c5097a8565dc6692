//! Initiators in the world: one that runs programs, and whole runs drawn from a seed.
//!
//! A [`Case`] is drawn from a seed: a target, disks, a network, faults and what the initiators do. [`run_case`] runs it with every check, lifts the
//! faults, demands progress and reads everything back. The same seed gives the same [`Report`], bit by bit.

mod case;
pub mod client;
mod draw;
mod op;
mod program;
mod report;
mod run;
#[cfg(test)]
mod tests;
mod theme;

pub use case::{Case, Chap, Faults, INITIATOR, PORTAL, TARGET, TargetOptions, parse_seed, target_name};
pub use op::{Op, Way, What};
pub use report::{Report, Signature};
pub use run::Run;
pub use theme::{Theme, operation_names};

use crate::oracle::ProbeDefinitions;
use crate::world::{Keep, World};
use std::sync::Arc;

/// Runs a case; the world as it is at the end shows what was kept.
///
/// # Errors
/// The core refuses the configuration.
pub fn run_case(
    case: &Case,
    definitions: Option<Arc<ProbeDefinitions>>,
    keep: Keep,
) -> Result<(Report, World), String> {
    Ok(Run::new(case.clone(), definitions, keep)?.finish())
}

/// Draws a run of the profile [`Theme::Swarm`] and runs it.
///
/// # Errors
/// The core refuses the drawn configuration, which is a mistake of the drawing.
pub fn run_seed(
    seed: u64,
    definitions: Option<Arc<ProbeDefinitions>>,
    keep: Keep,
) -> Result<(Report, World), String> {
    run_case(&Case::draw(seed, Theme::Swarm), definitions, keep)
}
