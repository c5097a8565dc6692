//! `trace diff`: where do two traces part?

use super::{CliError, Exit, print, read};
use crate::golden::coloured;
use crate::trace::{Ignored, diff};
use clap::Args;
use std::path::PathBuf;

/// Print the first place where two traces part; exit 1 if they do
#[derive(Args, Debug)]
#[command(
    after_help = "Records are set against each other by session and tag. Everything counts that is not named by --ignore, to the last
bit of a header, the order of the records too.

Examples:
  iscsi-lab trace diff before.jsonl after.jsonl
  iscsi-lab trace diff before.jsonl after.jsonl --ignore time_ns --ignore ii_statsn
  iscsi-lab trace diff simulated.jsonl live.jsonl --ignore time_ns --ignore order --ignore ci_local --ignore ci_remote"
)]
pub(super) struct Diff {
    /// One trace
    first: PathBuf,
    /// The other
    second: PathBuf,
    /// A member that may differ, as a field of a PDU (CmdSN), of a probe (ii_cmdsn) of a line (time_ns), or `order`
    #[arg(long, value_name = "FIELD")]
    ignore: Vec<String>,
}

impl Diff {
    pub(super) fn execute(self) -> Result<Exit, CliError> {
        let ignored = Ignored::new(&self.ignore).map_err(CliError::usage)?;
        let (first, second) = (read(&self.first)?, read(&self.second)?);
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
