//! Label and field selectors: what they match, and how their texts are read.
//!
//! Semantics and error texts are those of apimachinery's `labels` and `fields` packages.
//! Out of scope: which fields a resource offers (the resource row knows), and whether keys and values are
//! well-formed label names (validation).

use std::collections::BTreeSet;

use super::object::{Object, Pairs};

mod parse;

/// Why a selector's text was refused, in the reference's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SelectorError(pub(crate) String);

/// What a label requirement asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// The label is there with one of these values (`=`, `==`, `in`).
    In(BTreeSet<String>),
    /// The label is not there or has none of these values (`!=`, `notin`).
    NotIn(BTreeSet<String>),
    /// The label is there.
    Exists,
    /// The label is not there.
    DoesNotExist,
    /// The label is an integer greater than this.
    GreaterThan(i64),
    /// The label is an integer less than this.
    LessThan(i64),
}

/// One requirement on a label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// Label name.
    pub key: String,
    /// What is asked of it.
    pub op: Op,
}

impl Requirement {
    /// Whether the labels meet the requirement.
    pub fn matches(&self, labels: &Pairs) -> bool {
        let value = labels.get(&self.key);
        match &self.op {
            Op::In(values) => value.is_some_and(|v| values.contains(v)),
            Op::NotIn(values) => value.is_none_or(|v| !values.contains(v)),
            Op::Exists => value.is_some(),
            Op::DoesNotExist => value.is_none(),
            Op::GreaterThan(bound) => number(value).is_some_and(|v| v > *bound),
            Op::LessThan(bound) => number(value).is_some_and(|v| v < *bound),
        }
    }
}

fn number(value: Option<&str>) -> Option<i64> {
    value?.parse().ok()
}

/// One requirement on a field. A field that is not there counts as empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldRequirement {
    /// Field name, for instance `spec.nodeName`.
    pub field: String,
    /// Value to compare with.
    pub value: String,
    /// Whether it must be equal (else it must differ).
    pub equal: bool,
}

/// A label selector and a field selector together; the default matches everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selector {
    /// All of these must hold.
    pub labels: Vec<Requirement>,
    /// And all of these.
    pub fields: Vec<FieldRequirement>,
}

impl Selector {
    /// Reads a `labelSelector` and a `fieldSelector` parameter.
    ///
    /// # Errors
    /// One of them cannot be understood.
    pub fn parse(labels: &str, fields: &str) -> Result<Self, SelectorError> {
        Ok(Self {
            labels: Self::parse_labels(labels)?,
            fields: Self::parse_fields(fields)?,
        })
    }

    /// Reads a `labelSelector` parameter.
    ///
    /// # Errors
    /// It cannot be understood.
    pub fn parse_labels(text: &str) -> Result<Vec<Requirement>, SelectorError> {
        parse::labels(text)
    }

    /// Reads a `fieldSelector` parameter.
    ///
    /// # Errors
    /// It cannot be understood.
    pub fn parse_fields(text: &str) -> Result<Vec<FieldRequirement>, SelectorError> {
        parse::fields(text)
    }

    /// Whether everything matches.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    /// Whether the object is selected.
    pub fn matches(&self, object: &Object) -> bool {
        self.labels.iter().all(|r| r.matches(&object.labels))
            && self
                .fields
                .iter()
                .all(|r| (object.fields.get(&r.field).unwrap_or_default() == r.value) == r.equal)
    }

    /// The value that `field` must have, if the selector says so.
    pub fn exact(&self, field: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|r| r.equal && r.field == field)
            .map(|r| r.value.as_str())
    }
}

#[cfg(test)]
mod tests;
