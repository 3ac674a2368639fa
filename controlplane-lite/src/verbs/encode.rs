//! Between objects as values and objects as stored bytes.
//!
//! Invariant: stored text begins with `{"apiVersion":"…","kind":"…",`, so that lists, whose items carry neither, can
//! cut the head off without parsing. Text that some other writer put into the store is parsed instead.

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::Value;

use super::object;
use crate::resource::Resource;
use crate::status::{Result, Status};

/// The stored text of an object in its served form: converted, without resource version.
pub fn stored(row: &Resource, served: Value) -> Bytes {
    let mut value = match row.convert {
        Some((to_stored, _)) => to_stored(served),
        None => served,
    };
    object::remove_meta(&mut value, "resourceVersion");
    text(&mut value).into()
}

/// Writes an object with type and metadata first.
fn text(value: &mut Value) -> Vec<u8> {
    let Some(map) = value.as_object_mut() else {
        return value.to_string().into_bytes();
    };
    let mut out = Vec::with_capacity(1024);
    let mut separator = b'{';
    for key in ["apiVersion", "kind", "metadata"] {
        if let Some(member) = map.remove(key) {
            out.push(separator);
            out.extend_from_slice(format!("\"{key}\":").as_bytes());
            write(&mut out, &member);
            separator = b',';
        }
    }
    for (key, member) in map.iter() {
        out.push(separator);
        write(&mut out, &Value::String(key.clone()));
        out.push(b':');
        write(&mut out, member);
        separator = b',';
    }
    if separator == b'{' {
        out.push(b'{');
    }
    out.push(b'}');
    out
}

fn write(out: &mut Vec<u8>, value: &Value) {
    // Values with string keys written into memory cannot fail.
    let _ = serde_json::to_writer(out, value);
}

/// An object of the cache in its served form.
///
/// # Errors
/// 500 if the stored text is no JSON.
pub fn served(row: &Resource, json: &[u8]) -> Result<Value> {
    let value: Value = serde_json::from_slice(json)
        .map_err(|e| Status::internal(format!("the stored {} cannot be read: {e}", row.kind)))?;
    Ok(match row.convert {
        Some((_, to_served)) => to_served(value),
        None => value,
    })
}

/// The text of a list item behind its opening brace: the object without `apiVersion` and `kind`.
pub fn item<'a>(row: &Resource, json: &'a [u8]) -> Cow<'a, [u8]> {
    if row.convert.is_none()
        && let Some(rest) = without_head(json)
    {
        return Cow::Borrowed(rest);
    }
    let mut value = served(row, json).unwrap_or_default();
    if let Some(map) = value.as_object_mut() {
        map.remove("apiVersion");
        map.remove("kind");
    }
    Cow::Owned(value.to_string().into_bytes().split_off(1))
}

fn without_head(json: &[u8]) -> Option<&[u8]> {
    let rest = json.strip_prefix(b"{\"apiVersion\":\"")?;
    let rest = &rest[quote(rest)? + 1..];
    let rest = rest.strip_prefix(b",\"kind\":\"")?;
    let rest = &rest[quote(rest)? + 1..];
    rest.strip_prefix(b",")
}

/// Neither versions nor kinds contain escapes.
fn quote(text: &[u8]) -> Option<usize> {
    text.iter().position(|&b| b == b'"')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::resources::Registry;

    fn row(plural: &str) -> std::sync::Arc<Resource> {
        Registry::builtin()
            .find_any_version("", plural)
            .cloned()
            .expect("a row")
    }

    #[test]
    fn type_and_metadata_come_first_and_the_version_stays_out() {
        let object = json!({"data": {"a": "b"}, "kind": "ConfigMap", "apiVersion": "v1",
            "metadata": {"name": "m", "resourceVersion": "7"}});
        let text = stored(&row("configmaps"), object);
        let want: &[u8] =
            br#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"m"},"data":{"a":"b"}}"#;
        assert_eq!(text, want);
        let rest: &[u8] = br#""metadata":{"name":"m"},"data":{"a":"b"}}"#;
        assert_eq!(item(&row("configmaps"), &text).as_ref(), rest);
    }

    #[test]
    fn an_item_of_another_writer_is_parsed() {
        let text = br#"{"metadata":{"name":"m"},"kind":"ConfigMap","apiVersion":"v1"}"#;
        let rest: &[u8] = br#""metadata":{"name":"m"}}"#;
        assert_eq!(item(&row("configmaps"), text).as_ref(), rest);
    }
}
