//! `minimize`, `explain`, `causality`: from a seed that fails to what it takes.

use super::exit::quiet_panics;
use super::sweep::{ProfileArg, duration, processors, seed};
use super::{CliError, Context, Exit};
use crate::sweep::file::RunFile;
use crate::sweep::{causality, explain, minimize};
use clap::Args;
use initiator_sim::workload::{Case, Theme};
use std::path::PathBuf;
use std::time::Duration;

/// A run: by its seed, or from a file.
#[derive(Args, Debug)]
pub struct Which {
    /// A file that `sweep --save` or `minimize` has written
    #[arg(required_unless_present = "seed", conflicts_with = "seed")]
    file: Option<PathBuf>,
    /// The seed, or a commit id of 40 digits
    #[arg(long, value_name = "S", value_parser = seed)]
    seed: Option<u64>,
    /// What may go wrong in the run of a seed
    #[arg(long, value_enum, default_value_t = ProfileArg::Swarm)]
    profile: ProfileArg,
}

impl Which {
    /// The run.
    pub fn case(&self) -> Result<Case, CliError> {
        match (&self.file, self.seed) {
            (Some(file), _) => Ok(RunFile::read(file).map_err(CliError::usage)?.run),
            (None, Some(seed)) => {
                let theme = self.profile.theme().unwrap_or_else(|| Theme::of_seed(seed));
                Ok(Case::draw(seed, theme))
            }
            (None, None) => Err(CliError::usage("either a file or --seed S is needed")),
        }
    }
}

/// Make a failing run as small as possible and write it as a file
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  iscsi-lab minimize --seed 1234 --profile recovery -o small.run.yaml
  iscsi-lab minimize failing/swarm-77.run.yaml --budget 60s")]
pub struct Minimize {
    #[command(flatten)]
    which: Which,
    /// Where to write it [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// How long to search at most
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    budget: Duration,
    /// Threads [default: one a processor]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
}

impl Minimize {
    /// Searches, writes, and runs what was written.
    pub fn execute(self, _: &Context) -> Result<Exit, CliError> {
        let case = self.which.case()?;
        quiet_panics();
        let jobs = self.jobs.map(usize::from).unwrap_or_else(processors);
        let minimal = minimize::minimize(&case, self.budget, jobs).map_err(CliError::usage)?;
        let ((steps, faults), (few, less)) = (minimal.before, minimal.after());
        let (file, result) = minimal.file();
        match &self.output {
            Some(path) => std::fs::write(path, file.text()).map_err(|error| CliError::file(path, &error))?,
            None => anstream::print!("{}", file.text()),
        }
        anstream::eprintln!("{}", minimal.signature);
        anstream::eprintln!(
            "{steps} steps and {faults} faults made {few} and {less}, {} replays, {:.2} s{}",
            minimal.replays,
            minimal.time.as_secs_f64(),
            if minimal.cut_short { "; the budget ended the search" } else { "" }
        );
        if let Some((signature, other)) = &minimal.other {
            anstream::eprintln!("on the way {} steps failed otherwise: {signature}", other.steps.len());
        }
        match result {
            Ok(()) => Ok(Exit::Passed),
            Err(why) => {
                anstream::eprintln!("read back and run twice: {why}");
                Ok(Exit::NotDeterministic)
            }
        }
    }
}

/// Say of each fault and step of a failing run how often it fails without it, and with another value
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  iscsi-lab explain small.run.yaml
  iscsi-lab explain --seed 1234 --runs 50")]
pub struct Explain {
    #[command(flatten)]
    which: Which,
    /// Runs of each variant
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    runs: u32,
}

impl Explain {
    /// Runs the variants and prints the table.
    pub fn execute(self, _: &Context) -> Result<Exit, CliError> {
        let case = self.which.case()?;
        quiet_panics();
        let explained = explain::explain(&case, self.runs).map_err(CliError::usage)?;
        explained.text().iter().for_each(|line| anstream::println!("{line}"));
        Ok(Exit::Passed)
    }
}

/// Show from when on the failure of a run was inevitable
#[derive(Args, Debug)]
#[command(
    after_help = "From each of 32 events of the run on, everything left to chance and all steps to come are drawn anew.

Examples:
  iscsi-lab causality --seed 1234 --profile recovery
  iscsi-lab causality small.run.yaml --runs 200"
)]
pub struct Causality {
    #[command(flatten)]
    which: Which,
    /// Runs from each point on
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    runs: u32,
}

impl Causality {
    /// Runs the futures and prints the curve.
    pub fn execute(self, _: &Context) -> Result<Exit, CliError> {
        let case = self.which.case()?;
        quiet_panics();
        let points = causality::causality(&case, self.runs).map_err(CliError::usage)?;
        causality::text(&points).iter().for_each(|line| anstream::println!("{line}"));
        Ok(Exit::Passed)
    }
}
