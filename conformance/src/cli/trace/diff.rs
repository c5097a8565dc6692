//! `trace diff`: where do two traces part?

use super::show::ordinal;
use super::{CliError, Exit, print, read};
use crate::golden::coloured;
use crate::trace::{CONN_UNKNOWN, Ignored, Record, RecordKind, diff};
use clap::Args;
use std::path::{Path, PathBuf};

/// Print the first place where two traces part; exit 1 if they do
#[derive(Args, Debug)]
#[command(
    after_help = "Records are set against each other by session and tag. Everything counts that is not named by --ignore, to the last
bit of a header, the order of the records too.

Examples:
  iscsi-lab trace diff before.jsonl after.jsonl
  iscsi-lab trace diff before.jsonl after.jsonl --ignore time_ns --ignore ii_statsn
  iscsi-lab trace diff simulated.jsonl live.jsonl --probes --conn 1,2 --ignore time_ns \\
      --ignore ci_local --ignore ci_remote"
)]
pub(super) struct Diff {
    /// One trace
    first: PathBuf,
    /// The other
    second: PathBuf,
    /// A member that may differ, as a field of a PDU (CmdSN), of a probe (ii_cmdsn) of a line (time_ns), or `order`
    #[arg(long, value_name = "FIELD")]
    ignore: Vec<String>,
    /// Compare events of probes only: a live trace has nothing else
    #[arg(long)]
    probes: bool,
    /// Compare one connection only: 2 is the second one in both traces, 1,2 the first of one and the second of the other
    #[arg(long, value_name = "N[,M]")]
    conn: Option<String>,
}

impl Diff {
    /// What of a trace is compared. Connections are numbered by what is left, so that others before them do not count.
    fn part(&self, file: &Path, conn: Option<usize>) -> Result<Vec<Record>, CliError> {
        let mut records = read(file)?;
        let mut seen: Vec<u32> = Vec::new();
        let mut place = |record: &Record| {
            let at = seen.iter().position(|conn| *conn == record.conn);
            at.unwrap_or_else(|| {
                seen.push(record.conn);
                seen.len() - 1
            })
        };
        if let Some(conn) = conn {
            records.retain(|record| record.conn != CONN_UNKNOWN && place(record) == conn - 1);
        }
        if self.probes {
            records.retain(|record| matches!(record.what, RecordKind::Probe(_) | RecordKind::Lost(_)));
        }
        if records.is_empty() && (self.probes || conn.is_some()) {
            let message = format!("{}: nothing to compare", file.display());
            return Err(CliError { exit: Exit::NothingSelected, message });
        }
        if self.probes || conn.is_some() {
            let mut left: Vec<u32> = Vec::new();
            for record in records.iter_mut().filter(|record| record.conn != CONN_UNKNOWN) {
                if !left.contains(&record.conn) {
                    left.push(record.conn);
                }
                let at = left.iter().position(|conn| *conn == record.conn).unwrap_or_default();
                record.conn = at as u32 + 1;
            }
        }
        Ok(records)
    }

    pub(super) fn execute(self) -> Result<Exit, CliError> {
        let ignored = Ignored::new(&self.ignore).map_err(CliError::usage)?;
        let (one, other) = match self.conn.as_deref() {
            None => (None, None),
            Some(text) => {
                let (one, other) = text.split_once(',').unwrap_or((text, text));
                (Some(ordinal(one)?), Some(ordinal(other)?))
            }
        };
        let (first, second) = (self.part(&self.first, one)?, self.part(&self.second, other)?);
        let Some(found) = diff(&first, &second, &ignored) else {
            let names = self.ignore.join(", ");
            let but = if names.is_empty() { names } else { format!(", ignoring {names}") };
            print(format!("the same: {} records{but}\n", first.len()).as_bytes())?;
            return Ok(Exit::Passed);
        };
        let but = if found.order { ": the same records in another order" } else { "" };
        let mut text = format!("they part at record {}{but}\n", found.record);
        for (name, one, two) in &found.members {
            text.push_str(&format!("  {name}: {one} became {two}\n"));
        }
        text.push_str(&format!("--- {}\n+++ {}\n", self.first.display(), self.second.display()));
        text.push_str(&coloured(&found.text));
        print(text.as_bytes())?;
        Ok(Exit::Failed)
    }
}
