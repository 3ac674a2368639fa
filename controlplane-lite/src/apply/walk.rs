//! What every walk along a type needs: how a value is split into owned parts.

use serde_json::{Map, Value};

use super::set::Element;
use crate::schema::{Relation, Schema, Shape, TypeId};

/// The type at a place of an object, as far as ownership is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Of this type.
    Typed(TypeId),
    /// Of no known type: objects are split by field, everything else is one value.
    Free,
    /// Not there in the schema.
    Undeclared,
}

/// How the value at a place is owned.
#[derive(Debug, Clone, Copy)]
pub(super) enum Split<'s> {
    /// As a whole.
    Leaf,
    /// Field by field.
    Fields,
    /// Item by item.
    Items {
        item: Place,
        /// Names of the key fields; none for a set.
        keys: &'s [Box<str>],
    },
}

/// A schema, for walking.
#[derive(Clone, Copy)]
pub(super) struct Walker<'s> {
    pub(super) schema: &'s Schema,
}

impl<'s> Walker<'s> {
    /// How values at `place` are split. `value` decides where the type doesn't.
    pub(super) fn split(&self, place: Place, value: Option<&Value>) -> Split<'s> {
        let free = |value: Option<&Value>| match value {
            Some(Value::Object(_)) => Split::Fields,
            _ => Split::Leaf,
        };
        let Place::Typed(ty) = place else {
            return free(value);
        };
        match &self.schema.get(ty).shape {
            Shape::Any { atomic: true } => Split::Leaf,
            Shape::Any { atomic: false } => free(value),
            Shape::Struct(s) if !s.atomic => Split::Fields,
            Shape::Map { atomic: false, .. } => Split::Fields,
            Shape::List {
                item,
                relation: Relation::Map(keys),
            } => Split::Items {
                item: Place::Typed(*item),
                keys,
            },
            Shape::List {
                item,
                relation: Relation::Set,
            } => Split::Items {
                item: Place::Typed(*item),
                keys: &[],
            },
            _ => Split::Leaf,
        }
    }

    /// The place of field `name` below `place`.
    pub(super) fn field(&self, place: Place, name: &str) -> Place {
        let Place::Typed(ty) = place else {
            return Place::Free;
        };
        match &self.schema.get(ty).shape {
            Shape::Struct(s) => match s.field(name) {
                Some(field) => Place::Typed(field.ty),
                None if s.open => Place::Free,
                None => Place::Undeclared,
            },
            Shape::Map { value, .. } => Place::Typed(*value),
            _ => Place::Free,
        }
    }

    /// Whether `name` is a field of a struct at `place`, not the key of a map.
    pub(super) fn is_named(&self, place: Place, name: &str) -> bool {
        matches!(place, Place::Typed(ty) if self.schema.field(ty, name).is_some())
    }

    /// The path element of a list item.
    ///
    /// # Errors
    /// The reference's text for an item that has no key.
    pub(super) fn item(&self, item: Place, keys: &[Box<str>], value: &Value) -> Result<Element, String> {
        if keys.is_empty() {
            return match value {
                Value::Object(_) => {
                    Err("associative list without keys has an element that's a map type".into())
                }
                Value::Array(_) => Err("not supported: associative list with lists as elements".into()),
                Value::Null => {
                    Err("associative list without keys has an element that's an explicit null".into())
                }
                scalar => Ok(Element::Value(scalar.clone())),
            };
        }
        let map = match value {
            Value::Object(map) => map,
            Value::Null => return Err("associative list with keys may not have a null element".into()),
            _ => return Err("associative list with keys may not have non-map elements".into()),
        };
        let mut fields: Vec<(Box<str>, Value)> = Vec::with_capacity(keys.len());
        for key in keys {
            if let Some(value) = map.get(&**key).or_else(|| self.default(item, key)) {
                fields.push((key.clone(), value.clone()));
            }
        }
        if fields.is_empty() {
            let names: Vec<String> = keys.iter().map(|k| format!("{k:?}")).collect();
            return Err(format!(
                "associative list with keys has an element that omits all key fields [{}] (and doesn't have default values for any key fields)",
                names.join(" ")
            ));
        }
        fields.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(Element::Key(fields.into()))
    }

    fn default(&self, place: Place, name: &str) -> Option<&'s Value> {
        let Place::Typed(ty) = place else { return None };
        self.schema.field(ty, name)?.default.as_deref()
    }
}

/// The object, nothing for null or another kind.
pub(super) fn as_map(value: Option<&Value>) -> Option<&Map<String, Value>> {
    value.and_then(Value::as_object)
}

/// The items; none for null or another kind.
pub(super) fn as_list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
