//! How are data segments and buffers written? Patterns by seed, hex, text, key=value pairs, zeros.
//!
//! `pat(seed,len)` and `pat(seed,len,offset)` give `len` bytes of an endless stream that belongs to `seed`: what is written
//! in pieces can be compared as a whole, and a byte at the wrong place is noticed.

use super::expr::{Expr, Scope, Value};
use bytes::Bytes;

/// Bytes to be made when they are needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// As written in the file.
    Bytes(Bytes),
    /// Part of the stream of a seed.
    Pattern {
        /// Which stream.
        seed: Expr,
        /// Length in bytes.
        len: Expr,
        /// Where in the stream it begins.
        offset: Expr,
    },
    /// So many equal bytes.
    Fill {
        /// The byte.
        byte: u8,
        /// Length in bytes.
        len: Expr,
    },
    /// Text as UTF-8, or the bytes of a variable.
    Expr(Expr),
    /// `key=value` pairs, each ended by a zero byte.
    Keys(Vec<(String, Expr)>),
    /// Hex digits that are computed.
    Hex(Expr),
    /// One after the other.
    Concat(Vec<Self>),
}

/// Most bytes one piece of data may have: more than any data segment.
const LEN_MAX: u64 = 1 << 26;

impl Data {
    /// Reads `pat(...)`, `zeros(n)`, `$var` or text.
    pub fn read(text: &str) -> Result<Self, String> {
        if let Some(inside) = text.strip_prefix("pat(").and_then(|rest| rest.strip_suffix(')')) {
            let args: Result<Vec<_>, _> = inside.split(',').map(|arg| number(arg.trim())).collect();
            return match <[Expr; 3]>::try_from(args?) {
                Ok([seed, len, offset]) => Ok(Self::Pattern { seed, len, offset }),
                Err(args) => match <[Expr; 2]>::try_from(args) {
                    Ok([seed, len]) => Ok(Self::Pattern { seed, len, offset: Expr::num(0) }),
                    Err(_) => Err(format!("`{text}`: pat takes a seed, a length and perhaps an offset")),
                },
            };
        }
        if let Some(inside) = text.strip_prefix("zeros(").and_then(|rest| rest.strip_suffix(')')) {
            return Ok(Self::Fill { byte: 0, len: number(inside.trim())? });
        }
        Expr::read(text).map(Self::Expr)
    }

    /// Hex digits; blanks between bytes are ignored.
    pub fn read_hex(text: &str) -> Result<Bytes, String> {
        let digits: Vec<u32> = text
            .chars()
            .filter(|c| !c.is_whitespace())
            .map(|c| c.to_digit(16).ok_or_else(|| format!("`{c}` is not a hex digit")))
            .collect::<Result<_, _>>()?;
        if !digits.len().is_multiple_of(2) {
            return Err("an odd number of hex digits".to_owned());
        }
        digits
            .chunks(2)
            .map(|pair| u8::try_from(pair[0] << 4 | pair[1]).map_err(|_| "not a byte".to_owned()))
            .collect::<Result<Vec<u8>, _>>()
            .map(Bytes::from)
    }

    /// The bytes now.
    pub fn eval(&self, scope: &dyn Scope) -> Result<Bytes, String> {
        match self {
            Self::Bytes(bytes) => Ok(bytes.clone()),
            Self::Pattern { seed, len, offset } => {
                let len = length(len, scope)?;
                Ok(pattern(eval_number(seed, scope)?, eval_number(offset, scope)?, len))
            }
            Self::Fill { byte, len } => Ok(vec![*byte; length(len, scope)?].into()),
            Self::Expr(expr) => Ok(match expr.eval(scope)? {
                Value::Bytes(bytes) => bytes,
                other => other.text().into_bytes().into(),
            }),
            Self::Keys(pairs) => {
                let mut out = Vec::new();
                for (key, value) in pairs {
                    initiator_sim::codec::text::push(&mut out, key, &value.eval(scope)?.text());
                }
                Ok(out.into())
            }
            Self::Hex(expr) => Self::read_hex(&expr.eval(scope)?.text()),
            Self::Concat(pieces) => {
                let mut out = Vec::new();
                for piece in pieces {
                    out.extend_from_slice(&piece.eval(scope)?);
                }
                Ok(out.into())
            }
        }
    }
}

fn number(text: &str) -> Result<Expr, String> {
    match super::expr::parse_number(text) {
        Some(number) => Ok(Expr::num(number)),
        None if text.contains('$') => Expr::read(text),
        None => super::units::size(text).map(Expr::num),
    }
}

fn eval_number(expr: &Expr, scope: &dyn Scope) -> Result<u64, String> {
    let value = expr.eval(scope)?;
    value.number().ok_or_else(|| format!("`{value}` is not a number"))
}

fn length(expr: &Expr, scope: &dyn Scope) -> Result<usize, String> {
    let len = eval_number(expr, scope)?;
    if len > LEN_MAX {
        return Err(format!("{len} bytes are more than {LEN_MAX}"));
    }
    usize::try_from(len).map_err(|error| error.to_string())
}

/// `len` bytes from `offset` of the stream that belongs to `seed`.
pub fn pattern(seed: u64, offset: u64, len: usize) -> Bytes {
    let mut out = vec![0; len];
    initiator_sim::initiator::pattern::fill(seed, offset, &mut out);
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Want;

    impl Scope for Want {
        fn lookup(&self, name: &str, _: Option<&str>) -> Option<Value> {
            (name == "want").then_some(Value::Num(5))
        }
    }

    #[test]
    fn pieces_of_a_pattern_fit_together() {
        let whole = pattern(7, 0, 100);
        for cut in [0, 1, 8, 13, 99] {
            let both = [pattern(7, 0, cut), pattern(7, cut as u64, 100 - cut)].concat();
            assert_eq!(both, whole, "{cut}");
        }
        assert_ne!(pattern(8, 0, 100), whole);
    }

    #[test]
    fn every_way_of_writing_gives_its_bytes() {
        let eval = |text: &str| Data::read(text).and_then(|data| data.eval(&Want));
        assert_eq!(eval("pat(7,$want)"), Ok(pattern(7, 0, 5)));
        assert_eq!(eval("pat(7, 1KiB, 3)"), Ok(pattern(7, 3, 1024)));
        assert_eq!(eval("zeros(3)"), Ok(Bytes::from_static(&[0; 3])));
        assert_eq!(eval("zeros(2*$want)"), Ok(Bytes::from_static(&[0; 10])));
        let hex = Data::Hex(Expr::read("0${want} ff").expect("valid"));
        assert_eq!(hex.eval(&Want), Ok(Bytes::from_static(&[5, 255])));
        assert_eq!(eval("hello"), Ok(Bytes::from_static(b"hello")));
        assert_eq!(Data::read_hex("00 fF10"), Ok(Bytes::from_static(&[0, 255, 16])));
        let keys = Data::Keys(vec![("A".into(), Expr::num(1))]);
        assert_eq!(keys.eval(&Want), Ok(Bytes::from_static(b"A=1\0")));
        assert!(eval("pat(1)").is_err() && eval("pat(1,99999999999)").is_err());
        assert!(Data::read_hex("0").is_err() && Data::read_hex("0g").is_err());
    }
}
