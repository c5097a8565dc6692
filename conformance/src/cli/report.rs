//! How are results told to people?

use super::Exit;
use crate::runner::suite::Ran;
use crate::runner::{Class, Failure, Verdict};
use crate::scenario::units::rough_time;
use anstyle::{AnsiColor, Style};

const BAD: Style = AnsiColor::Red.on_default().bold();
const GOOD: Style = AnsiColor::Green.on_default();
const PALE: Style = AnsiColor::Yellow.on_default();

/// How many cases ended in which way, and the worst.
pub(super) struct Totals {
    pub(super) passed: usize,
    pub(super) failed: usize,
    pub(super) skipped: usize,
    pub(super) exit: Exit,
}

/// Counts cases; a golden trace that differs counts as one failure of its scenario.
pub(super) fn summary(ran: &[Ran]) -> Totals {
    let mut totals = Totals { passed: 0, failed: 0, skipped: 0, exit: Exit::Passed };
    for one in ran {
        let failures = one.failures();
        let failed = failures.len();
        for (_, failure) in &failures {
            totals.exit = totals.exit.max(exit_of(failure.class));
        }
        totals.failed += failed;
        totals.skipped +=
            one.reports.iter().filter(|report| matches!(report.verdict, Verdict::Skipped(_))).count();
        let good = one.reports.len()
            - one.reports.iter().filter(|report| matches!(report.verdict, Verdict::Skipped(_))).count();
        totals.passed += good.saturating_sub(failed);
    }
    totals
}

/// The exit code of a kind of failure.
pub(super) const fn exit_of(class: Class) -> Exit {
    match class {
        Class::Mismatch
        | Class::Timeout
        | Class::Unexpected
        | Class::Closed
        | Class::Finding
        | Class::Oracle
        | Class::Golden => Exit::Failed,
        Class::UnusedFault | Class::Stale => Exit::Stale,
        Class::Script => Exit::Usage,
        Class::Diverged => Exit::NotDeterministic,
        Class::Liveness => Exit::NoProgress,
        Class::Panic => Exit::Panicked,
    }
}

/// Tells about a scenario: what failed in full, what was skipped with its reason, what passed if asked for.
pub(super) fn print(ran: &Ran, verbose: bool) {
    let failures = ran.failures();
    for report in &ran.reports {
        match &report.verdict {
            Verdict::Skipped(why) => anstream::println!("{PALE}skip{PALE:#} {}: {why}", report.full_name()),
            Verdict::Failed(failure) if !failures.iter().any(|(name, _)| *name == report.full_name()) => {
                anstream::println!("{PALE}xfail{PALE:#} {}: {}", report.full_name(), failure.signature());
            }
            Verdict::Passed if verbose => {
                anstream::println!("{GOOD}pass{GOOD:#} {} ({})", report.full_name(), rough_time(report.time));
            }
            Verdict::Passed | Verdict::Failed(_) => {}
        }
    }
    for (name, failure) in &failures {
        anstream::println!("{BAD}FAIL{BAD:#} {name}: {}", ran.selected.scenario.title);
        let seed = ran.reports.first().map_or(0, |report| report.seed);
        for line in paint(failure).lines() {
            anstream::println!("  {line}");
        }
        anstream::println!("  seed: {seed}");
    }
}

/// Differences in the colours of their signs.
fn paint(failure: &Failure) -> String {
    if failure.class != Class::Golden {
        return failure.to_string();
    }
    let mut painted = failure.clone();
    let diff = crate::golden::coloured(&failure.details.join("\n"));
    painted.details = diff.lines().map(str::to_owned).collect();
    painted.to_string()
}

/// The command that runs what failed, and nothing else.
pub(super) fn rerun(ran: &[Ran], tcp: Option<(&str, &str)>) -> String {
    const NAMES_MAX: usize = 5;
    let mut names: Vec<_> = ran.iter().flat_map(Ran::failures).map(|(name, _)| name).collect();
    names.dedup();
    let more = names.len() > NAMES_MAX;
    names.truncate(NAMES_MAX);
    let quoted: Vec<_> = names.iter().map(|name| quote(name)).collect();
    let seed =
        ran.iter().flat_map(|ran| &ran.reports).find(|report| report.seed != 0).map(|report| report.seed);
    let mut line = format!("iscsi-lab run {}", quoted.join(" "));
    if more {
        line.push_str(" ...");
    }
    if let (Some(seed), None) = (seed, tcp) {
        line.push_str(&format!(" --seed {seed}"));
    }
    if let Some((addr, target)) = tcp {
        line.push_str(&format!(" --addr {addr} --target {target}"));
    }
    line
}

fn quote(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "/-_.".contains(c));
    if plain { name.to_owned() } else { format!("'{name}'") }
}
