//! The serde side of the walk: one visitor for every shape.

use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::{Map, Number, Value};

use super::{Node, Step, base64, fill, generic, left_out, quantity, time, zero};
use crate::quantity::QuantityError;
use crate::schema::{Omit, Shape, Struct, TypeId};

impl<'de> DeserializeSeed<'de> for Node<'_, '_> {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Option<Value>, D::Error> {
        input.deserialize_any(self)
    }
}

impl<'s> Node<'_, 's> {
    fn shape(&self) -> &'s Shape {
        &self.walk.type_of(self.ty).shape
    }

    /// Custom resources have no Go types: validation tells their errors, so the value stays as it came.
    fn is_free(&self) -> bool {
        self.walk.type_of(self.ty).go.is_empty()
    }

    /// A value that does not fit the type.
    fn unfit(self, what: &str, value: Value) -> Option<Value> {
        if self.is_free() {
            return Some(value);
        }
        let t = self.walk.type_of(self.ty);
        self.walk.mismatch(self.owner, what, &t.go);
        let converted = &mut self.walk.findings.converted;
        converted.get_or_insert_with(|| unconvertible(what, &value, &t.shape));
        None
    }

    /// An error of a type that reads itself: nothing after it is read.
    fn fatal<T, E: Error>(self, text: String) -> Result<T, E> {
        let out = E::custom(&text);
        self.walk.findings.fatal = Some(text);
        Err(out)
    }

    fn number<E: Error>(self, n: Number) -> Result<Option<Value>, E> {
        match self.shape() {
            Shape::Any { .. } => Ok(Some(n.into())),
            Shape::Float => Ok(Some(integral(n))),
            Shape::Integer(bits) => match n.as_i64() {
                Some(i) if *bits == 64 || i32::try_from(i).is_ok() => Ok(Some(n.into())),
                _ => {
                    let what = format!("number {n}");
                    Ok(self.unfit(&what, n.into()))
                }
            },
            Shape::IntOrString => match n.as_i64().map(i32::try_from) {
                Some(Ok(_)) => Ok(Some(n.into())),
                _ if self.is_free() => Ok(Some(n.into())),
                _ => {
                    let text = self.walk.wrong_type(self.owner, &format!("number {n}"), "int32");
                    self.fatal(text)
                }
            },
            Shape::Quantity => self.quantity(&n.to_string()),
            Shape::Time | Shape::MicroTime => {
                let text = self.walk.wrong_type(self.owner, "number", "string");
                self.fatal(text)
            }
            _ => Ok(self.unfit("number", n.into())),
        }
    }

    fn quantity<E: Error>(self, text: &str) -> Result<Option<Value>, E> {
        match quantity::normalise(text.trim()) {
            Ok(text) => Ok(Some(text.into())),
            Err(e) => self.fatal(e.to_string()),
        }
    }

    fn time<E: Error>(self, text: &str) -> Result<Option<Value>, E> {
        let read = match self.shape() {
            Shape::MicroTime => time::micro(text),
            _ => time::seconds(text),
        };
        match read {
            Ok(normal) => Ok(Some(normal.into())),
            Err(e) => self.fatal(e),
        }
    }

    fn bytes(self, text: String) -> Option<Value> {
        match base64::normalise(&text) {
            Ok(None) => Some(text.into()),
            Ok(Some(other)) => Some(other.into()),
            Err(at) => {
                let text = format!("illegal base64 data at input byte {at}");
                self.walk.findings.mismatch.get_or_insert(text);
                None
            }
        }
    }

    fn text<E: Error>(self, text: String) -> Result<Option<Value>, E> {
        match self.shape() {
            Shape::String | Shape::Any { .. } | Shape::IntOrString => Ok(Some(text.into())),
            Shape::Quantity => self.quantity(&text),
            Shape::Time | Shape::MicroTime => self.time(&text),
            Shape::Bytes => Ok(self.bytes(text)),
            _ => Ok(self.unfit("string", text.into())),
        }
    }

    /// Types that read themselves complain about arrays and objects in their own words.
    fn reads_itself(&self, what: &str) -> Option<String> {
        Some(match self.shape() {
            Shape::Quantity => QuantityError::Format.to_string(),
            Shape::IntOrString if self.is_free() => return None,
            Shape::IntOrString => self.walk.wrong_type(self.owner, what, "int32"),
            Shape::Time | Shape::MicroTime => self.walk.wrong_type(self.owner, what, "string"),
            _ => return None,
        })
    }

    fn items<'de, A: SeqAccess<'de>>(self, item: TypeId, mut seq: A) -> Result<Option<Value>, A::Error> {
        let walk = self.walk;
        let owner = self.owner;
        let mut out = Vec::new();
        loop {
            let next = walk.within(Step::Index(out.len()), |walk| {
                seq.next_element_seed(Node {
                    walk,
                    ty: item,
                    owner,
                })
            })?;
            match next {
                Some(value) => out.push(value.unwrap_or_else(|| zero(walk.schema, item))),
                None => return Ok(Some(Value::Array(out))),
            }
        }
    }

    fn entries<'de, A: MapAccess<'de>>(self, ty: TypeId, mut map: A) -> Result<Option<Value>, A::Error> {
        let walk = self.walk;
        let owner = self.owner;
        let mut out = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            if out.contains_key(&key) {
                walk.duplicate(&key);
            }
            let value = walk.within(Step::Key(&key), |walk| {
                map.next_value_seed(Node { walk, ty, owner })
            })?;
            out.insert(key, value.unwrap_or_else(|| zero(walk.schema, ty)));
        }
        Ok(Some(Value::Object(out)))
    }

    fn fields<'de, A: MapAccess<'de>>(self, s: &'s Struct, mut map: A) -> Result<Option<Value>, A::Error> {
        let walk = self.walk;
        let owner = walk.type_of(self.ty).short_name();
        let mut out = Map::new();
        let mut seen = Seen::default();
        while let Some(name) = map.next_key_seed(FieldName(s))? {
            let at = match name {
                Name::Known(at) => at,
                Name::Other(name) if s.open => {
                    let value = walk.within(Step::Key(&name), |walk| {
                        map.next_value_seed(generic::Free { walk })
                    })?;
                    if out.insert(name.clone(), value).is_some() {
                        walk.duplicate(&name);
                    }
                    continue;
                }
                Name::Other(name) => {
                    walk.unknown(&name);
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            let field = &s.fields[at];
            if !seen.insert(at) {
                walk.duplicate(&field.name);
            }
            let value = walk.within(Step::Field(field), |walk| {
                map.next_value_seed(Node {
                    walk,
                    ty: field.ty,
                    owner,
                })
            })?;
            match value {
                // nil: as if it were not there, except where the object is kept as it came
                None if field.omit == Omit::Given => {
                    out.insert(field.name.to_string(), Value::Null);
                }
                None => {
                    out.remove(&*field.name);
                }
                Some(value) if left_out(walk.schema, field, &value) => {
                    out.remove(&*field.name);
                }
                Some(value) => {
                    out.insert(field.name.to_string(), value);
                }
            }
        }
        fill(walk.schema, s, &mut out);
        Ok(Some(Value::Object(out)))
    }
}

impl<'de> Visitor<'de> for Node<'_, '_> {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E: Error>(self, b: bool) -> Result<Option<Value>, E> {
        match self.shape() {
            Shape::Bool | Shape::Any { .. } => Ok(Some(b.into())),
            _ => match self.reads_itself("bool") {
                Some(text) => self.fatal(text),
                None => Ok(self.unfit("bool", b.into())),
            },
        }
    }

    fn visit_i64<E: Error>(self, n: i64) -> Result<Option<Value>, E> {
        self.number(n.into())
    }

    fn visit_u64<E: Error>(self, n: u64) -> Result<Option<Value>, E> {
        self.number(n.into())
    }

    fn visit_f64<E: Error>(self, n: f64) -> Result<Option<Value>, E> {
        match Number::from_f64(n) {
            Some(n) => self.number(n),
            None => Ok(None),
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Option<Value>, E> {
        match self.shape() {
            Shape::Quantity => self.quantity(text),
            Shape::Time | Shape::MicroTime => self.time(text),
            _ => self.text(text.to_owned()),
        }
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Option<Value>, E> {
        self.text(text)
    }

    fn visit_unit<E: Error>(self) -> Result<Option<Value>, E> {
        Ok(None)
    }

    fn visit_none<E: Error>(self) -> Result<Option<Value>, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Option<Value>, A::Error> {
        if let Shape::List { item, .. } = self.shape() {
            return self.items(*item, seq);
        }
        if self.is_free() {
            return generic::Free { walk: self.walk }.visit_seq(seq).map(Some);
        }
        if matches!(self.shape(), Shape::Any { .. }) {
            return Value::deserialize(SeqAccessDeserializer::new(seq)).map(Some);
        }
        if matches!(self.shape(), Shape::Bytes) {
            let mut bytes: Vec<u8> = Vec::new();
            while let Some(item) = seq.next_element::<Value>()? {
                bytes.extend(item.as_u64().and_then(|n| u8::try_from(n).ok()));
            }
            return Ok(Some(base64::write(&bytes).into()));
        }
        if let Some(text) = self.reads_itself("array") {
            return self.fatal(text);
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(self.unfit("array", Value::Null))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<Value>, A::Error> {
        match self.shape() {
            Shape::Struct(s) => return self.fields(s, map),
            Shape::Map { value, .. } => return self.entries(*value, map),
            _ => {}
        }
        if self.is_free() {
            return generic::Free { walk: self.walk }.visit_map(map).map(Some);
        }
        if matches!(self.shape(), Shape::Any { .. }) {
            // raw bytes for Go: not looked into
            return Value::deserialize(MapAccessDeserializer::new(map)).map(Some);
        }
        if let Some(text) = self.reads_itself("object") {
            return self.fatal(text);
        }
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(self.unfit("object", Value::Null))
    }
}

/// The same complaint when Go converts a decoded value instead of reading JSON.
fn unconvertible(what: &str, value: &Value, shape: &Shape) -> String {
    let float = value.is_f64();
    let kind = match what.split(' ').next().unwrap_or_default() {
        "number" if float => "float64",
        "number" => "int64",
        "array" => "slice",
        "object" => "map",
        other => other,
    };
    match shape {
        Shape::Struct(_) => format!("cannot restore struct from: {kind}"),
        Shape::Map { .. } => format!("cannot restore map from {kind}"),
        Shape::List { .. } | Shape::Bytes => format!("cannot restore slice from {kind}"),
        Shape::String if kind == "int64" => "cannot convert int64 to string".into(),
        Shape::Integer(bits) if kind == "float64" => format!("cannot convert float64 to int{bits}"),
        Shape::Integer(bits) => format!("unrecognized type: int{bits}"),
        Shape::Float => "unrecognized type: float64".into(),
        Shape::Bool => "unrecognized type: bool".into(),
        _ => "unrecognized type: string".into(),
    }
}

/// A number as Go writes it: `1.0` as `1`.
fn integral(n: Number) -> Value {
    match n.as_f64() {
        Some(f) if n.is_f64() && f.fract() == 0.0 && f.abs() < 9.0e15 => (f as i64).into(),
        _ => n.into(),
    }
}

/// A key of a struct: known by its place, or unknown.
enum Name {
    Known(usize),
    Other(String),
}

/// Reads a key and finds the field without making a string of it.
struct FieldName<'s>(&'s Struct);

impl<'de> DeserializeSeed<'de> for FieldName<'_> {
    type Value = Name;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Name, D::Error> {
        input.deserialize_str(self)
    }
}

impl Visitor<'_> for FieldName<'_> {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Name, E> {
        Ok(match self.0.position(name) {
            Some(at) => Name::Known(at),
            None => Name::Other(name.to_owned()),
        })
    }
}

/// The fields of a struct that were seen; structs have far fewer than 128 fields, and if not, duplicates of
/// the late ones go untold.
#[derive(Default)]
struct Seen(u128);

impl Seen {
    /// Whether the field was new.
    fn insert(&mut self, at: usize) -> bool {
        let Some(bit) = 1u128.checked_shl(at as u32) else {
            return true;
        };
        let new = self.0 & bit == 0;
        self.0 |= bit;
        new
    }
}
