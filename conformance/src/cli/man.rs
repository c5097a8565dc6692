//! `man`: the manual page, made from the same definitions as the help.

use super::{CliError, Context, Exit};
use clap::Args;
use std::io::Write;

/// Print the manual page (roff)
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  iscsi-lab man | man -l -
  iscsi-lab man run > iscsi-lab-run.1")]
pub struct Man {
    /// The page of one command [default: of the whole program, its commands listed]
    command: Option<String>,
}

impl Man {
    /// Writes the page to standard output.
    pub fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let program = (context.program)();
        let page = match &self.command {
            None => program,
            Some(name) => program
                .find_subcommand(name)
                .cloned()
                .map(|command| command.bin_name(format!("iscsi-lab {name}")))
                .ok_or_else(|| CliError::usage(format!("there is no command {name:?}")))?,
        };
        let mut roff = Vec::new();
        clap_mangen::Man::new(page)
            .render(&mut roff)
            .and_then(|()| std::io::stdout().write_all(&roff))
            .map_err(|error| CliError::usage(format!("standard output: {error}")))?;
        Ok(Exit::Passed)
    }
}
