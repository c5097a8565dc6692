//! `merge`: what the shards of a sweep have reported, as one.

use super::sweep::{Line, exit_of, print_json, read};
use super::{CliError, Context, Exit};
use crate::sweep::{Found, Part, Parts, Tally, floor};
use clap::Args;
use serde_json::Value;
use std::fmt::Display;
use std::path::{Path, PathBuf};

/// Join what the shards of a sweep have reported
#[derive(Args, Debug)]
#[command(after_help = "All shards of a range have to be there, each once; ranges must not overlap.

Examples:
  iscsi-lab merge shard-*.jsonl
  iscsi-lab merge shard-*.jsonl --floor conformance/sweep/floor.txt --json")]
pub struct Merge {
    /// Files with the output of `sweep --json`
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Marks that must be hit, one a line; a missing one is exit 3
    #[arg(long, value_name = "FILE")]
    floor: Option<PathBuf>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

/// What the files say together.
#[derive(Default)]
struct Joined {
    parts: Parts,
    sum: Option<Tally>,
    found: Vec<Found>,
}

impl Merge {
    /// Reads the files and prints the sum.
    pub fn execute(self, _: &Context) -> Result<Exit, CliError> {
        let mut joined = Joined::default();
        for path in &self.files {
            joined.add(path)?;
        }
        let Joined { parts, sum, mut found } = joined;
        let parts = parts.whole().map_err(CliError::usage)?;
        let sum = sum.unwrap_or_default();
        found.sort_by_key(|found| found.seed);
        for part in &parts {
            if self.json {
                print_json(&Line::Begin(part));
            } else {
                anstream::println!("{part}");
            }
        }
        let mut exit = Exit::Passed;
        for found in &found {
            exit = exit.max(exit_of(found.failure.class));
            if self.json {
                print_json(&Line::Failure(found));
            } else {
                anstream::println!("seed {} ({}): {}", found.seed, found.profile, found.failure.text);
            }
        }
        if self.json {
            print_json(&Line::Summary(&sum));
        } else {
            sum.lines(false).iter().for_each(|line| anstream::println!("{line}"));
        }
        if let Some(floor) = self.floor.as_deref().map(read).transpose()? {
            let missing = floor::missing(&floor, &sum);
            missing.iter().for_each(|mark| anstream::eprintln!("no longer hit: {mark}"));
            if !missing.is_empty() {
                exit = exit.max(Exit::Stale);
            }
        }
        Ok(exit)
    }
}

impl Joined {
    fn add(&mut self, path: &Path) -> Result<(), CliError> {
        let (mut begun, mut whole) = (false, false);
        for (number, line) in read(path)?.lines().enumerate() {
            let wrong =
                |error: &dyn Display| CliError::usage(format!("{}:{}: {error}", path.display(), number + 1));
            let mut value: Value = serde_json::from_str(line).map_err(|error| wrong(&error))?;
            let kind = value.as_object_mut().and_then(|it| it.remove("kind"));
            match kind.as_ref().and_then(Value::as_str) {
                Some("begin") if !begun => {
                    begun = true;
                    let part: Part = serde_json::from_value(value).map_err(|error| wrong(&error))?;
                    self.parts.add(part).map_err(|error| wrong(&error))?;
                }
                Some("failure") if begun && !whole => {
                    self.found.push(serde_json::from_value(value).map_err(|error| wrong(&error))?);
                }
                Some("summary") if begun && !whole => {
                    whole = true;
                    let tally: Tally = serde_json::from_value(value).map_err(|error| wrong(&error))?;
                    match &mut self.sum {
                        None => self.sum = Some(tally),
                        Some(sum) => sum.merge(&tally).map_err(|error| wrong(&error))?,
                    }
                }
                _ => return Err(wrong(&"this is no line of `sweep --json`, or not its place")),
            }
        }
        if whole {
            return Ok(());
        }
        Err(CliError::usage(format!("{}: the sum is missing: the sweep did not end", path.display())))
    }
}
