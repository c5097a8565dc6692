//! What is a clause? The rows of `scenarios/clauses.tsv`.

use crate::yaml;
use std::collections::BTreeSet;

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clause {
    /// Document, section and ordinal: `rfc7143/4.2.2.1-7`.
    pub id: String,
    /// Line of the table, from 1.
    pub line: usize,
    /// Whom it binds.
    pub binds: Binds,
    /// How strongly.
    pub level: Level,
    /// Whether a peer, with a look at the simulated disk, can tell who keeps it from who breaks it.
    pub seen: bool,
    /// What it asks for, in other words than the RFC's.
    pub gist: String,
    /// What checks it beside the scenarios that name it.
    pub also: Vec<Also>,
}

/// Whom a clause binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binds {
    /// The target.
    Target,
    /// The initiator.
    Initiator,
    /// Each side in its part.
    Both,
    /// History, models, documents, administrators.
    Nobody,
}

/// The word of RFC 2119.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// MUST, REQUIRED, SHALL.
    Must,
    /// MUST NOT, SHALL NOT.
    MustNot,
    /// SHOULD, RECOMMENDED.
    Should,
    /// SHOULD NOT.
    ShouldNot,
    /// MAY, OPTIONAL.
    May,
}

/// Levels that are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Force {
    /// MUST and MUST NOT.
    Must,
    /// SHOULD and SHOULD NOT.
    Should,
    /// MAY.
    May,
}

/// What checks a clause beside scenarios.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Also {
    /// Another clause that says the same.
    Same(String),
    /// A finding of every run: an oracle by its name, or one of the initiator's that is called like a clause.
    Rule(String),
    /// A test: file below the root, and function.
    Test(String, String),
}

/// Names in the table, in the order of the variants.
const BINDS: [(&str, Binds); 4] = [
    ("target", Binds::Target),
    ("initiator", Binds::Initiator),
    ("both", Binds::Both),
    ("nobody", Binds::Nobody),
];
const LEVELS: [(&str, Level); 5] = [
    ("must", Level::Must),
    ("must-not", Level::MustNot),
    ("should", Level::Should),
    ("should-not", Level::ShouldNot),
    ("may", Level::May),
];
const SEEN: [(&str, bool); 2] = [("wire", true), ("no", false)];

impl Clause {
    /// True if the target has to do something about it.
    pub const fn asks_target(&self) -> bool {
        matches!(self.binds, Binds::Target | Binds::Both)
    }

    /// Document and section: `rfc7143/4.2.2.1`.
    pub fn section(&self) -> &str {
        self.id.rsplit_once('-').map_or(self.id.as_str(), |(section, _)| section)
    }
}

impl Binds {
    /// As in the table.
    pub fn name(self) -> &'static str {
        BINDS.iter().find(|(_, known)| *known == self).map_or("", |(name, _)| name)
    }
}

impl Level {
    /// As in the table.
    pub fn name(self) -> &'static str {
        LEVELS.iter().find(|(_, known)| *known == self).map_or("", |(name, _)| name)
    }

    /// What it is counted with.
    pub const fn force(self) -> Force {
        match self {
            Self::Must | Self::MustNot => Force::Must,
            Self::Should | Self::ShouldNot => Force::Should,
            Self::May => Force::May,
        }
    }
}

impl Force {
    /// All, the strongest first.
    pub const ALL: [Self; 3] = [Self::Must, Self::Should, Self::May];

    /// As on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Must => "must",
            Self::Should => "should",
            Self::May => "may",
        }
    }
}

/// Reads a table; all mistakes at once.
pub(super) fn parse(file: &str, text: &str) -> Result<Vec<Clause>, String> {
    let mut clauses: Vec<Clause> = Vec::new();
    let mut known = BTreeSet::new();
    let mut wrong = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.starts_with('#')) {
        let number = index + 1;
        match row(number, line) {
            Err(what) => wrong.push(format!("{file}:{number}: {what}")),
            Ok(clause) if !known.insert(clause.id.clone()) => {
                wrong.push(format!("{file}:{number}: {} has a row already", clause.id));
            }
            Ok(clause) => clauses.push(clause),
        }
    }
    if clauses.is_empty() && wrong.is_empty() {
        wrong.push(format!("{file}: there is no clause in it"));
    }
    if wrong.is_empty() { Ok(clauses) } else { Err(wrong.join("\n")) }
}

fn row(line: usize, text: &str) -> Result<Clause, String> {
    let columns: Vec<_> = text.split('\t').collect();
    let [id, binds, level, seen, gist, also] = columns[..] else {
        return Err(format!("{} columns; there are 6, with a tab between them", columns.len()));
    };
    if !is_id(id) {
        return Err(format!("`{id}` is no clause: rfcNNNN/SECTION-ORDINAL"));
    }
    if gist.trim().is_empty() {
        return Err(format!("{id} has no gist"));
    }
    let words = also.split(' ').filter(|word| !matches!(*word, "" | "-"));
    Ok(Clause {
        id: id.to_owned(),
        line,
        binds: word("binds", binds, &BINDS)?,
        level: word("level", level, &LEVELS)?,
        seen: word("seen", seen, &SEEN)?,
        gist: gist.to_owned(),
        also: words.map(check).collect::<Result<_, _>>()?,
    })
}

fn word<T: Copy>(column: &str, text: &str, known: &[(&'static str, T)]) -> Result<T, String> {
    known.iter().find(|(name, _)| *name == text).map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<_> = known.iter().map(|(name, _)| *name).collect();
        yaml::unknown(column, text, names.iter().copied())
    })
}

fn check(text: &str) -> Result<Also, String> {
    match text.split_once(':') {
        Some(("same", id)) if is_id(id) => Ok(Also::Same(id.to_owned())),
        Some(("rule", name)) if !name.is_empty() => Ok(Also::Rule(name.to_owned())),
        Some(("test", place)) => match place.split_once("::") {
            Some((file, function)) if file.ends_with(".rs") && !function.is_empty() => {
                Ok(Also::Test(file.to_owned(), function.to_owned()))
            }
            _ => Err(format!("`{text}`: a test is test:FILE.rs::FUNCTION")),
        },
        _ => Err(format!("`{text}` is none of same:CLAUSE, rule:NAME, test:FILE::FUNCTION")),
    }
}

/// `rfcNNNN/SECTION-ORDINAL`.
pub(super) fn is_id(text: &str) -> bool {
    let Some((document, rest)) = text.split_once('/') else { return false };
    let Some((section, ordinal)) = rest.rsplit_once('-') else { return false };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    document.strip_prefix("rfc").is_some_and(digits)
        && !section.is_empty()
        && section.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.')
        && digits(ordinal)
}
