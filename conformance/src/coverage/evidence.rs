//! What do the sources say about clauses: which rules are there, which tests, and which clauses does code cite?

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Where findings are named: the text between quotes is a rule.
const RULES: [&str; 2] = ["initiator-sim/src/oracle", "initiator-sim/src/initiator"];
/// Where clauses are cited.
const SOURCES: [&str; 3] = ["target-core", "initiator-sim", "conformance"];
/// What the target is made of: a clause that is cited there is met there.
const TARGET: [&str; 2] = ["target-core/src/", "conformance/src/server/"];
/// Of that, the mistakes that can be planted in it, which break clauses.
const PLANTED: &str = "target-core/src/planted.rs";

/// What the sources hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Evidence {
    /// Texts between quotes where findings are named.
    pub(super) rules: BTreeSet<String>,
    /// Functions by file, below the root.
    pub(super) functions: BTreeMap<String, BTreeSet<String>>,
    /// Clauses that code or comments cite, with the first place.
    pub(super) cited: BTreeMap<String, String>,
    /// Those of them that the target says to meet, with the first place.
    pub(super) met: BTreeMap<String, String>,
}

/// Reads the sources below a root. Without sources there is nothing to refer to.
pub(super) fn read(root: &Path) -> Result<Evidence, String> {
    let mut evidence = Evidence::default();
    for source in SOURCES {
        walk(root, source, &mut evidence)?;
    }
    Ok(evidence)
}

fn walk(root: &Path, folder: &str, evidence: &mut Evidence) -> Result<(), String> {
    let path = root.join(folder);
    if !path.is_dir() {
        return Ok(());
    }
    let fail = |error: std::io::Error| format!("{folder}: {error}");
    let entries = fs::read_dir(&path).map_err(fail)?.collect::<Result<Vec<_>, _>>().map_err(fail)?;
    let mut names: Vec<_> =
        entries.iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    // What cargo builds is no source; the core has a folder of the same name.
    let is_built = |name: &str| name == "target" && !folder.contains("/src");
    for name in names.into_iter().filter(|name| !is_built(name) && !name.starts_with('.')) {
        let below = format!("{folder}/{name}");
        if root.join(&below).is_dir() {
            walk(root, &below, evidence)?;
        } else if name.ends_with(".rs") {
            let text = fs::read_to_string(root.join(&below)).map_err(|error| format!("{below}: {error}"))?;
            evidence.take(&below, &text);
        }
    }
    Ok(())
}

impl Evidence {
    /// Notes what a file holds.
    pub(super) fn take(&mut self, file: &str, text: &str) {
        let is_test = file.ends_with("tests.rs") || file.contains("/tests/") || file.ends_with("_tests.rs");
        // Without the text of tests, which name rules and clauses to expect them.
        let product = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        if !is_test && RULES.iter().any(|folder| file.starts_with(folder)) {
            self.rules.extend(product.lines().flat_map(quoted).map(str::to_owned));
        }
        let functions = text.lines().filter_map(|line| line.trim_start().strip_prefix("fn "));
        let names = functions.filter_map(|rest| rest.split(['(', '<']).next()).map(str::to_owned);
        self.functions.entry(file.to_owned()).or_default().extend(names);
        let is_target = TARGET.iter().any(|folder| file.starts_with(folder));
        // This module's own examples are no citations.
        if is_target || !file.starts_with("conformance/") {
            note(&mut self.cited, file, text, cited);
        }
        if is_target && !is_test && file != PLANTED {
            note(&mut self.met, file, product, cited);
            // The tables of violations name clauses of RFC 7143 without the document.
            for places in [&mut self.cited, &mut self.met] {
                note(places, file, product, in_tables);
            }
        }
    }
}

/// Notes where clauses come first that `find` sees in a line.
fn note(places: &mut BTreeMap<String, String>, file: &str, text: &str, find: fn(&str) -> Vec<String>) {
    for (index, line) in text.lines().enumerate() {
        for id in find(line) {
            places.entry(id).or_insert_with(|| format!("{file}:{}", index + 1));
        }
    }
}

/// `"SECTION-ORDINAL"`, as in the tables of violations.
fn in_tables(line: &str) -> Vec<String> {
    let words = quoted(line).filter(|text| text.starts_with(|c: char| c.is_ascii_digit()));
    words.map(|text| format!("rfc7143/{text}")).filter(|id| super::table::is_id(id)).collect()
}

/// The texts between quotes of a line.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('"').skip(1).step_by(2)
}

/// `rfcNNNN/SECTION-ORDINAL` anywhere in a line; sections without ordinal are no clauses.
fn cited(line: &str) -> Vec<String> {
    let starts = line.match_indices("rfc714").map(|(at, _)| at);
    let word = |at: usize| {
        let rest = line.get(at..)?;
        let end =
            rest.find(|c: char| !(c.is_ascii_alphanumeric() || "/.-".contains(c))).unwrap_or(rest.len());
        rest.get(..end).map(|word| word.trim_end_matches(['.', '-']).to_owned())
    };
    starts.filter_map(word).filter(|word| super::table::is_id(word)).collect()
}
