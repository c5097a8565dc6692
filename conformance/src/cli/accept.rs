//! `accept`: makes what scenarios do now their golden traces, after showing what changes.

use super::{CliError, Context, Exit};
use crate::golden;
use crate::runner::suite::{Filter, Golden, Ran, golden_text, run_all};
use crate::runner::{Backend, Options};
use crate::scenario::Collection;
use clap::Args;
use std::path::Path;

/// Make what scenarios do now their golden traces, after showing what changes
#[derive(Args, Debug)]
#[command(
    after_help = "A scenario that fails is not accepted. Without GLOB, golden traces that no scenario refers to are removed.
Nothing is written where the variable CI is set.

Examples:
  iscsi-lab accept login/plain
  iscsi-lab accept --dry-run"
)]
pub struct Accept {
    /// Which scenarios, as globs over topic/name [default: all]
    globs: Vec<String>,
    /// Show, but write nothing
    #[arg(long)]
    dry_run: bool,
}

impl Accept {
    /// Shows and writes.
    pub fn execute(self, context: &Context) -> Result<Exit, CliError> {
        if !self.dry_run && std::env::var_os("CI").is_some_and(|value| !value.is_empty()) {
            return Err(CliError::usage(
                "golden traces are not written where CI is set; look at them with --dry-run",
            ));
        }
        let root = context.root()?;
        let collection = Collection::find(&root).map_err(|error| CliError::file(&root, &error))?;
        let filter = Filter { globs: self.globs.clone(), ..Filter::default() };
        let selected = super::run::chosen(&collection, &filter)?;
        let options = Options { backend: Backend::Simulator, seed: None, twice: true, moments: false };
        let jobs = std::thread::available_parallelism().map_or(1, usize::from);
        let ran = run_all(&root, selected, &options, jobs, &|_| {});
        let (mut written, mut same, mut exit) = (0, 0, Exit::Passed);
        for one in &ran {
            match self.accept(&root, one)? {
                Accepted::Same => same += 1,
                Accepted::Written => written += 1,
                Accepted::Refused(why) => exit = exit.max(why),
            }
        }
        if self.globs.is_empty() {
            self.remove_orphans(&root)?;
        }
        let done = if self.dry_run { "would change" } else { "written" };
        anstream::println!("{written} {done}, {same} unchanged, {} not accepted", ran.len() - written - same);
        Ok(exit)
    }

    fn accept(&self, root: &Path, ran: &Ran) -> Result<Accepted, CliError> {
        let name = &ran.selected.scenario.name;
        match &ran.golden {
            Some(Golden::Same) => return Ok(Accepted::Same),
            Some(Golden::Missing) => anstream::println!("new: {name}"),
            Some(Golden::Differs(line, diff)) => {
                anstream::println!("changed from line {line} on: {name}\n{}", golden::coloured(diff));
            }
            Some(Golden::Unreadable(why)) => anstream::println!("unreadable, to be replaced: {name}: {why}"),
            None => {
                super::report::print(ran, false);
                let worst =
                    ran.failures().iter().map(|(_, failure)| super::report::exit_of(failure.class)).max();
                return Ok(Accepted::Refused(worst.unwrap_or(Exit::Failed)));
            }
        }
        if !self.dry_run {
            let path = golden::snapshot_path(root, name);
            golden::write(&path, &golden_text(&ran.selected.scenario, &ran.reports), golden::SOURCE)
                .map_err(|error| CliError::usage(error.to_string()))?;
        }
        Ok(Accepted::Written)
    }

    fn remove_orphans(&self, root: &Path) -> Result<(), CliError> {
        let unpaired =
            golden::unpaired(root).map_err(|error| CliError::file(&root.join("snapshots"), &error))?;
        for name in unpaired.snapshots {
            anstream::println!("no scenario any more: {name}");
            if !self.dry_run {
                let path = golden::snapshot_path(root, &name);
                std::fs::remove_file(&path).map_err(|error| CliError::file(&path, &error))?;
            }
        }
        Ok(())
    }
}

enum Accepted {
    Same,
    Written,
    Refused(Exit),
}
