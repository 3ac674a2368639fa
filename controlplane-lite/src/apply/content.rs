//! The paths that an applied object sets, and whether it fits its type.

use serde_json::Value;

use super::set::{Element, FieldSet};
use super::walk::{Place, Split, Walker, as_list, as_map};
use crate::schema::Shape;

impl Walker<'_> {
    /// The paths that `value` sets: its leaves, list items, map keys and empty objects; not structs as such.
    pub(super) fn content(&self, place: Place, value: &Value) -> FieldSet {
        let mut out = FieldSet::default();
        self.content_into(place, value, &mut out);
        out
    }

    /// Fills `out` with what is below; true if the place itself is a leaf.
    fn content_into(&self, place: Place, value: &Value, out: &mut FieldSet) -> bool {
        match self.split(place, Some(value)) {
            Split::Leaf => return true,
            Split::Fields => {
                for (name, value) in as_map(Some(value)).into_iter().flatten() {
                    let mut below = FieldSet::default();
                    let leaf = self.content_into(self.field(place, name), value, &mut below);
                    let empty = value.is_null() || value.as_object().is_some_and(|m| m.is_empty());
                    let member = leaf || empty || !self.is_named(place, name);
                    out.put(Element::Field(name.as_str().into()), member, below);
                }
            }
            Split::Items { item, keys } => self.items_into(item, keys, as_list(Some(value)), out),
        }
        false
    }

    /// An item is always a member; of several with one key nothing more is said.
    fn items_into(&self, item: Place, keys: &[Box<str>], list: &[Value], out: &mut FieldSet) {
        let elements: Vec<Option<Element>> = list.iter().map(|v| self.item(item, keys, v).ok()).collect();
        for (element, value) in elements.iter().zip(list) {
            let Some(element) = element else { continue };
            let mut below = FieldSet::default();
            let twice = elements.iter().filter(|e| e.as_ref() == Some(element)).count() > 1;
            if !twice {
                self.content_into(item, value, &mut below);
            }
            out.put(element.clone(), true, below);
        }
    }

    /// `set` and the struct fields on the way to its paths.
    pub(super) fn with_named_parents(&self, place: Place, set: &FieldSet) -> FieldSet {
        let mut out = FieldSet::default();
        for node in set.nodes() {
            let (named, below) = match &node.element {
                Element::Field(name) => (
                    !node.below.is_empty() && self.is_named(place, name),
                    self.field(place, name),
                ),
                Element::Key(_) => match self.split(place, None) {
                    Split::Items { item, .. } => (false, item),
                    _ => (false, Place::Free),
                },
                _ => (false, Place::Free),
            };
            let children = self.with_named_parents(below, &node.below);
            out.put(node.element.clone(), node.member || named, children);
        }
        out
    }

    /// Checks that an applied object fits its type: no undeclared fields, no wrong kinds, no item twice.
    ///
    /// # Errors
    /// The reference's text.
    pub(super) fn check(&self, place: Place, value: &Value) -> Result<(), String> {
        let mut faults = Vec::new();
        self.check_into(place, value, &mut String::new(), &mut faults);
        match faults.as_slice() {
            [] => Ok(()),
            [one] => Err(one.clone()),
            many => Err(format!("errors:\n  {}", many.join("\n  "))),
        }
    }

    fn check_into(&self, place: Place, value: &Value, path: &mut String, faults: &mut Vec<String>) {
        let Place::Typed(ty) = place else { return };
        let shape = &self.schema.get(ty).shape;
        if let Some(wrong) = wrong_kind(shape, value) {
            faults.push(if path.is_empty() {
                wrong
            } else {
                format!("{path}: {wrong}")
            });
            return;
        }
        match (shape, value) {
            (Shape::Struct(_) | Shape::Map { .. }, Value::Object(map)) => {
                for (name, value) in map {
                    let below = self.field(place, name);
                    let step = format!(".{name}");
                    if below == Place::Undeclared {
                        faults.push(format!("{path}{step}: field not declared in schema"));
                        return;
                    }
                    self.check_below(below, value, (&step, path), faults);
                }
            }
            (Shape::List { item, .. }, Value::Array(list)) => {
                let keys = match self.split(place, None) {
                    Split::Items { keys, .. } => Some(keys),
                    _ => None,
                };
                self.check_items((Place::Typed(*item), keys), list, path, faults);
            }
            _ => {}
        }
    }

    fn check_below(&self, place: Place, value: &Value, at: (&str, &mut String), faults: &mut Vec<String>) {
        let (step, path) = at;
        let len = path.len();
        path.push_str(step);
        self.check_into(place, value, path, faults);
        path.truncate(len);
    }

    /// `kind`: the items' place, and the names of their keys unless the list is atomic.
    fn check_items(
        &self,
        kind: (Place, Option<&[Box<str>]>),
        list: &[Value],
        path: &mut String,
        faults: &mut Vec<String>,
    ) {
        let (item, keys) = kind;
        let mut seen: Vec<Element> = Vec::with_capacity(list.len());
        for (at, value) in list.iter().enumerate() {
            let element = match keys {
                None => Element::Index(at as i64),
                Some(keys) => match self.item(item, keys, value) {
                    Ok(element) => element,
                    Err(fault) => {
                        faults.push(format!("{path}: element {at}: {fault}"));
                        return;
                    }
                },
            };
            let step = element.to_string();
            if keys.is_some() {
                match seen.binary_search(&element) {
                    Ok(_) => faults.push(format!("{path}: duplicate entries for key {step}")),
                    Err(at) => seen.insert(at, element),
                }
            }
            self.check_below(item, value, (&step, path), faults);
        }
    }
}

/// What is wrong with the kind of `value`, in the reference's words.
fn wrong_kind(shape: &Shape, value: &Value) -> Option<String> {
    let wanted = match (shape, value) {
        (_, Value::Null) | (Shape::Any { .. }, _) => return None,
        (Shape::Struct(_) | Shape::Map { .. }, Value::Object(_)) => return None,
        (Shape::List { .. }, Value::Array(_)) => return None,
        (Shape::Bool, Value::Bool(_)) => return None,
        (Shape::Integer(_) | Shape::Float, Value::Number(_)) => return None,
        (Shape::String | Shape::Bytes | Shape::Time | Shape::MicroTime, Value::String(_)) => return None,
        (Shape::Quantity | Shape::IntOrString, Value::Bool(_) | Value::Number(_) | Value::String(_)) => {
            return None;
        }
        (Shape::Struct(_) | Shape::Map { .. }, _) => "map",
        (Shape::List { .. }, _) => "list",
        (Shape::Bool, _) => "boolean",
        (Shape::Integer(_) | Shape::Float, _) => {
            let got = match value {
                Value::Bool(_) => "bool",
                Value::String(_) => "string",
                Value::Array(_) => "[]interface {}",
                _ => "map[string]interface {}",
            };
            return Some(format!("expected numeric (int or float), got {got}"));
        }
        (Shape::Quantity | Shape::IntOrString, _) => "any scalar",
        _ => {
            return Some(format!(
                "expected string, got &value.valueUnstructured{{Value:{value}}}"
            ));
        }
    };
    let got = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    Some(format!("expected {wanted}, got &{{{got}}}"))
}
