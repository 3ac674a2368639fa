//! Reading and writing `metadata` of objects as values.

use jiff::{Timestamp, Unit};
use serde_json::{Map, Value};

/// A text member of `metadata`; empty without one.
pub fn meta<'a>(object: &'a Value, field: &str) -> &'a str {
    object["metadata"][field].as_str().unwrap_or_default()
}

/// `metadata` as a map, made if it is missing.
pub fn meta_mut(object: &mut Value) -> Option<&mut Map<String, Value>> {
    let entry = object
        .as_object_mut()?
        .entry("metadata")
        .or_insert_with(|| Value::Object(Map::new()));
    if !entry.is_object() {
        *entry = Value::Object(Map::new());
    }
    entry.as_object_mut()
}

/// Sets a member of `metadata`.
pub fn set_meta(object: &mut Value, field: &str, value: impl Into<Value>) {
    if let Some(metadata) = meta_mut(object) {
        metadata.insert(field.to_owned(), value.into());
    }
}

/// Removes a member of `metadata`.
pub fn remove_meta(object: &mut Value, field: &str) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove(field);
    }
}

/// Makes a member of `metadata` what it is in another object, also if that is nothing.
pub fn copy_meta(object: &mut Value, from: &Value, field: &str) {
    match from["metadata"].get(field) {
        Some(value) => set_meta(object, field, value.clone()),
        None => remove_meta(object, field),
    }
}

/// `metadata.finalizers`.
pub fn finalizers(object: &Value) -> Vec<&str> {
    object["metadata"]["finalizers"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

/// Whether deletion has begun.
pub fn is_deleting(object: &Value) -> bool {
    !meta(object, "deletionTimestamp").is_empty()
}

/// A time stamp in whole seconds, as `metav1.Time` is written.
pub fn seconds(at: Timestamp) -> String {
    let whole = at.round(Unit::Second).map_or(at, |r| {
        if r > at {
            r - jiff::SignedDuration::from_secs(1)
        } else {
            r
        }
    });
    whole.to_string()
}

/// Five letters and digits for generated names: no vowels and no look-alikes, as in the reference.
pub fn suffix(random: &mut fastrand::Rng) -> String {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    (0..5)
        .map(|_| char::from(LETTERS[random.usize(..LETTERS.len())]))
        .collect()
}

/// A name made of `generateName`, cut so that it is at most 63 long.
pub fn generated(base: &str, random: &mut fastrand::Rng) -> String {
    let cut: String = base.chars().take(63 - 5).collect();
    format!("{cut}{}", suffix(random))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_whole_seconds_and_are_never_in_the_future() {
        for text in [
            "2026-01-02T03:04:05.999999999Z",
            "2026-01-02T03:04:05.4Z",
            "2026-01-02T03:04:05Z",
        ] {
            let at: Timestamp = text.parse().expect("a time");
            assert_eq!(seconds(at), "2026-01-02T03:04:05Z");
        }
    }

    #[test]
    fn generated_names_keep_their_base_and_fit_a_label() {
        let mut random = fastrand::Rng::with_seed(1);
        let name = generated("gen-", &mut random);
        assert!(name.starts_with("gen-") && name.len() == 9, "{name}");
        assert_eq!(generated(&"x".repeat(100), &mut random).len(), 63);
    }
}
