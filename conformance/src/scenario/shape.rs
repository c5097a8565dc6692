//! Which keys may stand where, and what may stand behind them? One description for the reader, the JSON Schema and the
//! reference in scenarios/LANGUAGE.md, so that the three cannot drift.

use super::{data::Data, expr::Expr, units};
use crate::yaml::{Entry, Node, Problem, Value, unknown};

/// A map with known keys.
#[derive(Debug)]
pub struct Shape {
    /// Name in the schema and the reference.
    pub name: &'static str,
    /// What it is, one sentence.
    pub doc: &'static str,
    /// Its keys, in the order of the reference.
    pub keys: &'static [Key],
    /// What other keys may stand there.
    pub rest: Rest,
}

/// One key of a map.
#[derive(Debug)]
pub struct Key {
    /// As it is written.
    pub name: &'static str,
    /// What may stand behind it.
    pub kind: Kind,
    /// Whether it has to be there.
    pub required: bool,
    /// What it means, one sentence.
    pub doc: &'static str,
}

/// Keys that no table lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// None.
    Refused,
    /// Fields of the PDU that `pdu` names, with values to send.
    SendFields,
    /// Fields of the PDU that `pdu` names, with matchers.
    ExpectFields,
    /// Operands of the command that `op` names.
    Operands,
    /// Members of the probe's arguments, with matchers.
    ProbeFields,
    /// The macro's parameters.
    Params,
    /// Variables with the list of their values.
    Axes,
}

