//! Why is there no check? The lines of `scenarios/exceptions.yaml`.

use super::table::is_id;
use crate::yaml;
use serde::Deserialize;

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Exception {
    /// Clauses, or `SECTION.*` for all of a section that need one.
    pub(super) clauses: Vec<String>,
    /// Which of the three reasons there can be.
    pub(super) kind: Kind,
    /// In words.
    pub(super) reason: String,
}

/// Why a clause has no check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Nothing of it shows on the wire.
    Unobservable,
    /// It belongs to an option that is left out, or is advice that is not followed.
    Option,
    /// A permission that the target makes no use of.
    Unused,
}

impl Kind {
    /// As in the file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unobservable => "unobservable",
            Self::Option => "option",
            Self::Unused => "unused",
        }
    }
}

/// Reads the file; all mistakes at once.
pub(super) fn parse(file: &str, text: &str) -> Result<Vec<Exception>, String> {
    let list: Vec<Exception> = yaml::typed(file, text).map_err(|error| error.to_string())?;
    let mut wrong = Vec::new();
    for (index, entry) in list.iter().enumerate() {
        let at = format!("{file}: entry {}", index + 1);
        if entry.reason.trim().is_empty() {
            wrong.push(format!("{at} has no reason"));
        }
        if entry.clauses.is_empty() {
            wrong.push(format!("{at} names no clause"));
        }
        for clause in entry.clauses.iter().filter(|clause| section_of(clause).is_none() && !is_id(clause)) {
            wrong.push(format!("{at}: `{clause}` is neither a clause nor a section with .* behind it"));
        }
    }
    if wrong.is_empty() { Ok(list) } else { Err(wrong.join("\n")) }
}

/// The section that a pattern is for.
pub(super) fn section_of(pattern: &str) -> Option<&str> {
    pattern.strip_suffix(".*").filter(|section| section.contains('/'))
}

/// True if a section is this one or below it.
pub(super) fn is_within(section: &str, wide: &str) -> bool {
    section.strip_prefix(wide).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}
