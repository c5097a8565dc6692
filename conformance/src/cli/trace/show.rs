//! `trace show`: what does a trace file say?

use super::{CliError, Exit, Log, globs, print, read};
use crate::golden::{Renderer, Wire};
use crate::trace::{Filter, Record, RecordKind, write_line};
use clap::Args;
use globset::GlobSet;
use std::io::Write;
use std::path::PathBuf;

/// Print a trace, one event a line
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
pub(super) struct Show {
    /// The trace
    file: PathBuf,
    /// Which events
    #[arg(long, value_enum, default_value = "all")]
    log: Log,
    /// Only events of probes with such a name; may be given more than once
    #[arg(long, value_name = "GLOB")]
    probe: Vec<String>,
    /// Only events for which this holds, as for `trace live`
    #[arg(long = "where", value_name = "EXPR")]
    filter: Option<String>,
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

impl Show {
    pub(super) fn execute(self) -> Result<Exit, CliError> {
        let probes = globs(&self.probe)?;
        let filter = self.filter.as_deref().map(Filter::new).transpose();
        let filter = filter.map_err(|error| CliError::usage(format!("--where: {error}")))?;
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
            if !on_conn
                || !self.log.shows(record)
                || !fits(probes.as_ref(), record)
                || filter.as_ref().is_some_and(|filter| !filter.fits(record))
            {
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

/// True if no probe is asked for, or the record is an event of one that is.
fn fits(probes: Option<&GlobSet>, record: &Record) -> bool {
    probes.is_none_or(
        |probes| matches!(&record.what, RecordKind::Probe(event) if probes.is_match(event.probe.name())),
    )
}

/// A connection as lines name it, from 1.
pub(super) fn ordinal(text: &str) -> Result<usize, CliError> {
    let number = text.strip_prefix('c').unwrap_or(text).parse().ok().filter(|n| *n > 0);
    number.ok_or_else(|| CliError::usage(format!("--conn {text:?}: say 1 or c1 for the first connection")))
}
