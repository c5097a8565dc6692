//! `trace`: events of a running target, of a simulated run or of a file: recorded, shown, compared, judged, summed up.

mod check;
mod diff;
mod live;
mod record;
mod show;
mod source;
mod top;

use super::{CliError, Context, Exit};
use crate::golden::{Renderer, Wire};
use crate::trace::{Record, RecordKind, read_jsonl_file};
use clap::{Args, Subcommand, ValueEnum};
use globset::{Glob, GlobSet, GlobSetBuilder};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

/// Trace a running target live; record, show, compare and check traces
#[derive(Args, Debug)]
#[command(
    after_help = "A trace file holds one JSON object a line, the same for live events, `serve --record` and simulated runs.

Examples:
  iscsi-lab trace live --check
  iscsi-lab trace record live.jsonl --pid 4711
  iscsi-lab run login/plain --trace /tmp/t && iscsi-lab trace show /tmp/t/login/plain.jsonl
  iscsi-lab trace diff before.jsonl after.jsonl --ignore time_ns"
)]
pub struct Trace {
    #[command(subcommand)]
    command: TraceCommand,
}

#[derive(Debug, Subcommand)]
enum TraceCommand {
    Live(live::Live),
    Record(record::RecordArgs),
    Show(show::Show),
    Diff(diff::Diff),
    Check(check::Check),
    Top(top::TopArgs),
}

impl Trace {
    /// Does what was asked for.
    pub fn execute(self, context: &Context) -> Result<Exit, CliError> {
        match self.command {
            TraceCommand::Live(live) => live.execute(),
            TraceCommand::Record(record) => record.execute(context),
            TraceCommand::Show(show) => show.execute(),
            TraceCommand::Diff(diff) => diff.execute(),
            TraceCommand::Check(check) => check.execute(),
            TraceCommand::Top(top) => top.execute(),
        }
    }
}

/// Which events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Log {
    /// PDUs
    Pdu,
    /// Probe events
    Probes,
    /// Everything
    All,
}

impl Log {
    const fn shows(self, record: &Record) -> bool {
        match record.what {
            RecordKind::Pdu { .. } => matches!(self, Self::Pdu | Self::All),
            RecordKind::Probe(_) => matches!(self, Self::Probes | Self::All),
            RecordKind::Opened | RecordKind::Closed { .. } | RecordKind::Note(_) | RecordKind::Lost(_) => {
                true
            }
        }
    }
}

/// The lines of a trace. Names are those of the whole, whatever is shown.
pub(super) fn lines(records: &[Record], log: Log, wire: Wire) -> Vec<String> {
    let mut renderer = Renderer::new(wire);
    let line = |record| Some(renderer.line(record)).filter(|_| log.shows(record));
    records.iter().filter_map(line).collect()
}

/// What `--probe` says; `None` if it says nothing.
fn globs(patterns: &[String]) -> Result<Option<GlobSet>, CliError> {
    let wrong = |error: globset::Error| CliError::usage(format!("--probe: {error}"));
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        set.add(Glob::new(pattern).map_err(wrong)?);
    }
    let set = set.build().map_err(wrong)?;
    Ok((!set.is_empty()).then_some(set))
}

fn read(path: &Path) -> Result<Vec<Record>, CliError> {
    read_jsonl_file(path).map_err(|error| CliError::usage(error.to_string()))
}

/// Writes to standard output; a reader that has seen enough (`| head`) is no error.
fn print(bytes: &[u8]) -> Result<(), CliError> {
    let mut out = anstream::AutoStream::auto(io::stdout());
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(CliError::usage(format!("standard output: {error}")))
        }
        _ => Ok(()),
    }
}
