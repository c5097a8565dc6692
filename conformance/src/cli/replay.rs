//! `replay`: one scenario file, wherever it is, or one drawn run, with its log.

use super::captures::{about, about_drawn, save_capture, save_page_of_case, save_page_of_seed};
use super::sweep::{ProfileArg, seed};
use super::trace::{Log, lines};
use super::{CliError, Context, Exit};
use crate::golden::Wire;
use crate::page::CutPoint;
use crate::runner::suite::{Ran, Selected};
use crate::runner::{Backend, Options, definitions, records, run};
use crate::scenario::{cases, load};
use crate::sweep::causality::{Point, causality};
use crate::sweep::file::{RunFile, SUFFIX};
use crate::sweep::judge;
use crate::trace::Record;
use clap::Args;
use initiator_sim::workload::{Case, Report, Run, Signature, Theme};
use initiator_sim::world::{Keep, World};
use std::path::{Path, PathBuf};

/// Run one scenario file, or a run drawn from a seed, in the simulator and show what happens
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  iscsi-lab replay scenarios/login/plain.scn.yaml
  iscsi-lab replay /tmp/minimised.scn.yaml --log pdu
  iscsi-lab replay --seed 7 --log all
  iscsi-lab replay --seed 7 --pcap seed-7.pcapng --html seed-7.html
  iscsi-lab replay small.run.yaml --until event=250 --log pdu
  iscsi-lab replay --seed 7 --until event=250 --then 8
  iscsi-lab replay small.run.yaml --html small.html --causality 200")]
pub struct Replay {
    /// The file
    #[arg(required_unless_present = "seed")]
    file: Option<PathBuf>,
    /// Another seed than the file's; without a file: draw target, network, faults and operations from it. Also a commit id
    #[arg(long, value_name = "N", value_parser = seed)]
    seed: Option<u64>,
    /// What may go wrong in the run of a seed
    #[arg(long, value_enum, default_value_t = ProfileArg::Swarm)]
    profile: ProfileArg,
    /// End a drawn run at this event of its trace
    #[arg(long, value_name = "event=N", value_parser = event)]
    until: Option<u64>,
    /// Do not end there, but go on with the choices of this seed
    #[arg(long, value_name = "SEED", requires = "until", value_parser = seed)]
    then: Option<u64>,
    /// Which events to show [default: all of a file, none of a drawn run]
    #[arg(long, value_enum)]
    log: Option<Log>,
    /// Write a capture with three interfaces: streams, PDUs, what the middlebox dropped
    #[arg(long, value_name = "FILE")]
    pcap: Option<PathBuf>,
    /// Write one page that shows the run in a browser
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// With --html, of a drawn run that fails: add the causality curve, from so many runs at each of its points
    #[arg(long, value_name = "N", requires = "html", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    causality: Option<u32>,
}

impl Replay {
    /// Runs it twice and compares the hashes.
    pub fn execute(self, context: &Context) -> Result<Exit, CliError> {
        match (&self.file, self.seed) {
            (Some(file), _) if file.to_string_lossy().ends_with(SUFFIX) => {
                let file = RunFile::read(file).map_err(CliError::usage)?;
                self.drawn(&file.run, file.fails.as_ref())
            }
            (Some(_), _) if self.until.is_some() || self.causality.is_some() => {
                Err(CliError::usage(format!(
                    "--until and --causality are for drawn runs: --seed N or a file that ends with {SUFFIX}"
                )))
            }
            (Some(file), _) => self.file(context, file),
            (None, Some(seed)) => {
                let theme = self.profile.theme().unwrap_or_else(|| Theme::of_seed(seed));
                self.drawn(&Case::draw(seed, theme), None)
            }
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

    /// Runs a case as far and as long as was asked for.
    fn once(&self, case: &Case, keep: Keep) -> Result<(Report, World), CliError> {
        let definitions = definitions().map_err(CliError::usage)?;
        let mut run = Run::new(case.clone(), Some(definitions), keep).map_err(CliError::usage)?;
        match (self.until, self.then) {
            (Some(event), Some(seed)) => run.world().fork_at(event, seed),
            (Some(event), None) => run.world().stop_at(event),
            (None, _) => {}
        }
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run.finish()));
        done.map_err(|_| CliError { exit: Exit::Panicked, message: "the lab panicked".to_owned() })
    }

    /// A run of the workload, with every check. One that is to fail is stale if it does not, or not so.
    fn drawn(&self, case: &Case, fails: Option<&Signature>) -> Result<Exit, CliError> {
        let logs = self.log.is_some();
        let keep = Keep { wire: logs, probes: logs, moments: self.keeps(), ..Keep::default() };
        // Before anything runs, so that it is known even if nothing comes back.
        anstream::println!("seed {}", case.seed);
        case.options().iter().for_each(|option| anstream::println!("  {option}"));
        let (report, world) = self.once(case, keep)?;
        if logs {
            self.show(&records(&world), Log::All);
        }
        report.results().iter().for_each(|line| anstream::println!("  {line}"));
        if let Some(path) = &self.pcap {
            save_capture(path, world.moments(), &about_drawn(&report))?;
        }
        if let Some(path) = &self.html {
            save_page_of_seed(path, &report, &world, self.curve(case)?)?;
        }
        let (again, _) = self.once(case, keep)?;
        if again.trace_hash != report.trace_hash {
            let (first, second) = (report.trace_hash, again.trace_hash);
            anstream::println!(
                "not deterministic: the traces of two runs are {first:016x} and {second:016x}"
            );
            return Ok(Exit::NotDeterministic);
        }
        if let Some(fails) = fails {
            return Ok(match &report.signature {
                Some(signature) if signature == fails => {
                    anstream::println!("fails as it should: {fails}");
                    Exit::Passed
                }
                _ => {
                    anstream::println!("should fail as {fails}");
                    Exit::Stale
                }
            });
        }
        let stuck = report.violations.iter().any(|violation| violation.rule == "progress");
        Ok(match (&report.panic, report.passed()) {
            (Some(_), _) => Exit::Panicked,
            (None, true) => Exit::Passed,
            (None, false) if stuck => Exit::NoProgress,
            (None, false) => Exit::Failed,
        })
    }

    /// The causality curve for the page, if it was asked for and there is a failure.
    fn curve(&self, case: &Case) -> Result<Vec<CutPoint>, CliError> {
        let Some(runs) = self.causality.filter(|_| judge(case).is_some()) else { return Ok(Vec::new()) };
        let points = causality(case, runs).map_err(CliError::usage)?;
        let share = |point: &Point| f64::from(point.failed) / f64::from(point.runs.max(1));
        Ok(points.iter().map(|point| CutPoint { t: point.at, p: share(point) }).collect())
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

/// `event=250`, or the number alone.
fn event(text: &str) -> Result<u64, String> {
    let number = text.strip_prefix("event=").unwrap_or(text);
    number.parse().map_err(|_| format!("{text}: an event is event=N, where N counts from 0"))
}

/// The file of a case: of several, each has its number before the ending.
fn numbered(path: &Path, at: Option<usize>) -> PathBuf {
    let Some(at) = at else { return path.to_path_buf() };
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let ending = path.extension().map_or_else(String::new, |ending| format!(".{}", ending.to_string_lossy()));
    path.with_file_name(format!("{stem}-{}{ending}", at + 1))
}
