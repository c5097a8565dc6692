//! `probes`: does this very binary carry exactly the sixteen probes?

use super::{CliError, Context, Exit};
use crate::usdt::notes;
use clap::Args;
use std::io::Write;
use std::path::Path;

/// List the USDT probes found in the ELF notes of this binary
#[derive(Args, Debug)]
#[command(after_help = "Exits with 1 if they are not exactly the sixteen of the iscsi provider.

Examples:
  iscsi-lab probes
  iscsi-lab probes --json")]
pub struct Probes {
    /// Print one JSON array: provider, probe, arguments, address, semaphore
    #[arg(long)]
    json: bool,
}

impl Probes {
    /// Reads the running binary and judges what it finds.
    pub fn execute(self, _: &Context) -> Result<Exit, CliError> {
        let path = Path::new("/proc/self/exe");
        let binary = std::fs::read(path).map_err(|error| CliError::file(path, &error))?;
        let mut found = notes::read(&binary).map_err(|error| CliError::file(path, &error))?;
        found.sort_by(|a, b| (&a.probe, a.address).cmp(&(&b.probe, b.address)));
        let text = if self.json {
            serde_json::to_string_pretty(&found).map_err(|error| CliError::usage(error.to_string()))? + "\n"
        } else {
            found.iter().map(|n| format!("{}:{:<16} {}\n", n.provider, n.probe, n.arguments)).collect()
        };
        std::io::stdout()
            .write_all(text.as_bytes())
            .map_err(|error| CliError::usage(format!("standard output: {error}")))?;
        let problems = notes::problems(&found);
        for problem in &problems {
            anstream::eprintln!("error: {problem}");
        }
        Ok(if problems.is_empty() { Exit::Passed } else { Exit::Failed })
    }
}
