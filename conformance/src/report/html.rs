//! One page for a browser: what failed first and in full, everything else in a table to be filtered. Nothing is loaded.

use super::{Outcome, Results, Row};
use std::fmt::Write;

const STYLE: &str = include_str!("html.css");
const SCRIPT: &str = include_str!("html.js");

/// The page.
pub(super) fn render(results: &Results) -> String {
    let mut out = String::from("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">");
    let title = if results.failed == 0 { "passed".to_owned() } else { format!("{} failed", results.failed) };
    let _ = write!(
        out,
        "<meta name=\"viewport\" content=\"width=device-width\"><title>{}: {title}</title><style>{STYLE}</style></head>\n<body>",
        escaped(&results.tool.name)
    );
    head(&mut out, results);
    let failed: Vec<_> = results.rows().filter(|row| row.outcome == Outcome::Failed).collect();
    if !failed.is_empty() || !results.stale_snapshots.is_empty() {
        out.push_str("<h2>Failed</h2>\n");
    }
    for row in &failed {
        failure(&mut out, row);
    }
    for name in &results.stale_snapshots {
        let _ = writeln!(
            out,
            "<article><h3>{}</h3><p>No scenario refers to this golden trace.</p></article>",
            escaped(name)
        );
    }
    out.push_str("<h2 id=\"cases\">Cases</h2>\n<form role=\"search\"><label>Filter <input id=\"find\" type=\"search\" placeholder=\"name, title, clause, reason\"></label>");
    for (id, label) in [
        ("all", "all"),
        ("passed", "passed"),
        ("failed", "failed"),
        ("xfail", "known failures"),
        ("skipped", "skipped"),
    ] {
        let checked = if id == "all" { " checked" } else { "" };
        let _ = write!(
            out,
            "<label><input type=\"radio\" name=\"show\" value=\"{id}\"{checked}> {label}</label>"
        );
    }
    out.push_str("<output id=\"count\"></output></form>\n<table><thead><tr><th>result</th><th>case</th><th>what is checked</th><th>clauses</th><th class=\"n\">time</th></tr></thead><tbody>\n");
    for row in results.rows() {
        line(&mut out, &row);
    }
    let _ = writeln!(out, "</tbody></table><script>{SCRIPT}</script></body></html>");
    out
}

fn head(out: &mut String, results: &Results) {
    let all = results.rows().count().max(1);
    let _ = writeln!(
        out,
        "<header><h1>{} <small>{}</small></h1><div class=\"bar\" role=\"img\" aria-label=\"shares of the results\">",
        escaped(&results.tool.name),
        escaped(&results.tool.version)
    );
    let counts = [
        ("passed", results.passed),
        ("failed", results.failed),
        ("xfail", results.expected),
        ("skipped", results.skipped),
    ];
    for (class, count) in counts {
        let share = count * 10_000 / all;
        let _ = write!(out, "<i class=\"{class}\" style=\"width:{}.{:02}%\"></i>", share / 100, share % 100);
    }
    out.push_str("</div><p class=\"counts\">");
    for (class, count) in counts {
        let word = if class == "xfail" { "known failures" } else { class };
        let _ = write!(out, "<span class=\"{class}\"><b>{count}</b> {word}</span>");
    }
    out.push_str("</p></header>\n");
}

fn failure(out: &mut String, row: &Row<'_>) {
    let _ = writeln!(
        out,
        "<article id=\"{}\"><h3>{}</h3><p>{} <span class=\"pale\">{} {}</span></p>",
        escaped(&row.name),
        escaped(&row.name),
        escaped(&row.suite.title),
        escaped(&row.suite.level),
        escaped(&row.suite.req.join(" "))
    );
    if let Some(failure) = row.failure {
        let _ = write!(out, "<p class=\"headline\">{}</p>", escaped(&failure.headline));
        if !failure.details.is_empty() {
            out.push_str("<pre>");
            for line in &failure.details {
                let class = match line.trim_start().chars().next() {
                    Some('-') => "minus",
                    Some('+') => "plus",
                    _ => "",
                };
                let _ = writeln!(out, "<span class=\"{class}\">{}</span>", escaped(line));
            }
            out.push_str("</pre>");
        }
        if !failure.last_pdus.is_empty() {
            let _ = write!(
                out,
                "<details><summary>The last {} PDUs</summary><pre>{}</pre></details>",
                failure.last_pdus.len(),
                escaped(&failure.last_pdus.join("\n"))
            );
        }
        let place = match (&failure.file, failure.line) {
            (Some(file), Some(line)) => format!("{file}:{line}"),
            _ => String::new(),
        };
        let _ = write!(
            out,
            "<p class=\"pale\">{} {} seed {} signature <code>{}</code></p>",
            escaped(&place),
            escaped(&failure.time),
            row.seed,
            escaped(&failure.signature)
        );
    }
    out.push_str("</article>\n");
}

fn line(out: &mut String, row: &Row<'_>) {
    let class = row.outcome.name();
    let name = if row.outcome == Outcome::Failed {
        format!("<a href=\"#{0}\">{0}</a>", escaped(&row.name))
    } else {
        escaped(&row.name)
    };
    let why = row.reason.filter(|_| row.outcome != Outcome::Passed);
    let why = why.map_or(String::new(), |why| format!("<br><span class=\"pale\">{}</span>", escaped(why)));
    let _ = writeln!(
        out,
        "<tr class=\"{class}\"><td>{class}</td><td>{name}</td><td>{}{why}</td><td>{}</td><td class=\"n\">{}</td></tr>",
        escaped(&row.suite.title),
        escaped(&row.suite.req.join(" ")),
        crate::scenario::units::rough_time(row.time_ns)
    );
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
