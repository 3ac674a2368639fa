//! A manifest's text as a tree that remembers where each value stood.
//!
//! Invariants: scalars mean what they mean to the reference (`0644` is octal, `1.0` and `1e3` are integers,
//! duplicate keys are refused); JSON is read by the same parser, of which it is a subset.
//!
//! Out of scope: what the values should be (see `decode`).

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

use super::event::Position;

/// A value and the place where it starts.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Located {
    /// Where the value starts; for a value from an alias, where the alias stands.
    pub position: Position,
    /// The value.
    pub node: Node,
}

/// A value of YAML's JSON subset.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Null,
    Bool(bool),
    Integer(i64),
    /// An integer above `i64::MAX`.
    Large(u64),
    /// A number that is no integer.
    Fraction(f64),
    String(String),
    List(Vec<Located>),
    Object(Vec<(Key, Located)>),
}

/// A key of an object.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Key {
    /// Where the key starts.
    pub position: Position,
    /// The key.
    pub name: String,
}

/// Text that is no YAML, or more of it than one document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(super) struct SyntaxError {
    /// Where, when the parser knows.
    pub position: Option<Position>,
    /// What is wrong.
    pub message: String,
}

/// Reads one document.
///
/// # Errors
/// [`SyntaxError`] when the text is no YAML, holds a second document, or nothing but comments.
pub(super) fn parse(text: &str) -> Result<Located, SyntaxError> {
    let options = serde_saphyr::options! { legacy_octal_numbers: true };
    let root: Spanned<Node> =
        serde_saphyr::from_str_with_options(text, options).map_err(|error| explain(&error))?;
    let root = Located::from(root);
    if root.node == Node::Null {
        return Err(SyntaxError {
            position: None,
            message: "the file is empty; expected a pod".to_owned(),
        });
    }
    Ok(root)
}

fn explain(error: &serde_saphyr::Error) -> SyntaxError {
    use serde_saphyr::Error;
    let error = error.without_snippet();
    let position = error.location().and_then(position_of);
    let message = match error {
        Error::MultipleDocuments { .. } => {
            "a second document begins here; put each pod into a file of its own".to_owned()
        }
        Error::DuplicateMappingKey { key: Some(key), .. } => format!("key {key:?} is given twice"),
        other => one_line(&other.to_string()),
    };
    SyntaxError { position, message }
}

/// The parser's text without the position that it repeats at its end.
fn one_line(text: &str) -> String {
    let first = text.lines().next().unwrap_or(text).trim();
    let end = first
        .find(" at line ")
        .or_else(|| first.find(" (line "))
        .unwrap_or(first.len());
    first[..end].trim_end_matches([':', ',', ' ']).to_owned()
}

fn position_of(location: Location) -> Option<Position> {
    let narrow = |number: u64| u32::try_from(number).ok().filter(|number| *number > 0);
    Some(Position {
        line: narrow(location.line())?,
        column: narrow(location.column())?,
    })
}

impl From<Spanned<Node>> for Located {
    fn from(spanned: Spanned<Node>) -> Self {
        let position = position_of(spanned.referenced).unwrap_or(Position { line: 1, column: 1 });
        Self {
            position,
            node: spanned.value,
        }
    }
}

