//! What may stand where a value is expected? A literal, `$name`, `$name.Field`, sums of these, or text with `${...}` in it.
//!
//! Serial numbers (names ending in `SN`) are 32-bit counters that wrap (RFC 7143 3.2.2.1, RFC 1982): `$c1.MaxCmdSN+1` is
//! right also when it passes 2^32. Other sums must stay between 0 and 2^64-1.

use bytes::Bytes;
use std::fmt;

/// A value while a scenario runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A number, at most 64 bits as on the wire.
    Num(u64),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Bytes),
}

impl Value {
    /// The number, also one that is written as text (decimal or 0x).
    pub fn number(&self) -> Option<u64> {
        match self {
            Self::Num(number) => Some(*number),
            Self::Text(text) => parse_number(text),
            Self::Bytes(bytes) if bytes.len() <= 8 => {
                Some(bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
            }
            Self::Bytes(_) => None,
        }
    }

    /// The text one would write for it.
    pub fn text(&self) -> String {
        match self {
            Self::Num(number) => number.to_string(),
            Self::Text(text) => text.clone(),
            Self::Bytes(bytes) => hex(bytes),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Num(number) if *number > 9 => write!(f, "{number} ({number:#x})"),
            Self::Num(number) => write!(f, "{number}"),
            Self::Text(text) => write!(f, "{text}"),
            Self::Bytes(bytes) => f.write_str(&hex(bytes)),
        }
    }
}

/// Bytes as hex; long ones are cut, with their length.
pub fn hex(bytes: &[u8]) -> String {
    const SHOWN_MAX: usize = 64;
    let mut out: String = bytes.iter().take(SHOWN_MAX).map(|byte| format!("{byte:02x}")).collect();
    if bytes.len() > SHOWN_MAX {
        out.push_str(&format!("...({} bytes)", bytes.len()));
    }
    out
}

/// Decimal, `0x`, `0o` or `0b`.
pub fn parse_number(text: &str) -> Option<u64> {
    let digits = |prefix: &str, radix| {
        text.strip_prefix(prefix).and_then(|rest| u64::from_str_radix(rest, radix).ok())
    };
    if text.starts_with(['+', '-']) {
        return None;
    }
    text.parse().ok().or_else(|| digits("0x", 16)).or_else(|| digits("0o", 8)).or_else(|| digits("0b", 2))
}

/// Where names get their values.
pub trait Scope {
    /// The value of `$name` or `$name.field`.
    fn lookup(&self, name: &str, field: Option<&str>) -> Option<Value>;
}

/// A value still to be computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expr {
    /// Known.
    Lit(Value),
    /// `$name` or `$name.field`.
    Ref {
        /// The variable, connection or PDU.
        name: String,
        /// A field of it.
        field: Option<String>,
    },
    /// Terms with their operators, from left to right.
    Sum(Box<Self>, Vec<(Op, Self)>),
    /// Pieces put together as text.
    Concat(Vec<Self>),
}

/// What can be done with numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
}

impl Expr {
    /// A number as it is.
    pub const fn num(number: u64) -> Self {
        Self::Lit(Value::Num(number))
    }

    /// Reads text: an expression if it begins with `$` or with a number (`0x1+$i`), text with `${...}` in it, or itself.
    pub fn read(text: &str) -> Result<Self, String> {
        if let Some(rest) = text.strip_prefix("$$") {
            return Ok(Self::Lit(Value::Text(format!("${rest}"))));
        }
        if text.starts_with('$') && !text.starts_with("${") {
            return Reader { rest: text, whole: text }.sum();
        }
        if text.starts_with(|c: char| c.is_ascii_digit())
            && text.contains('$')
            && let Ok(sum) = (Reader { rest: text, whole: text }).sum()
        {
            return Ok(sum);
        }
        if !text.contains("${") {
            return Ok(Self::Lit(Value::Text(text.to_owned())));
        }
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (inside, after) =
                after.split_once('}').ok_or_else(|| format!("`{text}`: `${{` without `}}`"))?;
            if !before.is_empty() {
                pieces.push(Self::Lit(Value::Text(before.to_owned())));
            }
            pieces.push(Reader { rest: &format!("${inside}"), whole: text }.sum()?);
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Self::Lit(Value::Text(rest.to_owned())));
        }
        Ok(Self::Concat(pieces))
    }

    /// The value now.
    pub fn eval(&self, scope: &dyn Scope) -> Result<Value, String> {
        match self {
            Self::Lit(value) => Ok(value.clone()),
            Self::Ref { name, field } => scope.lookup(name, field.as_deref()).ok_or_else(|| match field {
                Some(field) => format!("${name}.{field} has no value here"),
                None => format!("${name} has no value here"),
            }),
            Self::Concat(pieces) => {
                let texts: Result<Vec<_>, _> =
                    pieces.iter().map(|piece| Ok(piece.eval(scope)?.text())).collect();
                texts.map(|texts: Vec<String>| Value::Text(texts.concat()))
            }
            Self::Sum(first, rest) => {
                let serial = self.is_serial();
                let mut total = i128::from(number_of(first, scope)?);
                for (op, term) in rest {
                    let term = i128::from(number_of(term, scope)?);
                    total = match op {
                        Op::Add => total.checked_add(term),
                        Op::Sub => total.checked_sub(term),
                        Op::Mul => total.checked_mul(term),
                    }
                    .ok_or("the result is too large")?;
                }
                let total = if serial { total.rem_euclid(1 << 32) } else { total };
                u64::try_from(total).map(Value::Num).map_err(|_| format!("{total} is out of range"))
            }
        }
    }

    /// True if it begins with a serial number.
    fn is_serial(&self) -> bool {
        match self {
            Self::Ref { name, field } => field.as_ref().unwrap_or(name).ends_with("SN"),
            Self::Sum(first, _) => first.is_serial(),
            Self::Lit(_) | Self::Concat(_) => false,
        }
    }

    /// The literal text, if it is one.
    pub fn literal(&self) -> Option<&Value> {
        match self {
            Self::Lit(value) => Some(value),
            _ => None,
        }
    }
}

