//! `replay`: one scenario file, wherever it is, or one drawn run, with its log.

use super::captures::{about, about_drawn, save_capture, save_page_of_case, save_page_of_seed};
use super::trace::{Log, lines};
use super::{CliError, Context, Exit};
use crate::golden::Wire;
use crate::runner::suite::{Ran, Selected};
use crate::runner::{Backend, Options, definitions, records, run};
use crate::scenario::{cases, load};
use crate::trace::Record;
use clap::Args;
use initiator_sim::workload::run_seed;
use initiator_sim::world::Keep;
use std::path::{Path, PathBuf};

/// Run one scenario file, or a run drawn from a seed, in the simulator and show what happens
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  iscsi-lab replay scenarios/login/plain.scn.yaml
  iscsi-lab replay /tmp/minimised.scn.yaml --log pdu
  iscsi-lab replay --seed 7 --log all
  iscsi-lab replay --seed 7 --pcap seed-7.pcapng --html seed-7.html")]
pub struct Replay {
    /// The file
    #[arg(required_unless_present = "seed")]
    file: Option<PathBuf>,
    /// Another seed than the file's; without a file: draw target, network, faults and operations from it
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Which events to show [default: all of a file, none of a drawn run]
    #[arg(long, value_enum)]
    log: Option<Log>,
    /// Write a capture with three interfaces: streams, PDUs, what the middlebox dropped
    #[arg(long, value_name = "FILE")]
    pcap: Option<PathBuf>,
    /// Write one page that shows the run in a browser
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

impl Replay {
    /// Runs it twice and compares the hashes.
    pub fn execute(self, context: &Context) -> Result<Exit, CliError> {
        match (&self.file, self.seed) {
            (Some(file), _) => self.file(context, file),
            (None, Some(seed)) => self.drawn(seed),
            (None, None) => Err(CliError::usage("either a file or --seed N is needed")),
        }
    }

    fn file(&self, context: &Context, file: &Path) -> Result<Exit, CliError> {
        let root = context.root()?;
        let scenario = load(&root, file).map_err(|error| CliError::usage(error.message))?;
        let options =
            Options { backend: Backend::Simulator, seed: self.seed, twice: true, moments: self.keeps() };
        let cases = cases(&scenario).map_err(CliError::usage)?;
        let mut reports = Vec::new();
        for case in &cases {
            let report = run(&scenario, case, &options);
            anstream::println!("{}: {} (seed {})", report.full_name(), scenario.title, report.seed);
            self.show(&report.records, Log::All);
            let many = cases.len() > 1;
            if let Some(path) = &self.pcap {
                save_capture(
                    &numbered(path, many.then_some(reports.len())),
                    &report.moments,
                    &about(&report),
                )?;
            }
            if let Some(path) = &self.html {
                let path = numbered(path, many.then_some(reports.len()));
                save_page_of_case(&path, &scenario.title, &report)?;
            }
            reports.push(report);
        }
        let ran = Ran {
            selected: Selected { scenario, cases, whole: true, known: Vec::new() },
            reports,
            golden: None,
        };
        super::report::print(&ran, true);
        Ok(super::report::summary(std::slice::from_ref(&ran)).exit)
    }

    /// A run of the workload, with every check.
    fn drawn(&self, seed: u64) -> Result<Exit, CliError> {
        let logs = self.log.is_some();
        let keep = Keep { wire: logs, probes: logs, moments: self.keeps(), ..Keep::default() };
        let once =
            || run_seed(seed, Some(definitions().map_err(CliError::usage)?), keep).map_err(CliError::usage);
        let (report, world) = once()?;
        if logs {
            self.show(&records(&world), Log::All);
        }
        anstream::print!("{report}");
        if let Some(path) = &self.pcap {
            save_capture(path, world.moments(), &about_drawn(&report))?;
        }
        if let Some(path) = &self.html {
            save_page_of_seed(path, &report, &world)?;
        }
        let (again, _) = once()?;
        if again.trace_hash != report.trace_hash {
            let (first, second) = (report.trace_hash, again.trace_hash);
            anstream::println!(
                "not deterministic: the traces of two runs are {first:016x} and {second:016x}"
            );
            return Ok(Exit::NotDeterministic);
        }
        let stuck = report.violations.iter().any(|violation| violation.rule == "progress");
        Ok(match (&report.panic, report.passed()) {
            (Some(_), _) => Exit::Panicked,
            (None, true) => Exit::Passed,
            (None, false) if stuck => Exit::NoProgress,
            (None, false) => Exit::Failed,
        })
    }

    const fn keeps(&self) -> bool {
        self.pcap.is_some() || self.html.is_some()
    }

    fn show(&self, records: &[Record], default: Log) {
        for line in lines(records, self.log.unwrap_or(default), Wire::Digest) {
            anstream::println!("{line}");
        }
    }
}

/// The file of a case: of several, each has its number before the ending.
fn numbered(path: &Path, at: Option<usize>) -> PathBuf {
    let Some(at) = at else { return path.to_path_buf() };
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let ending = path.extension().map_or_else(String::new, |ending| format!(".{}", ending.to_string_lossy()));
    path.with_file_name(format!("{stem}-{}{ending}", at + 1))
}
