//! How does a mistake in a configuration file get its line? Tables are read key by key; everything wrong is noted with
//! its place and reading goes on, so one run shows all mistakes.

use super::places::Places;
use crate::yaml::nearest;
use std::cell::RefCell;
use std::fmt::Display;
use std::iter;
use std::ops::{Range, RangeInclusive};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Collects mistakes.
pub(super) struct Report<'a> {
    path: &'a str,
    text: &'a str,
    /// Byte offsets at which lines begin: every setting's place is wanted.
    lines: Vec<usize>,
    /// Byte offset and message.
    mistakes: RefCell<Vec<(usize, String)>>,
    /// What is allowed and yet better otherwise, in the same form.
    unwise: RefCell<Vec<(usize, String)>>,
    /// Byte offset by path.
    places: RefCell<Vec<(usize, String)>>,
}

impl<'a> Report<'a> {
    pub(super) fn new(path: &'a str, text: &'a str) -> Self {
        Self {
            path,
            text,
            lines: iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect(),
            mistakes: RefCell::default(),
            unwise: RefCell::default(),
            places: RefCell::default(),
        }
    }

    /// Notes a mistake at `span`.
    pub(super) fn wrong(&self, span: &Range<usize>, message: impl Display) {
        self.mistakes.borrow_mut().push((span.start, message.to_string()));
    }

    /// Notes something at `span` that is no mistake.
    pub(super) fn unwise(&self, span: &Range<usize>, message: impl Display) {
        self.unwise.borrow_mut().push((span.start, message.to_string()));
    }

    /// All mistakes in the order of the file, one `path:line:column: message` each; `None` if there are none.
    pub(super) fn mistakes(&self) -> Option<String> {
        let lines = self.lines(self.mistakes.take());
        (!lines.is_empty()).then(|| lines.join("\n"))
    }

    /// What is no mistake and yet better otherwise, in the same form.
    pub(super) fn warnings(&self) -> Vec<String> {
        self.lines(self.unwise.take())
    }

    /// Where everything that was read is.
    pub(super) fn places(&self) -> Places {
        Places(self.places.take().into_iter().map(|(at, path)| (path, self.place(at))).collect())
    }

    fn place(&self, at: usize) -> String {
        let line = self.lines.partition_point(|start| *start <= at);
        let start = self.lines.get(line - 1).copied().unwrap_or(0);
        let column = self.text.get(start..at).map_or(0, |before| before.chars().count()) + 1;
        format!("{}:{line}:{column}", self.path)
    }

    fn lines(&self, mut notes: Vec<(usize, String)>) -> Vec<String> {
        notes.sort();
        notes.dedup();
        notes.iter().map(|(at, message)| format!("{}: {message}", self.place(*at))).collect()
    }
}

/// A value with its place.
#[derive(Clone, Debug)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) span: Range<usize>,
}

/// One table of the file, being read.
pub(super) struct Section<'r, 'i> {
    report: &'r Report<'r>,
    table: &'r DeTable<'i>,
    /// As people would write it: `[[target]]`.
    title: String,
    /// From the root of the core's configuration: `targets[0].`.
    path: String,
    /// Where to point when something is missing.
    pub(super) span: Range<usize>,
    asked: RefCell<Vec<&'static str>>,
}

impl<'r, 'i> Section<'r, 'i> {
    pub(super) fn root(report: &'r Report<'r>, table: &'r Spanned<DeTable<'i>>) -> Self {
        Self::new(report, table.get_ref(), "the file".to_owned(), String::new(), 0..0)
    }

    fn new(
        report: &'r Report<'r>,
        table: &'r DeTable<'i>,
        title: String,
        path: String,
        span: Range<usize>,
    ) -> Self {
        let mut places = report.places.borrow_mut();
        places.push((span.start, path.trim_end_matches('.').to_owned()));
        for (key, value) in table {
            places.push((value.span().start, format!("{path}{}", field(key.get_ref()))));
        }
        drop(places);
        Self { report, table, title, path, span, asked: RefCell::default() }
    }

    fn value(&self, key: &'static str) -> Option<&'r Spanned<DeValue<'i>>> {
        self.asked.borrow_mut().push(key);
        self.table.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
    }

