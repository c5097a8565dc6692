//! Matchers, data, CDBs, fault verbs: what stands behind keys of many steps.

use super::{Body, Read, expr, pairs};
use crate::scenario::cdb;
use crate::scenario::data::Data;
use crate::scenario::expr::Expr;
use crate::scenario::keys::LATENCY;
use crate::scenario::matcher::Matcher;
use crate::scenario::model::{Cdb, FaultVerb, LatencySpec, SenseMatch};
use crate::scenario::units;
use crate::scenario::verbs::FAULT_DO;
use crate::yaml::{Node, Problem, Value, unknown};
use bytes::Bytes;
use regex_lite::Regex;

const DATA_FORMS: [&str; 6] = ["hex", "text", "keys", "zeros", "fill", "pat"];
const MATCH_FORMS: [&str; 15] = [
    "in", "ge", "le", "mask", "eq", "re", "not", "len", "starts", "slice", "is", "all", "absent", "hex",
    "text",
];

/// Data: text with `pat(...)`, a number list, a list of pieces, or a map with one of its forms.
pub(in crate::scenario) fn data(node: &Node) -> Read<Data> {
    match &node.value {
        Value::Str(text) => Data::read(text).map_err(|error| Problem::new(node.id, error)),
        Value::Int(_) | Value::Bool(_) | Value::Float(_) => expr(node).map(Data::Expr),
        Value::List(items) if items.iter().all(|item| matches!(item.value, Value::Int(0..=255))) => {
            let byte = |item: &Node| match item.value {
                Value::Int(number) => u8::try_from(number).unwrap_or(0),
                _ => 0,
            };
            Ok(Data::Bytes(items.iter().map(byte).collect::<Vec<_>>().into()))
        }
        Value::List(items) => items.iter().map(data).collect::<Read<_>>().map(Data::Concat),
        Value::Map(entries) => match entries.as_slice() {
            [entry] => data_form(&entry.key, &entry.node, entry.key_id),
            _ => Err(Problem::new(node.id, format!("data has one of the keys {}", DATA_FORMS.join(", ")))),
        },
        Value::Null => Err(Problem::new(node.id, "expected data, found nothing")),
    }
}

fn data_form(form: &str, node: &Node, key: crate::yaml::NodeId) -> Read<Data> {
    let text = || node.scalar_text().ok_or_else(|| Problem::new(node.id, format!("`{form}` takes text")));
    match form {
        "hex" if text()?.contains('$') => expr(node).map(Data::Hex),
        "hex" => Data::read_hex(&text()?).map(Data::Bytes).map_err(|error| Problem::new(node.id, error)),
        "text" => match expr(node)? {
            Expr::Lit(value) => Ok(Data::Bytes(Bytes::from(value.text().into_bytes()))),
            other => Ok(Data::Expr(other)),
        },
        "keys" => pairs(Some(node), expr).map(Data::Keys),
        "zeros" => Ok(Data::Fill { byte: 0, len: expr(node)? }),
        "fill" => match &node.value {
            Value::List(items) => match items.as_slice() {
                [Node { value: Value::Int(byte @ 0..=255), .. }, len] => {
                    Ok(Data::Fill { byte: u8::try_from(*byte).unwrap_or(0), len: expr(len)? })
                }
                _ => Err(Problem::new(node.id, "`fill` takes [byte, length]")),
            },
            _ => Err(Problem::new(node.id, "`fill` takes [byte, length]")),
        },
        "pat" => Err(Problem::new(node.id, "write a pattern as text: \"pat(7,512)\"")),
        _ => Err(Problem::new(key, unknown("form of data", form, DATA_FORMS))),
    }
}

/// A matcher.
pub(in crate::scenario) fn matcher(node: &Node) -> Read<Matcher> {
    match &node.value {
        Value::Str(text) if text == "*" => Ok(Matcher::Present),
        Value::Str(text) if text.starts_with("pat(") || text.starts_with("zeros(") => {
            data(node).map(Matcher::Data)
        }
        Value::List(_) => data(node).map(Matcher::Data),
        Value::Map(entries) => {
            if let Some(entry) = entries.iter().find(|entry| !MATCH_FORMS.contains(&entry.key.as_str())) {
                if entries.len() == 1 && DATA_FORMS.contains(&entry.key.as_str()) {
                    return data(node).map(Matcher::Data);
                }
                return Err(Problem::new(entry.key_id, unknown("matcher", &entry.key, MATCH_FORMS)));
            }
            matcher_form(node)
        }
        _ => expr(node).map(Matcher::Equal),
    }
}

