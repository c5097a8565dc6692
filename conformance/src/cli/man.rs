//! `man`: the manual pages, made from the same definitions as the help.

use super::{CliError, Context, Exit};
use clap::Args;
use std::io::Write;
use std::path::PathBuf;

/// Print a manual page (roff), or write all of them
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  iscsi-lab man | man -l -
  iscsi-lab man trace live > iscsi-lab-trace-live.1
  iscsi-lab man --dir ~/.local/share/man/man1")]
pub struct Man {
    /// The page of one command, such as `run` or `trace live` [default: of the whole program, its commands listed]
    command: Vec<String>,
    /// Write the pages of all commands into this folder
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    dir: Option<PathBuf>,
}

impl Man {
    /// Writes the page to standard output, or all pages to their folder.
    pub fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let mut program = (context.program)();
        if let Some(dir) = &self.dir {
            clap_mangen::generate_to(program, dir).map_err(|error| CliError::file(dir, &error))?;
            return Ok(Exit::Passed);
        }
        // Gives every command its full name, which the pages call each other by.
        program.build();
        let mut page = &program;
        for name in &self.command {
            page = page.find_subcommand(name).ok_or_else(|| {
                CliError::usage(format!("there is no command {:?}", self.command.join(" ")))
            })?;
        }
        let mut roff = Vec::new();
        clap_mangen::Man::new(page.clone())
            .render(&mut roff)
            .and_then(|()| std::io::stdout().write_all(&roff))
            .map_err(|error| CliError::usage(format!("standard output: {error}")))?;
        Ok(Exit::Passed)
    }
}
