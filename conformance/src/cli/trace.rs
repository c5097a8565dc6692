//! `trace`: what does a trace file say, and where do two of them part?

use super::{CliError, Context, Exit};
use crate::golden::{Renderer, Wire, coloured};
use crate::trace::{Ignored, Record, RecordKind, diff, read_jsonl_file, write_line};
use clap::{Args, Subcommand, ValueEnum};
use globset::{Glob, GlobSet, GlobSetBuilder};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Show or compare traces that `run --trace` or `serve --record` wrote
#[derive(Args, Debug)]
#[command(after_help = "A trace file holds one JSON object a line.

Examples:
  iscsi-lab run login/plain --trace /tmp/t && iscsi-lab trace show /tmp/t/login/plain.jsonl
  iscsi-lab trace diff before.jsonl after.jsonl --ignore time_ns")]
pub struct Trace {
    #[command(subcommand)]
    command: TraceCommand,
}

#[derive(Debug, Subcommand)]
enum TraceCommand {
    /// Print a trace, one event a line
    Show(Show),
    /// Print the first place where two traces part; exit 1 if they do
    Diff(Diff),
}

/// Arguments of `trace show`.
#[derive(Args, Debug)]
#[command(
    after_help = "-> comes from the initiator, <- from the target, ! is a probe event, = all else. Connections, task
tags, transfer tags and session handles are named c1, t1, x1, s1 as they appear; --json has their numbers.
Exits with 7 if nothing is left to show.

Examples:
  iscsi-lab trace show login.jsonl --log probes
  iscsi-lab trace show login.jsonl --probe 'scsi-*' --conn 2
  iscsi-lab trace show login.jsonl --json | jq .ii_datalen"
)]
struct Show {
    /// The trace
    file: PathBuf,
    /// Which events
    #[arg(long, value_enum, default_value = "all")]
    log: Log,
    /// Only events of probes with such a name; may be given more than once
    #[arg(long, value_name = "GLOB")]
    probe: Vec<String>,
    /// Only this connection: 2 or c2 is the second one in the trace
    #[arg(long, value_name = "N")]
    conn: Option<String>,
    /// Show the data of PDUs too
    #[arg(long)]
    data: bool,
    /// Print the selected lines of the file as JSON
    #[arg(long, conflicts_with = "data")]
    json: bool,
}

/// Arguments of `trace diff`.
#[derive(Args, Debug)]
#[command(after_help = "Everything counts that is not named by --ignore, to the last bit of a header.

Examples:
  iscsi-lab trace diff before.jsonl after.jsonl
  iscsi-lab trace diff before.jsonl after.jsonl --ignore time_ns --ignore ii_statsn")]
struct Diff {
    /// One trace
    first: PathBuf,
    /// The other
    second: PathBuf,
    /// A member that may differ, as a field of a PDU (CmdSN), of a probe (ii_cmdsn) or of a line (time_ns)
    #[arg(long, value_name = "FIELD")]
    ignore: Vec<String>,
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
            RecordKind::Opened | RecordKind::Closed { .. } | RecordKind::Note(_) => true,
        }
    }
}

/// The lines of a trace. Names are those of the whole, whatever is shown.
pub(super) fn lines(records: &[Record], log: Log, wire: Wire) -> Vec<String> {
    let mut renderer = Renderer::new(wire);
    let line = |record| Some(renderer.line(record)).filter(|_| log.shows(record));
    records.iter().filter_map(line).collect()
}

impl Trace {
    /// Shows or compares.
    pub fn execute(self, _: &Context) -> Result<Exit, CliError> {
        match self.command {
            TraceCommand::Show(show) => show.execute(),
            TraceCommand::Diff(diff) => diff.execute(),
        }
    }
}

impl Show {
    fn execute(self) -> Result<Exit, CliError> {
        let probes = globs(&self.probe)?;
        let conn = self.conn.as_deref().map(ordinal).transpose()?;
        let records = read(&self.file)?;
        let mut renderer = Renderer::new(if self.data { Wire::Full } else { Wire::Digest });
        let mut seen: Vec<u32> = Vec::new();
        let mut out = Vec::new();
        for record in &records {
            let line = renderer.line(record);
            if !seen.contains(&record.conn) && record.conn != crate::trace::CONN_UNKNOWN {
                seen.push(record.conn);
            }
            let on_conn = conn.is_none_or(|n| seen.get(n - 1) == Some(&record.conn));
            if !on_conn || !self.log.shows(record) || !fits(probes.as_ref(), record) {
                continue;
            }
            // Memory takes everything.
            let _ = if self.json { write_line(&mut out, record) } else { writeln!(out, "{line}") };
        }
        if out.is_empty() {
            let message = format!("{}: nothing to show of {} record(s)", self.file.display(), records.len());
            return Err(CliError { exit: Exit::NothingSelected, message });
        }
        print(&out)?;
        Ok(Exit::Passed)
    }
}

impl Diff {
    fn execute(self) -> Result<Exit, CliError> {
        let ignored = Ignored::new(&self.ignore).map_err(CliError::usage)?;
        let (first, second) = (read(&self.first)?, read(&self.second)?);
        let Some(found) = diff(&first, &second, &ignored) else {
            let names = self.ignore.join(", ");
            let but = if names.is_empty() { names } else { format!(", ignoring {names}") };
            print(format!("the same: {} records{but}\n", first.len()).as_bytes())?;
            return Ok(Exit::Passed);
        };
        let mut text = format!("they part at record {}\n", found.record);
        for (name, one, two) in &found.members {
            text.push_str(&format!("  {name}: {one} became {two}\n"));
        }
        text.push_str(&format!("--- {}\n+++ {}\n", self.first.display(), self.second.display()));
        text.push_str(&coloured(&found.text));
        print(text.as_bytes())?;
        Ok(Exit::Failed)
    }
}

/// True if no probe is asked for, or the record is an event of one that is.
fn fits(probes: Option<&GlobSet>, record: &Record) -> bool {
    probes.is_none_or(
        |probes| matches!(&record.what, RecordKind::Probe(event) if probes.is_match(event.probe.name())),
    )
}

fn globs(patterns: &[String]) -> Result<Option<GlobSet>, CliError> {
    let wrong = |error: globset::Error| CliError::usage(format!("--probe: {error}"));
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        set.add(Glob::new(pattern).map_err(wrong)?);
    }
    let set = set.build().map_err(wrong)?;
    Ok((!set.is_empty()).then_some(set))
}

/// A connection as lines name it, from 1.
fn ordinal(text: &str) -> Result<usize, CliError> {
    let number = text.strip_prefix('c').unwrap_or(text).parse().ok().filter(|n| *n > 0);
    number.ok_or_else(|| CliError::usage(format!("--conn {text:?}: say 1 or c1 for the first connection")))
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
