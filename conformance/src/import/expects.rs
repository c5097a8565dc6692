//! An answer of the target as an expectation: what any right target would answer too.

use super::Names;
use super::text::{map, scalar};
use initiator_sim::codec::{Kind, Pdu, text as pairs};

/// Keys whose values belong to the installation.
const OF_THE_PLACE: [&str; 5] =
    ["TargetPortalGroupTag", "TargetAddress", "TargetAlias", "TargetName", "MaxRecvDataSegmentLength"];

/// The entries behind `on`.
pub(super) fn entries(pdu: &Pdu, conn: usize, names: &Names) -> Vec<(String, String)> {
    let mut out: Vec<(String, String)> = Vec::new();
    let Some(kind) = pdu.kind() else { return out };
    out.push(("pdu".to_owned(), kind.name().to_owned()));
    let compared: &[&str] = match kind {
        Kind::LoginResponse => &["T", "C", "CSG", "StatusClass", "StatusDetail", "ITT"],
        Kind::ScsiResponse => &["ITT", "Response", "Status", "o", "u", "O", "U", "ResidualCount"],
        Kind::DataIn => &["ITT", "F", "S", "DataSN", "BufferOffset"],
        Kind::R2T => &["ITT", "R2TSN", "BufferOffset", "DesiredLen"],
        Kind::LogoutResponse | Kind::TaskResponse => &["ITT", "Response"],
        Kind::TextResponse => &["ITT", "F", "C"],
        Kind::NopIn => &["ITT"],
        Kind::Reject => &["Reason"],
        Kind::AsyncMessage => &["AsyncEvent"],
        _ => &[],
    };
    out.extend(compared.iter().filter_map(|name| Some(((*name).to_owned(), pdu.field(name)?.to_string()))));
    let mut save = Vec::new();
    match kind {
        Kind::LoginResponse => {
            out.extend(keys(pdu));
            let handle = pdu.field("TSIH").and_then(|handle| names.session.get(&handle));
            save.extend(handle.map(|name| (name.clone(), "TSIH".to_owned())));
        }
        Kind::TextResponse => out.extend(keys(pdu)),
        Kind::DataIn | Kind::NopIn => {
            if kind == Kind::DataIn && pdu.flag("S") {
                out.extend(pdu.field("Status").map(|status| ("Status".to_owned(), status.to_string())));
            }
            out.push(("data".to_owned(), format!("{{len: {}}}", pdu.data.len())));
        }
        Kind::ScsiResponse => out.extend(sense(pdu)),
        _ => {}
    }
    if matches!(kind, Kind::R2T | Kind::TextResponse) {
        let tag = u32::try_from(pdu.field("TTT").unwrap_or(0)).unwrap_or(u32::MAX);
        save.extend(names.transfer.get(&(conn, tag)).map(|name| (name.clone(), "TTT".to_owned())));
    }
    if !save.is_empty() {
        out.push(("save".to_owned(), map(&save)));
    }
    out
}

fn keys(pdu: &Pdu) -> Option<(String, String)> {
    let (mut list, _) = pairs::pairs(&pdu.data);
    // Discovery tells of each target with the same key.
    list.dedup_by(|one, other| one.0 == other.0);
    let mut seen: Vec<String> = Vec::new();
    list.retain(|(key, _)| {
        let new = !seen.contains(key);
        seen.push(key.clone());
        new
    });
    let value = |key: &str, value: &str| {
        if OF_THE_PLACE.contains(&key) || key.starts_with("CHAP_") {
            "\"*\"".to_owned()
        } else {
            scalar(value)
        }
    };
    let entries: Vec<_> = list.iter().map(|(key, text)| (scalar(key), value(key, text))).collect();
    (!entries.is_empty()).then(|| ("keys".to_owned(), map(&entries)))
}

const UNIT_ATTENTION: u8 = 6;
const RESET_OCCURRED: u8 = 0x29;

/// Key and additional code of the sense data, in either format (SPC-4 4.5).
fn sense(pdu: &Pdu) -> Option<(String, String)> {
    // SenseLength comes first (RFC 7143 11.4.7).
    let sense = pdu.data.get(2..)?;
    let at = |index: usize| sense.get(index).copied();
    let (key, code, qualifier) = match at(0)? & 0x7f {
        0x70 | 0x71 => (at(2)?, at(12)?, at(13)?),
        0x72 | 0x73 => (at(1)?, at(2)?, at(3)?),
        _ => return None,
    };
    let key = key & 0x0f;
    // Whether it was a power on or a lost nexus depends on what was there before.
    let text = match (key, code) {
        (UNIT_ATTENTION, RESET_OCCURRED) => format!("{{key: {key}, asc: {code}}}"),
        _ => format!("{{key: {key}, asc: {code}, ascq: {qualifier}}}"),
    };
    Some(("sense".to_owned(), text))
}
