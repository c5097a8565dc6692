//! How does one look at a run? One page for a browser that needs nothing else: lanes for connections and disks over virtual
//! time, PDUs as arrows, and everything that happened to them.
//!
//! ```text
//!  World::moments ──build──> Page (values) ──> render: style, script and values in one file
//! ```
//!
//! The values are JSON inside the page; `page.js` lays them out and draws what is in view, so that long runs stay quick.

mod build;
mod pdus;
#[cfg(test)]
mod tests;

pub use build::{Subject, page};

use serde::Serialize;

/// What the page shows.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Page {
    /// What ran.
    pub title: String,
    /// Seed, hash, time: one line.
    pub about: String,
    /// How it ended.
    pub failed: bool,
    /// What failed, in a sentence, and its signature.
    pub failure: Option<(String, String)>,
    /// Connections, then disks.
    pub lanes: Vec<Lane>,
    /// By time.
    pub events: Vec<Shown>,
    /// When the failure became inevitable, if that was measured.
    pub causality: Vec<CutPoint>,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lane {
    /// `conn` or `disk`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// Addresses and the like.
    pub about: String,
}

/// One thing that is shown. The names are short because there are many.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// When it began.
    pub t: u64,
    /// When a PDU was whole at its receiver.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub r: Option<u64>,
    /// When a storage operation ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub e: Option<u64>,
    /// `pdu`, `probe`, `disk`, `fault`, `state` or `fail`.
    pub k: &'static str,
    /// Index of the lane, or -1 for all.
    pub l: i64,
    /// Number of a PDU, for the probe that it fired.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub g: Option<usize>,
    /// Number of the PDU that a probe is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub o: Option<usize>,
    /// 1 if the target sent it.
    #[serde(skip_serializing_if = "is_zero")]
    pub d: u8,
    /// Its name.
    pub n: String,
    /// What matters most of it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub s: String,
    /// Class: the kind of storage operation, `in` or `out`, `lost`, `changed`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub c: String,
    /// A remark for people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub w: String,
    /// Every field by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub f: Vec<(String, String)>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
const fn is_zero(value: &u8) -> bool {
    *value == 0
}

/// One point of the causality curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct CutPoint {
    /// Everything up to here was kept.
    pub t: u64,
    /// Share of the other futures in which the failure came all the same, 0 to 1.
    pub p: f64,
}

impl Page {
    /// The file.
    pub fn render(&self) -> String {
        // `<` must not end the element that holds the values.
        let run = serde_json::to_string(self).unwrap_or_default().replace('<', "\\u003c");
        let verdict = if self.failed { "failed" } else { "passed" };
        let failure = self.failure.as_ref().map_or(String::new(), |(headline, signature)| {
            format!(
                "<div class=\"failure\" role=\"alert\"><b>{}</b><code>{}</code><button id=\"jump\" type=\"button\">Show <kbd>f</kbd></button></div>",
                escaped(headline),
                escaped(signature)
            )
        });
        let count = |kind: &str| self.events.iter().filter(|event| event.k == kind).count();
        let kinds: String = [
            ("pdu", "PDUs", "--out"),
            ("probe", "probes", "--probe"),
            ("disk", "storage", "--disk"),
            ("fault", "faults", "--fault"),
            ("state", "states", "--faint"),
        ]
        .iter()
        .map(|(kind, name, colour)| {
            format!(
                "<label><input type=\"checkbox\" name=\"kind\" value=\"{kind}\" checked> <i style=\"background:var({colour})\"></i>{name} {}</label>",
                count(kind)
            )
        })
        .collect();
        FRAME
            .replace("@TITLE@", &escaped(&self.title))
            .replace("@VERDICT@", verdict)
            .replace("@ABOUT@", &escaped(&self.about))
            .replace("@FAILURE@", &failure)
            .replace("@KINDS@", &kinds)
            .replace("@STYLE@", STYLE)
            .replace("@SCRIPT@", SCRIPT)
            // Last, so that nothing in it is taken for a place to fill.
            .replace("@RUN@", &run)
    }
}

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
const FRAME: &str = r#"<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>@TITLE@</title><style>@STYLE@</style></head>
<body>
<header><span class="verdict @VERDICT@">@VERDICT@</span><h1>@TITLE@</h1><p class="about">@ABOUT@</p>@FAILURE@
<form id="tools" role="search"><input id="find" type="search" placeholder="filter: words of names and fields" aria-label="Filter">
<fieldset><legend>What is shown</legend>@KINDS@</fieldset>
<select id="conn" aria-label="Connection"><option value="">all connections</option></select>
<select id="by" aria-label="Scale"><option value="event">a row an event</option><option value="time">linear time</option></select>
<span><button id="less" type="button" aria-label="Zoom out">&minus;</button> <button id="more" type="button" aria-label="Zoom in">+</button></span>
<output id="count"></output></form>
<details class="curve" id="curve" hidden open><summary>Causality: how often the failure comes when everything after a point is drawn anew</summary><svg role="img" aria-label="causality curve"></svg></details>
</header>
<main><div id="view" tabindex="0" role="listbox" aria-label="Events by time"><div id="heads"></div><div id="space"></div></div>
<aside aria-live="polite"><div id="about"><p class="hint">Point at an event, or choose one with the arrow keys.</p></div>
<p class="keys"><kbd>&uarr;</kbd> <kbd>&darr;</kbd> events &middot; <kbd>n</kbd> <kbd>p</kbd> faults &middot; <kbd>f</kbd> failure &middot; <kbd>+</kbd> <kbd>&minus;</kbd> zoom &middot; <kbd>t</kbd> scale &middot; <kbd>/</kbd> filter</p></aside></main>
<div id="tip" hidden></div>
<script type="application/json" id="run">@RUN@</script>
<script>@SCRIPT@</script>
</body></html>
"#;

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
