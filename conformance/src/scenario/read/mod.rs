//! How does a checked tree become a scenario? Small readers over the entries of a map; [`check`](super::shape::check) has
//! made sure of keys and forms before, so what is left here is meaning.

pub(super) mod file;
mod parts;
mod programs;
mod target;
mod wire;
mod world;

pub(super) use parts::{data, matcher};

use super::data::Data;
use super::expr::{Expr, Value as Known};
use super::matcher::Matcher;
use super::model::{At, Source};
use super::shape::Shape;
use super::step::Step;
use super::units;
use super::units::Nanos;
use crate::yaml::{Entry, Node, NodeId, Problem, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a reader needs beside the node.
pub(super) struct Reader<'a> {
    /// The text.
    pub(super) source: Arc<Source>,
    /// Put in front of every step id: the macro call or the extended file it comes from.
    pub(super) prefix: String,
    /// How many steps of a verb there were.
    pub(super) ordinals: BTreeMap<String, u32>,
    /// Reads another file: the steps of a macro.
    pub(super) library: &'a dyn Library,
    /// Files being read, outermost first: a macro may not use itself.
    pub(super) open: Vec<String>,
}

/// Where `extends` and `use` find files.
pub(super) trait Library {
    /// What `lib/NAME.yaml` holds; an error says itself where it is.
    fn file(&self, file: &str) -> Result<Arc<Checked>, String>;
}

/// A library file whose keys and forms are right: most scenarios use one of a few.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) source: Arc<Source>,
    pub(super) root: Node,
}

/// A map being read.
#[derive(Clone, Copy)]
pub(super) struct Body<'a> {
    node: &'a Node,
    shape: Option<&'static Shape>,
}

type Read<T> = Result<T, Problem>;

impl<'a> Body<'a> {
    pub(super) const fn new(node: &'a Node, shape: &'static Shape) -> Self {
        Self { node, shape: Some(shape) }
    }

    pub(super) const fn free(node: &'a Node) -> Self {
        Self { node, shape: None }
    }

    pub(super) const fn id(&self) -> NodeId {
        self.node.id
    }

    pub(super) fn entries(&self) -> &'a [Entry] {
        match &self.node.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    pub(super) fn node(&self, key: &str) -> Option<&'a Node> {
        debug_assert!(
            self.shape.is_none_or(|shape| shape.names().any(|name| name == key)),
            "`{key}` is read but not in the table"
        );
        self.node.get(key)
    }

    /// Entries that the table does not list.
    pub(super) fn rest(&self) -> impl Iterator<Item = &'a Entry> + use<'a> {
        let shape = self.shape;
        self.entries()
            .iter()
            .filter(move |entry| shape.is_none_or(|shape| shape.names().all(|name| name != entry.key)))
    }

    pub(super) fn text(&self, key: &str) -> Option<String> {
        self.node(key).and_then(Node::scalar_text)
    }

    pub(super) fn name(&self, key: &str, default: &str) -> String {
        self.text(key).unwrap_or_else(|| default.to_owned())
    }

    /// The connection of a step.
    pub(super) fn on(&self) -> String {
        self.name("on", "c1")
    }

    pub(super) fn texts(&self, key: &str) -> Vec<String> {
        self.items(key).iter().filter_map(Node::scalar_text).collect()
    }

    /// A list, or the one thing that stands for a list of one.
    pub(super) fn items(&self, key: &str) -> &'a [Node] {
        match self.node(key) {
            Some(node) => match &node.value {
                Value::List(items) => items,
                _ => std::slice::from_ref(node),
            },
            None => &[],
        }
    }

    pub(super) fn bool(&self, key: &str) -> Option<bool> {
        match self.node(key)?.value {
            Value::Bool(value) => Some(value),
            _ => None,
        }
    }

    pub(super) fn int(&self, key: &str, max: u64) -> Read<Option<u64>> {
        let Some(node) = self.node(key) else { return Ok(None) };
        match node.value {
            Value::Int(number) => match u64::try_from(number) {
                Ok(number) if number <= max => Ok(Some(number)),
                _ => Err(Problem::new(node.id, format!("`{key}` is {number}; it may be 0 to {max}"))),
            },
            _ => Err(Problem::new(node.id, format!("`{key}` takes a number"))),
        }
    }

    /// A number that fits the wanted type.
    pub(super) fn small<T: TryFrom<u64>>(&self, key: &str, max: T, default: T) -> Read<T>
    where
        u64: TryFrom<T>,
    {
        let max = u64::try_from(max).unwrap_or(u64::MAX);
        Ok(self.int(key, max)?.and_then(|number| T::try_from(number).ok()).unwrap_or(default))
    }

    fn unit<T>(&self, key: &str, read: fn(&str) -> Result<T, String>) -> Read<Option<T>> {
        let Some(node) = self.node(key) else { return Ok(None) };
        let text = node.scalar_text().unwrap_or_default();
        read(&text).map(Some).map_err(|error| Problem::new(node.id, error))
    }

    pub(super) fn time(&self, key: &str) -> Read<Option<Nanos>> {
        self.unit(key, units::time)
    }

    pub(super) fn count(&self, key: &str) -> Read<Option<u64>> {
        self.unit(key, units::count)
    }

    pub(super) fn size(&self, key: &str) -> Read<Option<u64>> {
        self.unit(key, units::size)
    }

    pub(super) fn expr(&self, key: &str) -> Read<Option<Expr>> {
        self.node(key).map(expr).transpose()
    }

    pub(super) fn data(&self, key: &str) -> Read<Option<Data>> {
        self.node(key).map(data).transpose()
    }

    pub(super) fn matcher(&self, key: &str) -> Read<Option<Matcher>> {
        self.node(key).map(matcher).transpose()
    }

    /// A map of values.
    pub(super) fn exprs(&self, key: &str) -> Read<Vec<(String, Expr)>> {
        pairs(self.node(key), expr)
    }

    /// A map of matchers.
    pub(super) fn matchers(&self, key: &str) -> Read<Vec<(String, Matcher)>> {
        pairs(self.node(key), matcher)
    }

    /// A map of texts.
    pub(super) fn names(&self, key: &str) -> Read<Vec<(String, String)>> {
        pairs(self.node(key), |node| {
            node.scalar_text().ok_or_else(|| Problem::new(node.id, "expected the name of a field"))
        })
    }
}

