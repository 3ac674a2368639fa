//! Strategic merge patch: a merge patch whose lists follow the type's patch strategy and merge keys, with the
//! directives `$patch`, `$retainKeys`, `$deleteFromPrimitiveList/…` and `$setElementOrder/…`.

use serde_json::{Map, Value};

use super::{failure, go, order};
use crate::schema::{Field, Schema, Shape, TypeId};
use crate::status::Status;

const PATCH: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const DELETE_FROM: &str = "$deleteFromPrimitiveList";
const SET_ORDER: &str = "$setElementOrder";

/// Why a patch can't be applied. The texts are the reference's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StrategicError {
    /// `$deleteFromPrimitiveList` without a field name.
    #[error("invalid patch format of primitive list")]
    PrimitiveList,
    /// A `$retainKeys` that doesn't name all fields of the patch.
    #[error("invalid patch format of retainKeys")]
    RetainKeys,
    /// A `$setElementOrder` that is no list.
    #[error("invalid patch format of setElementOrder list")]
    SetElementOrder,
    /// A list within a list.
    #[error("lists of lists are not supported")]
    ListOfLists,
    /// Anything else; the reference answers 500 to these.
    #[error("{0}")]
    Other(String),
}

impl From<StrategicError> for Status {
    fn from(error: StrategicError) -> Self {
        match error {
            StrategicError::ListOfLists => Self::unprocessable(),
            StrategicError::Other(text) => failure(text),
            bad => Self::bad_request(bad.to_string()),
        }
    }
}

pub(super) type Done<T> = Result<T, StrategicError>;

/// `original` with `patch` merged into it.
///
/// # Errors
/// See [`StrategicError`].
pub fn strategic_merge(schema: &Schema, ty: TypeId, original: &Value, patch: &Value) -> Done<Value> {
    let map = |value: &Value| value.as_object().cloned().unwrap_or_default();
    let merger = Merger { schema };
    merger
        .objects(Some(ty), map(original), map(patch))
        .map(Value::Object)
}

pub(super) fn no_merge_key(item: &Value, key: &str) -> StrategicError {
    StrategicError::Other(format!(
        "map: {} does not contain declared merge key: {key}",
        go::text(item)
    ))
}

fn wrong_type(wanted: &str, got: &Value) -> StrategicError {
    StrategicError::Other(format!(
        "expected a {wanted}, but received a {}",
        go::type_name(got)
    ))
}

struct Merger<'s> {
    schema: &'s Schema,
}

/// What a strategic merge has to know about a list.
#[derive(Clone, Copy)]
struct ListRule<'s> {
    item: Option<TypeId>,
    merge: bool,
    key: &'s str,
}

