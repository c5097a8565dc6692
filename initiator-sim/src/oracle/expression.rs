//! How does a definition say where a field's value comes from? A tiny language, compiled to direct look-ups.
//!
//! ```text
//! expression = CONDITION '?' term ':' term | term
//! CONDITION  = FIELD | FIELD '==' number
//! term       = number | FIELD | 'byte1' | 'data_length' | 'lun(FIELD)' | 'command.lun'
//! ```
//!
//! `FIELD` is a name of the PDU codec. `byte1` is the whole second byte of the header, `data_length` the DataSegmentLength,
//! `lun(FIELD)` the number a LUN field stands for, and `command.lun` that of the command the PDU belongs to, 0 if it belongs to
//! none.

use super::definitions::DefinitionError;
use super::task::TaskLun;
use crate::codec::{Field, Kind, lookup};

/// Where a value comes from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Term {
    Number(u64),
    Field(Field),
    Lun(Field),
    CommandLun,
}

/// A compiled expression.
#[derive(Clone, Copy, Debug)]
pub(super) enum Expression {
    Always(Term),
    If { field: Field, equals: Option<u64>, then: Term, otherwise: Term },
}

/// A value as the wire gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Known(u64),
    /// Each is right: it depends on which command the target took, if any.
    OneOf(Vec<u64>),
}

impl Expression {
    pub(super) fn compile(kind: Kind, text: &str) -> Result<Self, DefinitionError> {
        let bad = |why: &str| DefinitionError::new(kind.name(), format!("`{text}`: {why}"));
        let Some((condition, branches)) = text.split_once('?') else {
            return term(kind, text).map(Self::Always).map_err(|why| bad(&why));
        };
        let Some((then, otherwise)) = branches.split_once(':') else { return Err(bad("`?` without `:`")) };
        let (name, equals) = match condition.split_once("==") {
            Some((name, value)) => (name, Some(number(value).ok_or_else(|| bad("not a number after `==`"))?)),
            None => (condition, None),
        };
        Ok(Self::If {
            field: lookup(Some(kind), name.trim()).map_err(|error| bad(&error.to_string()))?,
            equals,
            then: term(kind, then).map_err(|why| bad(&why))?,
            otherwise: term(kind, otherwise).map_err(|why| bad(&why))?,
        })
    }

    /// The value for a header. `command` is the logical unit of the command it belongs to.
    pub(super) fn value(&self, bhs: &[u8; 48], command: Option<TaskLun<'_>>) -> Value {
        let term = match self {
            Self::Always(term) => term,
            Self::If { field, equals, then, otherwise } => {
                let value = field.value(bhs).unwrap_or(0);
                if equals.map_or(value != 0, |equals| value == equals) { then } else { otherwise }
            }
        };
        match term {
            Term::Number(number) => Value::Known(*number),
            Term::Field(field) => Value::Known(field.value(bhs).unwrap_or(0)),
            Term::Lun(field) => Value::Known(lun_number(field.value(bhs).unwrap_or(0))),
            Term::CommandLun => match command {
                None => Value::Known(0),
                Some(TaskLun { lun, certain: true, others: [] }) => Value::Known(lun_number(lun)),
                Some(TaskLun { lun, certain, others }) => {
                    let none = (!certain).then_some(0);
                    Value::OneOf(
                        [&[lun][..], others].concat().into_iter().map(lun_number).chain(none).collect(),
                    )
                }
            },
        }
    }
}

fn term(kind: Kind, text: &str) -> Result<Term, String> {
    let text = text.trim();
    let field = |name: &str| lookup(Some(kind), name).map_err(|error| error.to_string());
    if let Some(number) = number(text) {
        return Ok(Term::Number(number));
    }
    if let Some(name) = text.strip_prefix("lun(").and_then(|rest| rest.strip_suffix(')')) {
        return field(name.trim()).map(Term::Lun);
    }
    match text {
        "byte1" => field("Byte1").map(Term::Field),
        "data_length" => field("DataSegmentLength").map(Term::Field),
        "command.lun" => Ok(Term::CommandLun),
        name => field(name).map(Term::Field),
    }
}

fn number(text: &str) -> Option<u64> {
    let text = text.trim();
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

/// A LUN as a number: single level with peripheral or flat addressing gives its 14 bits, anything else all eight bytes.
pub(super) fn lun_number(lun: u64) -> u64 {
    let single_level = lun & 0x0000_ffff_ffff_ffff == 0;
    if single_level && lun >> 62 <= 1 { lun >> 48 & 0x3fff } else { lun }
}
