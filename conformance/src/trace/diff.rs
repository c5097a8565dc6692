//! Are two traces the same, and if not, where do they part first?

use super::members::{Member, known, members};
use super::{Record, RecordKind};
use crate::golden::{Divergence, divergence};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Where two traces part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceDiff {
    /// The record, from 1, as the two traces are set against each other.
    pub record: usize,
    /// That place with ten records around it, `-` only in the first trace, `+` only in the second.
    pub text: String,
    /// The members in which the two records at that place differ: name, value in the first, value in the second. Empty if
    /// one trace ends there, or if they are not records of the same kind.
    pub members: Vec<(&'static str, String, String)>,
    /// All records have partners that equal them, but they come in another order.
    pub order: bool,
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

/// Compares two traces; `None` if they are the same but for what is ignored.
///
/// Records are set against each other by session and tag (see `align`), so that one that is missing or comes at another
/// moment does not make all that follows differ. That the order is another one is a difference too, but the last to be
/// told; the name `order` ignores it.
pub fn diff(first: &[Record], second: &[Record], ignored: &Ignored) -> Option<TraceDiff> {
    let line = |record: &Record| -> String {
        let members = ignored.members(record);
        members.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
    };
    let lines = |records: &[Record]| -> Vec<String> { records.iter().map(line).collect() };
    let (one, two) = (lines(first), lines(second));
    let pairs = align(first, second);
    let side = |all: &[String], at: Option<usize>| at.and_then(|at| all.get(at)).cloned();
    let left: Vec<String> = pairs.iter().filter_map(|(a, _)| side(&one, *a)).collect();
    let right: Vec<String> = pairs.iter().filter_map(|(_, b)| side(&two, *b)).collect();
    let parts = pairs.iter().position(|(a, b)| side(&one, *a) != side(&two, *b));
    let Some(at) = parts else {
        let found = shown(&one, &two).filter(|_| !ignored.0.contains(&"order"))?;
        return Some(TraceDiff { record: found.line, text: found.text, members: Vec::new(), order: true });
    };
    let text = shown(&left, &right).map_or_else(String::new, |found| found.text);
    let pair = pairs.get(at).map(|(a, b)| (a.and_then(|a| first.get(a)), b.and_then(|b| second.get(b))));
    let members = match pair {
        Some((Some(a), Some(b))) => differing(&ignored.members(a), &ignored.members(b)),
        _ => Vec::new(),
    };
    Some(TraceDiff { record: at + 1, text, members, order: false })
}

fn shown(one: &[String], two: &[String]) -> Option<Divergence> {
    let one: Vec<&str> = one.iter().map(String::as_str).collect();
    let two: Vec<&str> = two.iter().map(String::as_str).collect();
    divergence(&one, &two)
}

/// A session's ordinal and a tag in it; what has no tag is together under none.
type Place = (usize, Option<u64>);

/// Sets records against each other, in the order of the first trace: the nth record of a session and tag in one belongs to
/// the nth of that session and tag in the other. Sessions are counted as they appear; tags are what they are if both traces
/// have the same ones, else they are counted too. A record of the second that has no partner stands behind its forerunner.
fn align(first: &[Record], second: &[Record]) -> Vec<(Option<usize>, Option<usize>)> {
    let (one, two) = (places(first), places(second));
    let tags = |places: &[Place]| places.iter().copied().collect::<BTreeSet<_>>();
    let (one, two) = if tags(&one) == tags(&two) { (one, two) } else { (counted(one), counted(two)) };
    let mut partners: BTreeMap<Place, VecDeque<usize>> = BTreeMap::new();
    for (at, place) in two.iter().enumerate() {
        partners.entry(*place).or_default().push_back(at);
    }
    let mut pairs: Vec<Vec<(Option<usize>, Option<usize>)>> = vec![Vec::new()];
    let mut partner_of: BTreeMap<usize, usize> = BTreeMap::new();
    for (at, place) in one.iter().enumerate() {
        let partner = partners.get_mut(place).and_then(VecDeque::pop_front);
        pairs.push(vec![(Some(at), partner)]);
        if let Some(partner) = partner {
            partner_of.insert(partner, at + 1);
        }
    }
    let mut behind = 0;
    for at in 0..two.len() {
        match partner_of.get(&at) {
            Some(place) => behind = *place,
            None => pairs[behind].push((None, Some(at))),
        }
    }
    pairs.concat()
}

fn places(records: &[Record]) -> Vec<Place> {
    let mut sessions: Vec<u32> = Vec::new();
    let mut place = |record: &Record| {
        let session = sessions.iter().position(|known| *known == record.conn).unwrap_or_else(|| {
            sessions.push(record.conn);
            sessions.len() - 1
        });
        let tag = match &record.what {
            RecordKind::Pdu { pdu, .. } => Some(pdu.itt()),
            RecordKind::Probe(event) => Some(event.ii_itt),
            _ => None,
        };
        (session, tag.filter(|tag| *tag != u32::MAX).map(u64::from))
    };
    records.iter().map(&mut place).collect()
}

/// Tags by their ordinals in the session.
fn counted(places: Vec<Place>) -> Vec<Place> {
    let mut seen: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
    let mut count = |(session, tag): Place| {
        let known = seen.entry(session).or_default();
        let ordinal = tag.map(|tag| {
            known.iter().position(|other| *other == tag).unwrap_or_else(|| {
                known.push(tag);
                known.len() - 1
            }) as u64
        });
        (session, ordinal)
    };
    places.into_iter().map(&mut count).collect()
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
