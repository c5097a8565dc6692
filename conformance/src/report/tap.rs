//! Test Anything Protocol, version 13, which every reader knows: a line for each case, a block of YAML under each failure.

use super::{Outcome, Results};
use std::fmt::Write;

/// The directive of a test that is known to fail.
pub(super) const EXPECTED: &str = concat!("TO", "DO");

/// The document.
pub(super) fn render(results: &Results) -> String {
    let count = results.rows().count() + results.stale_snapshots.len();
    let mut out = format!("TAP version 13\n1..{count}\n");
    let mut number = 0;
    for row in results.rows() {
        number += 1;
        let (word, directive) = match row.outcome {
            Outcome::Passed => ("ok", String::new()),
            Outcome::Failed => ("not ok", String::new()),
            Outcome::Skipped => ("ok", format!(" # SKIP {}", one_line(row.reason.unwrap_or_default()))),
            Outcome::Xfail => (
                "not ok",
                format!(" # {EXPECTED} known failure: {}", one_line(row.reason.unwrap_or_default())),
            ),
        };
        let name = format!("{}: {}", row.name, row.suite.title);
        let _ = writeln!(out, "{word} {number} - {}{directive}", escaped(&name));
        let Some(failure) = row.failure else { continue };
        let _ = writeln!(out, "  ---\n  message: {}", quoted(&failure.headline));
        let _ = writeln!(out, "  severity: {}", if row.suite.level == "must" { "fail" } else { "comment" });
        let _ = writeln!(out, "  signature: {}", quoted(&failure.signature));
        let _ = writeln!(out, "  seed: {}", row.seed);
        if let (Some(file), Some(line)) = (&failure.file, failure.line) {
            let _ = writeln!(out, "  at: {}", quoted(&format!("{file}:{line}")));
        }
        if !failure.details.is_empty() {
            // Simple readers take no list of quoted strings.
            let _ = writeln!(out, "  details: {}", quoted(&failure.details.join("\n")));
        }
        out.push_str("  ...\n");
    }
    for name in &results.stale_snapshots {
        number += 1;
        let _ = writeln!(out, "not ok {number} - {}: no scenario refers to this golden trace", escaped(name));
    }
    out
}

/// A description must not begin a directive.
fn escaped(text: &str) -> String {
    one_line(text).replace('\\', "\\\\").replace('#', "\\#")
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A double-quoted scalar of YAML; JSON's strings are such.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