fn matcher_form(node: &Node) -> Read<Matcher> {
    let body = Body::free(node);
    let keys: Vec<_> = body.entries().iter().map(|entry| entry.key.as_str()).collect();
    let inner = |key: &str| match body.node(key) {
        Some(node) => matcher(node),
        None => Err(Problem::new(node.id, format!("`{key}` is missing"))),
    };
    let value = |key: &str| match body.node(key) {
        Some(node) => expr(node),
        None => Err(Problem::new(node.id, format!("`{key}` is missing"))),
    };
    match keys.as_slice() {
        ["in"] => match body.node("in").map(|node| &node.value) {
            Some(Value::List(items)) => items.iter().map(matcher).collect::<Read<_>>().map(Matcher::In),
            _ => Err(Problem::new(node.id, "`in` takes a list")),
        },
        ["ge"] | ["le"] | ["ge", "le"] | ["le", "ge"] => {
            Ok(Matcher::Between(body.expr("ge")?, body.expr("le")?))
        }
        ["mask", "eq"] | ["eq", "mask"] => Ok(Matcher::Mask(value("mask")?, value("eq")?)),
        ["eq"] => value("eq").map(Matcher::Equal),
        ["re"] => {
            let text = body.text("re").unwrap_or_default();
            Regex::new(&text)
                .map(Matcher::Re)
                .map_err(|error| Problem::new(node.id, format!("`re`: {error}")))
        }
        ["not"] => inner("not").map(|inner| Matcher::Not(Box::new(inner))),
        ["len"] => inner("len").map(|inner| Matcher::Len(Box::new(inner))),
        ["starts"] => match body.node("starts") {
            Some(node) => data(node).map(Matcher::Starts),
            None => Err(Problem::new(node.id, "`starts` is missing")),
        },
        ["slice", "is"] | ["is", "slice"] => {
            let numbers: Vec<_> = body.items("slice").iter().map(|node| &node.value).collect();
            let [Value::Int(offset), Value::Int(len)] = numbers.as_slice() else {
                return Err(Problem::new(node.id, "`slice` takes [offset, length]"));
            };
            match (usize::try_from(*offset), usize::try_from(*len)) {
                (Ok(offset), Ok(len)) => Ok(Matcher::Slice(offset, len, Box::new(inner("is")?))),
                _ => Err(Problem::new(node.id, "`slice` takes [offset, length], neither negative")),
            }
        }
        ["all"] => body.items("all").iter().map(matcher).collect::<Read<_>>().map(Matcher::All),
        ["absent"] => Ok(Matcher::Absent),
        ["hex"] | ["text"] => data(node).map(Matcher::Data),
        _ => Err(Problem::new(node.id, format!("these matchers do not go together: {}", keys.join(", ")))),
    }
}

/// A CDB: `tur`, `{write10: {lba: 0, blocks: 8}}`, or data.
pub(super) fn cdb(node: &Node) -> Read<Cdb> {
    let named = |name: &str, operands: Option<&Node>, at| match cdb::find(name) {
        Some(op) => {
            let given = pairs(operands, expr)?;
            check_operands(&op, &given, operands.map_or(at, |node| node.id))?;
            Ok(Cdb::Op(op, given))
        }
        None => Err(Problem::new(at, unknown("command", name, cdb::names()))),
    };
    match &node.value {
        Value::Str(name) if !name.starts_with('$') => named(name, None, node.id),
        Value::Map(entries) => match entries.as_slice() {
            [entry] if !DATA_FORMS.contains(&entry.key.as_str()) => {
                named(&entry.key, Some(&entry.node), entry.key_id)
            }
            _ => data(node).map(Cdb::Bytes),
        },
        _ => data(node).map(Cdb::Bytes),
    }
}

