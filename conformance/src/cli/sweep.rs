//! `sweep`: many runs drawn from seeds, on all cores.

use super::exit::quiet_panics;
use super::{CliError, Context, Exit};
use crate::report::{Seeds, Wanted};
use crate::runner::Shard;
use crate::sweep::file::{RunFile, SUFFIX};
use crate::sweep::minimize::minimize;
use crate::sweep::{Class, Found, Part, Ran, Span, Tally, floor, run_seed, sweep, written_out};
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use initiator_sim::workload::{Theme, parse_seed};
use serde::Serialize;
use std::io::IsTerminal;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Draw runs from seeds, run them with every check, and say what failed and what was never touched
#[derive(Args, Debug)]
#[command(
    after_help = "The same seeds give the same lines for any --jobs, and shards joined by `merge` give what the whole range gives.

Examples:
  iscsi-lab sweep --seeds 0..10000
  iscsi-lab sweep --for 10m --profile all --save /tmp/failing --minimize
  iscsi-lab sweep --until-failure --profile recovery
  iscsi-lab sweep --seeds 0..100000 --shard 2/8 --json >shard-2.jsonl
  iscsi-lab sweep --seeds 0..10000 --report junit=sweep.xml --report markdown=sweep.md
  iscsi-lab sweep --seeds 4b825dc642cb6eb9a060e54bf8d69288fbee4904"
)]
pub struct Sweep {
    /// Which seeds: A..B, one number, or a commit id [default: from 0 on]
    #[arg(long, value_name = "A..B")]
    seeds: Option<Span>,
    /// Begin no further seed after this time: 30s, 10m, 2h
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    time: Option<Duration>,
    /// Go on until a seed fails
    #[arg(long)]
    until_failure: bool,
    /// What may go wrong
    #[arg(long, value_enum, default_value_t = ProfileArg::Swarm)]
    profile: ProfileArg,
    /// Threads [default: one a processor]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// Of the seeds, every nth from the kth on
    #[arg(long, value_name = "K/N")]
    shard: Option<Shard>,
    /// Write each failing run into this directory
    #[arg(long, value_name = "DIR")]
    save: Option<PathBuf>,
    /// Make each failing run as small as possible (10 s each)
    #[arg(long)]
    minimize: bool,
    /// Run each seed twice and stop at the first event that differs
    #[arg(long)]
    twice: bool,
    /// Marks that must be hit, one a line; a missing one is exit 3
    #[arg(long, value_name = "FILE")]
    floor: Option<PathBuf>,
    /// Write the marks that were hit often enough to rely on
    #[arg(long, value_name = "FILE", conflicts_with = "floor")]
    write_floor: Option<PathBuf>,
    /// List the ordered pairs of probes that were never seen, too
    #[arg(long)]
    pairs: bool,
    /// Write a report: junit, json, html, tap, sarif or markdown; repeatable
    #[arg(long, value_name = "KIND=FILE")]
    report: Vec<Wanted>,
    /// One JSON object a line: which seeds, each failure, then the sum
    #[arg(long)]
    json: bool,
}

/// What may go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ProfileArg {
    /// Any kinds, a random subset with random weights
    Swarm,
    /// Nothing
    Lite,
    /// What TCP and hosts do on any day
    Network,
    /// Slow, failing, rotting disks and crashes
    Disk,
    /// A middlebox that drops, repeats, swaps and damages PDUs
    Recovery,
    /// Bytes that no initiator should send
    Hostile,
    /// One of these, drawn for each seed
    All,
}

impl ProfileArg {
    /// The theme, if it is one for all seeds.
    pub fn theme(self) -> Option<Theme> {
        let name = self.name();
        Theme::ALL.into_iter().find(|theme| theme.name() == name)
    }

