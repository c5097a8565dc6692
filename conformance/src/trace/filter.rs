//! Which events are wanted? An expression over the members of an event.
//!
//! ```text
//! any   = all { '||' all }        all = not { '&&' not }        not = '!' not | '(' any ')' | test
//! test  = NUMBER_MEMBER [ '&' mask ] [ op number ]  |  TEXT_MEMBER ('==' | '!=' | '~') text
//! op    = '==' | '!=' | '<' | '<=' | '>' | '>='
//! ```
//!
//! `~` compares with a glob. Without an operator a number has to be other than 0.

use super::{ProbeRecord, Record, RecordKind, hex};
use globset::{Glob, GlobMatcher};

/// Parentheses and negations in one expression.
const NESTING_MAX: usize = 100;

/// A compiled expression.
#[derive(Clone, Debug)]
pub struct Filter(Expr);

#[derive(Clone, Debug)]
enum Expr {
    Any(Vec<Expr>),
    All(Vec<Expr>),
    Not(Box<Expr>),
    Number { member: Number, mask: u64, op: Op, value: u64 },
    Text { member: Text, test: TextTest },
}

/// What a member has to be.
#[derive(Clone, Debug)]
enum TextTest {
    Is(String),
    IsNot(String),
    Like(GlobMatcher),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

type Number = fn(&Record, &ProbeRecord) -> Option<u64>;
type Text = fn(&ProbeRecord) -> Option<String>;

const NUMBERS: [(&str, Number); 11] = [
    ("time_ns", |record, _| Some(record.time_ns)),
    ("conn", |record, _| Some(record.conn.into())),
    ("ii_lun", |_, event| Some(event.ii_lun)),
    ("ii_itt", |_, event| Some(event.ii_itt.into())),
    ("ii_ttt", |_, event| Some(event.ii_ttt.into())),
    ("ii_cmdsn", |_, event| Some(event.ii_cmdsn.into())),
    ("ii_statsn", |_, event| Some(event.ii_statsn.into())),
    ("ii_datasn", |_, event| Some(event.ii_datasn.into())),
    ("ii_datalen", |_, event| Some(event.ii_datalen.into())),
    ("ii_flags", |_, event| Some(event.ii_flags.into())),
    ("ic_len", |_, event| event.ic_len),
];

const TEXTS: [(&str, Text); 7] = [
    ("probe", |event| Some(event.probe.name().to_owned())),
    ("ci_local", |event| Some(event.ci_local.clone())),
    ("ci_remote", |event| Some(event.ci_remote.clone())),
    ("ci_protocol", |event| Some(event.ci_protocol.clone())),
    ("ii_target", |event| Some(event.ii_target.clone())),
    ("ii_initiator", |event| Some(event.ii_initiator.clone())),
    ("ic_cdb", |event| event.ic_cdb.as_deref().map(hex::encode)),
];

impl Filter {
    /// Compiles an expression.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn new(text: &str) -> Result<Self, String> {
        let mut parser = Parser { tokens: tokens(text)?, at: 0 };
        // Each is a level of the parser's own stack.
        let deep = parser.tokens.iter().filter(|token| matches!(token.as_str(), "(" | "!")).count();
        if deep > NESTING_MAX {
            return Err(format!("{deep} parentheses and !, at most {NESTING_MAX} are allowed"));
        }
        let expr = parser.any()?;
        match parser.tokens.get(parser.at) {
            None => Ok(Self(expr)),
            Some(token) => Err(format!("{token:?} is left over; join tests with && or ||")),
        }
    }

    /// True if the record is an event that is wanted.
    pub fn fits(&self, record: &Record) -> bool {
        matches!(&record.what, RecordKind::Probe(event) if self.0.holds(record, event))
    }
}

