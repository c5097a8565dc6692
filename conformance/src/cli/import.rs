//! `import`: a capture becomes a scenario.

use super::{CliError, Context, Exit};
use crate::import::import;
use clap::Args;
use std::path::PathBuf;

/// Make a scenario of a capture: the initiator's PDUs are sent again, the target's answers expected
#[derive(Args, Debug)]
#[command(
    after_help = "Takes pcapng and pcap. Every connection that begins with a login is taken; lost segments are an error.

Examples:
  iscsi-lab import capture.pcapng -o scenarios/imported/one.scn.yaml
  iscsi-lab replay scenarios/imported/one.scn.yaml
  iscsi-lab run imported/one --addr 127.0.0.1:3260 --target iqn.2026-01.example:disk"
)]
pub struct Import {
    /// The capture
    file: PathBuf,
    /// The scenario to write [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Import {
    /// Reads, writes, and tells what was left out.
    pub fn execute(self, _: &Context) -> Result<Exit, CliError> {
        let bytes = std::fs::read(&self.file).map_err(|error| CliError::file(&self.file, &error))?;
        let source = self.file.file_name().unwrap_or_default().to_string_lossy();
        let imported = import(&source, &bytes).map_err(|error| CliError::file(&self.file, &error))?;
        for note in &imported.notes {
            anstream::eprintln!("note: {note}");
        }
        match &self.output {
            None => anstream::print!("{}", imported.text),
            Some(path) => {
                let folder = path.parent().unwrap_or(path);
                std::fs::create_dir_all(folder)
                    .and_then(|()| std::fs::write(path, &imported.text))
                    .map_err(|error| CliError::file(path, &error))?;
            }
        }
        Ok(Exit::Passed)
    }
}
