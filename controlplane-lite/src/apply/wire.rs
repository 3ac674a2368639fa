//! `fieldsV1`: the JSON form of a set (`f:name`, `k:{…}`, `v:…`, `i:0`, and `.` for a path that has others below).

use serde_json::{Map, Value};

use super::set::{Element, FieldSet};

/// Why a `fieldsV1` can't be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum WireError {
    /// A key without a known prefix.
    #[error("unknown path element {0:?}")]
    Element(String),
    /// Something that is no object.
    #[error("a field set must be an object")]
    Form,
}

/// Writes a set.
pub fn encode(set: &FieldSet) -> Value {
    let mut out = Map::new();
    for node in set.nodes() {
        let mut below = match encode(&node.below) {
            Value::Object(map) => map,
            _ => Map::new(),
        };
        if node.member && !node.below.is_empty() {
            below.insert(".".into(), Value::Object(Map::new()));
        }
        out.insert(encode_element(&node.element), Value::Object(below));
    }
    Value::Object(out)
}

/// Reads a set.
///
/// # Errors
/// If it is none.
pub fn decode(fields: &Value) -> Result<FieldSet, WireError> {
    let map = fields.as_object().ok_or(WireError::Form)?;
    let mut out = FieldSet::default();
    for (key, value) in map.iter().filter(|(key, _)| *key != ".") {
        let below = value.as_object().ok_or(WireError::Form)?;
        let member = below.is_empty() || below.contains_key(".");
        out.put(decode_element(key)?, member, decode(value)?);
    }
    Ok(out)
}

fn encode_element(element: &Element) -> String {
    match element {
        Element::Field(name) => format!("f:{name}"),
        Element::Key(fields) => {
            let map: Map<String, Value> = fields
                .iter()
                .map(|(name, value)| (name.to_string(), value.clone()))
                .collect();
            format!("k:{}", Value::Object(map))
        }
        Element::Value(value) => format!("v:{value}"),
        Element::Index(at) => format!("i:{at}"),
    }
}

fn decode_element(text: &str) -> Result<Element, WireError> {
    let unknown = || WireError::Element(text.to_owned());
    let (kind, rest) = text.split_at_checked(2).ok_or_else(unknown)?;
    match kind {
        "f:" => Ok(Element::Field(rest.into())),
        "v:" => Ok(Element::Value(serde_json::from_str(rest).map_err(|_| unknown())?)),
        "i:" => Ok(Element::Index(rest.parse().map_err(|_| unknown())?)),
        "k:" => {
            let map: Map<String, Value> = serde_json::from_str(rest).map_err(|_| unknown())?;
            let mut fields: Vec<(Box<str>, Value)> = map.into_iter().map(|(k, v)| (k.into(), v)).collect();
            fields.sort_by(|a, b| a.0.cmp(&b.0));
            Ok(Element::Key(fields.into()))
        }
        _ => Err(unknown()),
    }
}
