//! What bpftrace prints, as values.

use std::collections::BTreeMap;

type Keys = Vec<String>;

/// How often each of these comes.
pub fn counts(keys: impl Iterator<Item = Keys>) -> BTreeMap<Keys, u64> {
    let mut out = BTreeMap::new();
    for key in keys {
        *out.entry(key).or_insert(0) += 1;
    }
    out
}

/// `@NAME[KEYS]: REST` of all lines.
fn entries<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = (Keys, &'a str)> + 'a {
    text.lines().filter_map(move |line| {
        let (keys, value) =
            line.strip_prefix('@')?.strip_prefix(name)?.strip_prefix('[')?.split_once("]: ")?;
        Some((keys.split(", ").map(str::to_owned).collect(), value))
    })
}

/// A map of numbers, every time it was printed.
pub fn all(text: &str, name: &str) -> Vec<(Keys, u64)> {
    entries(text, name).filter_map(|(keys, value)| Some((keys, value.parse().ok()?))).collect()
}

/// A map of numbers as it was printed last.
pub fn maps(text: &str, name: &str) -> BTreeMap<Keys, u64> {
    all(text, name).into_iter().collect()
}

/// Rows of `@[KEYS]: (1, 2, 3)`.
pub fn rows(text: &str) -> Vec<(Keys, Vec<u64>)> {
    let row = |value: &str| -> Option<Vec<u64>> {
        let inner = value.strip_prefix('(')?.strip_suffix(')')?;
        inner.split(", ").map(|word| word.parse().ok()).collect()
    };
    entries(text, "").filter_map(|(keys, value)| Some((keys, row(value)?))).collect()
}

/// How many values each histogram of a map has.
pub fn histograms(text: &str, name: &str) -> BTreeMap<Keys, u64> {
    let mut out = BTreeMap::new();
    let mut current = None;
    for line in text.lines() {
        if let Some((keys, _)) = entries(line, name).next() {
            current = Some(keys);
        } else if let (Some(keys), true) = (&current, line.starts_with(['[', '('])) {
            let count = line.split('|').next().and_then(|line| line.split_whitespace().last());
            *out.entry(keys.clone()).or_insert(0) += count.and_then(|count| count.parse().ok()).unwrap_or(0);
        }
    }
    out
}

/// Lines that begin with a time, without it.
pub fn lines(text: &str) -> Vec<Keys> {
    let line = |line: &str| -> Option<Keys> {
        let mut words = line.split_whitespace().map(str::to_owned);
        words.next()?.parse::<u64>().ok()?;
        Some(words.collect())
    };
    text.lines().filter_map(line).collect()
}
