//! A PDU of the initiator as a `send` step: every field but the counters that depend on the target.

use super::Names;
use super::text::{data, hex, lun, map, scalar};
use initiator_sim::codec::{Kind, Pdu, text as pairs};

/// Computed when it is sent.
const COMPUTED: [&str; 4] = ["Opcode", "TotalAHSLength", "DataSegmentLength", "ExpStatSN"];

/// The entries behind `on`.
pub(super) fn entries(
    pdu: &Pdu,
    conn: usize,
    names: &Names,
    notes: &mut Vec<String>,
) -> Vec<(String, String)> {
    let mut out: Vec<(String, String)> = Vec::new();
    let Some(kind) = pdu.kind() else {
        out.push(("raw".to_owned(), hex(&[&pdu.bhs[..], &pdu.ahs, &pdu.data].concat())));
        return out;
    };
    out.push(("pdu".to_owned(), kind.name().to_owned()));
    for field in pdu.fields().iter().filter(|field| !COMPUTED.contains(&field.name)) {
        let text = match (field.name, field.value(&pdu.bhs)) {
            ("CDB", _) => {
                out.push(("cdb".to_owned(), hex(field.slice(&pdu.bhs).unwrap_or_default())));
                continue;
            }
            ("LUN", Some(value)) => lun(value),
            ("TTT", Some(value)) => {
                let tag = u32::try_from(value).unwrap_or(u32::MAX);
                names
                    .transfer
                    .get(&(conn, tag))
                    .map_or_else(|| format!("{value:#x}"), |name| format!("${name}"))
            }
            ("TSIH", Some(value)) => {
                names.session.get(&value).map_or_else(|| value.to_string(), |name| format!("${name}"))
            }
            (_, Some(value)) => value.to_string(),
            (_, None) => continue,
        };
        // A second name of the same word would say it twice.
        if kind == Kind::Snack && field.name == "SNACKTag" {
            continue;
        }
        out.push((field.name.to_owned(), text));
    }
    if !pdu.ahs.is_empty() {
        out.push(("ahs".to_owned(), hex(&pdu.ahs)));
    }
    out.extend(payload(pdu, kind, notes));
    out
}

fn payload(pdu: &Pdu, kind: Kind, notes: &mut Vec<String>) -> Option<(String, String)> {
    if pdu.data.is_empty() {
        return None;
    }
    if matches!(kind, Kind::LoginRequest | Kind::TextRequest) {
        let (list, faults) = pairs::pairs(&pdu.data);
        let mut seen: Vec<&str> = list.iter().map(|(key, _)| key.as_str()).collect();
        seen.sort_unstable();
        let double = seen.windows(2).any(|pair| pair[0] == pair[1]);
        if faults.is_empty() && !double {
            let own = |key: &str, value: &str| match key {
                "TargetName" => "$target".to_owned(),
                _ => scalar(value),
            };
            let entries: Vec<_> = list.iter().map(|(key, value)| (scalar(key), own(key, value))).collect();
            return Some(("keys".to_owned(), map(&entries)));
        }
    }
    let (text, other) = data(&pdu.data);
    let note = "long data of the initiator is replaced by a pattern of the same length";
    if other && !notes.iter().any(|known| known == note) {
        notes.push(note.to_owned());
    }
    Some(("data".to_owned(), text))
}
