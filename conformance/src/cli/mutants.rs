//! `mutants`: which errors planted in the core does the suite notice?

#[cfg(not(feature = "planted"))]
use super::{CliError, Context, Exit};
use clap::Args;

/// Measure the suite: switch on errors planted in the core, one at a time, and see what notices (feature `planted`)
#[derive(Args, Debug)]
#[command(
    after_help = "Only in a build with the feature `planted`; no other carries these errors. Exits with 1 if one survives
that is not listed with its reason, with 3 if one is noticed that is listed.

Examples:
  cargo run --release --features planted -- mutants --run
  iscsi-lab mutants --list
  iscsi-lab mutants --run reject-stat-sn --json
  iscsi-lab mutants --sweep --seeds 10000 --tries 5
  iscsi-lab mutants --minimize"
)]
pub struct Mutants {
    /// Which errors [default: all]
    names: Vec<String>,
    /// Hold them against every scenario [the default]
    #[arg(long, conflicts_with_all = ["sweep", "minimize", "list"])]
    run: bool,
    /// Hold them against drawn runs: the median of the seeds it takes
    #[arg(long, conflicts_with = "list")]
    sweep: bool,
    /// Measure the minimiser: of each, the first seed that fails by it made as small as possible
    #[arg(long, conflicts_with_all = ["sweep", "list"])]
    minimize: bool,
    /// With --minimize: exit 1 if the median of steps, or that of faults, is above this
    #[arg(long, value_name = "N", requires = "minimize")]
    at_most: Option<u64>,
    /// Say what is planted
    #[arg(long)]
    list: bool,
    /// Stop at the first scenarios that notice, instead of counting them all
    #[arg(long, conflicts_with = "sweep")]
    first: bool,
    /// Seeds of one try
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..1 << 32))]
    seeds: u64,
    /// Tries, each with other seeds
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..1000))]
    tries: u64,
    /// Errors tried at the same time [default: one a processor]
    #[arg(long, short, value_name = "N")]
    jobs: Option<usize>,
    /// Seconds that one error may take; what takes longer hangs, which counts as noticed
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    limit: u64,
    /// Report as one JSON document on standard output
    #[arg(long)]
    json: bool,
    /// Be the process that has this one switched on (or `none`), and say what it found
    #[arg(long, hide = true, value_name = "NAME")]
    planted: Option<String>,
}

#[cfg(not(feature = "planted"))]
impl Mutants {
    /// Nothing is planted in this build.
    pub fn execute(self, _: &Context) -> Result<Exit, CliError> {
        Err(CliError::usage(
            "nothing is planted in this build; build one with the feature:\n  cargo run --release --features planted -- mutants --run",
        ))
    }
}

#[cfg(feature = "planted")]
mod with_feature {
    use super::Mutants;
    use crate::cli::run::progress;
    use crate::cli::{CliError, Context, Exit};
    use crate::mutants::survivors::{BEYOND_SEEDS, SURVIVORS};
    use crate::mutants::{Against, Found, Smaller, Verdict, seeds, smaller, suite, try_all};
    use serde_json::{Value, json};
    use std::path::Path;
    use std::time::Duration;
    use target_core::planted::{BUGS, Planted};

    /// The seeds that [`BEYOND_SEEDS`] is about.
    const BUDGET: u64 = 10_000;

    fn named(name: &str) -> Result<Planted, CliError> {
        let found = BUGS.iter().find(|planted| planted.name == name).copied();
        found.ok_or_else(|| {
            let near = BUGS
                .iter()
                .map(|planted| planted.name)
                .max_by(|a, b| strsim::jaro_winkler(a, name).total_cmp(&strsim::jaro_winkler(b, name)));
            CliError::usage(format!(
                "nothing called {name} is planted; did you mean {}?",
                near.unwrap_or("none")
            ))
        })
    }