fn number_of(expr: &Expr, scope: &dyn Scope) -> Result<u64, String> {
    let value = expr.eval(scope)?;
    value.number().ok_or_else(|| format!("`{value}` is not a number"))
}

struct Reader<'a> {
    rest: &'a str,
    whole: &'a str,
}

impl Reader<'_> {
    fn sum(mut self) -> Result<Expr, String> {
        let first = self.term()?;
        let mut rest = Vec::new();
        while !self.rest.is_empty() {
            let op = match self.rest.as_bytes().first() {
                Some(b'+') => Op::Add,
                Some(b'-') => Op::Sub,
                Some(b'*') => Op::Mul,
                _ => return Err(self.wrong()),
            };
            self.rest = &self.rest[1..];
            rest.push((op, self.term()?));
        }
        Ok(if rest.is_empty() { first } else { Expr::Sum(Box::new(first), rest) })
    }

    fn wrong(&self) -> String {
        format!(
            "`{}` is not an expression like $x, $x+1 or $x.Field (write $$ for a dollar sign)",
            self.whole
        )
    }

    fn word(&mut self) -> Result<String, String> {
        let end = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        if word.is_empty() {
            return Err(self.wrong());
        }
        self.rest = rest;
        Ok(word.to_owned())
    }

    fn term(&mut self) -> Result<Expr, String> {
        let Some(rest) = self.rest.strip_prefix('$') else {
            let word = self.word()?;
            return parse_number(&word).map(Expr::num).ok_or_else(|| self.wrong());
        };
        self.rest = rest;
        let name = self.word()?;
        let field = match self.rest.strip_prefix('.') {
            Some(rest) => {
                self.rest = rest;
                Some(self.word()?)
            }
            None => None,
        };
        Ok(Expr::Ref { name, field })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    struct Names;

    impl Scope for Names {
        fn lookup(&self, name: &str, field: Option<&str>) -> Option<Value> {
            match (name, field) {
                ("x", None) => Some(Value::Num(7)),
                ("c1", Some("MaxCmdSN")) => Some(Value::Num(0xffff_ffff)),
                ("t", None) => Some(Value::Text("0x10".into())),
                _ => None,
            }
        }
    }

    #[test]
    fn expressions_are_computed() {
        let eval = |text: &str| Expr::read(text).and_then(|expr| expr.eval(&Names));
        let cases = [
            ("$x", Ok(Value::Num(7))),
            ("$x+1", Ok(Value::Num(8))),
            ("$x*2-4", Ok(Value::Num(10))),
            ("$c1.MaxCmdSN+1", Ok(Value::Num(0))),
            ("$c1.MaxCmdSN-$x", Ok(Value::Num(0xffff_fff8))),
            ("$t+1", Ok(Value::Num(17))),
            ("$$x", Ok(Value::Text("$x".into()))),
            ("a${x}b${x+1}", Ok(Value::Text("a7b8".into()))),
            ("plain", Ok(Value::Text("plain".into()))),
            ("0x10+$x", Ok(Value::Num(23))),
            ("2*$x", Ok(Value::Num(14))),
            ("0x${x}", Ok(Value::Text("0x7".into()))),
            ("5-6", Ok(Value::Text("5-6".into()))),
        ];
        for (text, want) in cases {
            assert_eq!(eval(text), want, "{text}");
        }
        for bad in ["$", "$x+", "$x y", "${x", "$nobody", "$x-8", "$x."] {
            assert!(eval(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in r"[$x{}.+*\-0-9aé ]{0,24}") {
            if let Ok(expr) = Expr::read(&text) {
                let _ = expr.eval(&Names);
            }
        }
    }
}
