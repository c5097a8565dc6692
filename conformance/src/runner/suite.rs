//! Which scenarios run, and what came of all of them? Selecting, running on several threads, comparing with the golden traces.
//!
//! Results come in the order of the names, whatever the number of threads.

use super::case::{Backend, Options, Report, Verdict, run};
use super::failure::{Class, Failure};
use super::pick::{Pick, Shard};
use crate::golden;
use crate::scenario::{Case, Collection, Level, LoadError, Scenario, Xfail, case_named, cases, expanded};
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use std::num::NonZero;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::ScopedJoinHandle;

/// So many cases of an expanded matrix run on one thread before others get their turn.
const SHARE: usize = 64;

/// What to run.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Globs over `topic/name`, or `topic/name[label]` for one case; empty for all.
    pub globs: Vec<String>,
    /// Only of these levels.
    pub levels: Vec<Level>,
    /// Only those that check a clause which begins with this.
    pub req: Option<String>,
    /// Only those with this tag.
    pub tag: Option<String>,
    /// Only those that this holds for.
    pub pick: Option<Pick>,
    /// Only this part of what is left.
    pub shard: Option<Shard>,
    /// Matrices that name a lower strength are expanded until any so many values meet; 0 leaves them as they are.
    pub strength: usize,
}

/// A scenario with the cases that were asked for.
#[derive(Clone, Debug)]
pub struct Selected {
    /// The scenario.
    pub scenario: Scenario,
    /// Some or all of its cases.
    pub cases: Vec<Case>,
    /// All of them, so that its golden trace can be compared.
    pub whole: bool,
    /// Failures that somebody else than the file knows of: of the case with this label, or of any.
    pub known: Vec<(Option<String>, Xfail)>,
}

/// A scenario that ran.
#[derive(Debug)]
pub struct Ran {
    /// What ran.
    pub selected: Selected,
    /// Its cases.
    pub reports: Vec<Report>,
    /// How the golden trace compares, where that was asked.
    pub golden: Option<Golden>,
}

/// How a golden trace compares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Golden {
    /// The same.
    Same,
    /// There is none.
    Missing,
    /// It differs: the first line, and the place with what is around it.
    Differs(usize, String),
    /// It cannot be read.
    Unreadable(String),
}

/// Reads what the filter selects; all mistakes in files at once.
pub fn select(collection: &Collection, filter: &Filter) -> Result<Vec<Selected>, Vec<LoadError>> {
    // A case's name is no glob: its label may hold anything.
    let is_case = |glob: &&String| {
        glob.split_once('[').is_some_and(|(name, _)| collection.names().any(|it| it == name))
    };
    let patterns: Vec<_> = filter.globs.iter().filter(|glob| !is_case(glob)).collect();
    let globs = globs(&patterns).map_err(|message| vec![LoadError { message }])?;
    let read = |name: &str| {
        // A case is named exactly, brackets and all; anything else is a glob over names.
        let of_case = |glob: &&String| glob.strip_prefix(name).is_some_and(|rest| rest.starts_with('['));
        let single: Vec<_> = filter.globs.iter().filter(of_case).collect();
        let named = filter.globs.is_empty() || globs.is_match(name);
        if !named && single.is_empty() {
            return Ok(None);
        }
        collection.load(name).and_then(|scenario| choose(scenario, &single, named, filter))
    };
    let names: Vec<_> = collection.names().collect();
    let mut selected = Vec::new();
    let mut errors = Vec::new();
    for found in on_threads(&names, |name| read(name)) {
        match found {
            Ok(found) => selected.extend(found),
            Err(error) => errors.push(error),
        }
    }
    if let Some(shard) = filter.shard {
        selected = shard.of(selected);
    }
    if errors.is_empty() { Ok(selected) } else { Err(errors) }
}

/// Does something to each of many, on all processors; the results in the order of what they are of.
fn on_threads<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get).min(items.len());
    let next = AtomicUsize::new(0);
    let share = || {
        let mine = std::iter::from_fn(|| {
            let at = next.fetch_add(1, Ordering::Relaxed);
            items.get(at).map(|item| (at, work(item)))
        });
        mine.collect::<Vec<_>>()
    };
    let mut all: Vec<(usize, R)> = std::thread::scope(|scope| {
        let shares: Vec<_> = (0..threads).map(|_| scope.spawn(share)).collect();
        let ended = |share: ScopedJoinHandle<'_, Vec<(usize, R)>>| {
            share.join().unwrap_or_else(|payload| std::panic::resume_unwind(payload))
        };
        shares.into_iter().flat_map(ended).collect()
    });
    all.sort_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, result)| result).collect()
}