impl<'s> Merger<'s> {
    fn field(&self, ty: Option<TypeId>, name: &str) -> Done<Option<&'s Field>> {
        let Some(ty) = ty else { return Ok(None) };
        let t = self.schema.get(ty);
        match &t.shape {
            Shape::Struct(s) => match s.field(name) {
                Some(field) => Ok(Some(field)),
                None => Err(StrategicError::Other(format!(
                    "unable to find api field in struct {} for the json field {name:?}",
                    t.short_name()
                ))),
            },
            _ => Ok(None),
        }
    }

    fn child(&self, ty: Option<TypeId>, name: &str) -> Option<TypeId> {
        self.schema.child(ty?, name)
    }

    fn list_rule(&self, ty: Option<TypeId>, name: &str) -> Done<ListRule<'s>> {
        let field = self.field(ty, name)?;
        let item = self
            .child(ty, name)
            .and_then(|list| match &self.schema.get(list).shape {
                Shape::List { item, .. } => Some(*item),
                _ => None,
            });
        Ok(ListRule {
            item,
            merge: field.is_some_and(|f| f.strategy.merge),
            key: field.and_then(|f| f.merge_key.as_deref()).unwrap_or_default(),
        })
    }

    fn objects(
        &self,
        ty: Option<TypeId>,
        mut original: Map<String, Value>,
        mut patch: Map<String, Value>,
    ) -> Done<Map<String, Value>> {
        match patch.get(PATCH) {
            None => {}
            Some(Value::String(word)) if word == "replace" => {
                patch.remove(PATCH);
                return Ok(patch);
            }
            Some(Value::String(word)) if word == "delete" => return Ok(Map::new()),
            Some(other) => return Err(bad_directive(other, &patch)),
        }
        retain_keys(&mut original, &mut patch)?;
        self.ordered_lists(ty, &mut original, &mut patch)?;
        for (key, value) in patch {
            self.entry(ty, &mut original, (key, value))?;
        }
        Ok(original)
    }

    /// One field of a patch, directives for the whole object apart.
    fn entry(
        &self,
        ty: Option<TypeId>,
        original: &mut Map<String, Value>,
        entry: (String, Value),
    ) -> Done<()> {
        let (key, value) = entry;
        let (key, deletes) = match key.strip_prefix(DELETE_FROM) {
            None => (key.as_str(), false),
            Some(rest) => (rest.strip_prefix('/').ok_or(StrategicError::PrimitiveList)?, true),
        };
        if value.is_null() {
            original.remove(key);
            return Ok(());
        }
        let merged = match (original.remove(key), value) {
            (Some(Value::Object(old)), Value::Object(new)) => {
                let replace = self.field(ty, key)?.is_some_and(|f| f.strategy.replace);
                let child = self.child(ty, key);
                Some(Value::Object(if replace {
                    new
                } else {
                    self.objects(child, old, new)?
                }))
            }
            (Some(Value::Array(old)), Value::Array(new)) => {
                let rule = self.list_rule(ty, key)?;
                Some(Value::Array(self.lists(rule, old, new, deletes)?))
            }
            (old, _) if deletes => old,
            (_, value) => without_directives(without_nulls(value)),
        };
        if let Some(merged) = merged {
            original.insert(key.to_owned(), merged);
        }
        Ok(())
    }

    fn lists(&self, rule: ListRule<'_>, old: Vec<Value>, new: Vec<Value>, deletes: bool) -> Done<Vec<Value>> {
        if !rule.merge && !deletes {
            return Ok(new);
        }
        if old.is_empty() && new.is_empty() {
            return Ok(old);
        }
        if !order::are_objects(&old, &new)? {
            if deletes {
                return Ok(old.into_iter().filter(|v| !new.contains(v)).collect());
            }
            let mut all: Vec<Value> = Vec::with_capacity(old.len() + new.len());
            for item in old.iter().chain(&new) {
                if !all.contains(item) {
                    all.push(item.clone());
                }
            }
            return order::enforce(all, &new, &old, "");
        }
        if rule.key.is_empty() {
            return Err(StrategicError::Other(
                "cannot merge lists without merge key for struct".into(),
            ));
        }
        let (old, new) = special_items(rule.key, old, new)?;
        let merged = self.merge_items(rule, old.clone(), &new)?;
        order::enforce(merged, &new, &old, rule.key)
    }

    /// Items of the patch are merged into those of the same key, or appended.
    fn merge_items(&self, rule: ListRule<'_>, mut old: Vec<Value>, new: &[Value]) -> Done<Vec<Value>> {
        for item in new {
            let key = item.get(rule.key).ok_or_else(|| no_merge_key(item, rule.key))?;
            match old.iter().position(|o| o.get(rule.key) == Some(key)) {
                None => old.push(item.clone()),
                Some(at) => {
                    let map = |value: &Value| value.as_object().cloned().unwrap_or_default();
                    old[at] = Value::Object(self.objects(rule.item, map(&old[at]), map(item))?);
                }
            }
        }
        Ok(old)
    }

    /// `$setElementOrder/…`: the list is merged and put in that order; what only the server has keeps its place.
    fn ordered_lists(
        &self,
        ty: Option<TypeId>,
        original: &mut Map<String, Value>,
        patch: &mut Map<String, Value>,
    ) -> Done<()> {
        let directives: Vec<String> = patch
            .keys()
            .filter(|k| k.starts_with(SET_ORDER))
            .cloned()
            .collect();
        for directive in directives {
            let name = directive
                .strip_prefix(SET_ORDER)
                .and_then(|rest| rest.strip_prefix('/'));
            let name = name.ok_or(StrategicError::SetElementOrder)?.to_owned();
            let wanted = list_of(patch.remove(&directive))?.unwrap_or_default();
            let new = list_of(patch.get(&name).cloned())?;
            let old = list_of(original.get(&name).cloned())?;
            let rule = self.list_rule(ty, &name)?;
            order::check(new.as_deref().unwrap_or_default(), &wanted, rule.key)?;
            let server = old.clone().unwrap_or_default();
            let nothing = server.is_empty() && new.as_ref().is_none_or(Vec::is_empty);
            if nothing && (old.is_some() || new.is_some()) {
                return Err(StrategicError::Other(
                    "no elements in any of the given slices".into(),
                ));
            }
            let merged = match (old, new) {
                (None, None) => continue,
                (Some(old), None) => old,
                (None, Some(new)) => match without_directives(Value::Array(new)) {
                    Some(Value::Array(new)) => new,
                    _ => continue,
                },
                (Some(old), Some(new)) => self.lists(rule, old, new, false)?,
            };
            let ordered = order::enforce(merged, &wanted, &server, rule.key)?;
            original.insert(name.clone(), Value::Array(ordered));
            patch.remove(&name);
        }
        Ok(())
    }
}

