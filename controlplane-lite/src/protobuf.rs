//! Reads request bodies in Kubernetes' protobuf form: kubectl's typed commands and client-go's typed clients send
//! built-in kinds so.
//!
//! The wire is transcoded to the JSON that the same client would have sent, and goes the usual way from there. A
//! Go client writes also the fields that JSON would leave out as empty; decoding drops these again by its
//! knowledge of the Go types. The table of messages is data (`data/protobuf.txt.gz`, made by `data/generate.py`).
//!
//! Out of scope: answers in protobuf (clients that send it accept JSON too).

mod wire;

use std::collections::HashMap;
use std::sync::LazyLock;

use base64::Engine as _;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::schema::Schema;
use wire::{Payload, fields};

#[cfg(test)]
mod tests;

/// The media type.
pub const MEDIA_TYPE: &str = "application/vnd.kubernetes.protobuf";
/// What a body begins with.
const MAGIC: &[u8] = b"k8s\0";
/// Deeper nesting than this is refused, as for JSON.
const MAX_DEPTH: usize = 100;

static TABLE: &[u8] = include_bytes!("../data/protobuf.txt.gz");

/// Why a body cannot be read. The client is at fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProtobufError {
    /// Not the envelope that Kubernetes puts around its messages.
    #[error("provided data does not appear to be a protobuf message, expected prefix {MAGIC:?}")]
    Magic,
    /// The bytes break off or are no message.
    #[error("illegal protobuf message: {0}")]
    Malformed(&'static str),
    /// No message is known for the kind.
    #[error("no kind {kind:?} is registered for version {api_version:?}")]
    UnknownKind {
        /// As the envelope says.
        api_version: String,
        /// As the envelope says.
        kind: String,
    },
}

type Result<T> = std::result::Result<T, ProtobufError>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    One,
    List,
    Map,
}

#[derive(Debug)]
struct Field {
    number: u64,
    /// `None` for an embedded struct.
    name: Option<String>,
    shape: Shape,
    kind: String,
}

static MESSAGES: LazyLock<HashMap<String, Vec<Field>>> = LazyLock::new(load);

/// Reads the table. Damaged data would show as unknown kinds, which a test excludes.
fn load() -> HashMap<String, Vec<Field>> {
    let mut text = String::new();
    let read = std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(TABLE), &mut text);
    let mut out: HashMap<String, Vec<Field>> = HashMap::new();
    let mut current = String::new();
    for line in text.lines().filter(|_| read.is_ok()) {
        let parts: Vec<&str> = line.split(' ').collect();
        match parts.as_slice() {
            ["", number, name, kind] => {
                let (shape, kind) = match kind.split_at(1) {
                    ("*", kind) => (Shape::List, kind),
                    ("%", kind) => (Shape::Map, kind),
                    _ => (Shape::One, *kind),
                };
                out.entry(current.clone()).or_default().push(Field {
                    number: number.parse().unwrap_or_default(),
                    name: (*name != "~").then(|| (*name).to_owned()),
                    shape,
                    kind: kind.to_owned(),
                });
            }
            _ => {
                current = line.to_owned();
                out.entry(current.clone()).or_default();
            }
        }
    }
    out
}

/// The JSON of a body.
///
/// # Errors
/// See [`ProtobufError`].
pub fn to_json(body: &[u8]) -> Result<Value> {
    let envelope = body.strip_prefix(MAGIC).ok_or(ProtobufError::Magic)?;
    let (mut api_version, mut kind, mut raw) = (String::new(), String::new(), &b""[..]);
    for field in fields(envelope) {
        match field? {
            (1, Payload::Bytes(meta)) => {
                for field in fields(meta) {
                    match field? {
                        (1, Payload::Bytes(text)) => api_version = string(text)?,
                        (2, Payload::Bytes(text)) => kind = string(text)?,
                        _ => {}
                    }
                }
            }
            (2, Payload::Bytes(bytes)) => raw = bytes,
            _ => {}
        }
    }
    let schema = Schema::builtin();
    let message = match schema.by_kind(&api_version, &kind) {
        Some(ty) => schema.get(ty).name.to_string(),
        None if kind == "DeleteOptions" => "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions".into(),
        None => return Err(ProtobufError::UnknownKind { api_version, kind }),
    };
    // Kinds that differ by path carry a mark behind their name in the schema.
    let message = message.split('#').next().unwrap_or_default();
    let mut object = known(message, raw, 0)?;
    object.insert("apiVersion".into(), api_version.into());
    object.insert("kind".into(), kind.into());
    Ok(Value::Object(object))
}

fn string(bytes: &[u8]) -> Result<String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| ProtobufError::Malformed("a text is no UTF-8"))
}

/// A message of the table.
fn known(name: &str, bytes: &[u8], depth: usize) -> Result<Map<String, Value>> {
    if depth > MAX_DEPTH {
        return Err(ProtobufError::Malformed("it is nested too deeply"));
    }
    let table = MESSAGES
        .get(name)
        .ok_or(ProtobufError::Malformed("a message of an unknown type"))?;
    let mut out = Map::new();
    for field in fields(bytes) {
        let (number, payload) = field?;
        let Some(field) = table.iter().find(|f| f.number == number) else {
            continue;
        };
        let Some(name) = &field.name else {
            if let Payload::Bytes(bytes) = payload {
                out.extend(known(&field.kind, bytes, depth + 1)?);
            }
            continue;
        };
        match field.shape {
            Shape::One => {
                out.insert(name.clone(), value(&field.kind, payload, depth)?);
            }
            Shape::List => {
                let list = out.entry(name.as_str()).or_insert_with(|| json!([]));
                if let Value::Array(list) = list {
                    append(list, &field.kind, payload, depth)?;
                }
            }
            Shape::Map => {
                let (key, value) = entry(&field.kind, payload, depth)?;
                let map = out.entry(name.as_str()).or_insert_with(|| json!({}));
                map[key] = value;
            }
        }
    }
    Ok(out)
}