    /// Its name.
    pub fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

/// 90, 90s, 10m or 2h.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text}: a time is a number with s, m or h: 30s, 10m");
    let (number, unit) = match text.char_indices().last() {
        Some((at, 's')) => (&text[..at], 1),
        Some((at, 'm')) => (&text[..at], 60),
        Some((at, 'h')) => (&text[..at], 3600),
        _ => (text, 1),
    };
    let seconds: u64 = number.parse().map_err(|_| wrong())?;
    seconds.checked_mul(unit).filter(|it| *it > 0).map(Duration::from_secs).ok_or_else(wrong)
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Line<'a> {
    Begin(&'a Part),
    Failure(&'a Found),
    Summary(&'a Tally),
}

impl Sweep {
    /// Runs the seeds.
    pub fn execute(self, _: &Context) -> Result<Exit, CliError> {
        if self.seeds.is_none() && self.time.is_none() && !self.until_failure {
            return Err(CliError::usage("how many? Say --seeds A..B, --for TIME or --until-failure"));
        }
        let whole = Span { first: 0, end: u64::MAX, rest: 0, shards: 1 };
        let mut span = self.seeds.unwrap_or(whole);
        if let Some(shard) = self.shard {
            (span.rest, span.shards) = shard.rest_and_count();
        }
        if span.is_empty() {
            return Ok(Exit::NothingSelected);
        }
        if let Some(dir) = &self.save {
            std::fs::create_dir_all(dir).map_err(|error| CliError::file(dir, &error))?;
        }
        let floor = self.floor.as_deref().map(read).transpose()?;
        let jobs = self.jobs.map(usize::from).unwrap_or_else(processors);
        let (theme, name) = (self.profile.theme(), self.profile.name());
        let part = Part::of(&span, &name);
        if self.json {
            print_json(&Line::Begin(&part));
        } else {
            anstream::println!("{part}");
        }
        quiet_panics();
        let began = Instant::now();
        let bar = self.bar(span.len());
        let mut tally = Tally::new(&name);
        let mut seeds = Seeds::default();
        let mut worst = Exit::Passed;
        let mut problem = None;
        sweep(&span, jobs, &|seed| run_seed(seed, theme, self.twice), &mut |ran| {
            tally.add(&ran);
            let mut found = Found::of(&ran);
            if let Some(found) = &mut found {
                match bar.suspend(|| self.failed(&ran, found)) {
                    Ok(()) => worst = worst.max(exit_of(found.failure.class)),
                    Err(error) => problem = Some(error),
                }
            }
            seeds.add(&ran, found.as_ref());
            bar.inc(1);
            self.show(&bar, &tally, began);
            let over = self.time.is_some_and(|time| began.elapsed() >= time);
            let failed = self.until_failure && ran.failure.is_some();
            if over || failed || problem.is_some() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        bar.finish_and_clear();
        if let Some(problem) = problem {
            return Err(problem);
        }
        seeds.results().write(&self.report).map_err(CliError::usage)?;
        worst = worst.max(self.finish(&tally, floor.as_deref())?);
        let seconds = began.elapsed().as_secs_f64().max(1e-9);
        let virtual_seconds = tally.virtual_ns as f64 / 1e9;
        anstream::eprintln!(
            "{seconds:.1} s, {:.0} seeds/s, {:.0} virtual seconds a second, {jobs} threads",
            tally.seeds as f64 / seconds,
            virtual_seconds / seconds
        );
        Ok(worst)
    }

    /// Tells of a run that failed, and writes it where that was asked for.
    fn failed(&self, ran: &Ran, found: &mut Found) -> Result<(), CliError> {
        let mut small = Vec::new();
        if let Some(dir) = &self.save {
            let path = dir.join(format!("{}-{}{SUFFIX}", found.profile, found.seed));
            let (file, lines) = self.file(ran, found);
            std::fs::write(&path, file.text()).map_err(|error| CliError::file(&path, &error))?;
            found.file = Some(path.display().to_string());
            small = lines;
        } else if self.minimize {
            small = self.file(ran, found).1;
        }
        if self.json {
            print_json(&Line::Failure(found));
            return Ok(());
        }
        anstream::println!("seed {} ({}): {}", found.seed, found.profile, found.failure.text);
        for option in ran.case.options() {
            anstream::println!("  {option}");
        }
        anstream::println!("  signature {}", found.failure.signature);
        for line in small {
            anstream::println!("  {line}");
        }
        anstream::println!("  again: iscsi-lab replay --seed {} --profile {}", found.seed, found.profile);
        if let Some(file) = &found.file {
            anstream::println!("  written: {file}");
        }
        Ok(())
    }

    /// The run as a file, made small if that was asked for, and what to say about that.
    fn file(&self, ran: &Ran, found: &Found) -> (RunFile, Vec<String>) {
        let fails = Some(found.failure.signature.clone());
        let title = format!("seed {} ({}) breaks {}", found.seed, found.profile, found.failure.signature);
        let case = ran.case.clone();
        if self.minimize && found.failure.class != Class::NotDeterministic {
            match minimize(&case, Duration::from_secs(10), 1) {
                Ok(minimal) => {
                    let ((steps, faults), (few, less)) = (minimal.before, minimal.after());
                    let mut lines = vec![format!("{steps} steps and {faults} faults made {few} and {less}")];
                    let (file, result) = minimal.file();
                    lines.extend(result.err());
                    return (file, lines);
                }
                Err(why) => return (RunFile { title, fails, run: case }, vec![why]),
            }
        }
        let run = written_out(&case).unwrap_or(case);
        (RunFile { title, fails, run }, Vec::new())
    }

    fn finish(&self, tally: &Tally, floor: Option<&str>) -> Result<Exit, CliError> {
        if self.json {
            print_json(&Line::Summary(tally));
        } else {
            tally.lines(self.pairs).iter().for_each(|line| anstream::println!("{line}"));
        }
        if let Some(path) = &self.write_floor {
            let seeds = self.seeds.unwrap_or(Span { first: 0, end: 0, rest: 0, shards: 1 });
            let name = self.profile.name();
            let command = format!("iscsi-lab sweep --seeds {}..{} --profile {name}", seeds.first, seeds.end);
            let text = floor::write(tally, &command, 3);
            std::fs::write(path, text).map_err(|error| CliError::file(path, &error))?;
        }
        let missing = floor.map(|floor| floor::missing(floor, tally)).unwrap_or_default();
        for mark in &missing {
            anstream::eprintln!("no longer hit: {mark}");
        }
        Ok(if missing.is_empty() { Exit::Passed } else { Exit::Stale })
    }

    fn bar(&self, seeds: u64) -> ProgressBar {
        if self.json || !std::io::stderr().is_terminal() {
            return ProgressBar::with_draw_target(Some(seeds), ProgressDrawTarget::hidden());
        }
        let bar = ProgressBar::new(seeds);
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} seeds {msg}") {
            bar.set_style(style);
        }
        bar
    }

    fn show(&self, bar: &ProgressBar, tally: &Tally, began: Instant) {
        if bar.is_hidden() || !tally.seeds.is_multiple_of(32) {
            return;
        }
        let seconds = began.elapsed().as_secs_f64().max(1e-9);
        bar.set_message(format!(
            "{:.0}/s, {:.0} virtual/wall, {} failed, {} marks",
            tally.seeds as f64 / seconds,
            tally.virtual_ns as f64 / 1e9 / seconds,
            tally.failed,
            tally.marks.len()
        ));
    }
}

pub(super) fn print_json(line: &Line<'_>) {
    anstream::println!("{}", serde_json::to_string(line).unwrap_or_default());
}

pub(super) fn read(path: &Path) -> Result<String, CliError> {
    std::fs::read_to_string(path).map_err(|error| CliError::file(path, &error))
}

/// How a failure of this kind ends a command.
pub const fn exit_of(class: Class) -> Exit {
    match class {
        Class::Failed => Exit::Failed,
        Class::NoProgress => Exit::NoProgress,
        Class::NotDeterministic => Exit::NotDeterministic,
        Class::Panicked => Exit::Panicked,
    }
}

/// How many threads are worth while.
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Seeds on other command lines.
pub fn seed(text: &str) -> Result<u64, String> {
    parse_seed(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::run_drawn;
    use initiator_sim::oracle::Violation;
    use initiator_sim::workload::{Case, Report, Signature, run_case};
    use initiator_sim::world::{CorePanic, Keep};

    /// How a sweep ends whose seed came out as `spoil` makes it; it is told which run of the seed it is, from 0 on.
    fn ends(spoil: impl Fn(u32, &mut Report) -> Result<(), String>) -> (u8, String) {
        let mut count = 0;
        let run = |case: &Case, keep: Keep| {
            let (mut report, world) = run_case(case, None, keep)?;
            spoil(count, &mut report)?;
            count += 1;
            Ok((report, world))
        };
        let ran = run_drawn(3, Case::draw(3, Theme::Lite), true, run);
        let failure = ran.failure.expect("it fails");
        (exit_of(failure.class).code(), failure.text)
    }

    fn signature(class: &str) -> Option<Signature> {
        Some(Signature { class: class.into(), site: "here".into(), probe: None })
    }

    fn broken(report: &mut Report, rule: &'static str) {
        let clause = "rfc7143/4.2.2".to_owned();
        report.violations = vec![Violation { rule, clause, text: "wrong".to_owned(), at: 1, conn: None }];
        report.signature = signature(rule);
    }

    #[test]
    fn each_kind_of_failure_has_its_exit_code() {
        let checked = |rule| {
            ends(move |_, report| {
                broken(report, rule);
                Ok(())
            })
        };
        assert_eq!(checked("answer"), (1, "0.000000001 answer [rfc7143/4.2.2]: wrong".to_owned()));
        assert_eq!(checked("progress").0, 5);
        let panicked = ends(|_, report| {
            report.panic = Some(CorePanic { seed: 3, at: 1, message: "overflow".to_owned() });
            report.signature = signature("panic");
            Ok(())
        });
        assert_eq!(panicked, (6, "overflow".to_owned()));
        assert_eq!(ends(|_, _| Err("the lab".to_owned())), (6, "the lab".to_owned()));
        // Whatever else was found: a run that cannot be repeated proves nothing.
        let differs = ends(|count, report| {
            broken(report, "answer");
            report.trace_hash ^= u64::from(count == 1);
            Ok(())
        });
        assert_eq!(differs, (4, "two runs differed once, but not when they were looked at".to_owned()));
        let second = ends(|count, _| if count == 0 { Ok(()) } else { Err("later".to_owned()) });
        assert_eq!(second, (4, "one of two runs panicked".to_owned()));
    }
}
