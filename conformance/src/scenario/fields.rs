//! Which field names may a step use for a PDU or a probe? Those of the codec's tables, and a few that are made of several.

use super::symbols;
use initiator_sim::codec::{self, Kind};

/// Members of a probe's three arguments (scenarios name them without their prefixes).
pub const PROBE: [&str; 15] = [
    "local",
    "remote",
    "protocol",
    "target",
    "initiator",
    "lun",
    "itt",
    "ttt",
    "cmdsn",
    "statsn",
    "datasn",
    "datalen",
    "flags",
    "cdb",
    "len",
];

/// True if a step may name this field of such a PDU.
pub fn is_field(kind: Kind, name: &str) -> bool {
    codec::lookup(Some(kind), name).is_ok() || is_made(kind, name)
}

/// `Status` of a login response: Status-Class and Status-Detail as one number.
fn is_made(kind: Kind, name: &str) -> bool {
    kind == Kind::LoginResponse && name == "Status"
}

/// The field and the bytes of it that `data[8..16]` names; the whole field without brackets. `None` if it is malformed.
pub fn part(text: &str) -> Option<(&str, Option<(usize, usize)>)> {
    let Some((field, rest)) = text.split_once('[') else { return Some((text, None)) };
    let (from, to) = rest.strip_suffix(']')?.split_once("..")?;
    let (from, to) = (from.parse().ok()?, to.parse().ok()?);
    (from <= to).then_some((field, Some((from, to))))
}

/// The names, for suggestions.
pub fn names(kind: Kind) -> Vec<&'static str> {
    let mut names: Vec<_> = codec::fields(kind).iter().map(|field| field.name).collect();
    if is_made(kind, "Status") {
        names.push("Status");
    }
    names
}

/// A field of a PDU as a number; the LUN as its number if it has a single-level form (SAM-5 4.7).
pub fn number(pdu: &codec::Pdu, name: &str) -> Option<u64> {
    let kind = pdu.kind();
    if kind == Some(Kind::LoginResponse) && name == "Status" {
        return Some(pdu.field("StatusClass")? << 8 | pdu.field("StatusDetail")?);
    }
    let value = pdu.field(name)?;
    Some(if name == "LUN" { lun_number(value) } else { value })
}

/// The eight bytes of a LUN as its number, if they are of a single-level form; else as they are.
pub const fn lun_number(wire: u64) -> u64 {
    let first = wire >> 48;
    if wire << 16 == 0 && first < 0x8000 { first & 0x3fff } else { wire }
}

/// A LUN number as its eight bytes: peripheral form below 256, flat form below 16384; larger numbers are the bytes.
pub const fn lun_wire(number: u64) -> u64 {
    match number {
        0..=255 => number << 48,
        256..=16383 => (number | 0x4000) << 48,
        _ => number,
    }
}

/// The number of a field for people: by name where it has one.
pub fn show(kind: Kind, field: &str, number: u64) -> String {
    symbols::show(symbols::of_field(kind, field), number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn luns_are_numbers_where_they_can_be() {
        for number in [0, 1, 255, 256, 16383] {
            assert_eq!(lun_number(lun_wire(number)), number);
        }
        assert_eq!(lun_wire(1), 0x0001_0000_0000_0000);
        assert_eq!(lun_wire(300), 0x412c_0000_0000_0000);
        assert_eq!(lun_number(0xc101_0000_0000_0000), 0xc101_0000_0000_0000);
    }

    #[test]
    fn parts_of_fields_are_named_by_their_bytes() {
        assert_eq!(part("data"), Some(("data", None)));
        assert_eq!(part("data[8..16]"), Some(("data", Some((8, 16)))));
        for bad in ["data[", "data[1]", "data[3..2]", "data[1..2", "data[a..b]"] {
            assert_eq!(part(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_login_status_is_one_number() {
        let pdu = codec::Pdu::new(Kind::LoginResponse).with("StatusClass", 2).with("StatusDetail", 1);
        assert_eq!(number(&pdu, "Status"), Some(0x0201));
        assert_eq!(show(Kind::LoginResponse, "Status", 0x0201), "AUTHENTICATION_FAILURE (0x201)");
        assert!(is_field(Kind::LoginResponse, "Status") && !is_field(Kind::NopIn, "Status"));
    }
}
