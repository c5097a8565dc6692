//! What does an editor need to know of the language? A JSON Schema made from the reader's own tables.

use super::shape::{Kind, Rest, Shape};
use super::verbs::VERBS;
use serde_json::{Map, Value, json};

/// The JSON Schema (2020-12) of a scenario file.
pub fn schema() -> Value {
    let mut defs = Map::new();
    let root = map_schema(&super::keys::SCENARIO, &mut defs);
    defs.insert("step".to_owned(), Value::Null);
    let steps: Vec<Value> = VERBS
        .iter()
        .map(|verb| {
            json!({
                "type": "object",
                "properties": { verb.name: kind_schema(&verb.body, &mut defs) },
                "required": [verb.name],
                "additionalProperties": false,
                "description": format!("{} Example: {}", verb.doc, verb.example),
            })
        })
        .collect();
    defs.insert("step".to_owned(), json!({ "oneOf": steps }));
    let mut out = root;
    out["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    out["title"] = json!("iscsi-lab scenario");
    out["$defs"] = Value::Object(defs);
    out
}

fn map_schema(shape: &'static Shape, defs: &mut Map<String, Value>) -> Value {
    let mut properties = Map::new();
    for key in shape.keys {
        let mut value = kind_schema(&key.kind, defs);
        value["description"] = json!(key.doc);
        properties.insert(key.name.to_owned(), value);
    }
    let required: Vec<_> = shape.keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    // Fields of PDUs and operands depend on other keys: the reader checks those, an editor lets them pass.
    let rest = if shape.rest == Rest::Refused { json!(false) } else { json!(true) };
    json!({
        "type": "object",
        "description": shape.doc,
        "properties": properties,
        "required": required,
        "additionalProperties": rest,
    })
}

fn kind_schema(kind: &'static Kind, defs: &mut Map<String, Value>) -> Value {
    let scalar = || json!({ "type": ["string", "number", "boolean"] });
    match kind {
        Kind::Text => json!({ "type": ["string", "number"] }),
        // No \p{L}: not every validator knows it. The reader is stricter.
        Kind::Name => json!({ "type": "string", "pattern": "^[A-Za-z0-9_\u{80}-\u{ffff}]+$" }),
        Kind::Ref => json!({ "type": "string", "pattern": "^\\$?[A-Za-z0-9_\u{80}-\u{ffff}]+$" }),
        Kind::Bool => json!({ "type": "boolean" }),
        Kind::Int => json!({ "type": "integer", "minimum": 0 }),
        Kind::Count => json!({ "type": ["integer", "string"], "pattern": "^[0-9]+(\\.[0-9]+)?[kM]?$" }),
        Kind::Size => {
            json!({ "type": ["integer", "string"], "pattern": "^[0-9]+(\\.[0-9]+)?([kMG]|[KMG]iB)?$" })
        }
        Kind::Time => {
            json!({ "type": ["string", "integer"], "pattern": "^(0|[0-9]+(\\.[0-9]+)?(ns|us|ms|s|m|h)|.*\\$.*)$" })
        }
        Kind::Scalar => scalar(),
        Kind::Match | Kind::Data | Kind::Cdb => {
            json!({ "type": ["string", "number", "boolean", "array", "object"] })
        }
        Kind::OneOf(words) => {
            let mut words: Vec<Value> = words().into_iter().map(Value::from).collect();
            let numbers: Vec<Value> =
                words.iter().filter_map(|word| word.as_str()?.parse::<u64>().ok()).map(Value::from).collect();
            words.extend(numbers);
            json!({ "enum": words })
        }
        Kind::List(inner) => json!({ "type": "array", "items": kind_schema(inner, defs) }),
        Kind::OneOrMany(inner) => {
            let one = kind_schema(inner, defs);
            json!({ "anyOf": [one, { "type": "array", "items": one }] })
        }
        Kind::Map(shape) => {
            let name = shape.name.replace([' ', '\''], "_");
            if !defs.contains_key(&name) {
                // The name is taken first: shapes may hold themselves.
                defs.insert(name.clone(), Value::Null);
                let schema = map_schema(shape, defs);
                defs.insert(name.clone(), schema);
            }
            json!({ "$ref": format!("#/$defs/{name}") })
        }
        Kind::MapOf(inner) => json!({ "type": "object", "additionalProperties": kind_schema(inner, defs) }),
        Kind::Steps => json!({ "type": "array", "items": { "$ref": "#/$defs/step" } }),
        Kind::Either(kinds) => {
            json!({ "anyOf": kinds.iter().map(|kind| kind_schema(kind, defs)).collect::<Vec<_>>() })
        }
        Kind::Any => json!({}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_has_its_definition() {
        let schema = schema();
        let text = schema.to_string();
        for part in text.split("#/$defs/").skip(1) {
            let name = part.split('"').next().expect("quoted");
            assert!(schema["$defs"][name].is_object(), "{name}");
        }
        assert_eq!(schema["required"], json!(["title", "steps"]));
        assert_eq!(schema["$defs"]["step"]["oneOf"].as_array().map(Vec::len), Some(VERBS.len()));
    }
}
