//! How do key=value pairs look on a line? (RFC 7143 6.1) What CHAP draws by chance is left out, wherever it was cut.

use super::data::short_hash;
use crate::trace::hex;
use initiator_sim::codec::text::{TextFault, pairs};
use std::fmt::Write;

/// Characters of a value that are shown; the rest is told by a hash.
const VALUE_SHOWN_MAX: usize = 160;
/// Pairs that are shown; the rest is told by a hash.
const PAIRS_SHOWN_MAX: usize = 40;

/// Appends the pairs. `continued`: the text before had the C bit, so this one begins in the middle of something, which
/// may be a challenge.
pub(super) fn render(out: &mut String, data: &[u8], full: bool, continued: bool) {
    let mut pieces = Vec::new();
    let mut rest = data;
    if continued {
        let len = data.iter().position(|byte| *byte == 0).unwrap_or(data.len());
        pieces.push(format!("..<{len} bytes>"));
        rest = data.get(len..).unwrap_or_default();
    }
    let (list, faults) = pairs(rest);
    pieces.extend(list.iter().map(|(key, value)| format!("{}={}", escape(key), shown(key, value, full))));
    pieces.extend(faults.iter().map(fault));
    if !full && pieces.len() > PAIRS_SHOWN_MAX {
        let rest = pieces.split_off(PAIRS_SHOWN_MAX);
        pieces.push(format!("{} more #{}", rest.len(), short_hash(rest.join(" ").as_bytes())));
    }
    // A string takes everything.
    let _ = write!(out, " {{{}}}", pieces.join(", "));
}

fn shown(key: &str, value: &str, full: bool) -> String {
    match key {
        "CHAP_I" => "<id>".into(),
        "CHAP_C" | "CHAP_R" => format!("<{} characters>", value.chars().count()),
        _ if full || value.chars().count() <= VALUE_SHOWN_MAX => escape(value),
        _ => {
            let head: String = value.chars().take(VALUE_SHOWN_MAX).collect();
            format!("{}..({})#{}", escape(&head), value.len(), short_hash(value.as_bytes()))
        }
    }
}

fn fault(fault: &TextFault) -> String {
    match fault {
        // The piece itself is among the pairs, if it is one.
        TextFault::Unterminated(_) => "(no zero at the end)".into(),
        TextFault::NoEquals(piece) => format!("(no pair: {})", shown("", piece, false)),
        TextFault::NotUtf8(piece) => {
            format!("(not UTF-8: {}#{})", hex::encode(piece.get(..16).unwrap_or(piece)), short_hash(piece))
        }
        TextFault::KeyLength(len) => format!("(key of {len} bytes)"),
    }
}

/// On one line: line feeds and everything else that is not seen is escaped.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '\'' => out.push(c),
            _ => out.extend(c.escape_debug()),
        }
    }
    out
}
