//! Coverage as one page that needs nothing else: no script, no file beside it.

use super::floor::{share, shown};
use super::judge::{Coverage, Judged, State};
use super::report::{Tally, sections};
use super::table::Force;
use std::fmt::Write;

const STYLE: &str = "
:root{color-scheme:light dark;--line:#8884;--good:#2a8a4a;--bad:#c0392b;--pale:#8a8a8a;--why:#b7791f}
body{font:15px/1.45 system-ui,sans-serif;margin:0 auto;max-width:78rem;padding:1.5rem}
h1{font-size:1.5rem;margin:0 0 .3rem}h2{font-size:1.05rem;margin:1.8rem 0 .3rem}h2 small{color:var(--pale);font-weight:400}
p{margin:.3rem 0}table{border-collapse:collapse;width:100%;table-layout:fixed}
td{border-top:1px solid var(--line);padding:.3rem .5rem;vertical-align:top;overflow-wrap:anywhere}
td:nth-child(1){width:11rem;font-family:ui-monospace,monospace;font-size:.85em}td:nth-child(2){width:9rem;color:var(--pale)}
td:nth-child(4){width:38%;font-size:.9em}.bars{display:flex;gap:2rem;flex-wrap:wrap;margin:1rem 0}.bars div{min-width:14rem}
.bar{background:#8883;border-radius:3px;height:.6rem;overflow:hidden}.bar i{background:var(--good);display:block;height:100%}
.covered td:nth-child(3){border-left:4px solid var(--good)}.missing td:nth-child(3){border-left:4px solid var(--bad)}
.excepted td:nth-child(3){border-left:4px solid var(--why)}.other td{color:var(--pale)}
.missing b{color:var(--bad)}form{margin:1rem 0;position:sticky;top:0;background:Canvas;padding:.5rem 0}label{margin-right:1.2rem}
body:has(#only-missing:checked) tr:not(.missing),body:has(#only-missing:checked) section:not(:has(.missing)),
body:has(#only-excepted:checked) tr:not(.excepted),body:has(#only-excepted:checked) section:not(:has(.excepted)),
body:has(#only-covered:checked) tr:not(.covered),body:has(#only-covered:checked) section:not(:has(.covered)),
body:has(#no-other:checked) tr.other,body:has(#no-other:checked) section:not(:has(.missing,.covered,.excepted)){display:none}
";

/// The page.
pub fn page(coverage: &Coverage) -> String {
    let mut out = String::from("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">");
    let _ = write!(
        out,
        "<meta name=\"viewport\" content=\"width=device-width\"><title>Clauses and their checks</title><style>{STYLE}</style></head>\n<body>"
    );
    let tally = Tally::of(&coverage.clauses);
    let _ = writeln!(
        out,
        "<h1>Clauses and their checks</h1>\n<p>{} clauses: {} covered, {} excepted with a reason, {} missing, {} that bind no target.</p>",
        coverage.clauses.len(),
        tally.covered,
        tally.excepted,
        tally.missing,
        tally.not_asked
    );
    out.push_str("<div class=\"bars\">");
    for force in Force::ALL {
        let (covered, all) = coverage.count(force);
        let percent = shown(share((covered, all)));
        let _ = write!(
            out,
            "<div>{}: {covered} of {all} ({percent}%)<div class=\"bar\"><i style=\"width:{percent}%\"></i></div></div>",
            force.name()
        );
    }
    out.push_str("</div>\n<form>");
    for (id, label, checked) in [
        ("all", "all", ""),
        ("no-other", "for targets", " checked"),
        ("only-missing", "missing", ""),
        ("only-excepted", "excepted", ""),
        ("only-covered", "covered", ""),
    ] {
        let _ =
            write!(out, "<label><input type=\"radio\" name=\"show\" id=\"{id}\"{checked}> {label}</label>");
    }
    out.push_str("</form>\n");
    for problem in &coverage.problems {
        let _ = writeln!(out, "<p class=\"missing\"><b>problem</b> {}</p>", escaped(&problem.text));
    }
    for (section, clauses) in sections(coverage) {
        let tally = Tally::of(clauses);
        let _ = writeln!(
            out,
            "<section><h2>{} <small>{} covered, {} excepted, {} missing</small></h2><table>",
            escaped(&section.replacen("rfc", "RFC ", 1).replacen('/', ", ", 1)),
            tally.covered,
            tally.excepted,
            tally.missing
        );
        for judged in clauses {
            row(&mut out, judged);
        }
        out.push_str("</table></section>\n");
    }
    out.push_str("</body></html>\n");
    out
}

fn row(out: &mut String, judged: &Judged) {
    let clause = &judged.clause;
    let by = escaped(&judged.by.join(", "));
    let (class, why) = match &judged.state {
        State::Covered => ("covered", by),
        State::Missing => ("missing", "<b>missing</b>".to_owned()),
        State::Excepted(kind, reason) => ("excepted", format!("{}: {}", kind.name(), escaped(reason))),
        State::NotAsked => ("other", by),
    };
    let _ = writeln!(
        out,
        "<tr class=\"{class}\" id=\"{id}\"><td>{id}</td><td>{} {}</td><td>{}</td><td>{why}</td></tr>",
        clause.binds.name(),
        clause.level.name(),
        escaped(&clause.gist),
        id = escaped(&clause.id),
    );
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
