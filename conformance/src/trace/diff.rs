//! Are two traces the same, and if not, where do they part first?

use super::Record;
use super::members::{Member, known, members};
use crate::golden::divergence;

/// Where two traces part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceDiff {
    /// The record, from 1.
    pub record: usize,
    /// That place with ten records around it, `-` only in the first trace, `+` only in the second.
    pub text: String,
    /// The members in which the two records at that place differ: name, value in the first, value in the second. Empty if
    /// one trace ends there, or if they are not records of the same kind.
    pub members: Vec<(&'static str, String, String)>,
}

/// Names of members that a comparison leaves out.
#[derive(Clone, Debug, Default)]
pub struct Ignored(Vec<&'static str>);

impl Ignored {
    /// The names as a user gives them.
    ///
    /// # Errors
    /// A name that no record has.
    pub fn new<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Result<Self, String> {
        let name = |name: S| {
            known(name.as_ref()).map_err(|near| {
                let hint = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
                format!("no record of a trace has a member {:?}{hint}", name.as_ref())
            })
        };
        names.into_iter().map(name).collect::<Result<_, _>>().map(Self)
    }

    fn members(&self, record: &Record) -> Vec<Member> {
        members(record).into_iter().filter(|(name, _)| !self.0.contains(name)).collect()
    }
}

/// Compares two traces record by record; `None` if they are the same but for what is ignored.
pub fn diff(first: &[Record], second: &[Record], ignored: &Ignored) -> Option<TraceDiff> {
    let line = |record: &Record| -> String {
        let members = ignored.members(record);
        members.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
    };
    let lines = |records: &[Record]| -> Vec<String> { records.iter().map(line).collect() };
    let (one, two) = (lines(first), lines(second));
    let (one, two): (Vec<&str>, Vec<&str>) =
        (one.iter().map(String::as_str).collect(), two.iter().map(String::as_str).collect());
    let found = divergence(&one, &two)?;
    let pair = (first.get(found.line - 1), second.get(found.line - 1));
    let members = match pair {
        (Some(a), Some(b)) => differing(&ignored.members(a), &ignored.members(b)),
        _ => Vec::new(),
    };
    Some(TraceDiff { record: found.line, text: found.text, members })
}

/// What differs in two records, if they are of the same kind.
fn differing(a: &[Member], b: &[Member]) -> Vec<(&'static str, String, String)> {
    let find = |list: &[Member], name| list.iter().find(|(n, _)| *n == name).map(|(_, value)| value.clone());
    let kind = |list: &[Member]| ["pdu", "from", "probe", "event"].map(|name| find(list, name));
    if kind(a) != kind(b) {
        return Vec::new();
    }
    let only_b = b.iter().filter(|(name, _)| find(a, name).is_none());
    a.iter()
        .chain(only_b)
        .map(|(name, _)| (*name, find(a, name), find(b, name)))
        .filter(|(_, one, two)| one != two)
        .map(|(name, one, two)| {
            (name, one.unwrap_or_else(|| "none".into()), two.unwrap_or_else(|| "none".into()))
        })
        .collect()
}
