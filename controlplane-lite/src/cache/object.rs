//! One API object as every list and every watch shares it: its JSON bytes with the resource version inside,
//! and what selectors look at.
//!
//! Invariant: `json` is the stored text with `"resourceVersion":"<revision>"` as the first member of its
//! `metadata`; nothing else differs. Out of scope: what the fields mean.

use std::sync::Arc;

use bytes::Bytes;

use super::json::Malformed;
use super::resource::Resource;
use crate::store::Entry;

/// Text between the brace of `metadata` and the digits of the revision.
const VERSION_KEY: &[u8] = b"\"resourceVersion\":\"";

/// A small immutable map of strings in one allocation, in the order given: labels or selectable fields.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pairs(Box<str>);

impl Pairs {
    /// Packs the pairs. NUL occurs in no label and no field value; if it does, the pair is left out, so that
    /// it can never look like another one.
    pub fn new<K: AsRef<str>, V: AsRef<str>>(pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        let mut text = String::new();
        for (key, value) in pairs {
            let (key, value) = (key.as_ref(), value.as_ref());
            if !key.contains('\0') && !value.contains('\0') {
                text.extend([key, "\0", value, "\0"]);
            }
        }
        Self(text.into_boxed_str())
    }

    /// The pairs in the order they were given.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut parts = self.0.split_terminator('\0');
        std::iter::from_fn(move || Some((parts.next()?, parts.next()?)))
    }

    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.iter().find(|(k, _)| *k == key).map(|(_, v)| v)
    }
}

/// An API object at one revision.
#[derive(Debug, Clone)]
pub struct Object {
    /// Full key in the store.
    pub key: Arc<str>,
    /// Its resource version: the revision of its last write (of its delete, in a Deleted event).
    pub revision: u64,
    /// Revision at which it was created.
    pub create_revision: u64,
    /// The object as JSON, resource version inside.
    pub json: Bytes,
    /// `metadata.labels`.
    pub labels: Pairs,
    /// The selectable fields of its resource, always with `metadata.name` (and `metadata.namespace`).
    pub fields: Pairs,
    /// Where in `json` the spliced member begins.
    splice: u32,
    /// Whether a comma was spliced in behind it (not into an empty `metadata`).
    comma: bool,
}

impl Object {
    /// Makes the object of a stored entry.
    ///
    /// # Errors
    /// The entry is not the JSON of an object with `metadata`.
    pub fn new(entry: &Entry, resource: &Resource) -> Result<Self, Malformed> {
        let read = resource.read(&entry.value)?;
        if read.versioned {
            return Self::of_versioned(entry, resource);
        }
        let after_brace = entry.value[read.metadata..]
            .iter()
            .find(|b| !b.is_ascii_whitespace());
        let comma = after_brace != Some(&b'}');
        Ok(Self {
            key: entry.key.clone(),
            revision: entry.mod_revision,
            create_revision: entry.create_revision,
            json: spliced(&entry.value, read.metadata, entry.mod_revision, comma),
            labels: read.labels,
            fields: read.fields,
            splice: u32::try_from(read.metadata).map_err(|_| Malformed { at: read.metadata })?,
            comma,
        })
    }

    /// The rare stored text that brings a resource version along, written by another program.
    fn of_versioned(entry: &Entry, resource: &Resource) -> Result<Self, Malformed> {
        let mut value: serde_json::Value =
            serde_json::from_slice(&entry.value).map_err(|e| Malformed { at: e.column() })?;
        if let Some(metadata) = value.get_mut("metadata").and_then(|m| m.as_object_mut()) {
            metadata.remove("resourceVersion");
        }
        let entry = Entry {
            value: Bytes::from(value.to_string()),
            ..entry.clone()
        };
        Self::new(&entry, resource)
    }

    /// The object as it is stored: without the resource version.
    pub fn stored(&self) -> Bytes {
        let (start, end) = self.member();
        let mut text = Vec::with_capacity(self.json.len() - (end - start));
        text.extend_from_slice(&self.json[..start]);
        text.extend_from_slice(&self.json[end..]);
        text.into()
    }

    /// Whether the stored form equals `value`.
    pub fn is_stored_as(&self, value: &[u8]) -> bool {
        let (start, end) = self.member();
        value.len() == self.json.len() - (end - start)
            && value[..start] == self.json[..start]
            && value[start..] == self.json[end..]
    }

    /// The same object under another resource version, as a watcher sees a deleted one.
    pub fn at_revision(&self, revision: u64) -> Self {
        let json = spliced(&self.stored(), self.splice as usize, revision, self.comma);
        Self {
            revision,
            json,
            ..self.clone()
        }
    }

