//! Which failures are known? A list with a signature each, for targets that are not ours to mend and bugs that wait for it.
//!
//! ```yaml
//! - case: ffp/cmdsn-window            # a scenario, or one of its cases: topic/name[label]
//!   signature: timeout expect-1 NopIn # as the failure report says it; without one any failure will do
//!   reason: issue 42
//! ```
//!
//! One that passes, or fails otherwise, is stale: exit 3.

use crate::runner::suite::Selected;
use crate::scenario::Xfail;
use crate::yaml;
use serde::Deserialize;
use std::fmt;

/// The list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownFailures {
    entries: Vec<Known>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Known {
    scenario: String,
    /// Of one case only.
    label: Option<String>,
    xfail: Xfail,
}

/// An entry as it stands in the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    case: String,
    signature: Option<String>,
    reason: String,
}

/// Why a list cannot be used: for people, with the file and, where there is one, the place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XfailError(String);

impl fmt::Display for XfailError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for XfailError {}

impl KnownFailures {
    /// Reads a list.
    ///
    /// # Errors
    /// It is no YAML, or not such a list.
    pub fn read(file: &str, text: &str) -> Result<Self, XfailError> {
        let listed: Option<Vec<Entry>> =
            yaml::typed(file, text).map_err(|error| XfailError(error.to_string()))?;
        let mut entries: Vec<Known> = Vec::new();
        for Entry { case, signature, reason } in listed.unwrap_or_default() {
            let (scenario, label) = match case.split_once('[') {
                Some((scenario, label)) => match label.strip_suffix(']') {
                    Some(label) => (scenario.to_owned(), Some(label.to_owned())),
                    None => return Err(XfailError(format!("{file}: `{case}`: the `]` is missing"))),
                },
                None => (case.clone(), None),
            };
            if entries.iter().any(|known| known.scenario == scenario && known.label == label) {
                return Err(XfailError(format!("{file}: `{case}` stands there twice")));
            }
            entries.push(Known { scenario, label, xfail: Xfail { reason, signature } });
        }
        Ok(Self { entries })
    }

    /// Tells what was selected about its known failures. Gives the names that no scenario has.
    pub fn apply(&self, selected: &mut [Selected], exists: impl Fn(&str) -> bool) -> Vec<String> {
        for one in selected {
            let fitting = self.entries.iter().filter(|known| known.scenario == one.scenario.name);
            one.known.extend(fitting.map(|known| (known.label.clone(), known.xfail.clone())));
        }
        let unknown = self.entries.iter().filter(|known| !exists(&known.scenario));
        unknown.map(|known| known.scenario.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_told_with_its_place() {
        let wrong = [
            ("a: b\n", "x:1:1: "),
            ("- case: a/b\n", "missing field `reason`"),
            ("- case: a/b[c\n  reason: r\n", "`a/b[c`: the `]` is missing"),
            ("- case: a/b\n  reason: r\n  sig: s\n", "unknown field `sig`"),
            ("- case: a/b\n  reason: r\n- case: a/b\n  reason: r\n", "`a/b` stands there twice"),
        ];
        for (text, want) in wrong {
            let said = KnownFailures::read("x", text).expect_err(text).to_string();
            assert!(said.contains(want), "{said}");
        }
        assert_eq!(KnownFailures::read("x", ""), Ok(KnownFailures::default()));
    }
}
