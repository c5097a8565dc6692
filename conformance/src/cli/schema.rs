//! `schema`: the scenario language for editors.

use super::{CliError, Context, Exit};
use clap::Args;

/// Print the JSON Schema of scenario files, or the key reference
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  iscsi-lab schema > scenario.schema.json
  iscsi-lab schema --reference | less
  iscsi-lab schema --report > report.schema.json")]
pub struct Schema {
    /// The reference of all keys, steps and names as Markdown instead
    #[arg(long)]
    reference: bool,
    /// The JSON Schema of the JSON report of `run` instead
    #[arg(long, conflicts_with = "reference")]
    report: bool,
}

impl Schema {
    /// Writes it to standard output.
    pub fn execute(self, _: &Context) -> Result<Exit, CliError> {
        if self.reference {
            anstream::print!("{}", crate::scenario::reference());
        } else if self.report {
            anstream::println!("{:#}", crate::report::Results::schema());
        } else {
            anstream::println!("{:#}", crate::scenario::schema());
        }
        Ok(Exit::Passed)
    }
}
