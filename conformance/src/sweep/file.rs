//! How is a run kept as a file? YAML that people can read and change: what is as usual is left out, steps and faults stand one a line.

use crate::yaml;
use initiator_sim::workload::{Case, Faults, Signature};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt::Write as _;
use std::path::Path;

/// Files of runs end so.
pub const SUFFIX: &str = ".run.yaml";

/// A run in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunFile {
    /// What it shows, in one sentence.
    pub title: String,
    /// How it fails; a file without it must pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fails: Option<Signature>,
    /// The run.
    pub run: Case,
}

impl RunFile {
    /// Reads a file.
    ///
    /// # Errors
    /// What is wrong with it, with its place.
    pub fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Self::parse(&path.display().to_string(), &text)
    }

    /// Reads a text; `name` is for the error.
    ///
    /// # Errors
    /// What is wrong with it, with its place.
    pub fn parse(name: &str, text: &str) -> Result<Self, String> {
        // By way of JSON, whose reader takes a choice as a map of one member, which is easier to write than a tag.
        let tree: Value = yaml::typed(name, text).map_err(|error| error.to_string())?;
        let file: Self = serde_json::from_value(tree).map_err(|error| format!("{name}: {error}"))?;
        file.run.check().map_err(|problem| format!("{name}: {problem}"))?;
        Ok(file)
    }

    /// Its text.
    pub fn text(&self) -> String {
        let mut out = String::from(
            "# A run drawn from a seed and cut down. `iscsi-lab replay` runs it, `explain` and `causality` say more.\n",
        );
        let _ = writeln!(out, "title: {}", flow(&Value::from(self.title.clone())));
        if let Some(fails) = &self.fails {
            let _ = writeln!(out, "fails: {}", flow(&value(fails)));
        }
        out.push_str("run:\n");
        let run = lean(&value(&self.run), &value(&plain()));
        let Value::Object(members) = run else { return out };
        for (key, member) in &members {
            match (key.as_str(), member) {
                ("faults", Value::Object(kind)) if kind.contains_key("listed") => {
                    out.push_str("  faults:\n    listed:\n");
                    list(&mut out, "      ", kind.get("listed"));
                }
                ("steps", steps) => {
                    out.push_str("  steps:\n");
                    list(&mut out, "    ", Some(steps));
                }
                (key, member) => {
                    let _ = writeln!(out, "  {key}: {}", flow(member));
                }
            }
        }
        out
    }
}

fn list(out: &mut String, indent: &str, items: Option<&Value>) {
    let items = items.and_then(Value::as_array).cloned().unwrap_or_default();
    for item in &items {
        let _ = writeln!(out, "{indent}- {}", flow(&item_value(item)));
    }
    if items.is_empty() {
        // A key with nothing behind it would be no list.
        out.pop();
        out.push_str(" []\n");
    }
}

/// Numbers that are 0 in a site say nothing.
fn item_value(item: &Value) -> Value {
    let mut item = item.clone();
    if let Some(Value::Object(site)) = item.get_mut("site") {
        site.retain(|_, value| value.as_u64() != Some(0));
    }
    item
}

/// A case in which everything is as usual.
fn plain() -> Case {
    Case {
        seed: u64::MAX,
        profile: initiator_sim::workload::Theme::default(),
        honest: false,
        target: initiator_sim::workload::TargetOptions::default(),
        disk: initiator_sim::disk::DiskConfig::default(),
        net: initiator_sim::net::NetConfig::default(),
        depths: Vec::new(),
        faults: Faults::None,
        steps: Vec::new(),
    }
}

fn value<T: Serialize>(of: &T) -> Value {
    serde_json::to_value(of).unwrap_or_default()
}

/// What differs from the default; members that have none in a file stay.
fn lean(value: &Value, default: &Value) -> Value {
    const KEPT: [&str; 4] = ["seed", "honest", "depths", "steps"];
    let (Value::Object(members), Value::Object(defaults)) = (value, default) else { return value.clone() };
    let mut out = serde_json::Map::new();
    for (key, member) in members {
        match defaults.get(key) {
            Some(usual) if usual == member && !KEPT.contains(&key.as_str()) => {}
            Some(usual @ Value::Object(_)) if !matches!(key.as_str(), "latency" | "chunk" | "faults") => {
                out.insert(key.clone(), lean(member, usual));
            }
            _ => {
                out.insert(key.clone(), member.clone());
            }
        }
    }
    Value::Object(out)
}

/// One line of YAML.
fn flow(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let parts: Vec<String> =
                members.iter().map(|(key, member)| format!("{key}: {}", flow(member))).collect();
            format!("{{{}}}", parts.join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::String(text) if is_plain(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Words that YAML cannot take for anything else.
fn is_plain(text: &str) -> bool {
    let word = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    word && !text.is_empty()
        && !matches!(text, "null" | "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n")
}