/// The entries of a map, each read.
pub(super) fn pairs<T>(node: Option<&Node>, read: impl Fn(&Node) -> Read<T>) -> Read<Vec<(String, T)>> {
    let Some(node) = node else { return Ok(Vec::new()) };
    Body::free(node).entries().iter().map(|entry| Ok((entry.key.clone(), read(&entry.node)?))).collect()
}

/// A scalar as a value or an expression.
pub(super) fn expr(node: &Node) -> Read<Expr> {
    match &node.value {
        Value::Int(number) => match u64::try_from(*number) {
            Ok(number) => Ok(Expr::num(number)),
            Err(_) => {
                Err(Problem::new(node.id, format!("{number} is negative; numbers on the wire are not")))
            }
        },
        // Truth values are flags where numbers are wanted; texts of keys are Yes and No.
        Value::Bool(value) => Ok(Expr::num(u64::from(*value))),
        Value::Float(value) => Ok(Expr::Lit(Known::Text(value.to_string()))),
        Value::Str(text) => Expr::read(text).map_err(|error| Problem::new(node.id, error)),
        other => Err(Problem::new(node.id, format!("expected a value, found {}", other.kind()))),
    }
}

impl Reader<'_> {
    pub(super) fn at(&self, node: NodeId) -> At {
        At { source: Arc::clone(&self.source), node }
    }

    /// A list of steps.
    pub(super) fn steps(&mut self, node: Option<&Node>) -> Read<Vec<Step>> {
        let Some(Value::List(items)) = node.map(|node| &node.value) else { return Ok(Vec::new()) };
        items.iter().map(|item| self.step(item)).collect()
    }

    fn step(&mut self, node: &Node) -> Read<Step> {
        let [entry] = Body::free(node).entries() else {
            return Err(Problem::new(node.id, "a step has exactly one key, its verb"));
        };
        let id = self.step_id(entry);
        let action = self.action(&entry.key, &entry.node, &id)?;
        Ok(Step { id, at: self.at(entry.key_id), action })
    }

    /// The step's own `id`, or its verb and ordinal in the file.
    fn step_id(&mut self, entry: &Entry) -> String {
        let own = (entry.key != "let").then(|| entry.node.get("id")).flatten().and_then(Node::scalar_text);
        let ordinal = self.ordinals.entry(entry.key.clone()).or_insert(0);
        *ordinal += 1;
        let name = own.unwrap_or_else(|| format!("{}-{ordinal}", entry.key));
        if self.prefix.is_empty() { name } else { format!("{}/{name}", self.prefix) }
    }
}
