//! Which cases does a matrix make? All combinations, or few in which any two (or three) values still meet.
//!
//! The choice is greedy and has no chance in it: a case begins with the first values that have not met yet, in the order of
//! the file, and takes on each further axis the value that meets most others for the first time. So the whole product is
//! never written down, and twenty axes of twenty values are no trouble.

use super::expr::{Expr, Value};
use super::model::{Matrix, Scenario};

/// Most combinations that are looked at where all of them are wanted.
const COMBINATIONS_MAX: usize = 20_000;
/// Most meetings of values that are counted where few cases are wanted.
const MEETINGS_MAX: usize = 1 << 24;

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
    expanded(scenario, 0)
}

/// The cases of a scenario where any `strength` values meet, if its matrix names a strength that is less.
pub fn expanded(scenario: &Scenario, strength: usize) -> Result<Vec<Case>, String> {
    let Matrix { axes, strength: own } = &scenario.matrix;
    let sizes: Vec<usize> = axes.iter().map(|(_, values)| values.len()).collect();
    let chosen = match own.map(|own| own.max(strength)) {
        Some(strength) if strength < sizes.len() => cover(&sizes, strength),
        _ => all(&sizes),
    };
    let chosen =
        chosen.map_err(|what| format!("{}: the matrix has more than {what}", scenario.source.name))?;
    Ok(chosen.iter().map(|choice| case(axes, choice)).collect())
}

/// The case of a scenario with this label, whether or not it is one of the few that are chosen.
pub fn case_named(scenario: &Scenario, label: &str) -> Option<Case> {
    let axes = &scenario.matrix.axes;
    let mut choice = Vec::new();
    find(axes, label, &mut choice).then(|| case(axes, &choice))
}

/// Values may have commas in them, so every one that fits is tried.
fn find(axes: &[(String, Vec<Expr>)], rest: &str, choice: &mut Vec<usize>) -> bool {
    let Some((name, values)) = axes.get(choice.len()) else { return rest.is_empty() };
    let rest = if choice.is_empty() { Some(rest) } else { rest.strip_prefix(',') };
    let Some(rest) = rest.and_then(|rest| rest.strip_prefix(name.as_str())?.strip_prefix('=')) else {
        return false;
    };
    for (at, value) in values.iter().enumerate() {
        if let Some(rest) = rest.strip_prefix(shown(value).as_str()) {
            choice.push(at);
            if find(axes, rest, choice) {
                return true;
            }
            choice.pop();
        }
    }
    false
}

fn shown(value: &Expr) -> String {
    value.literal().map_or("...".to_owned(), Value::text)
}

fn case(axes: &[(String, Vec<Expr>)], choice: &[usize]) -> Case {
    let vars: Vec<_> =
        axes.iter().zip(choice).map(|((name, values), at)| (name.clone(), values[*at].clone())).collect();
    let label =
        vars.iter().map(|(name, value)| format!("{name}={}", shown(value))).collect::<Vec<_>>().join(",");
    Case { label, vars }
}

/// All combinations; the last axis turns fastest.
fn all(sizes: &[usize]) -> Result<Vec<Vec<usize>>, String> {
    let total = sizes.iter().try_fold(1_usize, |total, size| total.checked_mul(*size));
    let total = total.filter(|total| *total <= COMBINATIONS_MAX);
    let total = total.ok_or_else(|| format!("{COMBINATIONS_MAX} combinations"))?;
    let digits = |mut number: usize| {
        let mut choice = vec![0; sizes.len()];
        for (at, size) in sizes.iter().enumerate().rev() {
            choice[at] = number % size;
            number /= size;
        }
        choice
    };
    Ok((0..total).map(digits).collect())
}

/// Some axes, and which of their values have not met yet.
struct Group {
    axes: Vec<usize>,
    open: Vec<bool>,
}

impl Group {
    /// The place of these values among all that the axes of the group can have.
    fn place(&self, sizes: &[usize], value: impl Fn(usize) -> usize) -> usize {
        self.axes.iter().fold(0, |place, axis| place * sizes[*axis] + value(*axis))
    }
}

