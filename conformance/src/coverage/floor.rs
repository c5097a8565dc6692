//! How much has to be covered? `must=100,should=80`.

use super::judge::Coverage;
use super::table::Force;
use std::str::FromStr;

/// The least share of covered clauses of a force.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Floor {
    /// Of what.
    pub force: Force,
    /// From 0 to 100.
    pub percent: f64,
}

/// Several, as the command line has them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Floors(pub Vec<Floor>);

impl FromStr for Floors {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.split(',').map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

impl FromStr for Floor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, number) =
            text.split_once('=').ok_or_else(|| format!("`{text}`: write must=100, should=80 or may=50"))?;
        let force = Force::ALL.into_iter().find(|force| force.name() == name);
        let force = force.ok_or_else(|| format!("`{name}` is none of must, should and may"))?;
        let percent = number.parse().ok().filter(|percent| (0.0..=100.0).contains(percent));
        Ok(Self { force, percent: percent.ok_or_else(|| format!("`{number}` is no number from 0 to 100"))? })
    }
}

impl Floors {
    /// What is below, one text each.
    pub fn broken(&self, coverage: &Coverage) -> Vec<String> {
        let below = self.0.iter().filter(|floor| share(coverage.count(floor.force)) < floor.percent);
        let text = |floor: &Floor| {
            let (covered, all) = coverage.count(floor.force);
            let share = shown(share((covered, all)));
            format!("{}: {covered} of {all} covered, {share}%, not {}%", floor.force.name(), floor.percent)
        };
        below.map(text).collect()
    }
}

/// Percent; nothing to cover is all covered.
#[expect(clippy::cast_precision_loss, reason = "a few hundred clauses")]
pub(super) fn share((covered, all): (usize, usize)) -> f64 {
    if all == 0 { 100.0 } else { covered as f64 * 100.0 / all as f64 }
}

/// With one digit, rounded down, so that 100 is never shown before it is reached.
pub(super) fn shown(percent: f64) -> String {
    format!("{:.1}", (percent * 10.0).floor() / 10.0)
}
