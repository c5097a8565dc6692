//! Captures and pages of simulated runs, as files.

use super::CliError;
use super::run::file_name;
use crate::capture::pcapng;
use crate::page::{CutPoint, Subject, page};
use crate::runner::suite::Ran;
use crate::runner::{Report, Verdict};
use initiator_sim::workload;
use initiator_sim::world::{Moment, World};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// A capture for each case of a run that wants one.
pub(super) struct Captures {
    /// Also of cases that pass.
    all: bool,
    dir: PathBuf,
    /// The first file that could not be written.
    problem: Mutex<Option<CliError>>,
}

impl Captures {
    /// From `fail|all DIR`.
    pub(super) fn of(args: &[String]) -> Result<Self, CliError> {
        let (all, dir) = match args {
            [which, dir] if which == "all" => (true, dir),
            [which, dir] if which == "fail" => (false, dir),
            _ => return Err(CliError::usage("--pcap takes `fail` or `all`, then a directory")),
        };
        std::fs::create_dir_all(dir).map_err(|error| CliError::file(Path::new(dir), &error))?;
        Ok(Self { all, dir: dir.into(), problem: Mutex::new(None) })
    }

    /// Writes what is wanted of a scenario that ran.
    pub(super) fn write(&self, ran: &Ran) {
        let failures = if self.all { Vec::new() } else { ran.failures() };
        let name = &ran.selected.scenario.name;
        // What failed of the whole, its golden trace, is a matter of every case.
        let fails = |report: &Report| failures.iter().any(|(of, _)| *of == report.full_name() || of == name);
        for report in ran.reports.iter().filter(|report| self.all || fails(report)) {
            let path = self.dir.join(format!("{}.pcapng", file_name(&report.full_name())));
            if let Err(error) = save_capture(&path, &report.moments, &about(report))
                && let Ok(mut problem) = self.problem.lock()
            {
                problem.get_or_insert(error);
            }
        }
    }

    /// Tells of what could not be written.
    pub(super) fn finish(self) -> Result<(), CliError> {
        self.problem.into_inner().ok().flatten().map_or(Ok(()), Err)
    }
}

/// Which run it was.
pub(super) fn about(report: &Report) -> String {
    let hash = report.hash.map_or_else(String::new, |hash| format!(" \u{b7} trace {hash:016x}"));
    format!("{} \u{b7} seed {}{hash}", report.full_name(), report.seed)
}

/// Writes a capture.
pub(super) fn save_capture(path: &Path, moments: &[Moment], title: &str) -> Result<(), CliError> {
    let bytes = pcapng(moments, title).map_err(CliError::usage)?;
    save(path, &bytes)
}

fn save(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(path, bytes))
        .map_err(|error| CliError::file(path, &error))
}

/// Writes the page of a case.
pub(super) fn save_page_of_case(path: &Path, title: &str, report: &Report) -> Result<(), CliError> {
    let failure = match &report.verdict {
        Verdict::Failed(failure) => {
            let place = failure.at.as_ref().map_or_else(String::new, |at| format!("{}: ", at.show()));
            Some((format!("{place}{}", failure.headline), failure.signature()))
        }
        Verdict::Passed | Verdict::Skipped(_) => None,
    };
    let subject = Subject { title: title.to_owned(), about: about(report), failure, causality: Vec::new() };
    save(path, page(&report.moments, subject).render().as_bytes())
}

/// Which drawn run it was.
pub(super) fn about_drawn(report: &workload::Report) -> String {
    format!("seed {} \u{b7} trace {:016x}", report.seed, report.trace_hash)
}

/// Writes the page of a drawn run.
pub(super) fn save_page_of_seed(
    path: &Path,
    report: &workload::Report,
    world: &World,
    causality: Vec<CutPoint>,
) -> Result<(), CliError> {
    let violation = report.violations.first();
    let found = violation.map(|found| (found.to_string(), format!("{} [{}]", found.rule, found.clause)));
    let panic = report.panic.as_ref();
    let failure =
        panic.map(|panic| (format!("the core panicked: {}", panic.message), "panic".to_owned())).or(found);
    let title = format!("Drawn run {}", report.seed);
    let subject = Subject { title, about: about_drawn(report), failure, causality };
    save(path, page(world.moments(), subject).render().as_bytes())
}