/// Few of the combinations in which every choice of `strength` axes takes every combination of their values.
fn cover(sizes: &[usize], strength: usize) -> Result<Vec<Vec<usize>>, String> {
    let mut groups = Vec::new();
    let mut meetings = 0_usize;
    for axes in choices(sizes.len(), strength) {
        let values = axes.iter().try_fold(1_usize, |total, axis| total.checked_mul(sizes[*axis]));
        meetings = values.map_or(usize::MAX, |values| meetings.saturating_add(values));
        if meetings > MEETINGS_MAX {
            return Err(format!("{MEETINGS_MAX} meetings of {strength} values"));
        }
        groups.push(Group { axes, open: vec![true; values.unwrap_or(0)] });
    }
    let of_axis: Vec<Vec<usize>> = (0..sizes.len())
        .map(|axis| (0..groups.len()).filter(|group| groups[*group].axes.contains(&axis)).collect())
        .collect();
    let mut chosen = Vec::new();
    // What has met stays met, so the search for the first that have not goes on where it was.
    let (mut at, mut place) = (0, 0);
    while at < groups.len() {
        if !groups[at].open.get(place).copied().unwrap_or(false) {
            (at, place) = if place + 1 < groups[at].open.len() { (at, place + 1) } else { (at + 1, 0) };
            continue;
        }
        let mut choice: Vec<Option<usize>> = vec![None; sizes.len()];
        let mut rest = place;
        for axis in groups[at].axes.iter().rev() {
            choice[*axis] = Some(rest % sizes[*axis]);
            rest /= sizes[*axis];
        }
        for axis in 0..sizes.len() {
            if choice[axis].is_none() {
                choice[axis] = Some(best(&groups, &of_axis[axis], sizes, &choice, axis, chosen.len()));
            }
        }
        let choice: Vec<usize> = choice.into_iter().flatten().collect();
        for group in &mut groups {
            let met = group.place(sizes, |axis| choice[axis]);
            group.open[met] = false;
        }
        chosen.push(choice);
    }
    Ok(chosen)
}

/// The value of `axis` that meets most of those chosen already for the first time. Among equals the turn decides, so that
/// values take turns where nothing is left to meet.
fn best(
    groups: &[Group],
    of_axis: &[usize],
    sizes: &[usize],
    choice: &[Option<usize>],
    axis: usize,
    turn: usize,
) -> usize {
    let complete: Vec<&Group> = of_axis
        .iter()
        .map(|group| &groups[*group])
        .filter(|group| group.axes.iter().all(|other| *other == axis || choice[*other].is_some()))
        .collect();
    let gain = |value: usize| {
        let value_of = |other: usize| if other == axis { value } else { choice[other].unwrap_or(0) };
        complete.iter().filter(|group| group.open[group.place(sizes, value_of)]).count()
    };
    let size = sizes[axis];
    let mut best = (turn % size, gain(turn % size));
    for step in 1..size {
        let value = (turn + step) % size;
        let gain = gain(value);
        if gain > best.1 {
            best = (value, gain);
        }
    }
    best.0
}

/// All choices of `count` of the numbers below `of`.
fn choices(of: usize, count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let mut out = Vec::new();
    for last in count - 1..of {
        for mut group in choices(last, count - 1) {
            group.push(last);
            out.push(group);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

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

    #[test]
    fn any_three_values_meet_on_request_and_only_where_a_strength_is_named() {
        let axes = "A: [1, 2, 3], B: [1, 2, 3], C: [1, 2, 3], D: [1, 2, 3], E: [1, 2]";
        let few = scenario(&format!("{{strength: 1, {axes}}}"));
        assert_eq!(cases(&few).expect("small").len(), 3);
        let triples = expanded(&few, 3).expect("small");
        assert!((27..=50).contains(&triples.len()), "{} cases", triples.len());
        let value = |case: &Case, name: &str| {
            case.vars.iter().find(|(known, _)| known == name).map(|(_, value)| shown(value))
        };
        for names in [["A", "B", "C"], ["A", "C", "D"], ["B", "C", "D"]] {
            let met: BTreeSet<_> = triples.iter().map(|case| names.map(|name| value(case, name))).collect();
            assert_eq!(met.len(), 27, "{names:?} meet in all values");
        }
        let all = scenario(&format!("{{{axes}}}"));
        assert_eq!(expanded(&all, 2), cases(&all));
    }

    #[test]
    fn large_matrices_stay_small() {
        let values = (0..24).map(|value| value.to_string()).collect::<Vec<_>>().join(", ");
        let axes = (0..12).map(|axis| format!("x{axis}: [{values}]")).collect::<Vec<_>>().join(", ");
        let pairs = cases(&scenario(&format!("{{strength: 2, {axes}}}"))).expect("few meetings");
        assert!((576..=1400).contains(&pairs.len()), "{} cases", pairs.len());
        let message = cases(&scenario(&format!("{{{axes}}}"))).expect_err("too many");
        assert!(message.contains("more than 20000 combinations"), "{message}");
    }

    #[test]
    fn every_combination_has_a_name() {
        let scenario = scenario("{strength: 1, A: [x, \"x,B=y\", \"\"], B: [y, \"y,z\"]}");
        for (label, found) in [
            ("A=x,B=y,z", Some(("x", "y,z"))),
            ("A=x,B=y,B=y", Some(("x,B=y", "y"))),
            ("A=,B=y", Some(("", "y"))),
            ("A=x", None),
            ("A=x,B=w", None),
        ] {
            let case = case_named(&scenario, label);
            let values = case.map(|case| (shown(&case.vars[0].1), shown(&case.vars[1].1)));
            let values = values.as_ref().map(|(a, b)| (a.as_str(), b.as_str()));
            assert_eq!(values, found, "{label}");
        }
    }
}
