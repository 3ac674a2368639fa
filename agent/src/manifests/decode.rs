//! Strict decoding of a document into an API type: a serde deserializer that knows paths and places.
//!
//! Purpose: the API's generated types ignore fields that they do not know and report type mismatches without a
//! place. This deserializer walks a located tree, names unknown fields with the nearest known one, and reports a
//! mismatch as `spec.containers[0].ports[0].containerPort: expected integer, found string "http"`.
//!
//! Invariants: all unknown fields are collected; the first type mismatch ends the walk, as serde demands.
//!
//! Out of scope: required fields and values (validation does that on the decoded object).

mod access;
mod suggest;

use std::cell::RefCell;
use std::fmt;

use serde::de::{self, DeserializeOwned, Deserializer, Unexpected, Visitor};

use super::document::{Located, Node};
use super::event::Position;
use super::problem::Problem;
use access::{Fields, Items, Members};

/// Decodes `root`.
///
/// # Errors
/// Every unknown field and the first type mismatch.
pub(super) fn decode<T: DeserializeOwned>(root: &Located) -> Result<T, Vec<Problem>> {
    let unknown = RefCell::new(Vec::new());
    let decoded = T::deserialize(At {
        value: root,
        path: &Path::Root,
        unknown: &unknown,
    });
    let mut problems = unknown.into_inner();
    match decoded {
        Ok(value) if problems.is_empty() => return Ok(value),
        Ok(_) => {}
        Err(Mismatch { message, place }) => {
            let (field, position) = place.unwrap_or_else(|| (String::new(), root.position));
            problems.push(Problem {
                position: Some(position),
                field,
                message,
            });
        }
    }
    Err(problems)
}

