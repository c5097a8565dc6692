//! SARIF 2.1.0: a rule for each scenario, a result for each case, at the line of the step that failed.

use super::{Outcome, Results, Row, Suite};
use serde_json::{Value, json};

/// The document.
pub(super) fn render(results: &Results) -> String {
    let rules: Vec<Value> = results.scenarios.iter().map(rule).collect();
    let mut found = Vec::new();
    for (at, suite) in results.scenarios.iter().enumerate() {
        found.extend(suite.rows().iter().map(|row| result(row, at)));
    }
    let stale: Vec<Value> = results
        .stale_snapshots
        .iter()
        .map(|name| {
            json!({
                "level": "error",
                "message": {"text": format!("no scenario refers to the golden trace {name}")},
                "locations": [location(&format!("snapshots/{name}.snap"), None, None)],
            })
        })
        .collect();
    found.extend(stale);
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": results.tool.name,
                "version": results.tool.version,
                "rules": rules,
            }},
            "columnKind": "unicodeCodePoints",
            "results": found,
        }],
    });
    format!("{document:#}\n")
}

fn rule(suite: &Suite) -> Value {
    let clauses = if suite.req.is_empty() { "no clause".to_owned() } else { suite.req.join(", ") };
    json!({
        "id": suite.name,
        "shortDescription": {"text": suite.title},
        "help": {"text": format!("{}. Checks {clauses}.", suite.title)},
        "defaultConfiguration": {"level": level(suite)},
        "properties": {"tags": suite.tags, "clauses": suite.req, "requirement": suite.level},
    })
}

fn level(suite: &Suite) -> &'static str {
    match suite.level.as_str() {
        "should" => "warning",
        "may" => "note",
        _ => "error",
    }
}

fn result(row: &Row<'_>, rule: usize) -> Value {
    let (kind, text) = match (row.outcome, row.failure) {
        (Outcome::Passed, _) => ("pass", format!("{} passed", row.name)),
        (Outcome::Skipped, _) => {
            ("notApplicable", format!("{} was skipped: {}", row.name, row.reason.unwrap_or_default()))
        }
        (Outcome::Xfail, _) => {
            ("fail", format!("{} failed as it is known to: {}", row.name, row.reason.unwrap_or_default()))
        }
        (Outcome::Failed, Some(failure)) => ("fail", format!("{}: {}", row.name, failure.text())),
        (Outcome::Failed, None) => ("fail", format!("{} failed", row.name)),
    };
    let file = row.failure.and_then(|failure| failure.file.as_deref()).or(row.suite.file.as_deref());
    let (line, column) = row.failure.map_or((None, None), |failure| (failure.line, failure.column));
    let mut result = json!({
        "ruleId": row.suite.name,
        "ruleIndex": rule,
        "kind": kind,
        // With another kind than `fail` there is no level (SARIF 3.27.10).
        "level": if kind == "fail" { level(row.suite) } else { "none" },
        "message": {"text": text},
        "properties": {"case": row.name, "seed": row.seed.to_string()},
    });
    if let Some(file) = file {
        result["locations"] = json!([location(file, line, column)]);
    }
    if let Some(failure) = row.failure {
        result["partialFingerprints"] =
            json!({"signature/v1": format!("{} {}", row.name, failure.signature)});
    }
    if row.outcome == Outcome::Xfail {
        result["suppressions"] = json!([{"kind": "external", "justification": "a known failure"}]);
    }
    result
}

fn location(file: &str, line: Option<usize>, column: Option<usize>) -> Value {
    let mut place = json!({"artifactLocation": {"uri": uri(file)}});
    if let Some(line) = line {
        place["region"] = json!({"startLine": line, "startColumn": column.unwrap_or(1)});
    }
    json!({"physicalLocation": place})
}

/// A relative path as a URI reference.
fn uri(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte);
    path.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
