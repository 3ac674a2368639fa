//! Walks an object along its type: drops unknown fields, tells wrong types, normalises what stays.
//!
//! Purpose: what a trip through the Go structs of the reference does to an object, in one pass over the bytes
//! (or over a patched [`Value`]): unknown and duplicate fields are found by path, numbers, times and quantities
//! take their canonical form, empty optional fields go, fields that Go never leaves out appear.
//!
//! Invariants: a field without a type in Go (custom resources) keeps the value it came with; nothing here
//! allocates for what is dropped, so a body's unknown parts cost no memory.
//!
//! Out of scope: `apiVersion` and `kind` (see `decode`), defaulting, validation.

use serde::de::{DeserializeSeed, Deserializer};
use serde_json::Value;

use crate::schema::{Field, Omit, Schema, Shape, Struct, Type, TypeId};

mod base64;
mod generic;
mod quantity;
pub(crate) mod syntax;

pub(crate) mod time;
mod visitor;

/// More unknown or duplicate fields than this are not told.
const MAX_FINDINGS: usize = 100;

/// What was found beside the object itself.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// `unknown field "…"` and `duplicate field "…"`, in the order of the input.
    pub(crate) strict: Vec<String>,
    /// The first value of a wrong type; the object is unusable, but reading went on.
    pub(crate) mismatch: Option<String>,
    /// The same in the words of a conversion from a decoded patch.
    pub(crate) converted: Option<String>,
    /// Text of an error that ended the reading, if it was not the syntax.
    pub(crate) fatal: Option<String>,
}

/// Reads one value of type `ty` from `input`.
///
/// `Ok(None)` is Go's nil. An error means that reading ended early: `findings.fatal` tells why, and if it is
/// empty the syntax is wrong.
pub(crate) fn read<'de, D: Deserializer<'de>>(
    schema: &Schema,
    ty: TypeId,
    input: D,
) -> (Result<Option<Value>, D::Error>, Findings) {
    let mut walk = Walk::new(schema);
    let node = Node {
        walk: &mut walk,
        ty,
        owner: "",
    };
    let value = node.deserialize(input);
    (value, walk.findings)
}

/// Reads anything, with its duplicate fields.
///
/// # Errors
/// The parser's text.
pub(crate) fn read_free(text: &[u8]) -> Result<(Value, Vec<String>), String> {
    let nothing = Schema::default();
    let mut walk = Walk::new(&nothing);
    let mut input = serde_json::Deserializer::from_slice(text);
    let value = generic::Free { walk: &mut walk }.deserialize(&mut input);
    let value = value
        .and_then(|value| input.end().map(|()| value))
        .map_err(|e| e.to_string())?;
    Ok((value, walk.findings.strict))
}

/// State of one walk.
struct Walk<'s> {
    schema: &'s Schema,
    /// `spec.containers[0].image`, as unknown fields are told.
    path: String,
    /// `spec.containers.image`, as type errors are told.
    go_path: String,
    findings: Findings,
}

/// One value to read: its type, and the Go struct that holds it.
struct Node<'w, 's> {
    walk: &'w mut Walk<'s>,
    ty: TypeId,
    owner: &'s str,
}

impl<'s> Walk<'s> {
    fn new(schema: &'s Schema) -> Self {
        Self {
            schema,
            path: String::with_capacity(64),
            go_path: String::with_capacity(64),
            findings: Findings::default(),
        }
    }

    fn unknown(&mut self, name: &str) {
        let text = format!("unknown field \"{}\"", self.child(name));
        self.tell(text);
    }

    fn duplicate(&mut self, name: &str) {
        let text = format!("duplicate field \"{}\"", self.child(name));
        self.tell(text);
    }

    fn child(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }

    fn tell(&mut self, text: String) {
        let told = &mut self.findings.strict;
        if told.len() < MAX_FINDINGS && !told.contains(&text) {
            told.push(text);
        }
    }

