//! How is YAML read? Into a tree in which every node can say where it stands. The only module that uses `serde_yaml`.
//!
//! `serde_yaml` gives places only with its errors. So [`parse`] numbers the nodes in reading order, and [`place`] reads
//! the text once more with a visitor that fails at the node asked for: the error tells the place, exactly as the parser
//! saw it, and a file without mistakes pays nothing for it.
//!
//! What is refused here, once for all files: duplicate keys, keys that are not scalars, anchors, aliases, merge keys, tags,
//! several documents, and texts beyond [`BYTES_MAX`], [`NODES_MAX`] or [`DEPTH_MAX`].

mod anchors;
mod build;

use std::fmt;

/// Longest text that is read, in bytes.
pub const BYTES_MAX: usize = 1 << 20;
/// Most nodes (scalars, lists, maps and keys) of one text.
pub const NODES_MAX: u32 = 100_000;
/// Deepest nesting of lists and maps.
pub const DEPTH_MAX: u32 = 48;

/// What some editors begin a file with.
const BYTE_ORDER_MARK: char = '\u{feff}';
const MARKED: &str = "the file begins with a byte order mark (U+FEFF); save it as UTF-8 without one";

/// A node's number in reading order; [`place`] turns it into line and column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct NodeId(pub(crate) u32);

/// A value and where it came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Its number.
    pub id: NodeId,
    /// What it is.
    pub value: Value,
}

/// What a node can be.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing, `null` or `~`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number, decimal, `0x`, `0o` or `0b`; between -2^63 and 2^64-1.
    Int(i128),
    /// Any other number.
    Float(f64),
    /// Text, quoted or not.
    Str(String),
    /// A list.
    List(Vec<Node>),
    /// A map, in the order of the file; no key twice.
    Map(Vec<Entry>),
}

/// One entry of a map.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key as text, also where it is a number in the file.
    pub key: String,
    /// The number of the key's own node.
    pub key_id: NodeId,
    /// What stands behind it.
    pub node: Node,
}

impl Value {
    /// What to call it in an error.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a truth value",
            Self::Int(_) => "a whole number",
            Self::Float(_) => "a fraction",
            Self::Str(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }
}

impl Node {
    /// The entry's value, if this is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node),
            _ => None,
        }
    }

    /// A scalar as the text one would write for it.
    pub fn scalar_text(&self) -> Option<String> {
        match &self.value {
            Value::Bool(value) => Some(value.to_string()),
            Value::Int(value) => Some(value.to_string()),
            Value::Float(value) => Some(value.to_string()),
            Value::Str(value) => Some(value.clone()),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }
}

/// Something wrong at a node, before its place is looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The node.
    pub at: NodeId,
    /// What is wrong with it.
    pub message: String,
}

impl Problem {
    /// A problem at a node.
    pub fn new(at: NodeId, message: impl Into<String>) -> Self {
        Self { at, message: message.into() }
    }

    /// The same with its place in `text`.
    pub fn in_file(&self, file: &str, text: &str) -> ReadError {
        ReadError { file: file.to_owned(), place: place(text, self.at), message: self.message.clone() }
    }
}

/// Line and column, both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// A mistake in a file, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadError {
    /// The file's name as it was given.
    pub file: String,
    /// Where in it.
    pub place: Place,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.place.line, self.place.column, self.message)
    }
}

impl std::error::Error for ReadError {}

/// Reads a text; `file` is only for the error.
pub fn parse(file: &str, text: &str) -> Result<Node, ReadError> {
    let error = |place, message: String| ReadError { file: file.to_owned(), place, message };
    let start = Place { line: 1, column: 1 };
    if text.len() > BYTES_MAX {
        return Err(error(start, format!("the file has {} bytes, the limit is {BYTES_MAX}", text.len())));
    }
    if text.starts_with(BYTE_ORDER_MARK) {
        return Err(error(start, MARKED.to_owned()));
    }
    if let Some((place, what)) = anchors::find(text) {
        return Err(error(place, what));
    }
    let root = build::tree(text).map_err(|failed| error(failed.place.unwrap_or(start), failed.message))?;
    if root.value == Value::Null { Err(error(start, "the file is empty".to_owned())) } else { Ok(root) }
}

/// Reads a text that has a type of its own, with the errors of its reader. Not for scenarios: those say more with
/// their mistakes.
pub fn typed<T: serde::de::DeserializeOwned>(file: &str, text: &str) -> Result<T, ReadError> {
    if text.starts_with(BYTE_ORDER_MARK) {
        let place = Place { line: 1, column: 1 };
        return Err(ReadError { file: file.to_owned(), place, message: MARKED.to_owned() });
    }
    serde_yaml::from_str(text).map_err(|error| {
        let place = error
            .location()
            .map_or(Place { line: 1, column: 1 }, |at| Place { line: at.line(), column: at.column() });
        ReadError { file: file.to_owned(), place, message: error.to_string() }
    })
}

