//! Which scenarios are meant by `--filter`, and which part of them is this machine's by `--shard`?
//!
//! ```text
//!  level(must) & req(rfc7143/11) & !(tag(slow) | name(login/*))
//! ```
//!
//! `name` takes a glob, `req` the beginning of a clause, `title` a part of the text; `level`, `tag` and `needs` a word.
//! `!` binds closest, then `&`, then `|`; `not`, `and`, `or` say the same.

use super::suite::Selected;
use crate::scenario::{Level, Scenario};
use globset::{GlobBuilder, GlobMatcher};
use std::str::FromStr;

/// Deepest nesting of an expression.
const DEPTH_MAX: usize = 64;

/// An expression over scenarios.
#[derive(Clone, Debug)]
pub enum Pick {
    /// Its name fits.
    Name(GlobMatcher),
    /// Its title has this.
    Title(String),
    /// It is of this level.
    Level(Level),
    /// It checks a clause that begins with this.
    Req(String),
    /// It has this tag.
    Tag(String),
    /// It needs this of the target.
    Needs(String),
    /// This does not hold.
    Not(Box<Self>),
    /// Both hold.
    And(Box<Self>, Box<Self>),
    /// One holds.
    Or(Box<Self>, Box<Self>),
}

impl Pick {
    /// True if the scenario is meant.
    pub fn holds(&self, scenario: &Scenario) -> bool {
        match self {
            Self::Name(glob) => glob.is_match(&scenario.name),
            Self::Title(part) => scenario.title.contains(part.as_str()),
            Self::Level(level) => scenario.level == *level,
            Self::Req(start) => scenario.req.iter().any(|clause| clause.starts_with(start.as_str())),
            Self::Tag(tag) => scenario.tags.contains(tag),
            Self::Needs(need) => scenario.needs.contains(need),
            Self::Not(inner) => !inner.holds(scenario),
            Self::And(one, other) => one.holds(scenario) && other.holds(scenario),
            Self::Or(one, other) => one.holds(scenario) || other.holds(scenario),
        }
    }
}

impl FromStr for Pick {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut reader = Reader { text, at: 0, depth: 0 };
        let pick = reader.either()?;
        match reader.peek() {
            None => Ok(pick),
            Some(_) => Err(reader.wrong("`&`, `|` or the end")),
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    /// In bytes.
    at: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&mut self) -> Option<char> {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
        self.rest().chars().next()
    }

    fn wrong(&self, wanted: &str) -> String {
        let column = self.text.get(..self.at).map_or(0, |before| before.chars().count()) + 1;
        let found = if self.rest().is_empty() { "the end" } else { self.rest() };
        format!("column {column}: {wanted} is wanted here, not `{found}`")
    }

    fn eat(&mut self, sign: char, word: &str) -> bool {
        if self.peek() == Some(sign) {
            self.at += sign.len_utf8();
            // Those who are used to programs write them twice.
            if sign != '!' && self.rest().starts_with(sign) {
                self.at += sign.len_utf8();
            }
            return true;
        }
        let is_word = self.rest().strip_prefix(word).is_some_and(|rest| rest.starts_with([' ', '(']));
        if is_word {
            self.at += word.len();
        }
        is_word
    }

    fn either(&mut self) -> Result<Pick, String> {
        let mut left = self.both()?;
        while self.eat('|', "or") {
            left = Pick::Or(Box::new(left), Box::new(self.both()?));
        }
        Ok(left)
    }

    fn both(&mut self) -> Result<Pick, String> {
        let mut left = self.one()?;
        while self.eat('&', "and") {
            left = Pick::And(Box::new(left), Box::new(self.one()?));
        }
        Ok(left)
    }

    fn one(&mut self) -> Result<Pick, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.wrong("something less deep"));
        }
        let pick = if self.eat('!', "not") {
            Pick::Not(Box::new(self.one()?))
        } else if self.peek() == Some('(') {
            self.at += 1;
            let inner = self.either()?;
            if self.peek() != Some(')') {
                return Err(self.wrong("`)`"));
            }
            self.at += 1;
            inner
        } else {
            self.predicate()?
        };
        self.depth -= 1;
        Ok(pick)
    }

    fn predicate(&mut self) -> Result<Pick, String> {
        const WANTED: &str = "name(), title(), level(), req(), tag(), needs(), `!` or `(`";
        self.peek();
        let rest = self.rest();
        let Some((name, behind)) = rest.split_once('(') else { return Err(self.wrong(WANTED)) };
        let Some((value, _)) = behind.split_once(')') else {
            self.at = self.text.len();
            return Err(self.wrong("`)`"));
        };
        let trimmed = value.trim();
        let pick =
            match name.trim_end() {
                "name" => {
                    let glob = GlobBuilder::new(trimmed).literal_separator(false).build();
                    Pick::Name(glob.map_err(|error| error.to_string())?.compile_matcher())
                }
                "title" => Pick::Title(trimmed.to_owned()),
                "level" => {
                    let level = Level::from_name(trimmed);
                    Pick::Level(level.ok_or_else(|| {
                        self.wrong("level(must), level(should), level(may) or level(robust)")
                    })?)
                }
                "req" => Pick::Req(trimmed.to_owned()),
                "tag" => Pick::Tag(trimmed.to_owned()),
                "needs" => Pick::Needs(trimmed.to_owned()),
                _ => return Err(self.wrong(WANTED)),
            };
        self.at += name.len() + value.len() + 2;
        Ok(pick)
    }
}