impl Expr {
    /// A member that the event has not got fits no test.
    fn holds(&self, record: &Record, event: &ProbeRecord) -> bool {
        match self {
            Self::Any(list) => list.iter().any(|expr| expr.holds(record, event)),
            Self::All(list) => list.iter().all(|expr| expr.holds(record, event)),
            Self::Not(expr) => !expr.holds(record, event),
            Self::Number { member, mask, op, value } => {
                member(record, event).is_some_and(|found| op.holds(found & mask, *value))
            }
            Self::Text { member, test } => member(event).is_some_and(|found| match test {
                TextTest::Is(text) => found == *text,
                TextTest::IsNot(text) => found != *text,
                TextTest::Like(glob) => glob.is_match(&found),
            }),
        }
    }
}

impl Op {
    fn of(token: &str) -> Option<Self> {
        Some(match token {
            "==" => Self::Equal,
            "!=" => Self::NotEqual,
            "<" => Self::Less,
            "<=" => Self::LessOrEqual,
            ">" => Self::Greater,
            ">=" => Self::GreaterOrEqual,
            _ => return None,
        })
    }

    const fn holds(self, found: u64, value: u64) -> bool {
        match self {
            Self::Equal => found == value,
            Self::NotEqual => found != value,
            Self::Less => found < value,
            Self::LessOrEqual => found <= value,
            Self::Greater => found > value,
            Self::GreaterOrEqual => found >= value,
        }
    }
}

const SYMBOLS: [&str; 13] = ["&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "(", ")", "&", "~"];

/// Words, quoted texts (marked by a leading quote) and symbols.
fn tokens(text: &str) -> Result<Vec<String>, String> {
    let mut out = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if first == '"' || first == '\'' {
            let inside = rest.get(1..).unwrap_or_default();
            let Some((quoted, after)) = inside.split_once(first) else {
                return Err(format!("{rest}: the quote has no end"));
            };
            out.push(format!("\"{quoted}"));
            rest = after.trim_start();
            continue;
        }
        let len = match SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
            Some(symbol) => symbol.len(),
            None => rest
                .find(|c: char| c.is_whitespace() || "!=<>&|~()\"'".contains(c))
                .filter(|len| *len > 0 || first == '=' || first == '|')
                .unwrap_or(rest.len()),
        };
        if len == 0 {
            return Err(format!("{rest}: `{first}` alone means nothing; say `{first}{first}`"));
        }
        let (token, after) = rest.split_at(len);
        out.push(token.to_owned());
        rest = after.trim_start();
    }
    Ok(out)
}

struct Parser {
    tokens: Vec<String>,
    at: usize,
}

impl Parser {
    fn peek(&self) -> &str {
        self.tokens.get(self.at).map_or("", String::as_str)
    }

    fn take(&mut self, symbol: &str) -> bool {
        let found = self.peek() == symbol;
        self.at += usize::from(found);
        found
    }

    /// A word or a quoted text.
    fn word(&mut self, what: &str) -> Result<String, String> {
        let token = self.peek().to_owned();
        if token.is_empty() || SYMBOLS.contains(&token.as_str()) {
            let found = if token.is_empty() { "the end".to_owned() } else { format!("`{token}`") };
            return Err(format!("{what} is missing before {found}"));
        }
        self.at += 1;
        Ok(token.strip_prefix('"').map_or(token.clone(), str::to_owned))
    }

    fn any(&mut self) -> Result<Expr, String> {
        let mut list = vec![self.all()?];
        while self.take("||") {
            list.push(self.all()?);
        }
        Ok(if list.len() == 1 { list.remove(0) } else { Expr::Any(list) })
    }

    fn all(&mut self) -> Result<Expr, String> {
        let mut list = vec![self.not()?];
        while self.take("&&") {
            list.push(self.not()?);
        }
        Ok(if list.len() == 1 { list.remove(0) } else { Expr::All(list) })
    }

    fn not(&mut self) -> Result<Expr, String> {
        if self.take("!") {
            return Ok(Expr::Not(Box::new(self.not()?)));
        }
        if self.take("(") {
            let inside = self.any()?;
            return if self.take(")") { Ok(inside) } else { Err("a `)` is missing".to_owned()) };
        }
        self.test()
    }

