//! What is there to compare in a record? Everything, by name: nothing that two records can differ in is left out.

use super::{CONN_UNKNOWN, Record, RecordKind, hex};
use initiator_sim::codec::{Kind, Pdu, common_fields, fields, nearest};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// More data than this is told by its length and hash.
const DATA_SHOWN_MAX: usize = 32;
/// The same for what is text.
const TEXT_SHOWN_MAX: usize = 2048;

/// Members that are not a field of a PDU.
const OTHERS: [&str; 28] = [
    "time_ns",
    "conn",
    "pdu",
    "from",
    "reserved",
    "ahs",
    "data",
    "probe",
    "event",
    "how",
    "text",
    "count",
    "order",
    "ci_local",
    "ci_remote",
    "ci_protocol",
    "ii_target",
    "ii_initiator",
    "ii_lun",
    "ii_itt",
    "ii_ttt",
    "ii_cmdsn",
    "ii_statsn",
    "ii_datasn",
    "ii_datalen",
    "ii_flags",
    "ic_len",
    "ic_cdb",
];

/// One named value.
pub(super) type Member = (&'static str, String);

/// A record as names and values, in a fixed order.
pub(super) fn members(record: &Record) -> Vec<Member> {
    let mut out = vec![("time_ns", record.time_ns.to_string())];
    if record.conn != CONN_UNKNOWN {
        out.push(("conn", record.conn.to_string()));
    }
    match &record.what {
        RecordKind::Pdu { from_target, pdu } => {
            out.push(("from", if *from_target { "target" } else { "initiator" }.into()));
            of_pdu(&mut out, pdu);
        }
        RecordKind::Probe(event) => {
            out.extend([
                ("probe", event.probe.name().to_owned()),
                ("ci_local", escaped(&event.ci_local)),
                ("ci_remote", escaped(&event.ci_remote)),
                ("ci_protocol", escaped(&event.ci_protocol)),
                ("ii_target", escaped(&event.ii_target)),
                ("ii_initiator", escaped(&event.ii_initiator)),
                ("ii_lun", event.ii_lun.to_string()),
                ("ii_itt", format!("{:#x}", event.ii_itt)),
                ("ii_ttt", format!("{:#x}", event.ii_ttt)),
                ("ii_cmdsn", event.ii_cmdsn.to_string()),
                ("ii_statsn", event.ii_statsn.to_string()),
                ("ii_datasn", event.ii_datasn.to_string()),
                ("ii_datalen", event.ii_datalen.to_string()),
                ("ii_flags", format!("{:#04x}", event.ii_flags)),
            ]);
            out.extend(event.ic_len.map(|len| ("ic_len", len.to_string())));
            out.extend(event.ic_cdb.as_deref().map(|cdb| ("ic_cdb", hex::encode(cdb))));
        }
        RecordKind::Opened => out.push(("event", "opened".into())),
        RecordKind::Closed { how } => out.extend([("event", "closed".into()), ("how", escaped(how))]),
        RecordKind::Lost(count) => out.extend([("event", "lost".into()), ("count", count.to_string())]),
        RecordKind::Note(text) => out.extend([("event", "note".into()), ("text", escaped(text))]),
    }
    out
}

fn of_pdu(out: &mut Vec<Member>, pdu: &Pdu) {
    out.push(("pdu", pdu.kind_name()));
    let mut rest = pdu.bhs;
    for field in pdu.fields() {
        let twice = matches!(
            (pdu.kind(), field.name),
            (Some(Kind::Snack), "SNACKTag") | (Some(Kind::Reject), "R2TSN")
        );
        let value = match field.value(&pdu.bhs) {
            Some(value)
                if field.name.ends_with("Tag") || matches!(field.name, "ITT" | "TTT" | "LUN" | "ISID") =>
            {
                format!("{value:#x}")
            }
            Some(value) => value.to_string(),
            None => hex::encode(field.slice(&pdu.bhs).unwrap_or_default()),
        };
        // A word with two names is compared once; the name of the PDU tells the opcode.
        if !twice && field.name != "Opcode" {
            out.push((field.name, value));
        }
        // One of the two fits every field.
        if field.put(&mut rest, 0).is_err() {
            let _ = field.put_slice(&mut rest, &[]);
        }
    }
    if rest.iter().any(|byte| *byte != 0) {
        out.push(("reserved", hex::encode(&rest)));
    }
    if !pdu.ahs.is_empty() {
        out.push(("ahs", bytes(&pdu.ahs)));
    }
    if !pdu.data.is_empty() {
        out.push(("data", bytes(&pdu.data)));
    }
}

/// Text as text, short bytes as they are, longer ones as length and 128 bits of SHA-256: enough that equal means equal.
fn bytes(bytes: &[u8]) -> String {
    let readable = |text: &&str| text.chars().all(|c| c == '\0' || !c.is_control());
    if let Some(text) = str::from_utf8(bytes).ok().filter(readable).filter(|_| bytes.len() <= TEXT_SHOWN_MAX)
    {
        return escaped(text);
    }
    if bytes.len() <= DATA_SHOWN_MAX {
        return hex::encode(bytes);
    }
    let hash = Sha256::digest(bytes);
    format!("{}#{}", bytes.len(), hex::encode(hash.get(..16).unwrap_or_default()))
}

fn escaped(text: &str) -> String {
    format!("{text:?}")
}

/// The name of a member as it is spelt here.
///
/// # Errors
/// There is none of that name; the nearest if a slip of the finger explains it.
pub(super) fn known(name: &str) -> Result<&'static str, Option<&'static str>> {
    let fields = Kind::all().flat_map(fields).chain(common_fields()).map(|field| field.name);
    let all: BTreeSet<&'static str> = fields.filter(|field| *field != "Opcode").chain(OTHERS).collect();
    all.get(name).copied().ok_or_else(|| nearest(name, all.iter().copied()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Two PDUs of one kind that differ in any bit of the header differ in a member.
        #[test]
        fn no_bit_of_a_header_is_left_out(bhs in prop::array::uniform::<_, 48>(any::<u8>()), bit in 0_usize..384) {
            let mut other = bhs;
            other[bit / 8] ^= 0x80 >> (bit % 8);
            let of = |bhs| {
                let pdu = Pdu { bhs, ahs: vec![], data: bytes::Bytes::new() };
                members(&Record { time_ns: 0, conn: 0, what: RecordKind::Pdu { from_target: false, pdu } })
            };
            prop_assert_ne!(of(bhs), of(other));
        }
    }

    #[test]
    fn every_member_can_be_named() {
        let event = crate::golden::tests::probe(target_core::probe::Probe::NopSend);
        let event = crate::trace::ProbeRecord { ic_len: Some(1), ic_cdb: Some(vec![0]), ..event };
        let mut kinds = vec![
            RecordKind::Probe(event),
            RecordKind::Opened,
            RecordKind::Closed { how: "fin".into() },
            RecordKind::Note("x".into()),
            RecordKind::Lost(1),
        ];
        kinds.extend(Kind::all().map(|kind| {
            let pdu = Pdu { ahs: vec![0; 4], ..Pdu::new(kind).with("Byte1", 0xff).with_data(vec![0; 99]) };
            RecordKind::Pdu { from_target: true, pdu }
        }));
        for what in kinds {
            for (name, _) in members(&Record { time_ns: 0, conn: 0, what }) {
                assert_eq!(known(name), Ok(name));
            }
        }
        assert_eq!(known("cmdsn"), Err(Some("CmdSN")));
        assert_eq!(known("ii_cmd_sn"), Err(Some("ii_cmdsn")));
        assert_eq!(known("nothing_like_it_at_all"), Err(None));
    }
}
