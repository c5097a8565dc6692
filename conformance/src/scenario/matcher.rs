//! When is a value the expected one? The matchers of the language, and how a mismatch is worded.

use super::data::Data;
use super::expr::{Expr, Scope, Value, hex};
use super::symbols::{self, Names};
use bytes::Bytes;
use initiator_sim::initiator::serial;
use regex_lite::Regex;

/// What a value has to be.
#[derive(Clone, Debug)]
pub enum Matcher {
    /// `"*"`: anything, as long as it is there.
    Present,
    /// A scalar: equal.
    Equal(Expr),
    /// Bytes: `pat(...)`, `{hex: ...}` and the like.
    Data(Data),
    /// `{in: [...]}`
    In(Vec<Self>),
    /// `{ge: a, le: b}`, either of which may be missing; serial for SN fields.
    Between(Option<Expr>, Option<Expr>),
    /// `{mask: m, eq: v}`
    Mask(Expr, Expr),
    /// `{re: ...}`: somewhere in the text.
    Re(Regex),
    /// `{not: ...}`
    Not(Box<Self>),
    /// `{len: ...}`: of the text or the bytes.
    Len(Box<Self>),
    /// `{starts: ...}`: the first bytes.
    Starts(Data),
    /// `{slice: [offset, length], is: ...}`: some of the bytes.
    Slice(usize, usize, Box<Self>),
    /// `{all: [...]}`: each of these.
    All(Vec<Self>),
    /// `{absent: true}`: it is not there.
    Absent,
}

/// How values of the field compare and look.
#[derive(Clone, Copy, Debug, Default)]
pub struct Style {
    /// Names of its numbers.
    pub names: Names,
    /// A serial number (RFC 1982).
    pub serial: bool,
}

impl Style {
    /// The number as people want to see it.
    fn show(self, value: &Value) -> String {
        match value {
            Value::Num(number) => symbols::show(self.names, *number),
            other => other.to_string(),
        }
    }

    /// A literal of the scenario as a value of this field: names become numbers.
    fn resolve(self, value: Value) -> Value {
        match &value {
            Value::Text(text) => symbols::number(self.names, text).map_or(value, Value::Num),
            _ => value,
        }
    }
}

impl Matcher {
    /// `Ok` if the value fits; else what was expected, in words.
    pub fn matches(&self, value: Option<&Value>, style: Style, scope: &dyn Scope) -> Result<bool, String> {
        let Some(value) = value else {
            return Ok(match self {
                Self::Absent => true,
                Self::In(list) => {
                    for one in list {
                        if one.matches(None, style, scope)? {
                            return Ok(true);
                        }
                    }
                    false
                }
                Self::Not(inner) => matches!(**inner, Self::Present),
                _ => false,
            });
        };
        Ok(match self {
            Self::Present => true,
            Self::Absent => false,
            Self::Equal(expr) => same(value, &style.resolve(expr.eval(scope)?)),
            Self::Data(data) => bytes_of(value) == data.eval(scope)?,
            Self::Starts(data) => bytes_of(value).starts_with(&data.eval(scope)?),
            Self::In(list) => {
                for one in list {
                    if one.matches(Some(value), style, scope)? {
                        return Ok(true);
                    }
                }
                false
            }
            Self::Slice(offset, len, inner) => match slice(&bytes_of(value), *offset, *len) {
                Some(part) => inner.matches(Some(&Value::Bytes(part)), style, scope)?,
                None => false,
            },
            Self::All(list) => {
                for one in list {
                    if !one.matches(Some(value), style, scope)? {
                        return Ok(false);
                    }
                }
                true
            }
            Self::Between(low, high) => {
                let Some(number) = value.number() else { return Ok(false) };
                let bound =
                    |expr: &Option<Expr>| expr.as_ref().map(|expr| number_of(expr, style, scope)).transpose();
                bound(low)?.is_none_or(|low| le(style.serial, low, number))
                    && bound(high)?.is_none_or(|high| le(style.serial, number, high))
            }
            Self::Mask(mask, eq) => {
                let (mask, eq) = (number_of(mask, style, scope)?, number_of(eq, style, scope)?);
                value.number().is_some_and(|number| number & mask == eq)
            }
            Self::Re(re) => re.is_match(&value.text()),
            Self::Not(inner) => !inner.matches(Some(value), style, scope)?,
            Self::Len(inner) => {
                let len = match value {
                    Value::Bytes(bytes) => bytes.len(),
                    other => other.text().len(),
                };
                inner.matches(Some(&Value::Num(len as u64)), Style::default(), scope)?
            }
        })
    }

