//! Is the header of a target PDU well formed by itself? (RFC 7143 11.2 and the figures)

use super::Violation;
use crate::codec::{Kind, Pdu, fields};
use std::sync::LazyLock;

/// [`defined`] of every kind, by its place in the enum: asked for each PDU that comes.
static DEFINED: LazyLock<Vec<[u8; 48]>> = LazyLock::new(|| Kind::all().map(defined).collect());

/// Bits of a kind's header that some field covers.
fn defined(kind: Kind) -> [u8; 48] {
    let mut mask = [0; 48];
    for field in fields(kind) {
        // All ones fit every field by construction.
        let _ = match field.slice(&mask).map(<[u8]>::len) {
            Some(len) => field.put_slice(&mut mask, &vec![0xff; len]),
            None => field.put(&mut mask, (1 << field.width()) - 1),
        };
    }
    mask
}

pub(super) fn check(kind: Kind, pdu: &Pdu, receive_max: u32, found: &mut Vec<Violation>) {
    let stray = pdu.bhs.iter().zip(&DEFINED[kind as usize]).position(|(byte, mask)| byte & !mask != 0);
    if let Some(at) = stray {
        let text = format!("{kind} has reserved bits set in byte {at} ({:#04x})", pdu.bhs[at]);
        found.push(Violation::must("rfc7143/10.7-4", text));
    }
    let drawn_as_one = !matches!(kind, Kind::DataIn | Kind::TextResponse | Kind::LoginResponse);
    if drawn_as_one && !pdu.flag("F") {
        found.push(Violation::must("rfc7143/11.2.1.3", format!("{kind} without the F bit")));
    }
    if !pdu.ahs.is_empty() {
        found.push(Violation::must("rfc7143/11.2.1.5-1", format!("{kind} with an additional header")));
    }
    if pdu.data.len() > receive_max as usize {
        let text = format!("{kind} with {} bytes of data, more than {receive_max}", pdu.data.len());
        found.push(Violation::must("rfc7143/11.7.1-2", text));
    }
    let empty_by_rule = match kind {
        Kind::R2T => Some("rfc7143/11.8.1-1"),
        Kind::TaskResponse => Some("rfc7143/11.6.2-1"),
        Kind::LogoutResponse => Some("rfc7143/11.15.2-1"),
        _ => None,
    };
    if let Some(rule) = empty_by_rule.filter(|_| pdu.data_segment_length() != 0) {
        found.push(Violation::must(rule, format!("{kind} with a data segment")));
    }
    let has_residual = matches!(kind, Kind::ScsiResponse | Kind::DataIn);
    if has_residual && (pdu.flag("O") && pdu.flag("U") || pdu.flag("o") && pdu.flag("u")) {
        found.push(Violation::must("rfc7143/11.4.1", format!("{kind} with overflow and underflow at once")));
    }
}