    impl Mutants {
        /// Tries them, reports, and says whether all were noticed.
        pub fn execute(self, context: &Context) -> Result<Exit, CliError> {
            if let Some(name) = &self.planted {
                return self.child(&context.root()?, name);
            }
            let bugs = if self.names.is_empty() {
                BUGS.to_vec()
            } else {
                self.names.iter().map(|name| named(name)).collect::<Result<_, _>>()?
            };
            if self.list {
                for Planted { name, seen, what, .. } in &bugs {
                    anstream::println!("{name}: {what} [{seen}]");
                }
                return Ok(Exit::Passed);
            }
            let root = context.root()?;
            let against = if self.minimize {
                Against::Minimizer { budget: self.seeds }
            } else if self.sweep {
                Against::Seeds { budget: self.seeds, tries: self.tries }
            } else {
                Against::Suite { first: self.first }
            };
            // The core as it is goes first: what fails without any error says nothing about errors.
            let bare = usize::from(!self.sweep && !self.minimize);
            let mut all: Vec<Option<Planted>> = vec![None; bare];
            all.extend(bugs.iter().copied().map(Some));
            let jobs =
                self.jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
            let bar = progress(all.len(), self.json);
            let limit = Duration::from_secs(self.limit);
            let verdicts =
                try_all(&root, &all, against, jobs, limit, &|| bar.inc(1)).map_err(CliError::usage)?;
            bar.finish_and_clear();
            if let Some(verdict) = verdicts.iter().take(bare).find(|verdict| verdict.is_noticed()) {
                return Err(CliError::usage(format!(
                    "the suite fails without any error: {}",
                    words(verdict)
                )));
            }
            let verdicts: Vec<_> = bugs.iter().zip(verdicts.into_iter().skip(bare)).collect();
            if self.minimize {
                return Ok(self.report_sizes(&verdicts));
            }
            Ok(self.report(&verdicts))
        }

        fn child(&self, root: &Path, name: &str) -> Result<Exit, CliError> {
            let bug = if name == "none" { None } else { Some(named(name)?.bug) };
            let found = match bug {
                Some(bug) if self.sweep => seeds(bug, self.seeds, self.tries),
                Some(bug) if self.minimize => smaller(bug, self.seeds),
                _ => suite(root, bug, self.first),
            };
            let found = found.map_err(CliError::usage)?;
            anstream::println!(
                "{}",
                serde_json::to_string(&found).map_err(|error| CliError::usage(error.to_string()))?
            );
            Ok(Exit::Passed)
        }

        /// The list of those that are known to survive; with another budget of seeds there is none.
        fn known(&self) -> &'static [(&'static str, &'static str)] {
            match self.sweep {
                false => SURVIVORS,
                true if self.seeds >= BUDGET => BEYOND_SEEDS,
                true => &[],
            }
        }

        /// A line for each failing seed, and the medians: exit 1 if a file does not fail as its seed did.
        fn report_sizes(&self, verdicts: &[(&Planted, Verdict)]) -> Exit {
            let of = |verdict: &Verdict| match verdict {
                Verdict::Ended(found) => found.smaller.clone(),
                Verdict::Hung | Verdict::Died(_) => None,
            };
            let done: Vec<(&str, Smaller)> =
                verdicts.iter().filter_map(|(planted, verdict)| Some((planted.name, of(verdict)?))).collect();
            let median = |value: &dyn Fn(&Smaller) -> u64| {
                let mut values: Vec<u64> = done.iter().map(|(_, smaller)| value(smaller)).collect();
                values.sort_unstable();
                values.get(values.len() / 2).copied().unwrap_or(0)
            };
            let steps = median(&|it| it.after.0 as u64);
            let faults = median(&|it| it.after.1 as u64);
            let millis = median(&|it| it.micros) / 1000;
            let slowest = done.iter().map(|(_, it)| it.micros / 1000).max().unwrap_or(0);
            let broken = done.iter().filter(|(_, it)| it.broken.is_some()).count();
            if self.json {
                let rows: Vec<Value> =
                    done.iter().map(|(name, it)| json!({"name": name, "minimized": it})).collect();
                let all = json!({
                    "runs": rows, "steps": steps, "faults": faults, "millis": millis, "slowest": slowest, "broken": broken,
                });
                anstream::println!("{all:#}");
            } else {
                for (name, it) in &done {
                    let ((steps, faults), (few, less)) = (it.before, it.after);
                    let note = it.broken.as_ref().map_or_else(String::new, |why| format!("; {why}"));
                    anstream::println!(
                        "{name}: seed {}, {steps} steps and {faults} faults made {few} and {less}, {} replays, {} ms{note}",
                        it.seed,
                        it.replays,
                        it.micros / 1000
                    );
                }
                anstream::println!(
                    "{} failing seeds: medians of {steps} steps, {faults} faults, {millis} ms; the slowest {slowest} ms; {broken} do not fail again",
                    done.len()
                );
            }
            let large = self.at_most.is_some_and(|most| steps > most || faults > most);
            if done.is_empty() {
                return Exit::NothingSelected;
            }
            if broken == 0 && !large { Exit::Passed } else { Exit::Failed }
        }