/// What may stand behind a key.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Text for people.
    Text,
    /// A name that others refer to: letters, digits, `_`.
    Name,
    /// Such a name, or `$x` where the variable x holds it: a macro takes connections and PDUs as parameters.
    Ref,
    /// `true` or `false`.
    Bool,
    /// A whole number, not negative.
    Int,
    /// A number of events and the like: `1M`.
    Count,
    /// Bytes: `64MiB`.
    Size,
    /// A time with its unit: `250ms`; or an expression.
    Time,
    /// One scalar or expression.
    Scalar,
    /// A matcher.
    Match,
    /// Bytes: `pat(...)`, hex, text, keys.
    Data,
    /// A CDB by name, with operands, or as bytes.
    Cdb,
    /// One of these words.
    OneOf(fn() -> Vec<&'static str>),
    /// A list.
    List(&'static Kind),
    /// One, or a list of them.
    OneOrMany(&'static Kind),
    /// A map with known keys.
    Map(&'static Shape),
    /// A map with any keys.
    MapOf(&'static Kind),
    /// A list of steps.
    Steps,
    /// The first whose form (scalar, list or map) fits.
    Either(&'static [Kind]),
    /// Anything.
    Any,
}

/// A key that may be left out.
pub(super) const fn key(name: &'static str, kind: Kind, doc: &'static str) -> Key {
    Key { name, kind, required: false, doc }
}

/// A key that has to be there.
pub(super) const fn must(name: &'static str, kind: Kind, doc: &'static str) -> Key {
    Key { name, kind, required: true, doc }
}

impl Shape {
    /// The names of its keys.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + Clone {
        self.keys.iter().map(|key| key.name)
    }
}

/// Checks a node and everything in it; the first mistake in the order of the file is the answer.
pub fn check(node: &Node, kind: &Kind) -> Result<(), Problem> {
    match kind {
        Kind::Any => Ok(()),
        Kind::Map(shape) => check_map(node, shape),
        Kind::MapOf(inner) => map_entries(node)?.iter().try_for_each(|entry| check(&entry.node, inner)),
        Kind::List(inner) => list_items(node)?.iter().try_for_each(|item| check(item, inner)),
        Kind::OneOrMany(inner) => match &node.value {
            Value::List(items) => items.iter().try_for_each(|item| check(item, inner)),
            _ => check(node, inner),
        },
        Kind::Steps => list_items(node)?.iter().try_for_each(check_step),
        Kind::Either(kinds) => match kinds.iter().find(|kind| fits(node, kind)) {
            Some(kind) => check(node, kind),
            None => Err(wrong_type(node, kind)),
        },
        _ if !fits(node, kind) => Err(wrong_type(node, kind)),
        Kind::Data => check_data(node),
        Kind::Match => check_match(node),
        Kind::Cdb | Kind::Bool | Kind::Int => Ok(()),
        _ => check_scalar(node, kind),
    }
}

/// True if the node has the form (scalar, list, map) that this kind wants.
fn fits(node: &Node, kind: &Kind) -> bool {
    let scalar = !matches!(node.value, Value::List(_) | Value::Map(_) | Value::Null);
    match kind {
        Kind::Any => true,
        Kind::Bool => matches!(node.value, Value::Bool(_)),
        Kind::Int => matches!(node.value, Value::Int(number) if number >= 0),
        Kind::Map(_) | Kind::MapOf(_) => matches!(node.value, Value::Map(_)),
        Kind::List(_) | Kind::Steps => matches!(node.value, Value::List(_)),
        Kind::OneOrMany(inner) => matches!(node.value, Value::List(_)) || fits(node, inner),
        Kind::Match | Kind::Data | Kind::Cdb => {
            scalar || matches!(node.value, Value::Map(_) | Value::List(_))
        }
        Kind::Either(kinds) => kinds.iter().any(|kind| fits(node, kind)),
        Kind::Text
        | Kind::Name
        | Kind::Ref
        | Kind::Count
        | Kind::Size
        | Kind::Time
        | Kind::Scalar
        | Kind::OneOf(_) => scalar,
    }
}

fn wrong_type(node: &Node, kind: &Kind) -> Problem {
    Problem::new(node.id, format!("expected {}, found {}", describe(kind), node.value.kind()))
}

/// What to call a kind in an error and in the reference.
pub fn describe(kind: &Kind) -> String {
    match kind {
        Kind::Text => "text".to_owned(),
        Kind::Name | Kind::Ref => "a name".to_owned(),
        Kind::Bool => "true or false".to_owned(),
        Kind::Int => "a number".to_owned(),
        Kind::Count => "a count (1M)".to_owned(),
        Kind::Size => "a size (64MiB)".to_owned(),
        Kind::Time => "a time (250ms)".to_owned(),
        Kind::Scalar => "a value".to_owned(),
        Kind::Match => "a matcher".to_owned(),
        Kind::Data => "data".to_owned(),
        Kind::Cdb => "a CDB".to_owned(),
        Kind::OneOf(words) => {
            let words = words();
            if words.len() > 12 { "a word".to_owned() } else { words.join(" | ") }
        }
        Kind::List(inner) => format!("a list of: {}", describe(inner)),
        Kind::OneOrMany(inner) => format!("one or a list of: {}", describe(inner)),
        Kind::Map(shape) => format!("a map ({})", shape.name),
        Kind::MapOf(inner) => format!("a map of: {}", describe(inner)),
        Kind::Steps => "a list of steps".to_owned(),
        Kind::Either(kinds) => kinds.iter().map(describe).collect::<Vec<_>>().join(", or "),
        Kind::Any => "anything".to_owned(),
    }
}

pub(super) fn map_entries(node: &Node) -> Result<&[Entry], Problem> {
    match &node.value {
        Value::Map(entries) => Ok(entries),
        other => Err(Problem::new(node.id, format!("expected a map, found {}", other.kind()))),
    }
}

pub(super) fn list_items(node: &Node) -> Result<&[Node], Problem> {
    match &node.value {
        Value::List(items) => Ok(items),
        other => Err(Problem::new(node.id, format!("expected a list, found {}", other.kind()))),
    }
}

fn check_map(node: &Node, shape: &Shape) -> Result<(), Problem> {
    for entry in map_entries(node)? {
        match shape.keys.iter().find(|key| key.name == entry.key) {
            Some(key) => check(&entry.node, &key.kind)?,
            None => check_rest(node, entry, shape)?,
        }
    }
    match shape.keys.iter().find(|key| key.required && node.get(key.name).is_none()) {
        Some(key) => Err(Problem::new(node.id, format!("`{}` is missing in this {}", key.name, shape.name))),
        None => Ok(()),
    }
}

/// A key that the table does not list.
fn check_rest(node: &Node, entry: &Entry, shape: &Shape) -> Result<(), Problem> {
    let refuse = |names: Vec<&'static str>| {
        let all: Vec<&str> = shape.names().chain(names).collect();
        Err(Problem::new(entry.key_id, unknown("key", &entry.key, all)))
    };
    match shape.rest {
        Rest::Refused => refuse(Vec::new()),
        Rest::Params => check(&entry.node, &Kind::Scalar),
        Rest::Axes => check(&entry.node, &Kind::List(&Kind::Scalar)),
        Rest::SendFields | Rest::ExpectFields => {
            let kind = node
                .get("pdu")
                .and_then(Node::scalar_text)
                .and_then(|name| initiator_sim::codec::Kind::of_name(&name));
            let Some(kind) = kind else { return refuse(Vec::new()) };
            if !super::fields::is_field(kind, &entry.key) {
                return refuse(super::fields::names(kind));
            }
            check(&entry.node, if shape.rest == Rest::SendFields { &Kind::Data } else { &Kind::Match })
        }
        Rest::Operands => {
            let op = node.get("op").and_then(Node::scalar_text).and_then(|name| super::cdb::find(&name));
            let Some(op) = op else { return refuse(Vec::new()) };
            let operands = super::cdb::operands(&op);
            if !operands.contains(&entry.key.as_str()) {
                return refuse(operands);
            }
            check(&entry.node, &Kind::Scalar)
        }
        Rest::ProbeFields => {
            if !super::fields::PROBE.contains(&entry.key.as_str()) {
                return refuse(super::fields::PROBE.to_vec());
            }
            check(&entry.node, &Kind::Match)
        }
    }
}

/// A step is a map with one key, the verb.
fn check_step(node: &Node) -> Result<(), Problem> {
    let entries = match &node.value {
        Value::Map(entries) => entries,
        other => {
            return Err(Problem::new(
                node.id,
                format!("expected a step `verb: {{...}}`, found {}", other.kind()),
            ));
        }
    };
    let [entry] = entries.as_slice() else {
        let at = entries.get(1).map_or(node.id, |second| second.key_id);
        return Err(Problem::new(at, "a step has exactly one key, its verb; is the indentation right?"));
    };
    match super::verbs::VERBS.iter().find(|verb| verb.name == entry.key) {
        Some(verb) => check(&entry.node, &verb.body),
        None => {
            let names = super::verbs::names();
            Err(Problem::new(entry.key_id, unknown("step", &entry.key, names)))
        }
    }
}

fn check_scalar(node: &Node, kind: &Kind) -> Result<(), Problem> {
    let text = node.scalar_text().unwrap_or_default();
    let fail = |message: String| Err(Problem::new(node.id, message));
    if matches!(kind, Kind::Scalar | Kind::Time) && text.contains('$') {
        return Expr::read(&text).map(|_| ()).or_else(fail);
    }
    match kind {
        Kind::Time => units::time(&text).map(|_| ()).or_else(fail),
        Kind::Size => units::size(&text).map(|_| ()).or_else(fail),
        Kind::Count => units::count(&text).map(|_| ()).or_else(fail),
        Kind::Name if !is_name(&text) => fail(format!("`{text}` is no name; use letters, digits and _")),
        Kind::Ref if !is_name(text.strip_prefix('$').unwrap_or(&text)) => {
            fail(format!("`{text}` is no name; use letters, digits and _, or $x for the name that x holds"))
        }
        Kind::OneOf(words) if !words().contains(&text.as_str()) => fail(unknown("word", &text, words())),
        _ => Ok(()),
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || c == '_')
}

fn check_data(node: &Node) -> Result<(), Problem> {
    super::read::data(node).map(|_: Data| ())
}

fn check_match(node: &Node) -> Result<(), Problem> {
    super::read::matcher(node).map(|_| ())
}
