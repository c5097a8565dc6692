//! `schema`: the scenario language for editors.

use super::{CliError, Context, Exit};
use clap::Args;

/// Print the JSON Schema of scenario files, or the key reference
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  iscsi-lab schema > scenario.schema.json
  iscsi-lab schema --reference | less")]
pub struct Schema {
    /// The reference of all keys, steps and names as Markdown instead
    #[arg(long)]
    reference: bool,
}

impl Schema {
    /// Writes it to standard output.
    pub fn execute(self, _: &Context) -> Result<Exit, CliError> {
        if self.reference {
            anstream::print!("{}", crate::scenario::reference());
        } else {
            anstream::println!("{:#}", crate::scenario::schema());
        }
        Ok(Exit::Passed)
    }
}