        fn report(&self, verdicts: &[(&Planted, Verdict)]) -> Exit {
            let reason = |planted: &Planted| {
                self.known().iter().find(|(name, _)| *name == planted.name).map(|(_, reason)| *reason)
            };
            let mut exit = Exit::Passed;
            let mut noticed = 0;
            let mut rows = Vec::new();
            for (planted, verdict) in verdicts {
                noticed += usize::from(verdict.is_noticed());
                let (note, worst) = match (verdict.is_noticed(), reason(planted)) {
                    (true, None) => (String::new(), Exit::Passed),
                    (true, Some(_)) => {
                        ("; it is listed as one that survives: take it out".to_owned(), Exit::Stale)
                    }
                    (false, Some(reason)) => (format!(": {reason}"), Exit::Passed),
                    (false, None) => (format!(": {}", planted.what), Exit::Failed),
                };
                exit = exit.max(worst);
                if self.json {
                    rows.push(row(planted, verdict, reason(planted)));
                } else {
                    anstream::println!("{}: {}{note}", planted.name, words(verdict));
                }
            }
            let of = verdicts.len();
            let rate = if of == 0 { 0.0 } else { 100.0 * noticed as f64 / of as f64 };
            if self.json {
                anstream::println!("{:#}", json!({"planted": rows, "noticed": noticed, "of": of}));
            } else {
                anstream::println!("{noticed} of {of} noticed: {rate:.1} %");
            }
            exit
        }
    }

    fn words(verdict: &Verdict) -> String {
        match verdict {
            Verdict::Hung => "noticed, it hangs".to_owned(),
            Verdict::Died(last) => format!("noticed, the process dies: {last}"),
            Verdict::Ended(found) if !found.is_noticed() => "SURVIVED".to_owned(),
            Verdict::Ended(found) => match (found.scenarios.first(), found.median()) {
                (Some((first, check)), _) => {
                    let checks: Vec<_> =
                        found.by_check().iter().map(|(check, count)| format!("{check} {count}")).collect();
                    let count = found.scenarios.len();
                    format!("noticed by {count} ({}), first {first} ({check})", checks.join(", "))
                }
                (None, median) => {
                    let rule = found.rules.first().map_or("", String::as_str);
                    format!("noticed after {} seeds ({rule})", median.unwrap_or(0))
                }
            },
        }
    }

    fn row(planted: &Planted, verdict: &Verdict, reason: Option<&str>) -> Value {
        let none = Found::default();
        let (found, end) = match verdict {
            Verdict::Ended(found) => (found, "ended"),
            Verdict::Hung => (&none, "hung"),
            Verdict::Died(_) => (&none, "died"),
        };
        let scenarios: Vec<_> = found
            .scenarios
            .iter()
            .map(|(scenario, check)| json!({"scenario": scenario, "check": check}))
            .collect();
        json!({
            "name": planted.name, "what": planted.what, "seen": planted.seen, "process": end,
            "noticed": verdict.is_noticed(), "scenarios": scenarios, "tries": found.tries,
            "median": found.median(), "rules": found.rules, "reason": reason,
        })
    }
}