/// Part `number` of `count`, from 1: `2/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    number: usize,
    count: usize,
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/').and_then(|(k, n)| Some((k.parse().ok()?, n.parse().ok()?)));
        match parts {
            Some((number, count)) if (1..=count).contains(&number) => Ok(Self { number, count }),
            _ => Err(format!("`{text}` is no part: K/N with K from 1 to N is wanted, such as 2/8")),
        }
    }
}

impl Shard {
    /// What the places of this part leave when divided by the number of parts, and that number.
    pub const fn rest_and_count(self) -> (u64, u64) {
        (self.number as u64 - 1, self.count as u64)
    }

    /// True if the thing with this place in the whole is in this part.
    pub const fn has(self, place: usize) -> bool {
        place % self.count == self.number - 1
    }

    /// This part of what was selected: scenarios are dealt out, of expanded ones the cases.
    pub(super) fn of(self, selected: Vec<Selected>) -> Vec<Selected> {
        let mut place = 0;
        let mut mine = |count: usize| {
            place += count;
            place - count
        };
        let deal = |mut one: Selected| {
            if one.whole {
                return self.has(mine(1)).then_some(one);
            }
            let first = mine(one.cases.len());
            let cases = std::mem::take(&mut one.cases).into_iter().enumerate();
            one.cases = cases.filter(|(at, _)| self.has(first + at)).map(|(_, case)| case).collect();
            (!one.cases.is_empty()).then_some(one)
        };
        selected.into_iter().filter_map(deal).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::parse_text;

    fn scenario() -> Scenario {
        let text = "title: A ping\nreq: [rfc7143/11.18-1]\nlevel: should\ntags: [quick]\nneeds: [erl1]\nsteps:\n  - login: {on: c1}\n";
        let root = std::path::Path::new("/nowhere");
        parse_text(root, "nop/ping", "scenarios/nop/ping.scn.yaml", text.to_owned()).expect("a scenario")
    }

    #[test]
    fn an_expression_holds_or_does_not() {
        let scenario = scenario();
        for (text, want) in [
            ("name(nop/*)", true),
            ("name(login/*)", false),
            ("title(ping)", true),
            ("level(should)", true),
            ("level( must )", false),
            ("req(rfc7143/11)", true),
            ("tag(quick) & needs(erl1)", true),
            ("tag(quick)&&!needs(erl1)", false),
            ("!tag(slow) and not tag(slower)", true),
            ("tag(slow) & tag(slow) | tag(quick)", true),
            ("tag(slow) and (tag(slow) or tag(quick))", false),
            ("not(tag(slow))", true),
        ] {
            assert_eq!(text.parse::<Pick>().expect(text).holds(&scenario), want, "{text}");
        }
    }

    #[test]
    fn a_mistake_says_where() {
        for (text, want) in [
            ("", "column 1: name()"),
            ("tag(a) tag(b)", "column 8: `&`, `|` or the end"),
            ("(tag(a)", "column 8: `)` is wanted here, not `the end`"),
            ("tag(a", "column 6: `)`"),
            ("colour(red)", "column 1: name()"),
            ("level(high)", "column 1: level(must)"),
            ("name([)", "error parsing glob"),
            (&"(".repeat(1000), "less deep"),
        ] {
            let said = text.parse::<Pick>().expect_err(text);
            assert!(said.contains(want), "{text}: {said}");
        }
    }

    #[test]
    fn a_part_has_a_number_and_a_count() {
        for text in ["0/2", "3/2", "2", "a/b", "1/0", "-1/2"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
        let parts: Vec<Shard> = (1..=3).map(|k| format!("{k}/3").parse().expect("a part")).collect();
        assert!((0..20).all(|place| parts.iter().filter(|part| part.has(place)).count() == 1));
    }
}