/// Where a node stands. `text` is what was parsed; for another text the answer is the start or the end of it.
pub fn place(text: &str, id: NodeId) -> Place {
    build::place(text, id).unwrap_or(Place { line: 1, column: 1 })
}

/// The closest of `known` to `word`, if one is close enough to be meant.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&lower, &name.to_lowercase()), name))
        .filter(|&(distance, name)| distance <= 1 + name.len() / 4 && distance < word.len().max(1))
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, name)| name)
}

/// `unknown WHAT `word`, did you mean ...?`, or what there is when nothing is near.
pub fn unknown<'a>(what: &str, word: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    match nearest(word, known.clone()) {
        Some(name) => format!("unknown {what} `{word}`, did you mean `{name}`?"),
        None => {
            let names: Vec<_> = known.into_iter().collect();
            let list =
                if names.len() > 24 { format!("{}, ...", names[..24].join(", ")) } else { names.join(", ") };
            format!("unknown {what} `{word}`; there is {list}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fails(text: &str) -> String {
        parse("f.yaml", text).expect_err(text).to_string()
    }

    #[test]
    fn a_byte_order_mark_is_named() {
        let text = "\u{feff}title: x\n";
        assert!(fails(text).starts_with("f.yaml:1:1: the file begins with a byte order mark"));
        let typed = typed::<Vec<u8>>("f.yaml", text).expect_err("refused").to_string();
        assert!(typed.starts_with("f.yaml:1:1: the file begins with a byte order mark"), "{typed}");
    }

    #[test]
    fn every_node_knows_its_place() {
        let text = "title: x\nsteps:\n  - send: {on: c1, pdu: NopOut}\n  - expect:\n      within: 5s\n";
        let root = parse("f", text).expect("valid");
        let steps = root.get("steps").expect("steps");
        let Value::List(list) = &steps.value else { panic!("a list") };
        let at = |node: &Node| {
            let place = place(text, node.id);
            (place.line, place.column)
        };
        assert_eq!(at(&list[0]), (3, 5));
        assert_eq!(at(list[0].get("send").and_then(|send| send.get("pdu")).expect("pdu")), (3, 25));
        assert_eq!(at(list[1].get("expect").and_then(|node| node.get("within")).expect("within")), (5, 15));
    }

    #[test]
    fn what_is_refused_is_refused_with_its_place() {
        let cases = [
            ("a: 1\nb: 2\na: 3\n", "f.yaml:3:1: duplicate key `a`"),
            ("a: &x 1\n", "f.yaml:1:4: anchors (&) are not used here"),
            ("a: 1\nb: *x\n", "f.yaml:2:4: aliases (*) are not used here"),
            ("a:\n  <<: {b: 1}\n", "f.yaml:2:3: merge keys are not used here"),
            ("a: !x 1\n", "f.yaml:1:4: tags are not used here"),
            ("a: [1, 2\n", "f.yaml:2:1: "),
            ("? [a]\n: 1\n", "f.yaml:1:3: a key has to be a plain word"),
            ("a: 1\n---\nb: 1\n", "f.yaml:1:1: more than one document"),
            ("", "f.yaml:1:1: the file is empty"),
            ("a: 99999999999999999999999\n", "f.yaml:1:4: the number is too large"),
        ];
        for (text, want) in cases {
            let got = fails(text);
            assert!(got.starts_with(want), "{text:?}: {got}");
        }
        // By the square of the depth this would take longer than anybody waits.
        assert!(fails(&"[".repeat(BYTES_MAX)).contains("nested"), "depth is bounded");
        assert!(fails(&"[".repeat(500)).contains("nested"), "depth is bounded");
        assert!(fails(&"- 1\n".repeat(NODES_MAX as usize + 1)).contains("limit"), "size is bounded");
    }

    #[test]
    fn the_nearest_name_is_suggested() {
        let keys = ["expect", "expect_none", "send"];
        assert_eq!(unknown("key", "exepct", keys), "unknown key `exepct`, did you mean `expect`?");
        assert_eq!(unknown("key", "zzz", keys), "unknown key `zzz`; there is expect, expect_none, send");
        assert_eq!(nearest("a", ["b"]), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(?s).{0,200}") {
            let _ = parse("f", &text);
        }

        #[test]
        fn no_yaml_like_text_makes_it_panic(text in r#"([ \n:\-\[\]{},&*!|>'"%@`#?a-c0-2$.~<]){0,80}"#) {
            if let Ok(root) = parse("f", &text) {
                prop_assert!(place(&text, root.id).line >= 1);
            }
        }
    }
}
