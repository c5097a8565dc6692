//! How does the tree come about? A serde visitor that numbers what it visits, and can be told to fail at a number.

use super::{DEPTH_MAX, Entry, NODES_MAX, Node, NodeId, Place, Value};
use serde::de::{DeserializeSeed, EnumAccess, Error, MapAccess, SeqAccess, Visitor};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::fmt;

/// Why there is no tree.
pub(super) struct Failed {
    pub(super) place: Option<Place>,
    pub(super) message: String,
}

/// Reads the whole text.
pub(super) fn tree(text: &str) -> Result<Node, Failed> {
    read(text, u32::MAX).map_err(|error| {
        let message = error.to_string();
        let message = match message.as_str() {
            "EOF while parsing a value" => "the file is empty".to_owned(),
            text if text.contains("more than one document") => {
                "more than one document in the file".to_owned()
            }
            text if text.contains("recursion limit") => "lists and maps are nested too deeply".to_owned(),
            // The place is printed in front, not behind.
            text => text.split(" at line ").next().unwrap_or(text).to_owned(),
        };
        let message = message.rsplit_once("\u{1}").map_or(message.clone(), |(_, own)| own.to_owned());
        Failed { place: error.location().map(at), message }
    })
}

/// Reads the text up to the node; the error that it makes there knows the place.
pub(super) fn place(text: &str, id: NodeId) -> Option<Place> {
    read(text, id.0).err()?.location().map(at)
}

fn at(location: serde_yaml::Location) -> Place {
    Place { line: location.line().max(1), column: location.column().max(1) }
}

fn read(text: &str, fail_at: u32) -> Result<Node, serde_yaml::Error> {
    let next = Cell::new(0);
    Builder { next: &next, fail_at, depth: 0 }.deserialize(serde_yaml::Deserializer::from_str(text))
}

#[derive(Clone, Copy)]
struct Builder<'a> {
    next: &'a Cell<u32>,
    fail_at: u32,
    depth: u32,
}

/// Marks our own messages: what stands before it is serde_yaml's path to the node.
fn own<E: Error>(message: impl fmt::Display) -> E {
    E::custom(format_args!("\u{1}{message}"))
}

impl Builder<'_> {
    fn number<E: Error>(self) -> Result<NodeId, E> {
        let id = self.next.get();
        self.next.set(id.saturating_add(1));
        if id == self.fail_at {
            Err(own("here"))
        } else if id >= NODES_MAX {
            Err(own(format_args!("the file has more than {NODES_MAX} values, which is the limit")))
        } else {
            Ok(NodeId(id))
        }
    }

    fn node<E: Error>(self, value: Value) -> Result<Node, E> {
        Ok(Node { id: self.number()?, value })
    }

    fn inner<E: Error>(self) -> Result<Self, E> {
        if self.depth >= DEPTH_MAX {
            return Err(own(format_args!("lists and maps are nested more than {DEPTH_MAX} deep")));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Builder<'_> {
    type Value = Node;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Builder<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a scalar, a list or a map")
    }

    fn visit_unit<E: Error>(self) -> Result<Node, E> {
        self.node(Value::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Node, E> {
        self.node(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Node, E> {
        self.node(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Node, E> {
        self.node(Value::Int(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Node, E> {
        self.node(Value::Int(value.into()))
    }

    fn visit_i128<E: Error>(self, _: i128) -> Result<Node, E> {
        self.number::<E>()?;
        Err(own("the number is too small"))
    }

    fn visit_u128<E: Error>(self, _: u128) -> Result<Node, E> {
        self.number::<E>()?;
        Err(own("the number is too large"))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Node, E> {
        self.node(Value::Float(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Node, E> {
        self.node(Value::Str(value.to_owned()))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, _: A) -> Result<Node, A::Error> {
        self.number::<A::Error>()?;
        Err(own("tags are not used here"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let id = self.number()?;
        let inner = self.inner()?;
        let mut list = Vec::new();
        while let Some(node) = seq.next_element_seed(inner)? {
            list.push(node);
        }
        Ok(Node { id, value: Value::List(list) })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let id = self.number()?;
        let inner = self.inner()?;
        let mut entries = Vec::new();
        let mut seen = BTreeSet::new();
        while let Some((key, key_id)) = map.next_key_seed(KeyBuilder { builder: inner, seen: &mut seen })? {
            let node = map.next_value_seed(inner)?;
            entries.push(Entry { key, key_id, node });
        }
        Ok(Node { id, value: Value::Map(entries) })
    }
}

/// A key is judged while it is read, so that the error stands at the key and not at its map.
struct KeyBuilder<'a> {
    builder: Builder<'a>,
    seen: &'a mut BTreeSet<String>,
}

impl<'de> DeserializeSeed<'de> for KeyBuilder<'_> {
    type Value = (String, NodeId);

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl KeyBuilder<'_> {
    fn key<E: Error>(self, key: String) -> Result<(String, NodeId), E> {
        let id = self.builder.number()?;
        if key == "<<" {
            return Err(own("merge keys are not used here"));
        }
        if !self.seen.insert(key.clone()) {
            return Err(own(format_args!("duplicate key `{key}`")));
        }
        Ok((key, id))
    }
}

impl<'de> Visitor<'de> for KeyBuilder<'_> {
    type Value = (String, NodeId);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        self.key(value.to_owned())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        self.key(value.to_string())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        self.key(value.to_string())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        self.key(value.to_string())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        self.key(value.to_string())
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Err(own("a key is missing before the colon"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
        Err(own("a key has to be a plain word"))
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
        Err(own("a key has to be a plain word"))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
        Err(own("tags are not used here"))
    }
}
