//! Which part of which range did a sweep run? What lets `merge` refuse shards that come twice or not at all.

use super::pool::Span;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The first line of a sweep.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// The first seed of the range.
    pub first: u64,
    /// The one after its last.
    pub end: u64,
    /// Which shard of it, from 1.
    pub shard: u64,
    /// Of so many.
    pub shards: u64,
    /// What was drawn from.
    pub profile: String,
}

impl Part {
    /// Of a span.
    pub fn of(span: &Span, profile: &str) -> Self {
        let (first, end, shards) = (span.first, span.end, span.shards);
        Self { first, end, shard: span.rest + 1, shards, profile: profile.to_owned() }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seeds {}..{}", self.first, self.end)?;
        if self.shards > 1 {
            write!(f, ", shard {}/{}", self.shard, self.shards)?;
        }
        write!(f, ", profile {}", self.profile)
    }
}

/// The parts of one or more ranges.
#[derive(Clone, Debug, Default)]
pub struct Parts(BTreeMap<(u64, u64, u64, String), BTreeSet<u64>>);

impl Parts {
    /// Adds one.
    ///
    /// # Errors
    /// It is there already.
    pub fn add(&mut self, part: Part) -> Result<(), String> {
        let again = format!("{part}: it is there twice");
        let Part { first, end, shard, shards, profile } = part;
        let new = self.0.entry((first, end, shards, profile)).or_default().insert(shard);
        if new { Ok(()) } else { Err(again) }
    }

    /// The ranges.
    ///
    /// # Errors
    /// A shard is missing, or two ranges overlap.
    pub fn whole(self) -> Result<Vec<Part>, String> {
        let mut whole: Vec<Part> = Vec::new();
        for ((first, end, shards, profile), there) in self.0 {
            let missing: Vec<String> = (1..=shards)
                .filter(|shard| !there.contains(shard))
                .map(|it| format!("{it}/{shards}"))
                .collect();
            if !missing.is_empty() {
                return Err(format!("seeds {first}..{end}: shard {} is missing", missing.join(", ")));
            }
            let part = Part { first, end, shard: 1, shards: 1, profile };
            if let Some(before) = whole.last().filter(|before| before.end > first) {
                return Err(format!("{before} and {part} overlap"));
            }
            whole.push(part);
        }
        Ok(whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(first: u64, shard: u64, shards: u64) -> Part {
        Part { first, end: first + 10, shard, shards, profile: "all".into() }
    }

    fn joined(parts: &[Part]) -> Result<Vec<Part>, String> {
        let mut all = Parts::default();
        parts.iter().try_for_each(|part| all.add(part.clone()))?;
        all.whole()
    }

    #[test]
    fn parts_make_wholes_or_are_refused() {
        assert_eq!(joined(&[part(0, 2, 2), part(0, 1, 2)]), Ok(vec![part(0, 1, 1)]));
        assert_eq!(joined(&[part(10, 1, 1), part(0, 1, 1)]).map(|it| it.len()), Ok(2));
        for (parts, says) in [
            (&[part(0, 2, 3), part(0, 1, 3)][..], "shard 3/3 is missing"),
            (&[part(0, 1, 2), part(0, 1, 2)], "twice"),
            (&[part(0, 1, 1), part(5, 1, 1)], "overlap"),
        ] {
            let error = joined(parts).expect_err(says);
            assert!(error.contains(says), "{error}");
        }
    }
}