/// A list, nothing for nothing.
fn list_of(value: Option<Value>) -> Done<Option<Vec<Value>>> {
    match value {
        None => Ok(None),
        Some(Value::Array(items)) => Ok(Some(items)),
        Some(other) => Err(wrong_type("[]interface {}", &other)),
    }
}

fn bad_directive(word: &Value, map: &Map<String, Value>) -> StrategicError {
    let map = go::text(&Value::Object(map.clone()));
    let word = match word {
        Value::String(word) => word.clone(),
        // Go's way of saying that it expected text
        Value::Bool(_) | Value::Number(_) => format!("%!s({}={word})", go::type_name(word)),
        other => go::text(other),
    };
    StrategicError::Other(format!("unknown patch type: {word} in map: {map}"))
}

/// `$retainKeys`: the fields of the object that are not in the list go.
fn retain_keys(original: &mut Map<String, Value>, patch: &mut Map<String, Value>) -> Done<()> {
    let Some(keep) = patch.remove(RETAIN_KEYS) else {
        return Ok(());
    };
    let Value::Array(keep) = keep else {
        return Err(StrategicError::RetainKeys);
    };
    let kept = |name: &str| keep.iter().any(|k| k.as_str() == Some(name));
    for (name, value) in patch.iter() {
        let directive = name.starts_with(DELETE_FROM) || name.starts_with(SET_ORDER);
        if !value.is_null() && !directive && !kept(name) {
            return Err(StrategicError::RetainKeys);
        }
    }
    original.retain(|name, _| kept(name));
    Ok(())
}

/// Takes the items with a `$patch` directive out of a patch list and obeys them.
fn special_items(key: &str, mut old: Vec<Value>, new: Vec<Value>) -> Done<(Vec<Value>, Vec<Value>)> {
    let mut plain = Vec::with_capacity(new.len());
    let mut replace = false;
    for item in new {
        match item
            .get(PATCH)
            .map(|word| (word, word.as_str().unwrap_or_default()))
        {
            None => plain.push(item),
            Some((_, "delete")) => {
                let value = item.get(key).ok_or_else(|| no_merge_key(&item, key))?;
                old.retain(|o| o.get(key) != Some(value));
            }
            Some((_, "replace")) => replace = true,
            Some((_, "merge")) => {
                let text = "merging lists cannot yet be specified in the patch";
                return Err(StrategicError::Other(text.into()));
            }
            Some((word, _)) => {
                return Err(bad_directive(word, item.as_object().unwrap_or(&Map::new())));
            }
        }
    }
    Ok(if replace {
        (plain, Vec::new())
    } else {
        (old, plain)
    })
}

/// Without null fields, at any depth.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.into_iter().filter(|(_, v)| !v.is_null());
            Value::Object(kept.map(|(k, v)| (k, without_nulls(v))).collect())
        }
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        other => other,
    }
}

/// A value that is new in the object: parts with a `$patch` directive are none. Other directives stay, as
/// unknown fields.
fn without_directives(value: Value) -> Option<Value> {
    match value {
        Value::Object(map) if map.contains_key(PATCH) => None,
        Value::Object(map) => {
            let kept = map
                .into_iter()
                .filter_map(|(k, v)| Some((k, without_directives(v)?)));
            Some(Value::Object(kept.collect()))
        }
        Value::Array(items) => Some(items.into_iter().filter_map(without_directives).collect()),
        other => Some(other),
    }
}