/// The way from the document to a value; lives on the stack of the walk.
#[derive(Debug)]
enum Path<'a> {
    Root,
    Field(&'a Path<'a>, &'a str),
    Key(&'a Path<'a>, &'a str),
    Index(&'a Path<'a>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Field(Self::Root, name) => f.write_str(name),
            Self::Field(parent, name) => write!(f, "{parent}.{name}"),
            Self::Key(parent, key) => write!(f, "{parent}[{key}]"),
            Self::Index(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// A value that is not of the type that its field has.
#[derive(Debug)]
struct Mismatch {
    message: String,
    /// Field and position, added by the innermost deserializer that the error passes.
    place: Option<(String, Position)>,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Mismatch {}

impl de::Error for Mismatch {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self {
            message: message.to_string(),
            place: None,
        }
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::custom(format!("expected {expected}, found {found}"))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::custom(format!("expected {expected}, found {found}"))
    }
}

/// A value on the walk.
#[derive(Clone, Copy)]
struct At<'a> {
    value: &'a Located,
    path: &'a Path<'a>,
    unknown: &'a RefCell<Vec<Problem>>,
}

impl At<'_> {
    fn mismatch<T>(&self, expected: &str) -> Result<T, Mismatch> {
        let mut message = format!("expected {expected}, found {}", describe(&self.value.node));
        if expected == "string" && is_scalar(&self.value.node) {
            message.push_str("; put it in quotes");
        }
        self.placed(Err(Mismatch { message, place: None }))
    }

    /// Gives an error without a place this value's.
    fn placed<T>(&self, result: Result<T, Mismatch>) -> Result<T, Mismatch> {
        result.map_err(|mut error| {
            error
                .place
                .get_or_insert_with(|| (self.path.to_string(), self.value.position));
            error
        })
    }

    fn integer(&self) -> Result<i64, Mismatch> {
        match self.value.node {
            Node::Integer(value) => Ok(value),
            Node::Null => Ok(0),
            _ => self.mismatch("integer"),
        }
    }
}

/// Whether the API could read an amount from the value; the generated type takes any string.
fn is_quantity(node: &Node) -> bool {
    match node {
        Node::String(text) => controlplane_lite::quantity::Quantity::parse(text).is_ok(),
        Node::Integer(_) | Node::Large(_) | Node::Fraction(_) | Node::Null => true,
        Node::Bool(_) | Node::List(_) | Node::Object(_) => false,
    }
}

fn is_scalar(node: &Node) -> bool {
    matches!(
        node,
        Node::Bool(_) | Node::Integer(_) | Node::Large(_) | Node::Fraction(_)
    )
}

fn describe(node: &Node) -> String {
    match node {
        Node::Null => "null".to_owned(),
        Node::Bool(value) => format!("boolean {value}"),
        Node::Integer(value) => format!("integer {value}"),
        Node::Large(value) => format!("integer {value}"),
        Node::Fraction(value) => format!("number {value}"),
        Node::String(value) if value.len() > 60 => "a long string".to_owned(),
        Node::String(value) => format!("string {value:?}"),
        Node::List(_) => "a list".to_owned(),
        Node::Object(_) => "an object".to_owned(),
    }
}

/// Narrow integers share one check.
macro_rules! integers {
    ($($method:ident $visit:ident $type:ty, $name:literal;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
            let wide = self.integer()?;
            match <$type>::try_from(wide) {
                Ok(value) => self.placed(visitor.$visit(value)),
                Err(_) => self.mismatch($name),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for At<'_> {
    type Error = Mismatch;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        let result = match &self.value.node {
            Node::Null => visitor.visit_unit(),
            Node::Bool(value) => visitor.visit_bool(*value),
            Node::Integer(value) => visitor.visit_i64(*value),
            Node::Large(value) => visitor.visit_u64(*value),
            Node::Fraction(value) => visitor.visit_f64(*value),
            Node::String(value) => visitor.visit_str(value),
            Node::List(items) => visitor.visit_seq(Items::new(&self, items)),
            Node::Object(members) => visitor.visit_map(Members::new(&self, members)),
        };
        self.placed(result)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        match self.value.node {
            Node::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        let result = match &self.value.node {
            Node::Object(members) => visitor.visit_map(Fields::new(&self, members, fields)),
            // The reference reads null as the empty value of the field's type.
            Node::Null => visitor.visit_map(Fields::new(&self, &[], fields)),
            _ => return self.mismatch("object"),
        };
        self.placed(result)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        let result = match &self.value.node {
            Node::Object(members) => visitor.visit_map(Members::new(&self, members)),
            Node::Null => visitor.visit_map(Members::new(&self, &[])),
            _ => return self.mismatch("object"),
        };
        self.placed(result)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        let result = match &self.value.node {
            Node::List(items) => visitor.visit_seq(Items::new(&self, items)),
            Node::Null => visitor.visit_seq(Items::new(&self, &[])),
            _ => return self.mismatch("list"),
        };
        self.placed(result)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        let result = match &self.value.node {
            Node::String(value) => visitor.visit_str(value),
            Node::Null => visitor.visit_str(""),
            _ => return self.mismatch("string"),
        };
        self.placed(result)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        self.deserialize_string(visitor)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        match self.value.node {
            Node::Bool(value) => self.placed(visitor.visit_bool(value)),
            Node::Null => self.placed(visitor.visit_bool(false)),
            _ => self.mismatch("boolean"),
        }
    }

    #[allow(clippy::cast_precision_loss)]
    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        match self.value.node {
            Node::Fraction(value) => self.placed(visitor.visit_f64(value)),
            Node::Integer(value) => self.placed(visitor.visit_f64(value as f64)),
            _ => self.mismatch("number"),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        if name == "Quantity" && !is_quantity(&self.value.node) {
            return self.mismatch("a quantity such as 500m, 2 or 64Mi");
        }
        self.placed(visitor.visit_newtype_struct(self))
    }

    integers! {
        deserialize_i32 visit_i32 i32, "32-bit integer";
        deserialize_i64 visit_i64 i64, "integer";
        deserialize_u32 visit_u32 u32, "positive 32-bit integer";
        deserialize_u64 visit_u64 u64, "positive integer";
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i128 u8 u16 u128 f32 char bytes byte_buf unit unit_struct tuple tuple_struct enum identifier
        ignored_any
    }
}

#[cfg(test)]
mod tests;