    /// A value of the wrong kind, in `encoding/json`'s words. Only the first is told.
    fn mismatch(&mut self, owner: &str, what: &str, go: &str) {
        if self.findings.mismatch.is_none() {
            self.findings.mismatch = Some(self.wrong_type(owner, what, go));
        }
    }

    fn wrong_type(&self, owner: &str, what: &str, go: &str) -> String {
        if owner.is_empty() {
            format!("json: cannot unmarshal {what} into Go value of type {go}")
        } else {
            let path = &self.go_path;
            format!("json: cannot unmarshal {what} into Go struct field {owner}.{path} of type {go}")
        }
    }

    /// Appends a step to both paths, runs `f` and takes the step back.
    fn within<T>(&mut self, step: Step<'_>, f: impl FnOnce(&mut Self) -> T) -> T {
        let (path, go_path) = (self.path.len(), self.go_path.len());
        match step {
            Step::Field(field) => {
                join(&mut self.path, &field.name);
                if !field.via.is_empty() {
                    join(&mut self.go_path, &field.via);
                }
                join(&mut self.go_path, &field.name);
            }
            Step::Key(key) => join(&mut self.path, key),
            Step::Index(n) => {
                use std::fmt::Write;
                let _ = write!(self.path, "[{n}]");
            }
        }
        let out = f(self);
        self.path.truncate(path);
        self.go_path.truncate(go_path);
        out
    }

    fn type_of(&self, id: TypeId) -> &'s Type {
        self.schema.get(id)
    }
}

fn join(path: &mut String, name: &str) {
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(name);
}

/// A step into an object.
#[derive(Clone, Copy)]
enum Step<'a> {
    Field(&'a Field),
    Key(&'a str),
    Index(usize),
}

/// What Go writes for a variable of this type that was never set.
pub(crate) fn zero(schema: &Schema, ty: TypeId) -> Value {
    match &schema.get(ty).shape {
        Shape::Bool => false.into(),
        Shape::Integer(_) | Shape::Float | Shape::IntOrString => 0.into(),
        Shape::String => "".into(),
        Shape::Quantity => "0".into(),
        Shape::Struct(s) if s.go => {
            let mut out = serde_json::Map::new();
            fill(schema, s, &mut out);
            Value::Object(out)
        }
        Shape::Struct(_) => Value::Object(serde_json::Map::new()),
        Shape::Any { .. }
        | Shape::Bytes
        | Shape::Time
        | Shape::MicroTime
        | Shape::List { .. }
        | Shape::Map { .. } => Value::Null,
    }
}

/// Adds the fields that Go writes although nothing set them.
fn fill(schema: &Schema, s: &Struct, out: &mut serde_json::Map<String, Value>) {
    for at in &s.shown {
        let field = &s.fields[*at as usize];
        if !out.contains_key(&*field.name) {
            let value = if field.pointer {
                Value::Null
            } else {
                zero(schema, field.ty)
            };
            out.insert(field.name.to_string(), value);
        }
    }
}

/// Whether Go leaves `value` out of the JSON of `field`.
fn left_out(schema: &Schema, field: &Field, value: &Value) -> bool {
    if field.omit == Omit::Never || field.omit == Omit::Given || field.pointer {
        return false;
    }
    match value {
        Value::Null => match schema.get(field.ty).shape {
            // structs for Go: left out only by `omitzero`
            Shape::Time | Shape::MicroTime | Shape::Any { .. } => field.omit == Omit::Zero,
            _ => true,
        },
        Value::Bool(b) => !b,
        Value::Number(n) => {
            n.as_f64() == Some(0.0) && !matches!(schema.get(field.ty).shape, Shape::IntOrString)
        }
        Value::String(s) => {
            s.is_empty() && matches!(schema.get(field.ty).shape, Shape::String | Shape::Bytes)
        }
        // an empty list of owners asks for them to be forgotten; the ownership tracker takes it out
        Value::Array(items) => items.is_empty() && &*field.name != "managedFields",
        Value::Object(map) => map.is_empty() && matches!(schema.get(field.ty).shape, Shape::Map { .. }),
    }
}