    /// What is expected, for a report.
    pub fn describe(&self, style: Style, scope: &dyn Scope) -> String {
        let expr = |expr: &Expr| match expr.eval(scope) {
            Ok(value) => style.show(&style.resolve(value)),
            Err(error) => format!("({error})"),
        };
        let data = |data: &Data| match data.eval(scope) {
            Ok(bytes) => format!("{} bytes {}", bytes.len(), hex(&bytes)),
            Err(error) => format!("({error})"),
        };
        match self {
            Self::Present => "anything".to_owned(),
            Self::Absent => "nothing".to_owned(),
            Self::Equal(value) => expr(value),
            Self::Data(value) => data(value),
            Self::Starts(value) => format!("beginning with {}", data(value)),
            Self::In(list) | Self::All(list) => {
                let words: Vec<_> = list.iter().map(|one| one.describe(style, scope)).collect();
                if matches!(self, Self::In(_)) {
                    format!("one of {}", words.join(", "))
                } else {
                    words.join(" and ")
                }
            }
            Self::Slice(offset, len, inner) => {
                format!("bytes {offset} to {} {}", offset + len, inner.describe(style, scope))
            }
            Self::Between(low, high) => match (low, high) {
                (Some(low), Some(high)) => format!("{} to {}", expr(low), expr(high)),
                (Some(low), None) => format!("at least {}", expr(low)),
                (None, Some(high)) => format!("at most {}", expr(high)),
                (None, None) => "a number".to_owned(),
            },
            Self::Mask(mask, eq) => format!("{} under the mask {}", expr(eq), expr(mask)),
            Self::Re(re) => format!("matching /{re}/"),
            Self::Not(inner) => format!("not {}", inner.describe(style, scope)),
            Self::Len(inner) => format!("of length {}", inner.describe(Style::default(), scope)),
        }
    }

    /// The line of a report about a field that does not fit, or `None` if it fits.
    pub fn mismatch(
        &self,
        name: &str,
        value: Option<&Value>,
        style: Style,
        scope: &dyn Scope,
    ) -> Result<Option<String>, String> {
        if self.matches(value, style, scope).map_err(|error| format!("{name}: {error}"))? {
            return Ok(None);
        }
        // Of several only the first that does not fit is of interest, and of bytes only those that were looked at.
        if let (Self::All(list), Some(_)) = (self, value) {
            for one in list {
                if let Some(line) = one.mismatch(name, value, style, scope)? {
                    return Ok(Some(line));
                }
            }
        }
        if let (Self::Slice(offset, len, inner), Some(whole)) = (self, value)
            && let Some(part) = slice(&bytes_of(whole), *offset, *len)
        {
            let name = format!("{name}[{offset}..{}]", offset + len);
            return inner.mismatch(&name, Some(&Value::Bytes(part)), style, scope);
        }
        let got = match value {
            None => "it is not there".to_owned(),
            Some(Value::Bytes(bytes)) => match self.first_difference(bytes, scope) {
                Some(text) => text,
                None => format!("got {} bytes {}", bytes.len(), hex(bytes)),
            },
            Some(value) => format!("got {}", style.show(value)),
        };
        Ok(Some(format!("{name}: expected {}, {got}", self.describe(style, scope))))
    }

    /// For long data only the place where it differs is of interest.
    fn first_difference(&self, got: &Bytes, scope: &dyn Scope) -> Option<String> {
        let Self::Data(data) = self else { return None };
        let want = data.eval(scope).ok()?;
        let at = got.iter().zip(&want).position(|(got, want)| got != want)?;
        let part = |bytes: &Bytes| hex(&bytes[at..bytes.len().min(at + 16)]);
        Some(format!(
            "got {} bytes that differ from byte {at} on: expected {}..., got {}...",
            got.len(),
            part(&want),
            part(got)
        ))
    }
}

/// Some of the bytes, if there are so many.
pub fn slice(bytes: &Bytes, offset: usize, len: usize) -> Option<Bytes> {
    let end = offset.checked_add(len).filter(|end| *end <= bytes.len())?;
    Some(bytes.slice(offset..end))
}

fn bytes_of(value: &Value) -> Bytes {
    match value {
        Value::Bytes(bytes) => bytes.clone(),
        other => other.text().into_bytes().into(),
    }
}

fn number_of(expr: &Expr, style: Style, scope: &dyn Scope) -> Result<u64, String> {
    let value = style.resolve(expr.eval(scope)?);
    value.number().ok_or_else(|| format!("`{value}` is not a number"))
}