    fn test(&mut self) -> Result<Expr, String> {
        let name = self.word("a member")?;
        if let Some((_, member)) = NUMBERS.iter().find(|(known, _)| *known == name) {
            let mask = if self.take("&") { self.number("a mask")? } else { u64::MAX };
            let Some(op) = Op::of(self.peek()) else {
                return Ok(Expr::Number { member: *member, mask, op: Op::NotEqual, value: 0 });
            };
            self.at += 1;
            return Ok(Expr::Number { member: *member, mask, op, value: self.number("a number")? });
        }
        let Some((_, member)) = TEXTS.iter().find(|(known, _)| *known == name) else {
            let known = NUMBERS.iter().map(|(name, _)| *name).chain(TEXTS.iter().map(|(name, _)| *name));
            return Err(crate::yaml::unknown("member", &name, known));
        };
        let op = self.peek().to_owned();
        self.at += 1;
        let test = match op.as_str() {
            "==" => TextTest::Is(self.word("a text")?),
            "!=" => TextTest::IsNot(self.word("a text")?),
            "~" => TextTest::Like(
                Glob::new(&self.word("a glob")?).map_err(|error| error.to_string())?.compile_matcher(),
            ),
            _ => return Err(format!("{name} is text: it takes ==, != or ~")),
        };
        Ok(Expr::Text { member: *member, test })
    }

    fn number(&mut self, what: &str) -> Result<u64, String> {
        let word = self.word(what)?;
        let number = match word.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).ok(),
            None => word.parse().ok(),
        };
        number.ok_or_else(|| format!("{word} is not a number"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::tests::probe;
    use target_core::probe::Probe;

    fn fits(text: &str) -> bool {
        let event = ProbeRecord {
            ii_flags: 0xc1,
            ii_datalen: 4096,
            ii_lun: 3,
            ii_target: "iqn.2026-01.example.lab:disk".into(),
            ic_cdb: Some(vec![0x28, 0]),
            ..probe(Probe::ScsiCommand)
        };
        let record = Record { time_ns: 5, conn: 2, what: RecordKind::Probe(event) };
        Filter::new(text).unwrap_or_else(|error| panic!("{text}: {error}")).fits(&record)
    }

    #[test]
    fn expressions_hold_as_they_read() {
        for text in [
            "ii_lun == 3",
            "ii_lun==3&&conn==2",
            "ii_datalen > 4095 && ii_datalen >= 0x1000 && ii_datalen < 4097 && ii_datalen <= 4096",
            "ii_flags & 0x40",
            "ii_flags & 0x41 == 0x41",
            "probe == scsi-command",
            "probe ~ scsi-*",
            "probe == nop-send || ii_lun != 0",
            "!(probe == nop-send) && !probe~'nop-*'",
            "ii_target ~ \"*:disk\"",
            "ii_target != ''",
            "ic_cdb ~ 28*",
            "time_ns",
        ] {
            assert!(fits(text), "{text}");
        }
        for text in ["ii_lun", "ii_lun == 3"] {
            assert!(fits(text));
        }
        for text in
            ["ii_lun != 3", "ii_flags & 0x20", "probe ~ 'nop-*'", "ic_len == 16", "ii_lun == 3 && conn == 1"]
        {
            assert!(!fits(text), "{text}");
        }
        let opened = Record { time_ns: 0, conn: 0, what: RecordKind::Opened };
        assert!(!Filter::new("time_ns == 0").expect("is right").fits(&opened), "no event");
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (text, want) in [
            ("", "a member is missing before the end"),
            ("ii_lum == 3", "ii_lun"),
            ("ii_lun == x", "x is not a number"),
            ("ii_lun = 3", "`=` alone means nothing"),
            ("ii_lun == 3 probe", "is left over"),
            ("(ii_lun == 3", "`)` is missing"),
            ("probe", "takes ==, != or ~"),
            ("probe == ", "a text is missing"),
            ("probe ~ [", "error parsing glob"),
            ("ii_target == 'x", "the quote has no end"),
            ("ii_lun == 3 &&", "a member is missing"),
        ] {
            let error = Filter::new(text).expect_err(text);
            assert!(error.contains(want), "{text}: {error}");
        }
    }
}