/// One element of a list, or several numbers packed together.
fn append(list: &mut Vec<Value>, kind: &str, payload: Payload<'_>, depth: usize) -> Result<()> {
    let packed = matches!(kind, "int32" | "int64" | "uint32" | "uint64" | "bool");
    match payload {
        Payload::Bytes(bytes) if packed => {
            for number in wire::packed(bytes) {
                list.push(value(kind, Payload::Varint(number?), depth)?);
            }
        }
        payload => list.push(value(kind, payload, depth)?),
    }
    Ok(())
}

fn entry(kind: &str, payload: Payload<'_>, depth: usize) -> Result<(String, Value)> {
    let Payload::Bytes(bytes) = payload else {
        return Err(ProtobufError::Malformed("a map without entries"));
    };
    let (mut key, mut found) = (String::new(), None);
    for field in fields(bytes) {
        match field? {
            (1, Payload::Bytes(text)) => key = string(text)?,
            (2, payload) => found = Some(value(kind, payload, depth)?),
            _ => {}
        }
    }
    // An empty value is not written.
    let absent = if matches!(kind, "string" | "bytes") {
        Payload::Bytes(b"")
    } else {
        Payload::Varint(0)
    };
    let value = match found {
        Some(value) => value,
        None => value(kind, absent, depth)?,
    };
    Ok((key, value))
}

fn value(kind: &str, payload: Payload<'_>, depth: usize) -> Result<Value> {
    Ok(match (kind, payload) {
        ("string", Payload::Bytes(bytes)) => string(bytes)?.into(),
        ("bytes", Payload::Bytes(bytes)) => base64::engine::general_purpose::STANDARD.encode(bytes).into(),
        ("bool", Payload::Varint(n)) => (n != 0).into(),
        ("int32" | "int64", Payload::Varint(n)) => n.cast_signed().into(),
        ("uint32" | "uint64", Payload::Varint(n)) => n.into(),
        ("double", Payload::Fixed64(bits)) => f64::from_bits(bits).into(),
        (message, Payload::Bytes(bytes)) => special(message, bytes, depth)?,
        // A map's missing message.
        (message, Payload::Varint(0)) => special(message, b"", depth)?,
        _ => {
            return Err(ProtobufError::Malformed(
                "a field of another type than its message says",
            ));
        }
    })
}

/// Messages whose JSON is not an object of their fields.
fn special(name: &str, bytes: &[u8], depth: usize) -> Result<Value> {
    let short = name.rsplit('.').next().unwrap_or_default();
    match short {
        "Quantity" => Ok(text_field(bytes, 1)?.into()),
        "Time" => Ok(time(bytes)?.map_or(Value::Null, |at| crate::verbs::object::seconds(at).into())),
        "MicroTime" => Ok(time(bytes)?.map_or(Value::Null, |at| format!("{at:.6}").into())),
        "IntOrString" => int_or_string(bytes),
        "FieldsV1" | "RawExtension" => raw_json(bytes),
        "Duration" => Err(ProtobufError::Malformed("a duration")),
        "ExtraValue" => {
            let texts = fields(bytes).filter_map(|f| match f {
                Ok((1, Payload::Bytes(text))) => Some(string(text).map(Value::String)),
                Ok(_) => None,
                Err(error) => Some(Err(error)),
            });
            Ok(Value::Array(texts.collect::<Result<_>>()?))
        }
        _ => known(name, bytes, depth + 1).map(Value::Object),
    }
}

fn text_field(bytes: &[u8], wanted: u64) -> Result<String> {
    for field in fields(bytes) {
        if let (number, Payload::Bytes(text)) = field?
            && number == wanted
        {
            return string(text);
        }
    }
    Ok(String::new())
}

/// `None` for Go's zero time, which is written as nothing.
fn time(bytes: &[u8]) -> Result<Option<Timestamp>> {
    let (mut seconds, mut nanos) = (0, 0);
    for field in fields(bytes) {
        match field? {
            (1, Payload::Varint(n)) => seconds = n.cast_signed(),
            (2, Payload::Varint(n)) => nanos = n.cast_signed(),
            _ => {}
        }
    }
    if seconds == 0 && nanos == 0 {
        return Ok(None);
    }
    let nanos = i32::try_from(nanos).map_err(|_| ProtobufError::Malformed("a time out of range"))?;
    Timestamp::new(seconds, nanos)
        .map(Some)
        .map_err(|_| ProtobufError::Malformed("a time out of range"))
}

fn int_or_string(bytes: &[u8]) -> Result<Value> {
    let (mut is_text, mut number) = (false, 0);
    for field in fields(bytes) {
        match field? {
            (1, Payload::Varint(n)) => is_text = n == 1,
            (2, Payload::Varint(n)) => number = n.cast_signed(),
            _ => {}
        }
    }
    Ok(if is_text {
        text_field(bytes, 3)?.into()
    } else {
        number.into()
    })
}

fn raw_json(bytes: &[u8]) -> Result<Value> {
    for field in fields(bytes) {
        if let (1, Payload::Bytes(raw)) = field? {
            return serde_json::from_slice(raw).map_err(|_| ProtobufError::Malformed("raw JSON is none"));
        }
    }
    Ok(Value::Null)
}