/// Text that is a number equals that number; bytes equal the text of the same bytes.
fn same(got: &Value, want: &Value) -> bool {
    match (got, want) {
        (Value::Bytes(bytes), Value::Text(text)) => bytes == text.as_bytes(),
        (Value::Bytes(a), Value::Bytes(b)) => a == b,
        (Value::Text(a), Value::Text(b)) => a == b,
        _ => got.number().is_some() && got.number() == want.number(),
    }
}

fn le(serial: bool, a: u64, b: u64) -> bool {
    match (serial, u32::try_from(a), u32::try_from(b)) {
        (true, Ok(a), Ok(b)) => serial::le(a, b),
        _ => a <= b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    struct Vars;

    impl Scope for Vars {
        fn lookup(&self, name: &str, _: Option<&str>) -> Option<Value> {
            (name == "x").then_some(Value::Num(5))
        }
    }

    fn matcher(text: &str) -> Matcher {
        super::super::read::matcher(&yaml::parse("m", text).expect(text)).expect(text)
    }

    #[test]
    fn each_matcher_takes_and_refuses() {
        let status = Style { names: symbols::SCSI_STATUS, serial: false };
        let plain = Style::default();
        let serial = Style { names: &[], serial: true };
        let num = Value::Num;
        let text = |text: &str| Value::Text(text.to_owned());
        let cases = [
            ("GOOD", status, num(0), true),
            ("GOOD", status, num(2), false),
            ("5", plain, num(5), true),
            ("\"$x\"", plain, num(5), true),
            ("\"$x+1\"", plain, num(6), true),
            ("\"*\"", plain, num(9), true),
            ("{in: [GOOD, BUSY]}", status, num(8), true),
            ("{in: [1, {ge: 10}]}", plain, num(12), true),
            ("{ge: 3, le: 6}", plain, num(6), true),
            ("{ge: 3, le: 6}", plain, num(7), false),
            ("{ge: 0xfffffff0}", serial, num(3), true),
            ("{mask: 0x0f, eq: 5}", plain, num(0x35), true),
            ("{re: \"^iqn[.]\"}", plain, text("iqn.2026"), true),
            ("{not: 3}", plain, num(3), false),
            ("{not: 3}", plain, num(4), true),
            ("{len: {le: 3}}", plain, text("abcd"), false),
            ("\"pat(1,8)\"", plain, Value::Bytes(super::super::data::pattern(1, 0, 8)), true),
            ("{hex: \"00ff\"}", plain, Value::Bytes(Bytes::from_static(&[0, 255])), true),
            ("{starts: {hex: \"00\"}}", plain, Value::Bytes(Bytes::from_static(&[0, 255])), true),
            ("{slice: [1, 2], is: 0x0102}", plain, Value::Bytes(Bytes::from_static(&[0, 1, 2, 3])), true),
            ("{slice: [3, 2], is: \"*\"}", plain, Value::Bytes(Bytes::from_static(&[0, 1, 2, 3])), false),
            ("{all: [{ge: 3}, {not: 5}]}", plain, num(4), true),
            ("{all: [{ge: 3}, {not: 5}]}", plain, num(5), false),
            ("Yes", plain, text("Yes"), true),
            ("8192", plain, text("8192"), true),
            ("hello", plain, Value::Bytes(Bytes::from_static(b"hello")), true),
        ];
        for (yaml, style, value, want) in cases {
            assert_eq!(matcher(yaml).matches(Some(&value), style, &Vars), Ok(want), "{yaml} {value}");
        }
        assert_eq!(matcher("{absent: true}").matches(None, plain, &Vars), Ok(true));
        assert_eq!(matcher("\"*\"").matches(None, plain, &Vars), Ok(false));
        assert_eq!(matcher("{in: [{absent: true}, 5]}").matches(None, plain, &Vars), Ok(true));
        assert_eq!(matcher("{in: [4, 5]}").matches(None, plain, &Vars), Ok(false));
    }

    #[test]
    fn a_mismatch_names_both_sides() {
        let status = Style { names: symbols::SCSI_STATUS, serial: false };
        let line = matcher("GOOD").mismatch("Status", Some(&Value::Num(2)), status, &Vars);
        assert_eq!(line, Ok(Some("Status: expected GOOD (0x00), got CHECK_CONDITION (0x02)".to_owned())));
        let got = Value::Bytes(Bytes::from_static(&[1, 2, 3]));
        let line = matcher("{hex: \"010203ff\"}").mismatch("data", Some(&got), status, &Vars);
        assert_eq!(line, Ok(Some("data: expected 4 bytes 010203ff, got 3 bytes 010203".to_owned())));
        let line = matcher("{hex: \"01ff03\"}")
            .mismatch("data", Some(&got), status, &Vars)
            .expect("ok")
            .expect("some");
        assert!(line.contains("from byte 1 on"), "{line}");
    }
}
