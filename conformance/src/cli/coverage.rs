//! `coverage`: which clauses of the RFCs are checked.

use super::{CliError, Context, Exit};
use crate::coverage::{self, Floors, Stale};
use clap::Args;
use std::path::PathBuf;

/// Show which clauses of the RFCs are checked by what, which are excepted and why, and which are missing
#[derive(Args, Debug)]
#[command(
    after_help = "Reads scenarios/clauses.tsv, scenarios/exceptions.yaml and the `req:` of every scenario. Exits with 1 below
a floor, with 3 for an exception that is needed no more, with 2 for references to nothing.

Examples:
  iscsi-lab coverage
  iscsi-lab coverage --spec rfc7143/11.5 --verbose
  iscsi-lab coverage --html coverage.html --fail-under must=100,should=80"
)]
pub struct Coverage {
    /// Only clauses that begin with this: a document or a section
    #[arg(long, value_name = "CLAUSE")]
    spec: Option<String>,
    /// Tell of each clause what checks it
    #[arg(long, short)]
    verbose: bool,
    /// Report as one JSON document
    #[arg(long, conflicts_with = "verbose")]
    json: bool,
    /// Write a page for a browser
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Least share that has to be covered, in percent: must, should, may
    #[arg(long, value_name = "LEVEL=PERCENT,...")]
    fail_under: Option<Floors>,
}

impl Coverage {
    /// Judges, reports, and gives the worst exit.
    pub fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let root = context.root()?;
        let whole = coverage::read(&root).map_err(CliError::usage)?;
        let part = self.spec.as_ref().map_or_else(|| whole.clone(), |spec| whole.of(spec));
        if part.clauses.is_empty() {
            let spec = self.spec.unwrap_or_default();
            let message = format!("--spec {spec}: no clause begins with this");
            return Err(CliError { exit: Exit::NothingSelected, message });
        }
        if let Some(path) = &self.html {
            std::fs::write(path, coverage::page(&part)).map_err(|error| CliError::file(path, &error))?;
        }
        if self.json {
            anstream::println!("{}", coverage::json(&part));
        } else {
            anstream::print!("{}", coverage::text(&part, self.verbose));
        }
        let problems = part.problems.iter().map(|problem| match problem.stale {
            Stale::Yes => Exit::Stale,
            Stale::No => Exit::Usage,
        });
        let mut exit = problems.max().unwrap_or(Exit::Passed);
        for below in self.fail_under.unwrap_or_default().broken(&part) {
            anstream::eprintln!("below the floor: {below}");
            exit = exit.max(Exit::Failed);
        }
        Ok(exit)
    }
}