fn choose(
    scenario: Scenario,
    single: &[&String],
    named: bool,
    filter: &Filter,
) -> Result<Option<Selected>, LoadError> {
    let by_level = filter.levels.is_empty() || filter.levels.contains(&scenario.level);
    let by_req = filter
        .req
        .as_ref()
        .is_none_or(|req| scenario.req.iter().any(|known| known.starts_with(req.as_str())));
    let by_tag = filter.tag.as_ref().is_none_or(|tag| scenario.tags.contains(tag));
    let by_pick = filter.pick.as_ref().is_none_or(|pick| pick.holds(&scenario));
    if !(by_level && by_req && by_tag && by_pick) {
        return Ok(None);
    }
    let usual = cases(&scenario).map_err(|message| LoadError { message })?;
    let cases = if named {
        expanded(&scenario, filter.strength).map_err(|message| LoadError { message })?
    } else {
        let label = |glob: &&String| {
            let label = glob.strip_prefix(&scenario.name)?.strip_prefix('[')?.strip_suffix(']')?;
            case_named(&scenario, label)
        };
        single.iter().filter_map(label).collect()
    };
    let whole = cases == usual;
    Ok((!cases.is_empty()).then_some(Selected { scenario, cases, whole, known: Vec::new() }))
}

/// Cuts what is large, so that all threads have something to do.
fn shares(selected: Vec<Selected>) -> Vec<Selected> {
    let cut = |one: Selected| -> Vec<Selected> {
        if one.whole || one.cases.len() <= SHARE {
            return vec![one];
        }
        let share = |cases: &[Case]| Selected { cases: cases.to_vec(), ..one.clone() };
        one.cases.chunks(SHARE).map(share).collect()
    };
    selected.into_iter().flat_map(cut).collect()
}

/// Puts together what was cut.
fn joined(shares: impl Iterator<Item = Ran>) -> Vec<Ran> {
    let mut all: Vec<Ran> = Vec::new();
    for ran in shares {
        match all.last_mut() {
            Some(last) if last.selected.scenario.name == ran.selected.scenario.name => {
                last.selected.cases.extend(ran.selected.cases);
                last.reports.extend(ran.reports);
            }
            _ => all.push(ran),
        }
    }
    all
}

fn globs(patterns: &[&String]) -> Result<GlobSet, String> {
    let mut builder = GlobSetBuilder::new();
    for pattern in patterns {
        // What people have at hand is often the file.
        let pattern = pattern.strip_prefix("scenarios/").unwrap_or(pattern);
        let pattern = pattern.strip_suffix(".scn.yaml").unwrap_or(pattern).trim_end_matches('/');
        for form in [pattern.to_owned(), format!("{pattern}/**")] {
            let glob =
                GlobBuilder::new(&form).literal_separator(true).build().map_err(|error| error.to_string())?;
            builder.add(glob);
        }
    }
    builder.build().map_err(|error| error.to_string())
}

