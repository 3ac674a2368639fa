//! Field errors and the paths that they point at.
//!
//! Validation walks an object with [`At`], a JSON value together with the path that leads to it, and collects
//! [`FieldError`]s whose texts and reasons are those of apimachinery's `field` package, since people and
//! programs match on them. Paths are linked lists that are rendered only when an error is made, so a valid
//! object pays one small allocation per visited field.
//!
//! Out of scope: turning a list of errors into a `Status` (the machinery does that) and deciding what is valid.

mod at;
mod path;

pub use at::At;
pub use path::Path;

use serde_json::Value;
use std::fmt;

/// What kind of mistake a [`FieldError`] reports; decides its text and its machine-readable reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// A reference to something that the object does not contain.
    NotFound,
    /// An absent or empty value where one is needed.
    Required,
    /// A value that must be unique and is not.
    Duplicate,
    /// A malformed value, or one out of bounds.
    Invalid,
    /// A value outside a closed list.
    NotSupported,
    /// A well-formed value that is not permitted here.
    Forbidden,
    /// More bytes than allowed.
    TooLong,
    /// More items than allowed.
    TooMany,
    /// A fault of ours, not of the caller.
    Internal,
    /// A value of another JSON type than the schema asks for.
    TypeInvalid,
}

impl ErrorKind {
    /// The cause's reason in a `Status`, for example `FieldValueRequired`.
    pub fn reason(self) -> &'static str {
        match self {
            Self::NotFound => "FieldValueNotFound",
            Self::Required => "FieldValueRequired",
            Self::Duplicate => "FieldValueDuplicate",
            Self::Invalid => "FieldValueInvalid",
            Self::NotSupported => "FieldValueNotSupported",
            Self::Forbidden => "FieldValueForbidden",
            Self::TooLong => "FieldValueTooLong",
            Self::TooMany => "FieldValueTooMany",
            Self::Internal => "InternalError",
            Self::TypeInvalid => "FieldValueTypeInvalid",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::NotFound => "Not found",
            Self::Required => "Required value",
            Self::Duplicate => "Duplicate value",
            Self::Invalid | Self::TypeInvalid => "Invalid value",
            Self::NotSupported => "Unsupported value",
            Self::Forbidden => "Forbidden",
            Self::TooLong => "Too long",
            Self::TooMany => "Too many",
            Self::Internal => "Internal error",
        }
    }

    fn shows_value(self) -> bool {
        !matches!(
            self,
            Self::Required | Self::Forbidden | Self::TooLong | Self::Internal
        )
    }
}

/// One mistake in one field of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// The kind of mistake.
    pub kind: ErrorKind,
    /// The rendered path, for example `spec.containers[0].image`.
    pub field: String,
    /// The offending value as it is shown, already quoted; empty when it is not shown.
    value: String,
    /// What is wrong, in words; may be empty.
    pub detail: String,
}

/// All mistakes found so far, in the order in which the reference reports them.
pub type Errors = Vec<FieldError>;

impl FieldError {
    /// An error of `kind` at `field`, showing `value`.
    pub fn new(kind: ErrorKind, field: &Path, value: &Value, detail: impl Into<String>) -> Self {
        let value = if kind.shows_value() {
            show(value)
        } else {
            String::new()
        };
        Self {
            kind,
            field: field.to_string(),
            value,
            detail: detail.into(),
        }
    }

    /// An error that shows `text` verbatim as the value, for values whose field order or names matter.
    pub fn with_shown(
        kind: ErrorKind,
        field: &Path,
        text: impl Into<String>,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            field: field.to_string(),
            value: text.into(),
            detail: detail.into(),
        }
    }

    /// A value that is needed and absent.
    pub fn required(field: &Path, detail: impl Into<String>) -> Self {
        Self::new(ErrorKind::Required, field, &Value::Null, detail)
    }

    /// A value that is malformed or out of bounds.
    pub fn invalid(field: &Path, value: &Value, detail: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, field, value, detail)
    }

    /// A value that is not permitted here.
    pub fn forbidden(field: &Path, detail: impl Into<String>) -> Self {
        Self::new(ErrorKind::Forbidden, field, &Value::Null, detail)
    }

    /// A value outside the closed list `supported`, which is shown in the given order.
    pub fn not_supported(field: &Path, value: &Value, supported: &[&str]) -> Self {
        let quoted: Vec<String> = supported.iter().map(|s| quote(s)).collect();
        let detail = match quoted.is_empty() {
            true => String::new(),
            false => format!("supported values: {}", quoted.join(", ")),
        };
        Self::new(ErrorKind::NotSupported, field, value, detail)
    }

    /// A value that occurs twice.
    pub fn duplicate(field: &Path, value: &Value) -> Self {
        Self::new(ErrorKind::Duplicate, field, value, "")
    }

    /// A reference to something absent.
    pub fn not_found(field: &Path, value: &Value) -> Self {
        Self::new(ErrorKind::NotFound, field, value, "")
    }

    /// More than `max` bytes.
    pub fn too_long(field: &Path, max: usize) -> Self {
        let unit = if max == 1 { "byte" } else { "bytes" };
        Self::new(
            ErrorKind::TooLong,
            field,
            &Value::Null,
            format!("may not be more than {max} {unit}"),
        )
    }

    /// More than `max` items.
    pub fn too_many(field: &Path, actual: usize, max: usize) -> Self {
        let unit = if max == 1 { "item" } else { "items" };
        Self::new(
            ErrorKind::TooMany,
            field,
            &actual.into(),
            format!("must have at most {max} {unit}"),
        )
    }

    /// A fault of ours.
    pub fn internal(field: &Path, detail: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, field, &Value::Null, detail)
    }

    /// The cause's reason in a `Status`.
    pub fn reason(&self) -> &'static str {
        self.kind.reason()
    }

    /// The text without the field, as a `Status` cause carries it.
    pub fn body(&self) -> String {
        let mut text = self.kind.title().to_owned();
        for part in [&self.value, &self.detail] {
            if !part.is_empty() {
                text.push_str(": ");
                text.push_str(part);
            }
        }
        text
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.body())
    }
}

impl std::error::Error for FieldError {}

/// A value as error texts show it: strings in Go's quotes, everything else as compact JSON with Go's escapes.
pub fn show(value: &Value) -> String {
    match value {
        Value::String(s) => quote(s),
        other => other
            .to_string()
            .replace('<', "\\u003c")
            .replace('>', "\\u003e")
            .replace('&', "\\u0026"),
    }
}

/// An object as the reference shows its internal struct: with Go's names, all fields, in order. Each field is its Go
/// name, its name on the wire, and what is shown when it is absent.
pub fn show_struct(value: &Value, fields: &[(&str, &str, &str)]) -> String {
    let shown: Vec<String> = fields
        .iter()
        .map(|(go, wire, absent)| match value.get(wire) {
            None | Some(Value::Null) => format!("\"{go}\":{absent}"),
            Some(value) => format!("\"{go}\":{value}"),
        })
        .collect();
    format!("{{{}}}", shown.join(","))
}

/// `text` in double quotes with Go's escapes (`strconv.Quote`).
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{b}' => out.push_str("\\v"),
            c if c.is_ascii_control() => out.push_str(&format!("\\x{:02x}", c as u32)),
            c if c.is_control() || (c.is_whitespace() && c != ' ') => {
                out.push_str(&format!("\\u{:04x}", c as u32));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests;
