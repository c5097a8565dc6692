//! `trace record`: live events, or those of a simulated run, into a file.

use super::live::{Output, Totals};
use super::source::{PAUSE, Source};
use super::{CliError, Context, Exit};
use crate::runner::suite::{Filter, select};
use crate::runner::{Backend, Options, Verdict, run};
use crate::scenario::Collection;
use crate::trace::write_jsonl;
use clap::Args;
use std::path::PathBuf;

/// Record live events, or a simulated run, into a trace file
#[derive(Args, Debug)]
#[command(
    after_help = "A live recording ends with Ctrl-C, or with the process of --pid; exit 1 if events were lost.
A simulated run has its PDUs too. `serve --record` writes the same without a tracer.

Examples:
  iscsi-lab trace record live.jsonl
  iscsi-lab trace record live.jsonl --pid 4711 --probe 'scsi-*'
  iscsi-lab trace record plain.jsonl --scenario login/plain"
)]
pub(super) struct RecordArgs {
    /// The file to write
    file: PathBuf,
    /// Run this scenario in the simulator: topic/name, with the label of a case in brackets behind it if there are several
    #[arg(long, value_name = "NAME", conflicts_with_all = ["pid", "path", "probe", "perf"])]
    scenario: Option<String>,
    /// Only probes with such a name; may be given more than once
    #[arg(long, value_name = "GLOB")]
    probe: Vec<String>,
    #[command(flatten)]
    source: Source,
}

impl RecordArgs {
    pub(super) fn execute(self, context: &Context) -> Result<Exit, CliError> {
        match &self.scenario {
            Some(name) => self.simulated(context, name),
            None => self.live(),
        }
    }

    fn live(&self) -> Result<Exit, CliError> {
        let mut totals = Totals::default();
        let until = self.source.until()?;
        let mut tracer = self.source.attach(&self.probe)?;
        // Not before: an older recording stays if there will be no new one.
        let mut out = Output::new(Some(&self.file), true)?;
        loop {
            let goes_on = until.goes_on();
            if !goes_on {
                tracer.detach();
            }
            tracer.drain(&mut |record, unreadable| {
                totals.count(&record, unreadable.as_ref());
                out.put(&record, "");
            });
            out.flush()?;
            if !goes_on {
                let Totals { events, lost, unreadable, .. } = totals;
                anstream::eprintln!(
                    "{}: {events} event(s), {lost} lost, {unreadable} not readable",
                    self.file.display()
                );
                return Ok(if lost + unreadable == 0 { Exit::Passed } else { Exit::Failed });
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn simulated(&self, context: &Context, name: &str) -> Result<Exit, CliError> {
        let root = context.root()?;
        let collection = Collection::find(&root).map_err(|error| CliError::file(&root, &error))?;
        let filter = Filter { globs: vec![name.to_owned()], ..Filter::default() };
        let selected = select(&collection, &filter).map_err(|errors| {
            CliError::usage(
                errors.iter().map(|error| error.message.as_str()).collect::<Vec<_>>().join("\nerror: "),
            )
        })?;
        let cases: Vec<_> =
            selected.iter().flat_map(|one| one.cases.iter().map(move |case| (&one.scenario, case))).collect();
        let [(scenario, case)] = cases[..] else {
            let exit = if cases.is_empty() { Exit::NothingSelected } else { Exit::Usage };
            let message = format!(
                "--scenario {name}: {} cases fit, one is recorded; `run --list` shows them",
                cases.len()
            );
            return Err(CliError { exit, message });
        };
        let report = run(
            scenario,
            case,
            &Options { backend: Backend::Simulator, seed: None, twice: false, moments: false },
        );
        std::fs::write(&self.file, write_jsonl(&report.records))
            .map_err(|error| CliError::file(&self.file, &error))?;
        let (file, count) = (self.file.display(), report.records.len());
        match &report.verdict {
            Verdict::Passed => anstream::eprintln!("{file}: {count} record(s) of {}", report.full_name()),
            Verdict::Failed(failure) => {
                anstream::eprintln!("{file}: {count} record(s); it fails: {}", failure.signature())
            }
            Verdict::Skipped(why) => {
                let message = format!("{} was not run: {why}", report.full_name());
                return Err(CliError { exit: Exit::NothingSelected, message });
            }
        }
        Ok(if matches!(report.verdict, Verdict::Passed) { Exit::Passed } else { Exit::Failed })
    }
}