    /// Whether the key is there, right or wrong.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.keys().any(|name| name.get_ref() == key)
    }

    /// Notes a mistake in this section.
    pub(super) fn wrong(&self, span: &Range<usize>, message: impl Display) {
        self.report.wrong(span, message);
    }

    fn expected(&self, key: &str, value: &Spanned<DeValue<'_>>, what: &str) {
        self.wrong(&value.span(), format!("{key} is {what}, not {}", kind(value.get_ref())));
    }

    /// A string.
    pub(super) fn text(&self, key: &'static str) -> Option<At<String>> {
        let value = self.value(key)?;
        self.text_of(key, value)
    }

    fn text_of(&self, key: &str, value: &Spanned<DeValue<'_>>) -> Option<At<String>> {
        match value.get_ref() {
            DeValue::String(text) => Some(At { value: text.to_string(), span: value.span() }),
            _ => {
                self.expected(key, value, "a text in quotes");
                None
            }
        }
    }

    /// An array of strings.
    pub(super) fn texts(&self, key: &'static str) -> Vec<At<String>> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let DeValue::Array(items) = value.get_ref() else {
            self.expected(key, value, "an array of texts");
            return Vec::new();
        };
        items.iter().filter_map(|item| self.text_of(key, item)).collect()
    }

    /// A string that `parse` understands.
    pub(super) fn parsed<T, E: Display>(
        &self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<At<T>> {
        let At { value, span } = self.text(key)?;
        match parse(&value) {
            Ok(value) => Some(At { value, span }),
            Err(error) => {
                self.wrong(&span, format!("{key}: {error}"));
                None
            }
        }
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&self, key: &'static str, choices: &[(&str, T)]) -> Option<T> {
        let word = self.text(key)?;
        self.chosen(key, &word, choices)
    }

    /// The meaning of a word among `choices`.
    pub(super) fn chosen<T: Copy>(&self, key: &str, word: &At<String>, choices: &[(&str, T)]) -> Option<T> {
        let found = choices.iter().find(|(name, _)| *name == word.value);
        if found.is_none() {
            let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
            let hint = hint(&word.value, &names);
            self.wrong(
                &word.span,
                format!("{key} is one of {}, not {:?}{hint}", names.join(", "), word.value),
            );
        }
        found.map(|(_, value)| *value)
    }

    /// `true` or `false`.
    pub(super) fn boolean(&self, key: &'static str) -> Option<bool> {
        let value = self.value(key)?;
        let DeValue::Boolean(on) = value.get_ref() else {
            self.expected(key, value, "true or false");
            return None;
        };
        Some(*on)
    }

    /// A whole number within bounds.
    pub(super) fn number<N>(&self, key: &'static str, allowed: RangeInclusive<N>) -> Option<N>
    where
        N: TryFrom<u64> + Into<u64> + Copy,
    {
        let value = self.value(key)?;
        self.number_of(key, value, allowed)
    }

    /// An array of whole numbers within bounds.
    pub(super) fn numbers<N>(&self, key: &'static str, allowed: RangeInclusive<N>) -> Vec<At<N>>
    where
        N: TryFrom<u64> + Into<u64> + Copy,
    {
        let Some(value) = self.value(key) else { return Vec::new() };
        let DeValue::Array(items) = value.get_ref() else {
            self.expected(key, value, "an array of whole numbers");
            return Vec::new();
        };
        let read = |item: &Spanned<DeValue<'_>>| {
            let value = self.number_of(key, item, allowed.clone())?;
            Some(At { value, span: item.span() })
        };
        items.iter().filter_map(read).collect()
    }

    fn number_of<N>(&self, key: &str, value: &Spanned<DeValue<'_>>, allowed: RangeInclusive<N>) -> Option<N>
    where
        N: TryFrom<u64> + Into<u64> + Copy,
    {
        let DeValue::Integer(digits) = value.get_ref() else {
            self.expected(key, value, "a whole number");
            return None;
        };
        let (low, high): (u64, u64) = ((*allowed.start()).into(), (*allowed.end()).into());
        let number = u64::from_str_radix(digits.as_str(), digits.radix()).ok();
        let number = number.filter(|number| (low..=high).contains(number)).and_then(|n| N::try_from(n).ok());
        if number.is_none() {
            self.wrong(&value.span(), format!("{key} is {low} to {high}, not {digits}"));
        }
        number
    }

    /// A size: a number of bytes or a text such as "64M".
    pub(super) fn size(&self, key: &'static str) -> Option<At<u64>> {
        let value = self.value(key)?;
        let size = match value.get_ref() {
            DeValue::String(text) => super::size(text),
            DeValue::Integer(digits) if digits.radix() == 10 => super::size(digits.as_str()),
            _ => {
                self.expected(key, value, "a size such as \"64M\"");
                return None;
            }
        };
        size.map(|value_| At { value: value_, span: value.span() })
            .map_err(|error| self.wrong(&value.span(), format!("{key}: {error}")))
            .ok()
    }

    /// The table of that name.
    pub(super) fn section(&self, key: &'static str) -> Option<Section<'r, 'i>> {
        let value = self.value(key)?;
        let DeValue::Table(table) = value.get_ref() else {
            self.expected(key, value, "a table");
            return None;
        };
        let path = format!("{}{}.", self.path, field(key));
        Some(Self::new(self.report, table, format!("[{key}]"), path, value.span()))
    }

    /// The tables of an array of that name.
    pub(super) fn sections(&self, key: &'static str) -> Vec<Section<'r, 'i>> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let DeValue::Array(items) = value.get_ref() else {
            self.expected(key, value, &format!("a list of tables, each under [[{key}]]"));
            return Vec::new();
        };
        let tables = items.iter().enumerate().filter_map(|(index, item)| match item.get_ref() {
            DeValue::Table(table) => {
                let path = format!("{}{}[{index}].", self.path, field(key));
                Some(Self::new(self.report, table, format!("[[{key}]]"), path, item.span()))
            }
            _ => {
                self.expected(key, item, "a table");
                None
            }
        });
        tables.collect()
    }

    /// Every key that nobody asked for is a mistake.
    pub(super) fn finish(self) {
        let asked = self.asked.borrow();
        for name in self.table.keys() {
            if !asked.iter().any(|key| name.get_ref() == key) {
                let hint = hint(name.get_ref(), &asked);
                let allowed = asked.join(", ");
                self.wrong(
                    &name.span(),
                    format!("unknown key {:?} in {}{hint} (allowed: {allowed})", name.get_ref(), self.title),
                );
            }
        }
    }
}

/// What the core calls it.
fn field(key: &str) -> &str {
    match key {
        "portal" => "portals",
        "target" => "targets",
        "lun" => "luns",
        "chap" => "credentials",
        "secret_hex" => "secret",
        "discovery" => "discovery_auth",
        other => other,
    }
}

fn hint(word: &str, known: &[&str]) -> String {
    nearest(word, known.iter().copied()).map_or_else(String::new, |name| format!("; did you mean {name:?}?"))
}

const fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}