/// Runs everything; `done` hears of each scenario as it ends, on some thread.
pub fn run_all(
    root: &Path,
    selected: Vec<Selected>,
    options: &Options,
    jobs: usize,
    done: &(dyn Fn(&Ran) + Sync),
) -> Vec<Ran> {
    let selected: Vec<_> = shares(selected).into_iter().map(|one| Mutex::new(Some(one))).collect();
    let next = AtomicUsize::new(0);
    let results: Vec<Mutex<Option<Ran>>> = selected.iter().map(|_| Mutex::new(None)).collect();
    let work = || {
        while let Some((selected, slot)) = {
            let at = next.fetch_add(1, Ordering::Relaxed);
            selected.get(at).zip(results.get(at))
        } {
            let Some(selected) = selected.lock().ok().and_then(|mut one| one.take()) else { continue };
            let mut ran = run_one(root, selected, options);
            done(&ran);
            // Those of all scenarios would be more than anybody has memory for.
            ran.reports.iter_mut().for_each(|report| report.moments = Vec::new());
            if let Ok(mut slot) = slot.lock() {
                *slot = Some(ran);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..jobs.max(1) {
            scope.spawn(work);
        }
        work();
    });
    joined(results.into_iter().filter_map(|slot| slot.into_inner().ok().flatten()))
}

fn run_one(root: &Path, selected: Selected, options: &Options) -> Ran {
    let mut reports: Vec<_> =
        selected.cases.iter().map(|case| run(&selected.scenario, case, options)).collect();
    if !selected.whole && selected.cases.len() > 1 {
        // Of thousands of cases nobody looks at those that pass.
        for report in reports.iter_mut().filter(|report| matches!(report.verdict, Verdict::Passed)) {
            report.records = Vec::new();
        }
    }
    let compares = matches!(options.backend, Backend::Simulator) && options.seed.is_none() && selected.whole;
    let failed = reports.iter().any(|report| matches!(report.verdict, Verdict::Failed(_)));
    let expected = selected.scenario.xfail.is_some();
    let golden = (compares && failed == expected).then(|| compare(root, &selected.scenario, &reports));
    Ran { selected, reports, golden }
}

/// Compares with the file.
fn compare(root: &Path, scenario: &Scenario, reports: &[Report]) -> Golden {
    let path = golden::snapshot_path(root, &scenario.name);
    match golden::check(&path, &golden_text(scenario, reports)) {
        Ok(golden::Outcome::Same) => Golden::Same,
        Ok(golden::Outcome::Missing) => Golden::Missing,
        Ok(golden::Outcome::Differs { first_divergence_line, diff }) => {
            Golden::Differs(first_divergence_line, diff)
        }
        Err(error) => Golden::Unreadable(error.to_string()),
    }
}

/// The golden text of a scenario: its title, then the trace of each case within its share of the lines.
pub fn golden_text(scenario: &Scenario, reports: &[Report]) -> String {
    let mut text = format!("{}\n", scenario.title);
    let mut options = scenario.golden.clone();
    options.lines_max = options.lines_max.saturating_sub(1 + 2 * reports.len()) / reports.len().max(1);
    for report in reports {
        if !report.label.is_empty() {
            text.push_str(&format!("\n[{}]\n", report.label));
        }
        match &report.verdict {
            Verdict::Skipped(why) => text.push_str(&format!("skipped: {why}\n")),
            Verdict::Failed(failure) => text.push_str(&format!("fails: {}\n", failure.signature())),
            Verdict::Passed => text.push_str(&golden::render(&report.records, &options)),
        }
    }
    text
}

impl Ran {
    /// The failures that count: those of its cases unless they are known, a known one that did not come, and the golden trace.
    pub fn failures(&self) -> Vec<(String, Box<Failure>)> {
        let mut list = Vec::new();
        for report in &self.reports {
            let Verdict::Failed(failure) = &report.verdict else { continue };
            match self.known(report) {
                None => list.push((report.full_name(), failure.clone())),
                Some(xfail) if is_it(xfail, failure) => {}
                // Nobody knows in advance that the core panics, or that runs differ.
                Some(_) if matches!(failure.class, Class::Panic | Class::Diverged) => {
                    list.push((report.full_name(), failure.clone()));
                }
                Some(xfail) => list.push((report.full_name(), otherwise(xfail, failure))),
            }
        }
        let labels = self.selected.known.iter().map(|(label, _)| label.as_deref());
        let of_file = self.selected.scenario.xfail.is_some().then_some(None);
        for label in of_file.into_iter().chain(labels) {
            let name = match label {
                Some(label) => format!("{}[{label}]", self.selected.scenario.name),
                None => self.selected.scenario.name.clone(),
            };
            let its = |report: &&Report| label.is_none_or(|label| report.label == label);
            let ended =
                |verdict: fn(&Verdict) -> bool| self.reports.iter().filter(its).any(|r| verdict(&r.verdict));
            let passed = ended(|verdict| matches!(verdict, Verdict::Passed));
            if passed && !ended(|verdict| matches!(verdict, Verdict::Failed(_))) {
                let text = "this passes but is an expected failure (`xfail`); take that out";
                list.push((name, Failure::new(Class::Stale, "xfail", text)));
            }
        }
        list.extend(self.golden_failure().map(|failure| (self.selected.scenario.name.clone(), failure)));
        list
    }

    /// What is known of a case: what is said of it alone counts before what is said of all.
    fn known(&self, report: &Report) -> Option<&Xfail> {
        let known = &self.selected.known;
        let of_case = known.iter().find(|(label, _)| label.as_deref() == Some(&*report.label));
        let of_all = known.iter().find(|(label, _)| label.is_none());
        of_case.or(of_all).map(|(_, xfail)| xfail).or(self.selected.scenario.xfail.as_ref())
    }

    fn golden_failure(&self) -> Option<Box<Failure>> {
        let (class, text, details) = match self.golden.as_ref()? {
            Golden::Same => return None,
            Golden::Missing => {
                (Class::Stale, "there is no golden trace; `iscsi-lab accept` makes it".to_owned(), None)
            }
            Golden::Unreadable(why) => (Class::Script, why.clone(), None),
            Golden::Differs(line, diff) => {
                let text = format!(
                    "the run is not the golden one any more, from line {line} on; `iscsi-lab accept` if it is right"
                );
                (Class::Golden, text, Some(diff))
            }
        };
        let mut failure = Failure::new(class, "golden", text);
        failure.details = details.map(|diff| diff.lines().map(str::to_owned).collect()).unwrap_or_default();
        Some(failure)
    }
}

/// True if this is the failure that is known.
fn is_it(xfail: &Xfail, failure: &Failure) -> bool {
    xfail.signature.as_ref().is_none_or(|signature| *signature == failure.signature())
}

/// A failure where another one is known: what is known is stale.
fn otherwise(xfail: &Xfail, failure: &Failure) -> Box<Failure> {
    let mut stale = Box::new(failure.clone());
    stale.class = Class::Stale;
    stale.headline = format!(
        "it fails, but not as it is known to: `{}` instead of `{}`: {}",
        failure.signature(),
        xfail.signature.as_deref().unwrap_or_default(),
        failure.headline
    );
    stale
}

impl Report {
    /// `topic/name[label]`.
    pub fn full_name(&self) -> String {
        if self.label.is_empty() { self.name.clone() } else { format!("{}[{}]", self.name, self.label) }
    }
}