    /// Range of the spliced member in `json`.
    fn member(&self) -> (usize, usize) {
        let start = self.splice as usize;
        let end = start + VERSION_KEY.len() + digits(self.revision) + 1 + usize::from(self.comma);
        (start, end)
    }
}

fn digits(number: u64) -> usize {
    number.checked_ilog10().map_or(1, |n| n as usize + 1)
}

fn spliced(text: &[u8], at: usize, revision: u64, comma: bool) -> Bytes {
    let extra = VERSION_KEY.len() + digits(revision) + 1 + usize::from(comma);
    let mut json = Vec::with_capacity(text.len() + extra);
    json.extend_from_slice(&text[..at]);
    json.extend_from_slice(VERSION_KEY);
    json.extend_from_slice(revision.to_string().as_bytes());
    json.extend_from_slice(if comma { b"\"," } else { b"\"" });
    json.extend_from_slice(&text[at..]);
    json.into()
}

/// What one walk over a stored object yields.
#[derive(Debug)]
pub(super) struct Read {
    /// Offset just behind the opening brace of `metadata`.
    pub(super) metadata: usize,
    /// Whether a resource version is there already.
    pub(super) versioned: bool,
    pub(super) labels: Pairs,
    pub(super) fields: Pairs,
}

/// Text of a scalar member as selectors compare it; nothing for objects and arrays.
pub(super) fn scalar(text: &[u8]) -> Option<String> {
    match text.first()? {
        b'"' => serde_json::from_slice(text).ok(),
        b'{' | b'[' | b'n' => None,
        _ => std::str::from_utf8(text).ok().map(str::to_owned),
    }
}

/// The pairs of a JSON object of strings.
pub(super) fn string_map(text: &[u8]) -> Result<Pairs, Malformed> {
    if !text.starts_with(b"{") {
        return Ok(Pairs::default());
    }
    let map: std::collections::BTreeMap<String, String> =
        serde_json::from_slice(text).map_err(|e| Malformed { at: e.column() })?;
    Ok(Pairs::new(map))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(value: &str, revision: u64) -> Entry {
        Entry {
            key: "/registry/pods/ns/p".into(),
            value: Bytes::copy_from_slice(value.as_bytes()),
            create_revision: 2,
            mod_revision: revision,
        }
    }

    fn pods() -> Resource {
        Resource::new("/registry/pods/", true).field("spec.nodeName", &["spec", "nodeName"])
    }

    #[test]
    fn the_version_is_spliced_in_and_taken_out_again() {
        for (stored, seen) in [
            (
                r#"{"metadata":{"name":"p"},"spec":{}}"#,
                r#"{"metadata":{"resourceVersion":"1234","name":"p"},"spec":{}}"#,
            ),
            (
                r#"{"a":1,"metadata":{}}"#,
                r#"{"a":1,"metadata":{"resourceVersion":"1234"}}"#,
            ),
            (
                r#"{"metadata": { }}"#,
                r#"{"metadata": {"resourceVersion":"1234" }}"#,
            ),
        ] {
            let object = Object::new(&entry(stored, 1234), &pods()).unwrap();
            assert_eq!(object.json, seen);
            assert_eq!(object.stored(), stored);
            assert!(object.is_stored_as(stored.as_bytes()));
            assert!(!object.is_stored_as(seen.as_bytes()));
            let later = object.at_revision(99_999);
            assert_eq!(later.stored(), stored);
            assert_eq!(later.json, seen.replace("1234", "99999"));
        }
    }

    #[test]
    fn a_version_that_was_stored_is_replaced() {
        let stored = r#"{"metadata":{"name":"p","resourceVersion":"7"}}"#;
        let object = Object::new(&entry(stored, 9), &pods()).unwrap();
        assert_eq!(object.json, r#"{"metadata":{"resourceVersion":"9","name":"p"}}"#);
    }

    #[test]
    fn selectors_find_labels_and_fields() {
        let stored = r#"{"metadata":{"labels":{"app":"a\u0042","x":""},"name":"p","namespace":"ns"},"spec":{"nodeName":"n1"}}"#;
        let object = Object::new(&entry(stored, 9), &pods()).unwrap();
        assert_eq!(
            object.labels.iter().collect::<Vec<_>>(),
            [("app", "aB"), ("x", "")]
        );
        for (field, want) in [
            ("metadata.name", Some("p")),
            ("metadata.namespace", Some("ns")),
            ("spec.nodeName", Some("n1")),
            ("status.phase", None),
        ] {
            assert_eq!(object.fields.get(field), want, "{field}");
        }
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for stored in [
            "",
            "k8s\0\n",
            "[]",
            "{}",
            r#"{"metadata":1}"#,
            r#"{"metadata":{"labels":{"a":1}}}"#,
        ] {
            assert!(Object::new(&entry(stored, 9), &pods()).is_err(), "{stored}");
        }
    }
}
