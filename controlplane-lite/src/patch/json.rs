//! RFC 6902, with the bounds and extensions of the reference's library: negative indices count from the end,
//! copies are limited in total.

use serde_json::{Map, Value};

use super::go;
use crate::status::{Result, Status};

/// More operations than this are refused.
const MAX_OPERATIONS: usize = 10_000;
/// Bytes that all copies of a patch may make together.
const MAX_COPIED: usize = 3 << 20;
const FIELDS: [&str; 4] = ["op", "path", "from", "value"];

/// One step of a patch.
#[derive(Debug)]
pub(super) struct Operation<'a> {
    op: &'a str,
    path: &'a str,
    from: &'a str,
    /// None if there is no `value` at all.
    value: Option<&'a Value>,
}

/// Why a patch doesn't fit an object. The reference keeps it to itself.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum JsonPatchError {
    /// A path that leads nowhere.
    #[error("path {0:?} is missing")]
    Missing(String),
    /// A `test` that does not hold.
    #[error("testing path {0:?} failed")]
    Test(String),
    /// An operation that makes no sense.
    #[error("operation {0:?} is malformed")]
    Operation(String),
    /// Copies beyond the limit.
    #[error("copies exceed {MAX_COPIED} bytes")]
    Copied,
}

type Done<T> = std::result::Result<T, JsonPatchError>;

/// The operations of a patch, and its unknown fields.
///
/// # Errors
/// 400 for wrong types, 413 for too many operations.
pub(super) fn read(patch: &Value) -> Result<(Vec<Operation<'_>>, Vec<String>)> {
    let items = patch.as_array().map(Vec::as_slice).unwrap_or_default();
    if items.len() > MAX_OPERATIONS {
        let text = format!(
            "Request entity too large: The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {}",
            items.len()
        );
        return Err(Status {
            message: text,
            ..Status::too_large(0)
        });
    }
    let mut unknown = Vec::new();
    let mut out = Vec::with_capacity(items.len());
    let wrong = |what: &Value, place: &str| {
        let got = go::json_kind(what);
        Status::bad_request(format!(
            "error decoding patch: json: cannot unmarshal {got} into Go {place}"
        ))
    };
    for (at, item) in items.iter().enumerate() {
        let map = item
            .as_object()
            .ok_or_else(|| wrong(item, "value of type handlers.jsonPatchOp"))?;
        let text = |name: &str| match map.get(name) {
            None | Some(Value::Null) => Ok(""),
            Some(Value::String(text)) => Ok(text.as_str()),
            Some(other) => Err(wrong(
                other,
                &format!("struct field jsonPatchOp.{name} of type string"),
            )),
        };
        unknown.extend(
            map.keys()
                .filter(|key| !FIELDS.contains(&key.as_str()))
                .map(|key| format!("unknown field \"[{at}].{key}\"")),
        );
        out.push(Operation {
            op: text("op")?,
            path: text("path")?,
            from: text("from")?,
            value: map.get("value"),
        });
    }
    Ok((out, unknown))
}

/// The object after all operations; `live` is untouched if one of them fails.
pub(super) fn apply(live: &Value, operations: &[Operation<'_>]) -> Done<Value> {
    let mut object = live.clone();
    let mut copied = 0;
    for operation in operations {
        step(&mut object, operation, &mut copied)?;
    }
    Ok(object)
}

fn step(object: &mut Value, operation: &Operation<'_>, copied: &mut usize) -> Done<()> {
    let Operation {
        op,
        path,
        from,
        value,
    } = operation;
    let malformed = || JsonPatchError::Operation((*op).to_owned());
    let given = || value.cloned().unwrap_or_default();
    match *op {
        "add" => add(object, path, given()),
        "remove" => remove(object, path).map(drop),
        "replace" => replace(object, path, given()),
        "move" => {
            let value = remove(object, from)?;
            add(object, path, value)
        }
        "copy" => {
            let value = at_mut(object, from)?.clone();
            *copied += value.to_string().len();
            if *copied > MAX_COPIED {
                return Err(JsonPatchError::Copied);
            }
            add(object, path, value)
        }
        "test" => {
            let found = at_mut(object, path).ok().map(|v| &*v);
            let wanted = value.unwrap_or(&Value::Null);
            // a missing value passes as null
            if found.unwrap_or(&Value::Null) == wanted {
                Ok(())
            } else {
                Err(JsonPatchError::Test((*path).to_owned()))
            }
        }
        _ => Err(malformed()),
    }
}

/// The steps of a JSON pointer, unescaped.
fn steps(path: &str) -> Done<Vec<String>> {
    match path.strip_prefix('/') {
        None if path.is_empty() => Ok(Vec::new()),
        None => Err(JsonPatchError::Missing(path.to_owned())),
        Some(rest) => Ok(rest
            .split('/')
            .map(|s| s.replace("~1", "/").replace("~0", "~"))
            .collect()),
    }
}

fn at_mut<'v>(object: &'v mut Value, path: &str) -> Done<&'v mut Value> {
    steps(path)?
        .iter()
        .try_fold(object, |value, step| child(value, step, path))
}

fn child<'v>(value: &'v mut Value, step: &str, path: &str) -> Done<&'v mut Value> {
    let found = match value {
        Value::Object(map) => map.get_mut(step),
        Value::Array(items) => index(step, items.len()).and_then(|at| items.get_mut(at)),
        _ => None,
    };
    found.ok_or_else(|| JsonPatchError::Missing(path.to_owned()))
}

/// The parent of the last step.
fn parent<'v>(object: &'v mut Value, path: &str) -> Done<(&'v mut Value, String)> {
    let mut steps = steps(path)?;
    let last = steps
        .pop()
        .ok_or_else(|| JsonPatchError::Missing(path.to_owned()))?;
    let parent = steps
        .iter()
        .try_fold(object, |value, step| child(value, step, path))?;
    Ok((parent, last))
}

fn add(object: &mut Value, path: &str, value: Value) -> Done<()> {
    let missing = || JsonPatchError::Missing(path.to_owned());
    let (parent, last) = parent(object, path)?;
    match parent {
        Value::Object(map) => {
            Map::insert(map, last, value);
        }
        Value::Array(items) if last == "-" => items.push(value),
        Value::Array(items) => {
            // one more place than there are items
            let at = index(&last, items.len() + 1)
                .filter(|at| *at <= items.len())
                .ok_or_else(missing)?;
            items.insert(at, value);
        }
        _ => return Err(missing()),
    }
    Ok(())
}

/// In an object this sets the field, whether it was there or not: the reference's library is that lenient.
fn replace(object: &mut Value, path: &str, value: Value) -> Done<()> {
    let (parent, last) = parent(object, path)?;
    match parent {
        Value::Object(map) => {
            Map::insert(map, last, value);
        }
        other => *child(other, &last, path)? = value,
    }
    Ok(())
}

fn remove(object: &mut Value, path: &str) -> Done<Value> {
    let missing = || JsonPatchError::Missing(path.to_owned());
    let (parent, last) = parent(object, path)?;
    match parent {
        Value::Object(map) => Map::remove(map, &last).ok_or_else(missing),
        Value::Array(items) => {
            let at = index(&last, items.len())
                .filter(|at| *at < items.len())
                .ok_or_else(missing)?;
            Ok(items.remove(at))
        }
        _ => Err(missing()),
    }
}

/// A place in an array of `len` places; negative ones count from the end.
fn index(step: &str, len: usize) -> Option<usize> {
    let at: i64 = step.parse().ok()?;
    if at >= 0 {
        usize::try_from(at).ok()
    } else {
        len.checked_sub(at.unsigned_abs() as usize)
    }
}
