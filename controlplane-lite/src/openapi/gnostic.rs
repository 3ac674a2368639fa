//! The protobuf form of an OpenAPI v2 document (gnostic's `openapi.v2.Document`), which is all that `kubectl`
//! and client-go ask for under `/openapi/v2`.
//!
//! What the documents here have is encoded, no more: definitions, and operations with their parameters.

use serde_json::{Map, Value};

/// A message under construction: fields are appended with their numbers.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut n: u64) {
        while n >= 0x80 {
            self.0.push(n as u8 | 0x80);
            n >>= 7;
        }
        self.0.push(n as u8);
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn message(&mut self, field: u64, message: &Self) {
        self.bytes(field, &message.0);
    }

    /// A text; nothing if there is none.
    fn text(&mut self, field: u64, value: Option<&Value>) {
        if let Some(text) = value.and_then(Value::as_str) {
            self.bytes(field, text.as_bytes());
        }
    }

    fn truth(&mut self, field: u64, value: Option<&Value>) {
        if value.and_then(Value::as_bool) == Some(true) {
            self.varint(field << 3);
            self.varint(1);
        }
    }

    fn texts(&mut self, field: u64, value: Option<&Value>) {
        for text in list(value) {
            self.text(field, Some(text));
        }
    }

    /// `Any`: the value as YAML, of which JSON is a part.
    fn any(&mut self, field: u64, value: &Value) {
        let mut any = Self::default();
        any.bytes(2, value.to_string().as_bytes());
        self.message(field, &any);
    }

    /// `NamedAny` for each `x-…` key.
    fn extensions(&mut self, field: u64, of: &Value) {
        for (name, value) in entries(Some(of)).filter(|(name, _)| name.starts_with("x-")) {
            let mut named = Self::default();
            named.bytes(1, name.as_bytes());
            named.any(2, value);
            self.message(field, &named);
        }
    }

    /// A name (1) and what it names (2).
    fn named(&mut self, field: u64, name: &str, message: &Self) {
        let mut named = Self::default();
        named.bytes(1, name.as_bytes());
        named.message(2, message);
        self.message(field, &named);
    }
}

fn list(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten()
}

fn entries(value: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    value.and_then(Value::as_object).into_iter().flat_map(Map::iter)
}

/// Encodes a document.
pub(super) fn encode(document: &Value) -> Vec<u8> {
    let mut info = Message::default();
    info.text(1, document["info"].get("title"));
    info.text(2, document["info"].get("version"));
    let mut paths = Message::default();
    for (name, item) in entries(document.get("paths")) {
        paths.named(2, name, &path_item(item));
    }
    let mut definitions = Message::default();
    for (name, definition) in entries(document.get("definitions")) {
        definitions.named(1, name, &schema(definition));
    }
    let mut out = Message::default();
    out.text(1, document.get("swagger"));
    out.message(2, &info);
    out.message(8, &paths);
    out.message(9, &definitions);
    out.0
}

fn path_item(item: &Value) -> Message {
    let mut out = Message::default();
    for (method, field) in [("get", 2), ("put", 3), ("post", 4), ("delete", 5), ("patch", 8)] {
        if let Some(found) = item.get(method) {
            out.message(field, &operation(found));
        }
    }
    for found in list(item.get("parameters")) {
        out.message(9, &parameter(found));
    }
    out
}

fn operation(operation: &Value) -> Message {
    let mut out = Message::default();
    out.texts(1, operation.get("tags"));
    out.text(3, operation.get("description"));
    out.text(5, operation.get("operationId"));
    for found in list(operation.get("parameters")) {
        out.message(8, &parameter(found));
    }
    let mut responses = Message::default();
    for (code, found) in entries(operation.get("responses")) {
        let mut response = Message::default();
        response.text(1, found.get("description"));
        let mut value = Message::default();
        value.message(1, &response);
        responses.named(1, code, &value);
    }
    out.message(9, &responses);
    out.extensions(13, operation);
    out
}

/// A query parameter, or one of the path: their fields have other numbers.
fn parameter(parameter: &Value) -> Message {
    let is_query = parameter["in"] == "query";
    let (kind, unique, variant) = if is_query { (6, 20, 3) } else { (5, 19, 4) };
    let mut schema = Message::default();
    schema.truth(1, parameter.get("required"));
    schema.text(2, parameter.get("in"));
    schema.text(3, parameter.get("description"));
    schema.text(4, parameter.get("name"));
    schema.text(kind, parameter.get("type"));
    schema.truth(unique, parameter.get("uniqueItems"));
    // the parameter stands in three wrappers, one per choice
    let mut inner = Message::default();
    inner.message(variant, &schema);
    let mut outer = Message::default();
    outer.message(2, &inner);
    let mut out = Message::default();
    out.message(1, &outer);
    out
}

fn schema(of: &Value) -> Message {
    let mut out = Message::default();
    out.text(1, of.get("$ref"));
    out.text(2, of.get("format"));
    out.text(4, of.get("description"));
    if let Some(default) = of.get("default") {
        out.any(5, default);
    }
    out.texts(19, of.get("required"));
    for value in list(of.get("enum")) {
        out.any(20, value);
    }
    if let Some(values) = of.get("additionalProperties") {
        let mut item = Message::default();
        item.message(1, &schema(values));
        out.message(21, &item);
    }
    if let Some(kind) = of.get("type") {
        let mut item = Message::default();
        item.text(1, Some(kind));
        out.message(22, &item);
    }
    if let Some(items) = of.get("items") {
        let mut item = Message::default();
        item.message(1, &schema(items));
        out.message(23, &item);
    }
    let mut properties = Message::default();
    for (name, property) in entries(of.get("properties")) {
        properties.named(1, name, &schema(property));
    }
    if !properties.0.is_empty() {
        out.message(25, &properties);
    }
    out.extensions(31, of);
    out
}
