//! What does the command line offer? One file and one type a command; each has `execute`.

mod accept;
mod bench;
mod captures;
mod completions;
mod coverage;
mod exit;
mod help;
mod import;
mod man;
mod merge;
mod minimize;
mod mutants;
mod probes;
mod replay;
mod report;
mod run;
mod schema;
mod secret;
mod serve;
mod sweep;
mod trace;

pub use accept::Accept;
pub use bench::Bench;
pub use completions::Completions;
pub use coverage::Coverage;
pub use exit::{CliError, EXIT_CODES, Exit, end_when_output_is_lost};
pub use help::unfolded;
pub use import::Import;
pub use man::Man;
pub use merge::Merge;
pub use minimize::{Causality, Explain, Minimize};
pub use mutants::Mutants;
pub use probes::Probes;
pub use replay::Replay;
pub use run::Run;
pub use schema::Schema;
pub use secret::Secret;
pub use serve::Serve;
pub use sweep::Sweep;
pub use trace::Trace;

use std::path::{Path, PathBuf};

/// What every command gets beside its own arguments.
pub struct Context {
    /// `--root`, as given.
    pub root: Option<PathBuf>,
    /// The whole command line, for completions and the manual page.
    pub program: fn() -> clap::Command,
}

impl Context {
    /// The directory that holds `scenarios/`: `--root`, or the nearest one from the current directory upwards.
    pub fn root(&self) -> Result<PathBuf, CliError> {
        if let Some(root) = &self.root {
            return if root.join("scenarios").is_dir() {
                Ok(root.clone())
            } else {
                Err(CliError::usage(format!("--root {}: there is no scenarios/ in it", root.display())))
            };
        }
        let here = std::env::current_dir().map_err(|error| CliError::file(Path::new("."), &error))?;
        here.ancestors().find(|dir| dir.join("scenarios").is_dir()).map(Path::to_path_buf).ok_or_else(|| {
            CliError::usage(format!("no scenarios/ in {} or above it; say --root DIR", here.display()))
        })
    }
}
