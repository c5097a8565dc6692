//! `send`: one PDU, right but for what the step says.

use super::op_of;
use crate::runner::scope::{Cx, Outcome};
use crate::scenario::cdb;
use crate::scenario::data::Data;
use crate::scenario::expr::{Expr, Value};
use crate::scenario::fields;
use crate::scenario::model::Cdb;
use crate::scenario::step::Send;
use crate::scenario::symbols;
use initiator_sim::codec::ahs::Ahs;
use initiator_sim::codec::{self, DigestChoice, Kind, Shape};
use initiator_sim::initiator::cdb::{Direction, build, transfer};
use initiator_sim::initiator::{Draft, FieldValue};

/// Sends it.
pub(super) fn send(cx: &Cx<'_>, step: &Send) -> Outcome<()> {
    let conn = cx.conn(&step.on)?;
    let raw = step.raw.as_ref().map(|raw| cx.data(raw)).transpose()?;
    let cut = step.cut.as_ref().map(|cut| cx.small::<usize>(cut, &[])).transpose()?;
    let Some(kind) = step.kind else {
        let mut bytes = raw.unwrap_or_default().to_vec();
        bytes.truncate(cut.unwrap_or(usize::MAX));
        let mut state = cx.state.borrow_mut();
        state.note(conn, '>', &format!("{} raw bytes", bytes.len()));
        let lab = state.conns[conn].lab;
        state.lab.send(lab, bytes, op_of(cx.id));
        return Ok(());
    };
    let mut draft = draft(cx, step, kind)?;
    draft.raw = raw.map(|raw| raw.to_vec());
    let sent = cx.state.borrow_mut().send(conn, &draft, op_of(cx.id), cut);
    let sent = sent.map_err(|error| cx.script(error.to_string()))?;
    if let Some(name) = &step.name {
        cx.state.borrow_mut().pdus.insert(name.clone(), sent.pdu);
    }
    Ok(())
}

fn draft(cx: &Cx<'_>, step: &Send, kind: Kind) -> Outcome<Draft> {
    let mut draft = Draft::new(kind);
    if let Some(data) = &step.data {
        draft.data = cx.data(data)?;
    }
    if let Some(ahs) = &step.ahs {
        draft.ahs = cx.data(ahs)?.to_vec();
    }
    if let Some(cdb) = &step.cdb {
        let lun = step.fields.iter().find(|(name, _)| name == "LUN");
        let lun = match lun.map(|(_, value)| field(cx, kind, "LUN", value)).transpose()? {
            Some(FieldValue::Number(wire)) => fields::lun_number(wire),
            Some(FieldValue::Bytes(_)) | None => 0,
        };
        draft = command(cx, draft, cdb, lun, step)?;
    }
    if let Some(bytes) = &step.bidi_read {
        Ahs::bidi_read_length(cx.small(bytes, &[])?).emit(&mut draft.ahs);
    }
    for (name, value) in &step.fields {
        draft = draft.with(name.clone(), field(cx, kind, name, value)?);
    }
    draft.advance_cmd_sn = step.advance_sn;
    let choice = |word: &Option<String>| match word.as_deref() {
        Some("wrong") => DigestChoice::Wrong,
        Some("omit") => DigestChoice::Omit,
        _ => DigestChoice::Right,
    };
    draft.wire.header_digest = choice(&step.header_digest);
    draft.wire.data_digest = choice(&step.data_digest);
    draft.wire.padding =
        step.padding.as_ref().map(|data| cx.data(data)).transpose()?.map(|bytes| bytes.to_vec());
    Ok(match &step.bug {
        Some(bug) => deviate(draft, kind, bug),
        None => draft,
    })
}

