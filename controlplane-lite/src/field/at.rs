//! A JSON value together with its path: what validation rules are written on.

use super::{ErrorKind, Errors, FieldError, Path};
use serde_json::{Map, Value};

static NULL: Value = Value::Null;

/// A value and where it is. An absent field is `null`; accessors never fail but answer with the zero value.
#[derive(Debug, Clone)]
pub struct At<'v> {
    /// Where the value is.
    pub path: Path,
    /// The value; `null` when absent.
    pub value: &'v Value,
}

impl<'v> At<'v> {
    /// The whole object.
    pub fn root(value: &'v Value) -> Self {
        Self {
            path: Path::root(),
            value,
        }
    }

    /// `value` as found at `path`.
    pub fn new(path: Path, value: &'v Value) -> Self {
        Self { path, value }
    }

    /// The field `name`.
    #[must_use]
    pub fn get(&self, name: &'static str) -> Self {
        Self {
            path: self.path.child(name),
            value: self.value.get(name).unwrap_or(&NULL),
        }
    }

    /// The field at the end of `names`.
    #[must_use]
    pub fn at(&self, names: &[&'static str]) -> Self {
        names.iter().fold(self.clone(), |at, name| at.get(name))
    }

    /// The map entry `key`, with a path in square brackets.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        Self {
            path: self.path.key(key),
            value: self.value.get(key).unwrap_or(&NULL),
        }
    }

    /// The items of a list, in order; nothing for anything else.
    pub fn items(&self) -> impl DoubleEndedIterator<Item = At<'v>> + ExactSizeIterator + use<'v> {
        let path = self.path.clone();
        let items: &'v [Value] = self.value.as_array().map_or(&[], Vec::as_slice);
        items.iter().enumerate().map(move |(i, value)| At {
            path: path.index(i),
            value,
        })
    }

    /// The entries of a map in key order; nothing for anything else.
    pub fn entries(&self) -> impl Iterator<Item = (&'v str, At<'v>)> + use<'v> {
        let path = self.path.clone();
        self.object().into_iter().flatten().map(move |(k, value)| {
            (
                k.as_str(),
                At {
                    path: path.key(k),
                    value,
                },
            )
        })
    }

    /// The map, if it is one.
    pub fn object(&self) -> Option<&'v Map<String, Value>> {
        self.value.as_object()
    }

    /// The text, empty when absent.
    pub fn str(&self) -> &'v str {
        self.value.as_str().unwrap_or("")
    }

    /// The text of the field `name`, empty when absent.
    pub fn str_of(&self, name: &str) -> &'v str {
        self.value.get(name).and_then(Value::as_str).unwrap_or("")
    }

    /// The integer, if there is one.
    pub fn int(&self) -> Option<i64> {
        self.value.as_i64()
    }

    /// The integer of the field `name`, if there is one.
    pub fn int_of(&self, name: &str) -> Option<i64> {
        self.value.get(name).and_then(Value::as_i64)
    }

    /// Whether the value is `true`.
    pub fn is_true(&self) -> bool {
        self.value == &Value::Bool(true)
    }

    /// Whether the field `name` is `true`.
    pub fn flag(&self, name: &str) -> bool {
        self.value.get(name) == Some(&Value::Bool(true))
    }

    /// Whether there is a value other than `null`.
    pub fn present(&self) -> bool {
        !self.value.is_null()
    }

    /// Whether the field `name` is there and not `null`.
    pub fn has(&self, name: &str) -> bool {
        self.value.get(name).is_some_and(|v| !v.is_null())
    }

    /// The number of items, entries or bytes; 0 when absent.
    pub fn len(&self) -> usize {
        match self.value {
            Value::Array(a) => a.len(),
            Value::Object(o) => o.len(),
            Value::String(s) => s.len(),
            _ => 0,
        }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// "Required value".
    pub fn required(&self, detail: impl Into<String>) -> FieldError {
        FieldError::required(&self.path, detail)
    }

    /// "Invalid value", showing this value.
    pub fn invalid(&self, detail: impl Into<String>) -> FieldError {
        FieldError::invalid(&self.path, self.value, detail)
    }

    /// "Invalid value", showing the text, which is empty when the field is absent.
    pub fn invalid_str(&self, detail: impl Into<String>) -> FieldError {
        FieldError::invalid(&self.path, &Value::from(self.str()), detail)
    }

    /// "Invalid value", showing `value` in place of this one.
    pub fn invalid_as(&self, value: impl Into<Value>, detail: impl Into<String>) -> FieldError {
        FieldError::invalid(&self.path, &value.into(), detail)
    }

    /// "Invalid value", showing the object as the reference shows its struct (see [`super::show_struct`]).
    pub fn invalid_struct(&self, fields: &[(&str, &str, &str)], detail: impl Into<String>) -> FieldError {
        let shown = super::show_struct(self.value, fields);
        FieldError::with_shown(ErrorKind::Invalid, &self.path, shown, detail)
    }

    /// "Forbidden".
    pub fn forbidden(&self, detail: impl Into<String>) -> FieldError {
        FieldError::forbidden(&self.path, detail)
    }

    /// "Unsupported value" of a text, with the supported ones in the given order.
    pub fn unsupported(&self, supported: &[&str]) -> FieldError {
        FieldError::not_supported(&self.path, &Value::from(self.str()), supported)
    }

    /// "Duplicate value".
    pub fn duplicate(&self) -> FieldError {
        FieldError::duplicate(&self.path, self.value)
    }

    /// "Not found".
    pub fn not_found(&self) -> FieldError {
        FieldError::not_found(&self.path, self.value)
    }

    /// An error of any kind that shows this value.
    pub fn error(&self, kind: ErrorKind, detail: impl Into<String>) -> FieldError {
        FieldError::new(kind, &self.path, self.value, detail)
    }

    /// One "Invalid value" per message of a name check.
    pub fn invalid_each(&self, messages: impl IntoIterator<Item = String>, errs: &mut Errors) {
        errs.extend(messages.into_iter().map(|m| self.invalid_str(m)));
    }

    /// "Required value" when the text is empty, else "Unsupported value" when it is none of `supported`.
    pub fn one_of(&self, supported: &[&str], errs: &mut Errors) {
        if self.str().is_empty() {
            errs.push(self.required(""));
        } else if !supported.contains(&self.str()) {
            errs.push(self.unsupported(supported));
        }
    }

    /// "Unsupported value" when the text is given and none of `supported`.
    pub fn one_of_if_set(&self, supported: &[&str], errs: &mut Errors) {
        if self.present() && !supported.contains(&self.str()) {
            errs.push(self.unsupported(supported));
        }
    }

    /// "must be greater than or equal to 0" for a negative number; an absent one passes.
    pub fn non_negative(&self, errs: &mut Errors) {
        if self.int().is_some_and(|n| n < 0) {
            errs.push(self.invalid("must be greater than or equal to 0"));
        }
    }

    /// "must be greater than zero" for zero or less; an absent one passes.
    pub fn positive(&self, errs: &mut Errors) {
        if self.int().is_some_and(|n| n <= 0) {
            errs.push(self.invalid("must be greater than zero"));
        }
    }

    /// "field is immutable" when the value differs from `old`.
    pub fn immutable(&self, old: &Value, errs: &mut Errors) {
        if self.value != old {
            errs.push(self.invalid("field is immutable"));
        }
    }
}
