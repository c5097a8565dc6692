//! Markdown: what a pull request or the summary of a job shows. Failures first.

use super::{Outcome, Results};
use std::collections::BTreeMap;
use std::fmt::Write;

/// So many skipped cases of one reason are named.
const NAMES_MAX: usize = 8;

/// The document.
pub(super) fn render(results: &Results) -> String {
    let mut out = format!(
        "# {} {}\n\n**{} passed, {} failed, {} skipped**",
        results.tool.name, results.tool.version, results.passed, results.failed, results.skipped
    );
    if results.expected > 0 {
        let _ = write!(out, ", {} failed as known", results.expected);
    }
    out.push('\n');
    let failed: Vec<_> = results.rows().filter(|row| row.outcome == Outcome::Failed).collect();
    if !failed.is_empty() || !results.stale_snapshots.is_empty() {
        out.push_str("\n## Failed\n");
    }
    for row in &failed {
        let clauses =
            if row.suite.req.is_empty() { String::new() } else { format!(" ({})", row.suite.req.join(", ")) };
        let _ = write!(
            out,
            "\n### {}\n\n{}{clauses}, seed {}\n",
            code(&row.name),
            cell(&row.suite.title),
            row.seed
        );
        if let Some(failure) = row.failure {
            let text = failure.text();
            let fence = fence(&text);
            let _ = write!(out, "\n{fence}text\n{text}\n{fence}\n");
        }
    }
    for name in &results.stale_snapshots {
        let _ = write!(out, "\n- {}: no scenario refers to this golden trace\n", code(name));
    }
    topics(&mut out, results);
    let known: Vec<_> = results.rows().filter(|row| row.outcome == Outcome::Xfail).collect();
    if !known.is_empty() {
        out.push_str("\n## Known failures\n\n| case | signature |\n|---|---|\n");
        for row in known {
            let _ = writeln!(out, "| {} | {} |", code(&row.name), code(row.reason.unwrap_or_default()));
        }
    }
    skipped(&mut out, results);
    out
}

fn topics(out: &mut String, results: &Results) {
    let mut counts: BTreeMap<&str, [usize; 4]> = BTreeMap::new();
    for row in results.rows() {
        let topic = row.suite.name.split('/').next().unwrap_or_default();
        counts.entry(topic).or_default()[row.outcome as usize] += 1;
    }
    out.push_str("\n## Topics\n\n| topic | passed | failed | known | skipped |\n|---|--:|--:|--:|--:|\n");
    for (topic, [passed, failed, known, skipped]) in counts {
        let _ = writeln!(out, "| {} | {passed} | {failed} | {known} | {skipped} |", cell(topic));
    }
}

fn skipped(out: &mut String, results: &Results) {
    let mut reasons: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for row in results.rows().filter(|row| row.outcome == Outcome::Skipped) {
        reasons.entry(row.reason.unwrap_or_default()).or_default().push(row.name);
    }
    if reasons.is_empty() {
        return;
    }
    out.push_str("\n## Skipped\n\n| reason | cases |\n|---|---|\n");
    for (reason, mut names) in reasons {
        let more = names.len().saturating_sub(NAMES_MAX);
        names.truncate(NAMES_MAX);
        let mut named: Vec<_> = names.iter().map(|name| code(name)).collect();
        if more > 0 {
            named.push(format!("and {more} more"));
        }
        let _ = writeln!(out, "| {} | {} |", cell(reason), named.join(", "));
    }
}

/// Text in a cell of a table.
fn cell(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\n' | '\r' => out.push(' '),
            '|' | '*' | '_' | '`' | '<' | '[' | '\\' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out
}

/// A code span; also in a table, where a bar has to be escaped.
fn code(text: &str) -> String {
    let text = text.replace(['\n', '\r'], " ").replace('|', "\\|");
    let ticks = "`".repeat(longest_run(&text) + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{ticks}{pad}{text}{pad}{ticks}")
}

/// A fence that nothing in the text closes.
fn fence(text: &str) -> String {
    "`".repeat((longest_run(text) + 1).max(3))
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}
