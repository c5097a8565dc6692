//! Which of the faults and steps that are left does it take? How often does it fail without each, and with its value varied, where
//! all that is left to chance is drawn anew?

use super::one::{judge, written_out};
use initiator_sim::clock::show;
use initiator_sim::fault::{DiskVerb, Outcome, Verb};
use initiator_sim::workload::{Case, Faults, What};

/// How often a variant failed as the case does.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// What was changed.
    pub what: String,
    /// Without it: failures, of so many.
    pub without: u32,
    /// With its value varied, if it has one.
    pub varied: Option<u32>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Explained {
    /// Runs of each variant.
    pub runs: u32,
    /// Failures of the case itself with other chances.
    pub base: u32,
    /// One line for each fault and step.
    pub lines: Vec<Line>,
}

/// Runs the variants of a failing case, `runs` times each.
///
/// # Errors
/// It does not fail.
pub fn explain(case: &Case, runs: u32) -> Result<Explained, String> {
    let want = judge(case).ok_or("it does not fail: there is nothing to explain")?;
    // What a seed has drawn can only be left out once it is written out.
    let listed = written_out(case)?;
    let case = if judge(&listed).as_ref() == Some(&want) { &listed } else { case };
    // The same failure may well come after another probe when the times are others.
    let fails =
        |case: &Case| judge(case).is_some_and(|is| (&is.class, &is.site) == (&want.class, &want.site));
    let count = |case: &Case| -> u32 {
        let other = |number: u32| Case { seed: case.seed ^ u64::from(number) << 32, ..case.clone() };
        (0..runs).map(|number| u32::from(fails(&other(number)))).sum()
    };
    let vary = |make: &dyn Fn(u64) -> Option<Case>| -> Option<u32> {
        make(0)?;
        Some((0..runs).map(|number| u32::from(make(u64::from(number)).is_some_and(|it| fails(&it)))).sum())
    };
    let mut lines = Vec::new();
    let faults = if let Faults::Listed(faults) = &case.faults { faults.clone() } else { Vec::new() };
    for (at, fault) in faults.iter().enumerate() {
        let mut rest = faults.clone();
        rest.remove(at);
        let without = count(&Case { faults: Faults::Listed(rest), ..case.clone() });
        let varied = vary(&|number| {
            let mut faults = faults.clone();
            vary_outcome(&mut faults.get_mut(at)?.outcome, number)?;
            Some(Case { faults: Faults::Listed(faults), ..case.clone() })
        });
        let site = fault.site;
        let what =
            format!("fault {:?} at {:?} step {} pdu {}", fault.outcome, fault.domain, site.op, site.pdu);
        lines.push(Line { what, without, varied });
    }
    for (at, op) in case.steps.iter().enumerate() {
        let mut less = case.clone();
        less.steps.remove(at);
        let varied = vary(&|number| {
            let mut other = case.clone();
            vary_step(&mut other.steps.get_mut(at)?.what, number)?;
            Some(other)
        });
        let what = format!("step {} {}{}", op.id, op.what.name(), pause(op.wait));
        lines.push(Line { what, without: count(&less), varied });
    }
    Ok(Explained { runs, base: count(case), lines })
}

fn pause(wait: u64) -> String {
    if wait == 0 { String::new() } else { format!(" after {} s", show(wait)) }
}

/// Another value of the same kind; `None` if it has none.
fn vary_outcome(outcome: &mut Outcome, number: u64) -> Option<()> {
    match outcome {
        Outcome::Net(Verb::Delay(time) | Verb::Stall(time)) | Outcome::Disk(DiskVerb::Slow(time)) => {
            *time = (*time).saturating_mul(number + 1) / 4 + 1;
        }
        Outcome::Net(Verb::Split(at)) => *at = 1 + u32::try_from(number * 7 % 96).unwrap_or(0),
        Outcome::Net(Verb::CorruptBit { byte, .. }) => *byte = u32::try_from(number * 5 % 96).unwrap_or(0),
        _ => return None,
    }
    Some(())
}

fn vary_step(what: &mut What, number: u64) -> Option<()> {
    let small = u16::try_from(number % 16).unwrap_or(0);
    match what {
        What::Read { lba, blocks, .. }
        | What::Write { lba, blocks, .. }
        | What::Verify { lba, blocks, .. } => {
            (*lba, *blocks) = (u32::from(small), small + 1);
        }
        What::Rewrite { lba, blocks, .. } => (*lba, *blocks) = (u32::from(small), (small + 1) as u8),
        What::Clog { time }
        | What::Partition { time }
        | What::Crash { time }
        | What::Freeze { time }
        | What::StallDisk { time, .. } => {
            *time = (*time).saturating_mul(number + 1) / 4 + 1;
        }
        What::Ping { len, .. } => *len = small * 40,
        _ => return None,
    }
    Some(())
}

impl Explained {
    /// For people.
    pub fn text(&self) -> Vec<String> {
        let share = |count: u32| format!("{:>4}%", 100 * u64::from(count) / u64::from(self.runs.max(1)));
        let mut out = vec![
            format!("fails in {} of {} runs with other chances", self.base, self.runs),
            "  without  varied  what".to_owned(),
        ];
        for line in &self.lines {
            let varied = line.varied.map_or_else(|| "    -".to_owned(), share);
            out.push(format!("  {:>7}  {varied:>6}  {}", share(line.without), line.what));
        }
        out
    }
}