/// Operands have to exist; literals have to fit.
pub(super) fn check_operands(op: &str, given: &[(String, Expr)], at: crate::yaml::NodeId) -> Read<()> {
    let literals: Vec<_> = given
        .iter()
        .map(|(name, expr)| (name.clone(), expr.literal().and_then(super::Known::number).unwrap_or(0)))
        .collect();
    initiator_sim::initiator::cdb::build(op, &literals)
        .map(|_| ())
        .map_err(|error| Problem::new(at, error.to_string()))
}

/// Sense data to be matched.
pub(super) fn sense(node: Option<&Node>) -> Read<Option<SenseMatch>> {
    node.map(|node| Ok(SenseMatch { members: pairs(Some(node), matcher)? })).transpose()
}

/// A distribution of times.
pub(super) fn latency(node: &Node) -> Read<LatencySpec> {
    let wrong = || Problem::new(node.id, "expected a time, or one of fixed, uniform, exp, bimodal, per_pair");
    let Value::Map(entries) = &node.value else {
        let text = node.scalar_text().unwrap_or_default();
        return units::time(&text).map(LatencySpec::Fixed).map_err(|error| Problem::new(node.id, error));
    };
    let [entry] = entries.as_slice() else { return Err(wrong()) };
    let body = Body::new(node, &LATENCY);
    let texts = body.texts(&entry.key);
    let time = |at: usize| {
        let text = texts
            .get(at)
            .ok_or_else(|| Problem::new(entry.node.id, format!("`{}` takes more values", entry.key)))?;
        units::time(text).map_err(|error| Problem::new(entry.node.id, error))
    };
    match entry.key.as_str() {
        "fixed" => Ok(LatencySpec::Fixed(time(0)?)),
        "uniform" => Ok(LatencySpec::Uniform(time(0)?, time(1)?)),
        "exp" => Ok(LatencySpec::Exp(time(0)?, time(1)?)),
        "per_pair" => Ok(LatencySpec::PerPair(time(0)?, time(1)?)),
        "bimodal" => {
            let share = texts.get(2).map(String::as_str).unwrap_or_default();
            Ok(LatencySpec::Bimodal(time(0)?, time(1)?, share_of_a_million(share, entry.node.id)?))
        }
        _ => Err(wrong()),
    }
}

/// 0 to 1 as parts of a million.
pub(super) fn share_of_a_million(text: &str, at: crate::yaml::NodeId) -> Read<u32> {
    match text.parse::<f64>() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok((share * 1_000_000.0).round() as u32),
        _ => Err(Problem::new(at, format!("`{text}` is no share; write a number from 0 to 1"))),
    }
}

/// What a fault does: a list of one-key maps, or one of them.
pub(super) fn fault_verbs(nodes: &[Node]) -> Read<Vec<FaultVerb>> {
    nodes.iter().map(fault_verb).collect()
}

fn fault_verb(node: &Node) -> Read<FaultVerb> {
    crate::scenario::shape::check(node, &crate::scenario::shape::Kind::Map(&FAULT_DO))?;
    let body = Body::new(node, &FAULT_DO);
    let [entry] = body.entries() else {
        return Err(Problem::new(node.id, "a fault verb is a map with one key; write several as a list"));
    };
    let int = || body.small(&entry.key, u32::MAX, 0);
    let time = || Ok(body.time(&entry.key)?.unwrap_or(0));
    Ok(match entry.key.as_str() {
        "split" => FaultVerb::Split(int()?),
        "coalesce" => FaultVerb::Coalesce(int()?),
        "delay" => FaultVerb::Delay(time()?),
        "stall" => FaultVerb::Stall(time()?),
        "hold" => FaultVerb::Hold,
        "reset" => FaultVerb::Reset,
        "half_close" => FaultVerb::HalfClose,
        "close" => FaultVerb::Close,
        "drop" => FaultVerb::Drop,
        "dup" => FaultVerb::Dup,
        "swap" => FaultVerb::Swap,
        "corrupt_bit" => {
            let bit = Body::free(&entry.node);
            FaultVerb::CorruptBit { byte: bit.small("byte", u32::MAX, 0)?, bit: bit.small("bit", 7_u8, 0)? }
        }
        _ => {
            let field = Body::free(&entry.node);
            FaultVerb::CorruptField {
                field: field.name("field", ""),
                value: field.int("value", u64::MAX)?.unwrap_or(0),
                fix_digest: field.bool("fix_digest").unwrap_or(false),
            }
        }
    })
}
