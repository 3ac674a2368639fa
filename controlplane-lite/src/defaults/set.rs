//! The few ways in which a default is set.

use crate::quantity::Quantity;
use serde_json::{Map, Value};

/// A JSON object.
pub(super) type Object = Map<String, Value>;

/// Sets a field that is absent or `null`: Go pointers, for which a zero value is a value.
pub(super) fn absent(object: &mut Object, field: &str, value: impl Into<Value>) {
    if object.get(field).is_none_or(Value::is_null) {
        object.insert(field.to_owned(), value.into());
    }
}

/// Sets a field that is absent or has its type's zero value: plain Go fields.
pub(super) fn empty(object: &mut Object, field: &str, value: impl Into<Value>) {
    let zero = match object.get(field) {
        None | Some(Value::Null) => true,
        Some(Value::String(s)) => s.is_empty(),
        Some(Value::Number(n)) => n.as_i64() == Some(0),
        Some(_) => false,
    };
    if zero {
        object.insert(field.to_owned(), value.into());
    }
}

/// The object at a field, if there is one.
pub(super) fn within<'a>(object: &'a mut Object, field: &str) -> Option<&'a mut Object> {
    object.get_mut(field).and_then(Value::as_object_mut)
}

/// The object at a field, made if there is none; `None` only for a value of another type.
pub(super) fn ensure<'a>(object: &'a mut Object, field: &str) -> Option<&'a mut Object> {
    absent(object, field, Value::Object(Map::new()));
    within(object, field)
}

/// Runs `fill` on each object of a list.
pub(super) fn each(object: &mut Object, field: &str, fill: impl FnMut(&mut Object)) {
    let items = object.get_mut(field).and_then(Value::as_array_mut);
    items
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
        .for_each(fill);
}

/// The text at a field, empty when absent.
pub(super) fn text<'a>(object: &'a Object, field: &str) -> &'a str {
    object.get(field).and_then(Value::as_str).unwrap_or("")
}

/// Whether a field is there and not `null`.
pub(super) fn has(object: &Object, field: &str) -> bool {
    object.get(field).is_some_and(|v| !v.is_null())
}

/// Rounds the amounts of a resource list up to thousandths, as the reference stores them.
pub(super) fn amounts(object: &mut Object, field: &str) {
    for value in within(object, field)
        .into_iter()
        .flat_map(|list| list.values_mut())
    {
        if let Ok(amount) = Quantity::from_value(value)
            && !amount.is_whole_milli()
        {
            *value = Quantity::millis(amount.milli_value()).to_string().into();
        }
    }
}

/// Copies the entries of `from` that `to` lacks.
pub(super) fn fill_from(object: &mut Object, to: &str, from: &str) {
    let Some(source) = object
        .get(from)
        .and_then(Value::as_object)
        .filter(|s| !s.is_empty())
        .cloned()
    else {
        return;
    };
    let Some(target) = ensure(object, to) else { return };
    for (key, value) in source {
        target.entry(key).or_insert(value);
    }
}
