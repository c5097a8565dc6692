//! What does a line say about the bytes after the header, and about those of the header that have no name?

use super::line::{Words, is_text};
use super::text;
use crate::trace::hex;
use initiator_sim::codec::{Kind, Pdu};
use initiator_sim::initiator::{cdb, sense::Sense};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// At most this much of a data segment is shown in hexadecimal digits.
const SHOWN_MAX: usize = 256;

/// Everything after the fields.
pub(super) fn tail(words: &mut Words<'_>, pdu: &Pdu) -> String {
    let mut out = String::new();
    // A string takes everything.
    let _ = reserved(&mut out, pdu);
    if !pdu.ahs.is_empty() {
        let _ = write!(out, " ahs={}", shown(&pdu.ahs));
    }
    let said = pdu.data_segment_length();
    if !pdu.data.is_empty() || said != 0 {
        let _ = write!(out, " data={}", pdu.data.len());
    }
    if said != pdu.data.len() {
        let _ = write!(out, "(header says {said})");
    }
    if !pdu.data.is_empty() {
        data(&mut out, words, pdu);
    }
    if let (Some(Kind::ScsiCommand), Some(block)) = (pdu.kind(), pdu.bytes("CDB")) {
        let _ = write!(out, " {{{}}}", cdb::describe(block));
    }
    out
}

fn data(out: &mut String, words: &mut Words<'_>, pdu: &Pdu) {
    let kind = pdu.kind();
    if is_text(kind) {
        text::render(out, &pdu.data, words.full, words.continued);
        return;
    }
    if let (Some(Kind::Reject), Some(bhs)) = (kind, pdu.data.first_chunk()) {
        // The header of what was refused comes back, without its data (RFC 7143 11.17).
        let beyond = pdu.data.get(48..).unwrap_or_default();
        let refused = Pdu { bhs: *bhs, ahs: beyond.to_vec(), data: bytes::Bytes::new() };
        let _ = write!(out, " {{{}}}", refused.worded(words));
        return;
    }
    if words.full {
        let _ = write!(out, ":{}", shown(&pdu.data));
    } else {
        let _ = write!(out, "#{}", short_hash(&pdu.data));
    }
    if let (Some(Kind::ScsiResponse | Kind::AsyncMessage), Some(sense)) =
        (kind, Sense::of_response(&pdu.data))
    {
        let _ = write!(out, " {{{sense}}}");
    }
}

/// Bytes of the header that belong to no field and are not 0, with their places.
fn reserved(out: &mut String, pdu: &Pdu) -> std::fmt::Result {
    let mut rest = pdu.bhs;
    for field in pdu.fields() {
        let zeros = [0; 48];
        // One of the two fits every field.
        if field.put(&mut rest, 0).is_err() {
            let _ = field.put_slice(&mut rest, zeros.get(..field.width() as usize / 8).unwrap_or_default());
        }
    }
    for (at, byte) in rest.iter().enumerate().filter(|(_, byte)| **byte != 0) {
        write!(out, " byte{at}={byte:#04x}")?;
    }
    Ok(())
}

/// The first eight digits of the SHA-256 hash.
pub(crate) fn short_hash(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes).get(..4).unwrap_or_default())
}

/// Bytes as digits; many equal ones as their number and value, and a hash for what is beyond the bound.
fn shown(bytes: &[u8]) -> String {
    match bytes.first() {
        Some(first) if bytes.len() > 16 && bytes.iter().all(|byte| byte == first) => {
            format!("{}*{first:02x}", bytes.len())
        }
        _ if bytes.len() <= SHOWN_MAX => hex::encode(bytes),
        _ => format!("{}..#{}", hex::encode(bytes.get(..SHOWN_MAX).unwrap_or_default()), short_hash(bytes)),
    }
}
