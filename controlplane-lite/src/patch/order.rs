//! The order of merged lists: what the patch names comes in the patch's order, what only the server has keeps
//! its place relative to what it had before.

use serde_json::Value;

use super::strategic::{Done, StrategicError, no_merge_key};

/// Whether the items are objects; all of both lists must be of one type.
///
/// # Errors
/// Lists within lists, and lists of mixed types.
pub(super) fn are_objects(old: &[Value], new: &[Value]) -> Done<bool> {
    let kind = |v: &Value| match v {
        Value::Number(n) if n.is_f64() => 0,
        Value::Number(_) => 1,
        Value::String(_) => 2,
        Value::Bool(_) => 3,
        Value::Array(_) => 4,
        Value::Object(_) => 5,
        Value::Null => 6,
    };
    let mut kinds = old.iter().chain(new).map(kind);
    let Some(first) = kinds.next() else {
        return Ok(false);
    };
    if first == 4 {
        return Err(StrategicError::ListOfLists);
    }
    if kinds.any(|k| k != first) {
        let all = super::go::text(&serde_json::json!([old, new]));
        return Err(StrategicError::Other(format!(
            "list element types are not identical: {all}"
        )));
    }
    Ok(first == 5)
}

/// Puts a merged list in order. `wanted` has the patch's order, `server` the order before.
///
/// # Errors
/// An object without its merge key.
pub(super) fn enforce(merged: Vec<Value>, wanted: &[Value], server: &[Value], key: &str) -> Done<Vec<Value>> {
    if !key.is_empty() {
        for item in merged.iter().chain(wanted).chain(server) {
            if item.get(key).is_none() {
                return Err(no_merge_key(item, key));
            }
        }
    }
    let (mut named, mut rest): (Vec<Value>, Vec<Value>) = merged
        .into_iter()
        .partition(|item| place(wanted, item, key).is_some());
    sort(&mut named, wanted, key);
    sort(&mut rest, server, key);
    Ok(interleave(rest, named, server, key))
}

/// Where an item of the same key is.
fn place(list: &[Value], item: &Value, key: &str) -> Option<usize> {
    if key.is_empty() {
        list.iter().position(|i| i == item)
    } else {
        list.iter().position(|i| i.get(key) == item.get(key))
    }
}

/// Sorts by place in `order`. An item that isn't there goes before its neighbour, as an insertion sort with the
/// reference's comparison does it.
fn sort(items: &mut [Value], order: &[Value], key: &str) {
    for from in 1..items.len() {
        let mut at = from;
        while at > 0 {
            let before = match (place(order, &items[at], key), place(order, &items[at - 1], key)) {
                (Some(a), Some(b)) => a < b,
                _ => true,
            };
            if !before {
                break;
            }
            items.swap(at, at - 1);
            at -= 1;
        }
    }
}

/// Merges two sorted lists: an item of the server goes first only if it stood before.
fn interleave(rest: Vec<Value>, named: Vec<Value>, server: &[Value], key: &str) -> Vec<Value> {
    let mut out = Vec::with_capacity(rest.len() + named.len());
    let (mut rest, mut named) = (rest.into_iter().peekable(), named.into_iter().peekable());
    loop {
        let first = match (rest.peek(), named.peek()) {
            (None, None) => return out,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (Some(left), Some(right)) => {
                matches!((place(server, left, key), place(server, right, key)), (Some(l), Some(r)) if l < r)
            }
        };
        out.extend(if first { rest.next() } else { named.next() });
    }
}

/// Checks that the items of a patch list come in the order that `$setElementOrder` gives.
///
/// # Errors
/// If one is missing there or stands elsewhere, or lacks its key.
pub(super) fn check(patch: &[Value], wanted: &[Value], key: &str) -> Done<()> {
    if patch.is_empty() || wanted.is_empty() {
        return Ok(());
    }
    let deleted = |item: &&Value| !key.is_empty() && item.get("$patch").is_some_and(|p| p == "delete");
    let mut items = patch.iter().filter(|item| !deleted(item)).peekable();
    let mut order = wanted.iter();
    while let Some(item) = items.peek() {
        if item.get("$patch").is_some() && order.len() > 0 {
            items.next();
            continue;
        }
        let Some(next) = order.next() else {
            let (patch, wanted) = (super::go::text(&patch.into()), super::go::text(&wanted.into()));
            return Err(StrategicError::Other(format!(
                "The order in patch list:\n{patch}\n doesn't match $setElementOrder list:\n{wanted}\n"
            )));
        };
        let same = if key.is_empty() {
            *item == next
        } else {
            let of = |value: &Value| value.get(key).cloned().ok_or_else(|| no_merge_key(value, key));
            of(item)? == of(next)?
        };
        if same {
            items.next();
        }
    }
    Ok(())
}