/// CDB, and what the flags and the expected length have to be for it.
fn command(cx: &Cx<'_>, draft: Draft, cdb: &Cdb, lun: u64, step: &Send) -> Outcome<Draft> {
    let bytes = cdb_bytes(cx, cdb)?;
    let block = cx.state.borrow().block_size(lun);
    let moved = transfer(&bytes, block);
    let mut draft = draft.with_cdb(&bytes);
    let named = |name: &str| step.fields.iter().any(|(known, _)| known == name);
    if let Some(moved) = moved {
        let flags = [("R", moved.direction == Direction::In), ("W", moved.direction == Direction::Out)];
        for (flag, set) in flags {
            if !named(flag) {
                draft = draft.with(flag, u64::from(set));
            }
        }
        if !named("EDTL") {
            draft = draft.with("EDTL", u64::from(moved.bytes));
        }
    }
    Ok(draft)
}

/// The bytes of a CDB.
pub(super) fn cdb_bytes(cx: &Cx<'_>, cdb: &Cdb) -> Outcome<Vec<u8>> {
    match cdb {
        Cdb::Bytes(data) => cx.data(data).map(|bytes| bytes.to_vec()),
        Cdb::Op(name, given) => {
            let mut operands = Vec::new();
            for (operand, expr) in given {
                operands.push((operand.as_str(), cx.number(expr, &[])?));
            }
            build(name, &operands).map_err(|error| cx.script(error.to_string()))
        }
    }
}

/// A field's value: a number, the name of a number, or bytes.
fn field(cx: &Cx<'_>, kind: Kind, name: &str, value: &Data) -> Outcome<FieldValue> {
    let Data::Expr(expr) = value else {
        return cx.data(value).map(|bytes| FieldValue::Bytes(bytes.to_vec()));
    };
    match cx.value(expr)? {
        Value::Bytes(bytes) => Ok(FieldValue::Bytes(bytes.to_vec())),
        _ => field_number(cx, kind, name, expr),
    }
}

/// A field's value where only numbers make sense.
pub(super) fn field_number(cx: &Cx<'_>, kind: Kind, name: &str, expr: &Expr) -> Outcome<FieldValue> {
    let number = cx.number(expr, symbols::of_field(kind, name))?;
    Ok(FieldValue::Number(if name == "LUN" { fields::lun_wire(number) } else { number }))
}

/// Overrides of a program's request.
pub(super) fn overrides(
    cx: &Cx<'_>,
    kind: Kind,
    list: &[(String, Expr)],
) -> Outcome<Vec<(String, FieldValue)>> {
    list.iter().map(|(name, expr)| Ok((name.clone(), field_number(cx, kind, name, expr)?))).collect()
}

/// A canned deviation.
fn deviate(mut draft: Draft, kind: Kind, bug: &str) -> Draft {
    match bug {
        "bad_header_digest" => draft.wire.header_digest = DigestChoice::Wrong,
        "bad_data_digest" => draft.wire.data_digest = DigestChoice::Wrong,
        "no_padding" => draft.wire.padding = Some(Vec::new()),
        "nonzero_padding" => {
            let len = draft.data.len().next_multiple_of(4) - draft.data.len();
            draft.wire.padding = Some(vec![0xff; len]);
        }
        "unknown_opcode" => draft = draft.with("Opcode", 0x1d),
        "length_lies" => {
            let len = draft.data.len() as u64 + 4;
            draft = draft.with("DataSegmentLength", len);
        }
        _ => {
            // reserved_bits: every byte that no field of the figure touches.
            for byte in 1..48 {
                let taken = codec::fields(kind).iter().any(|field| match field.shape {
                    Shape::Bits { .. } => field.byte == byte,
                    Shape::Bytes(len) => (field.byte..field.byte + usize::from(len)).contains(&byte),
                });
                if !taken {
                    draft = draft.with(format!("Byte{byte}"), 0xff);
                }
            }
        }
    }
    draft
}

/// The name of a command for reports.
pub(super) fn command_name(cdb: &Cdb) -> String {
    match cdb {
        Cdb::Op(name, _) => cdb::find(name).unwrap_or_else(|| name.clone()),
        Cdb::Bytes(_) => "cdb".to_owned(),
    }
}
