//! Which cases does a matrix make? All combinations, or few in which any two (or three) values still meet.
//!
//! The choice is greedy and has no chance in it: the next case is the one that brings the most new meetings, the first
//! such one in the order of the file.

use super::expr::{Expr, Value};
use super::model::{Matrix, Scenario};
use std::collections::BTreeSet;

/// Most combinations that are looked at.
const COMBINATIONS_MAX: usize = 20_000;

/// One choice of values, and how it is called: `ImmediateData=No,InitialR2T=Yes`; empty without a matrix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// For people and for selection.
    pub label: String,
    /// Variables and values.
    pub vars: Vec<(String, Expr)>,
}

/// The cases of a scenario, at least one. An error says what is too large.
pub fn cases(scenario: &Scenario) -> Result<Vec<Case>, String> {
    let Matrix { axes, strength } = &scenario.matrix;
    let total = axes.iter().try_fold(1_usize, |total, (_, values)| total.checked_mul(values.len()));
    let total = total.filter(|total| *total <= COMBINATIONS_MAX).ok_or_else(|| {
        format!("{}: the matrix has more than {COMBINATIONS_MAX} combinations", scenario.source.name)
    })?;
    let all: Vec<Vec<usize>> = (0..total).map(|number| digits(number, axes)).collect();
    let chosen = match strength {
        Some(strength) if *strength < axes.len() => cover(&all, axes.len(), *strength),
        _ => all,
    };
    Ok(chosen.iter().map(|choice| case(axes, choice)).collect())
}

/// The combination with this number; the last axis turns fastest.
fn digits(mut number: usize, axes: &[(String, Vec<Expr>)]) -> Vec<usize> {
    let mut choice = vec![0; axes.len()];
    for (at, (_, values)) in axes.iter().enumerate().rev() {
        choice[at] = number % values.len();
        number /= values.len();
    }
    choice
}

fn case(axes: &[(String, Vec<Expr>)], choice: &[usize]) -> Case {
    let vars: Vec<_> =
        axes.iter().zip(choice).map(|((name, values), at)| (name.clone(), values[*at].clone())).collect();
    let label = vars
        .iter()
        .map(|(name, value)| format!("{name}={}", value.literal().map_or("...".to_owned(), Value::text)))
        .collect::<Vec<_>>()
        .join(",");
    Case { label, vars }
}

/// Few of the combinations in which every choice of `strength` axes takes every combination of their values.
fn cover(all: &[Vec<usize>], axes: usize, strength: usize) -> Vec<Vec<usize>> {
    let groups = groups(axes, strength);
    let meetings = |choice: &[usize]| -> Vec<Vec<usize>> {
        let with_group = |(number, group): (usize, &Vec<usize>)| {
            std::iter::once(number).chain(group.iter().map(|axis| choice[*axis])).collect()
        };
        groups.iter().enumerate().map(with_group).collect()
    };
    let mut open: BTreeSet<Vec<usize>> = all.iter().flat_map(|choice| meetings(choice)).collect();
    let mut chosen = Vec::new();
    while !open.is_empty() {
        let gain =
            |choice: &Vec<usize>| meetings(choice).iter().filter(|meeting| open.contains(*meeting)).count();
        let mut best: Option<(usize, &Vec<usize>)> = None;
        for choice in all {
            let gain = gain(choice);
            if best.is_none_or(|(most, _)| gain > most) {
                best = Some((gain, choice));
            }
        }
        let Some((_, choice)) = best else { break };
        for meeting in meetings(choice) {
            open.remove(&meeting);
        }
        chosen.push(choice.clone());
    }
    chosen
}

/// All choices of `count` of the numbers below `of`.
fn groups(of: usize, count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let mut out = Vec::new();
    for last in count - 1..of {
        for mut group in groups(last, count - 1) {
            group.push(last);
            out.push(group);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenario(matrix: &str) -> Scenario {
        let text = format!("title: t\nsteps: []\nmatrix: {matrix}\n");
        super::super::parse_text(std::path::Path::new("."), "t/x", "x", text).expect("valid")
    }

    #[test]
    fn all_combinations_or_few() {
        let all = cases(&scenario("{A: [1, 2], B: [x, y, z]}")).expect("small");
        assert_eq!(all.len(), 6);
        assert_eq!(all[1].label, "A=1,B=y");
        assert_eq!(cases(&scenario("{}")).expect("none").len(), 1);
        let axes = "A: [1, 2, 3], B: [1, 2, 3], C: [1, 2, 3], D: [1, 2, 3]";
        let pairs = cases(&scenario(&format!("{{strength: 2, {axes}}}"))).expect("small");
        assert!((9..=14).contains(&pairs.len()), "{} cases", pairs.len());
        for (a, b) in [("A", "B"), ("A", "D"), ("C", "D")] {
            let met: BTreeSet<_> = pairs
                .iter()
                .map(|case| {
                    let part = |name: &str| {
                        let found = case.label.split(',').find(|part| part.starts_with(name));
                        found.expect("every axis is in the label").to_owned()
                    };
                    (part(a), part(b))
                })
                .collect();
            assert_eq!(met.len(), 9, "{a} and {b} meet in all values");
        }
        assert_eq!(cases(&scenario(&format!("{{strength: 1, {axes}}}"))).expect("small").len(), 3);
        assert_eq!(cases(&scenario(&format!("{{strength: 2, {axes}}}"))), Ok(pairs), "no chance in it");
    }
}
