//! What the cache has to know about a resource: where it lives and which fields can be selected on.

use super::json::{self, Malformed};
use super::object::{Pairs, Read, scalar, string_map};

/// Value of a selectable field that one path cannot tell, computed from the whole stored JSON.
pub type ComputeField = fn(&[u8]) -> String;

#[derive(Debug, Clone)]
enum Source {
    /// Members by path; the first that is there and not empty counts, else the default.
    Paths(Vec<Vec<String>>, String),
    Computed(ComputeField),
}

/// One resource as the cache sees it. `metadata.name` (and `metadata.namespace`) can always be selected on.
#[derive(Debug, Clone)]
pub struct Resource {
    pub(super) prefix: String,
    pub(super) namespaced: bool,
    pub(super) index: Option<String>,
    fields: Vec<(String, Source)>,
}

impl Resource {
    /// A resource whose objects are stored at `prefix` + `[namespace/]name`; `prefix` ends with `/`.
    pub fn new(prefix: impl Into<String>, namespaced: bool) -> Self {
        Self {
            prefix: prefix.into(),
            namespaced,
            index: None,
            fields: Vec::new(),
        }
    }

    /// Adds a selectable field that is a scalar member; empty where it is not there.
    #[must_use]
    pub fn field(self, name: impl Into<String>, path: &[&str]) -> Self {
        self.field_or(name, &[path], "")
    }

    /// Adds a selectable field that is the first of several members that is there and not empty, else
    /// `default`.
    #[must_use]
    pub fn field_or(mut self, name: impl Into<String>, paths: &[&[&str]], default: &str) -> Self {
        let paths = paths
            .iter()
            .map(|p| p.iter().map(|&s| s.to_owned()).collect())
            .collect();
        self.fields
            .push((name.into(), Source::Paths(paths, default.to_owned())));
        self
    }

    /// Adds a selectable field computed from the object's JSON.
    #[must_use]
    pub fn computed(mut self, name: impl Into<String>, compute: ComputeField) -> Self {
        self.fields.push((name.into(), Source::Computed(compute)));
        self
    }

    /// Watches that select one value of this field are found by that value instead of being asked one by
    /// one: `spec.nodeName` of pods, as every kubelet watches its own.
    #[must_use]
    pub fn index(mut self, field: impl Into<String>) -> Self {
        self.index = Some(field.into());
        self
    }

    /// Where the objects are stored.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Reads what splicing and selectors need, in one walk.
    pub(super) fn read(&self, text: &[u8]) -> Result<Read, Malformed> {
        let mut paths: Vec<Vec<&str>> = FIXED.iter().map(|p| p.to_vec()).collect();
        for (_, source) in &self.fields {
            if let Source::Paths(list, _) = source {
                paths.extend(list.iter().map(|p| p.iter().map(String::as_str).collect()));
            }
        }
        let borrowed: Vec<&[&str]> = paths.iter().map(Vec::as_slice).collect();
        let found = json::find(text, &borrowed)?;
        let part = |i: usize| found[i].clone().map(|range| &text[range]);
        let metadata = found[0]
            .clone()
            .filter(|r| text[r.start] == b'{')
            .ok_or(Malformed { at: 0 })?;
        Ok(Read {
            metadata: metadata.start + 1,
            versioned: found[1].is_some(),
            labels: part(2).map_or(Ok(Pairs::default()), string_map)?,
            fields: self.read_fields(text, &part),
        })
    }

    fn read_fields<'a>(&self, text: &[u8], part: &impl Fn(usize) -> Option<&'a [u8]>) -> Pairs {
        let member = |i| part(i).and_then(scalar).unwrap_or_default();
        let mut fields = vec![("metadata.name", member(3))];
        if self.namespaced {
            fields.push(("metadata.namespace", member(4)));
        }
        let mut at = FIXED.len();
        for (name, source) in &self.fields {
            let value = match source {
                Source::Computed(compute) => compute(text),
                Source::Paths(paths, default) => {
                    let from = at;
                    at += paths.len();
                    (from..at)
                        .map(member)
                        .find(|v| !v.is_empty())
                        .unwrap_or_else(|| default.clone())
                }
            };
            fields.push((name, value));
        }
        Pairs::new(fields)
    }
}

/// Members every object is asked for, in the order [`Resource::read`] uses them.
const FIXED: [&[&str]; 5] = [
    &["metadata"],
    &["metadata", "resourceVersion"],
    &["metadata", "labels"],
    &["metadata", "name"],
    &["metadata", "namespace"],
];
