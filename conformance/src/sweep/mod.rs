//! Many runs drawn from seeds, and what is made of the ones that fail: sweep, smallest case, causes, and how good the checks are.
//!
//! ```text
//!  seed ──draw──> Case ──run──> Ran ──> Tally (shards merge) ──> never hit, floor
//!                  │ fails
//!                  └──> minimize ──> *.run.yaml ──> explain, causality, replay
//! ```

pub mod causality;
pub mod explain;
pub mod file;
pub mod floor;
pub mod minimize;
mod one;
mod part;
mod pool;
mod tally;
#[cfg(test)]
mod tests;

pub use one::{Class, Failure, Ran, judge, run_drawn, run_seed, written_out};
pub use part::{Part, Parts};
pub use pool::{Span, sweep};
pub use tally::{Found, Tally};
