//! `completions`: a completion script for a shell, made from the same definitions as the help.

use super::{CliError, Context, Exit};
use clap::Args;
use clap_complete::Shell;
use std::io::Write;

/// Print a completion script for a shell
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  iscsi-lab completions bash > ~/.local/share/bash-completion/completions/iscsi-lab
  iscsi-lab completions zsh > ~/.zfunc/_iscsi-lab")]
pub struct Completions {
    /// Which shell
    shell: Shell,
}

impl Completions {
    /// Writes the script to standard output.
    pub fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let mut program = (context.program)();
        let name = program.get_name().to_owned();
        // It panics if its output fails; memory takes everything.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut program, name, &mut script);
        std::io::stdout()
            .write_all(&script)
            .map_err(|error| CliError::usage(format!("standard output: {error}")))?;
        Ok(Exit::Passed)
    }
}
