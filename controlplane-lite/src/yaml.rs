//! YAML bodies as the reference reads them: YAML 1.1 scalars, one document, turned into JSON values.
//!
//! Budgets of the parser hold against alias bombs and deep nesting.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_saphyr::options::DuplicateKeyPolicy;

/// A document.
#[derive(Debug)]
pub struct Document {
    /// Its content; the last of several values with one key.
    pub value: Value,
    /// A key that is there twice in one mapping, in the words of Go's YAML package.
    pub duplicate: Option<String>,
}

/// Why a document can't be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum YamlError {
    /// Not YAML, or beyond the parser's limits.
    #[error("yaml: {0}")]
    Syntax(String),
}

/// Reads the first document of `text`.
///
/// # Errors
/// [`YamlError::Syntax`]; the text is for people and is not the reference's beyond its beginning.
pub fn parse(text: &[u8]) -> Result<Document, YamlError> {
    let error = match read(text, DuplicateKeyPolicy::Error) {
        Ok(value) => {
            return Ok(Document {
                value,
                duplicate: None,
            });
        }
        Err(error) => error,
    };
    let serde_saphyr::Error::DuplicateMappingKey { key, .. } = error.without_snippet() else {
        return Err(syntax(&error));
    };
    let line = error.location().map_or(0, |at| at.line());
    let key = key.as_deref().unwrap_or_default();
    let duplicate = format!("yaml: unmarshal errors:\n  line {line}: key {key:?} already set in map");
    Ok(Document {
        value: read(text, DuplicateKeyPolicy::LastWins).map_err(|e| syntax(&e))?,
        duplicate: Some(duplicate),
    })
}

fn read(text: &[u8], duplicate_keys: DuplicateKeyPolicy) -> Result<Value, serde_saphyr::Error> {
    let options = serde_saphyr::options! {
        legacy_octal_numbers: true,
        duplicate_keys: duplicate_keys,
        with_snippet: false,
    };
    let one = serde_saphyr::from_slice_with_options::<Node>(text, options.clone());
    match one.as_ref().map_err(serde_saphyr::Error::without_snippet) {
        Err(serde_saphyr::Error::MultipleDocuments { .. }) => {
            let all = serde_saphyr::from_slice_multiple_with_options::<Node>(text, options)?;
            Ok(all.into_iter().next().map_or(Value::Null, |node| node.0))
        }
        _ => one.map(|node| node.0),
    }
}

fn syntax(error: &serde_saphyr::Error) -> YamlError {
    let text = error.without_snippet().to_string();
    let first = text.lines().next().unwrap_or_default();
    YamlError::Syntax(match error.location() {
        Some(at) => format!("line {}: {first}", at.line()),
        None => first.to_owned(),
    })
}

/// A value on its way to JSON: integral floats become integers, keys become text.
struct Node(Value);

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E: Error>(self, b: bool) -> Result<Node, E> {
        Ok(Node(b.into()))
    }

    fn visit_i64<E: Error>(self, n: i64) -> Result<Node, E> {
        Ok(Node(n.into()))
    }

    fn visit_u64<E: Error>(self, n: u64) -> Result<Node, E> {
        Ok(Node(n.into()))
    }

    fn visit_f64<E: Error>(self, n: f64) -> Result<Node, E> {
        Ok(Node(match Number::from_f64(n) {
            Some(_) if n.fract() == 0.0 && n.abs() < 9.0e15 => (n as i64).into(),
            Some(number) => number.into(),
            None => return Err(E::custom("json: unsupported value")),
        }))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Node, E> {
        Ok(Node(text.into()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Node, E> {
        Ok(Node(text.into()))
    }

    fn visit_unit<E: Error>(self) -> Result<Node, E> {
        Ok(Node(Value::Null))
    }

    fn visit_none<E: Error>(self) -> Result<Node, E> {
        Ok(Node(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, input: D) -> Result<Node, D::Error> {
        input.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut out = Vec::new();
        while let Some(Node(item)) = seq.next_element()? {
            out.push(item);
        }
        Ok(Node(out.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut out = Map::new();
        while let Some((Node(key), Node(value))) = map.next_entry()? {
            let key = match key {
                Value::String(text) => text,
                Value::Bool(_) | Value::Number(_) => key.to_string(),
                _ => return Err(A::Error::custom("a key must be a string, a number or a boolean")),
            };
            out.insert(key, value);
        }
        Ok(Node(out.into()))
    }
}
