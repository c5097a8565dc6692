//! `replay`: one scenario file, wherever it is, with its log.

use super::{CliError, Context, Exit};
use crate::golden::{GoldenOptions, Renderer};
use crate::runner::suite::{Ran, Selected};
use crate::runner::{Backend, Options, run};
use crate::scenario::{cases, load};
use crate::trace::{Record, RecordKind};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Run one scenario file in the simulator and show what happens
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  iscsi-lab replay scenarios/login/plain.scn.yaml
  iscsi-lab replay /tmp/minimised.scn.yaml --log pdu")]
pub struct Replay {
    /// The file
    file: PathBuf,
    /// Which events to show
    #[arg(long, value_enum, default_value = "all")]
    log: Log,
    /// Another seed than the file's
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

impl Replay {
    /// Runs every case of the file.
    pub fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let root = context.root()?;
        let scenario = load(&root, &self.file).map_err(|error| CliError::usage(error.message))?;
        let options = Options { backend: Backend::Simulator, seed: self.seed, twice: true };
        let cases = cases(&scenario).map_err(CliError::usage)?;
        let mut reports = Vec::new();
        for case in &cases {
            let report = run(&scenario, case, &options);
            anstream::println!("{}: {} (seed {})", report.full_name(), scenario.title, report.seed);
            for line in lines(&report.records, self.log) {
                anstream::println!("{line}");
            }
            reports.push(report);
        }
        let ran = Ran { selected: Selected { scenario, cases, whole: true }, reports, golden: None };
        super::report::print(&ran, true);
        Ok(super::report::summary(std::slice::from_ref(&ran)).exit)
    }
}

/// Which events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Log {
    /// PDUs.
    Pdu,
    /// Probe events.
    Probes,
    /// Everything.
    All,
}

impl Log {
    fn shows(self, record: &Record) -> bool {
        match record.what {
            RecordKind::Pdu { .. } => self != Self::Probes,
            RecordKind::Probe(_) => self != Self::Pdu,
            RecordKind::Opened | RecordKind::Closed { .. } | RecordKind::Note(_) => true,
        }
    }
}

fn lines(records: &[Record], log: Log) -> Vec<String> {
    let mut renderer = Renderer::new(GoldenOptions::default().wire);
    records.iter().filter(|record| log.shows(record)).map(|record| renderer.line(record)).collect()
}