impl Located {
    /// The member `name` of an object, with its key.
    pub(super) fn member(&self, name: &str) -> Option<(&Key, &Located)> {
        match &self.node {
            Node::Object(members) => members
                .iter()
                .find(|(key, _)| key.name == name)
                .map(|(key, value)| (key, value)),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(i64::try_from(value).map_or(Node::Large(value), Node::Integer))
    }

    // Go's YAML to JSON conversion prints 1.0 and 1e3 as integers; beyond 2^53 a float is no exact integer.
    #[allow(clippy::cast_possible_truncation)]
    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        if value.fract() == 0.0 && value.abs() <= EXACT {
            Ok(Node::Integer(value as i64))
        } else {
            Ok(Node::Fraction(value))
        }
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Node, E> {
        Ok(Node::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element::<Spanned<Node>>()? {
            items.push(item.into());
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut members = Vec::new();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            let position = position_of(key.referenced).unwrap_or(Position { line: 1, column: 1 });
            let value = map.next_value::<Spanned<Node>>()?;
            members.push((
                Key {
                    position,
                    name: key.value,
                },
                value.into(),
            ));
        }
        Ok(Node::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, path: &[&str]) -> (Node, u32, u32) {
        let root = parse(text).expect("YAML");
        let mut here = &root;
        for part in path {
            here = match (&here.node, part.parse::<usize>()) {
                (Node::List(items), Ok(index)) => &items[index],
                _ => here.member(part).expect("member").1,
            };
        }
        (here.node.clone(), here.position.line, here.position.column)
    }

    #[test]
    fn values_know_where_they_stand_in_yaml_and_json() {
        let yaml = "a:\n  b:\n    - c: 7\n      d: \"x\"\n";
        assert_eq!(at(yaml, &["a", "b", "0", "c"]), (Node::Integer(7), 3, 10));
        assert_eq!(
            at(yaml, &["a", "b", "0", "d"]),
            (Node::String("x".to_owned()), 4, 10)
        );
        let json = "{\n\t\"a\": [ {\"c\": true},\n\t\tnull ]\n}\n";
        assert_eq!(at(json, &["a", "0", "c"]), (Node::Bool(true), 2, 15));
        assert_eq!(at(json, &["a", "1"]), (Node::Null, 3, 3));
    }

    #[test]
    fn scalars_mean_what_they_mean_to_the_reference() {
        for (text, node) in [
            ("0644", Node::Integer(0o644)),
            ("0o644", Node::Integer(0o644)),
            ("0x10", Node::Integer(16)),
            ("1.0", Node::Integer(1)),
            ("1e3", Node::Integer(1000)),
            ("1.5", Node::Fraction(1.5)),
            ("yes", Node::Bool(true)),
            ("off", Node::Bool(false)),
            ("~", Node::Null),
            ("\"0644\"", Node::String("0644".to_owned())),
            ("12:30:45", Node::String("12:30:45".to_owned())),
            ("18446744073709551615", Node::Large(u64::MAX)),
        ] {
            assert_eq!(at(&format!("k: {text}\n"), &["k"]).0, node, "{text}");
        }
    }

    #[test]
    fn anchors_and_merge_keys_are_followed() {
        let yaml = "base: &b {x: 1}\nuse: *b\nmore:\n  <<: *b\n  y: 2\n";
        assert_eq!(at(yaml, &["use", "x"]).0, Node::Integer(1));
        assert_eq!(at(yaml, &["more", "x"]).0, Node::Integer(1));
    }

    #[test]
    fn text_that_is_no_single_document_is_refused_with_its_place() {
        for (text, place, message) in [
            ("", None, "the file is empty; expected a pod"),
            ("# nothing\n", None, "the file is empty; expected a pod"),
            (
                "a: 1\n---\nb: 2\n",
                Some((3, 1)),
                "a second document begins here; put each pod into a file of its own",
            ),
            ("a: 1\na: 2\n", Some((2, 1)), "key \"a\" is given twice"),
            ("a: [1, 2\n", Some((1, 4)), "unclosed bracket '['"),
            (
                "a:\n\tb: 1\n",
                Some((2, 2)),
                "tabs disallowed within this context (block indentation)",
            ),
            (
                "a: b: c\n",
                Some((1, 5)),
                "mapping values are not allowed in this context",
            ),
            ("{\"a\": 1,}}\n", Some((1, 10)), "misplaced bracket"),
        ] {
            let error = parse(text).expect_err(text);
            let found = error.position.map(|p| (p.line, p.column));
            assert_eq!((found, error.message.as_str()), (place, message), "{text:?}");
        }
    }
}
