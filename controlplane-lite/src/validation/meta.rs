//! Object metadata: names, labels, annotations, owners, finalizers.

use super::selector;
use crate::field::{At, ErrorKind, Errors, FieldError, quote};
use crate::names::{NameCheck, name_is_label, qualified_name};
use serde_json::{Value, json};

/// All annotations of an object together, in bytes.
const ANNOTATIONS_MAX: usize = 256 << 10;

/// The metadata of a new object.
pub(super) fn create(meta: &At<'_>, namespaced: bool, name_check: NameCheck, errs: &mut Errors) {
    let generate = meta.get("generateName");
    if !generate.str().is_empty() {
        generate.invalid_each(name_check(generate.str(), true), errs);
    }
    let name = meta.get("name");
    if name.str().is_empty() {
        errs.push(name.required("name or generateName is required"));
    } else {
        name.invalid_each(name_check(name.str(), false), errs);
    }
    let namespace = meta.get("namespace");
    match (namespaced, namespace.str()) {
        (true, "") => errs.push(namespace.required("")),
        (true, text) => namespace.invalid_each(name_is_label(text, false), errs),
        (false, "") => {}
        (false, _) => errs.push(namespace.forbidden("not allowed on this type")),
    }
    meta.get("generation").non_negative(errs);
    selector::labels(&meta.get("labels"), errs);
    annotations(&meta.get("annotations"), errs);
    owner_references(&meta.get("ownerReferences"), errs);
    finalizers(&meta.get("finalizers"), errs);
    managed_fields(&meta.get("managedFields"), errs);
}

/// The finalizers of core objects have standard names or domains.
pub(super) fn standard_finalizers(meta: &At<'_>, errs: &mut Errors) {
    for finalizer in meta.get("finalizers").items() {
        standard_finalizer(&finalizer, errs);
    }
}

/// One finalizer of a core object.
pub(super) fn standard_finalizer(at: &At<'_>, errs: &mut Errors) {
    if !at.str().contains('/') && !matches!(at.str(), "kubernetes" | "orphan" | "foregroundDeletion") {
        errs.push(at.invalid("name is neither a standard finalizer name nor is it fully qualified"));
    }
}

/// What an update may not change in the metadata.
pub(super) fn update(new: &At<'_>, old: &Value, errs: &mut Errors) {
    let old = At::new(new.path.clone(), old);
    if old.has("deletionTimestamp") {
        no_new_finalizers(&new.get("finalizers"), &old.get("finalizers"), errs);
    }
    let version = new.get("resourceVersion");
    if version.str().is_empty() {
        errs.push(version.invalid_str("must be specified for an update"));
    }
    let generation = new.get("generation");
    if generation.int().unwrap_or(0) < old.int_of("generation").unwrap_or(0) {
        errs.push(generation.invalid_as(generation.int().unwrap_or(0), "must not be decremented"));
    }
    for field in ["name", "namespace", "uid"] {
        let (new, old) = (new.get(field), old.get(field));
        if new.str() != old.str() {
            errs.push(new.invalid_str("field is immutable"));
        }
    }
    for field in [
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
    ] {
        new.get(field).immutable(old.get(field).value, errs);
    }
    selector::labels(&new.get("labels"), errs);
    annotations(&new.get("annotations"), errs);
    owner_references(&new.get("ownerReferences"), errs);
    managed_fields(&new.get("managedFields"), errs);
}

fn no_new_finalizers(new: &At<'_>, old: &At<'_>, errs: &mut Errors) {
    let known = |f: &At<'_>| old.items().any(|o| o.str() == f.str());
    let mut extra: Vec<String> = new
        .items()
        .filter(|f| !known(f))
        .map(|f| quote(f.str()))
        .collect();
    if !extra.is_empty() {
        extra.sort();
        let found = extra.join(", ");
        errs.push(new.forbidden(format!(
            "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{found}}}"
        )));
    }
}

/// Keys of annotations, and the size of all.
pub(super) fn annotations(at: &At<'_>, errs: &mut Errors) {
    let mut size = 0;
    for (key, value) in at.entries() {
        errs.extend(
            qualified_name(&key.to_lowercase())
                .into_iter()
                .map(|m| at.invalid_as(key, m)),
        );
        size += key.len() + value.str().len();
    }
    if size > ANNOTATIONS_MAX {
        errs.push(FieldError::too_long(&at.path, ANNOTATIONS_MAX));
    }
}

fn owner_references(at: &At<'_>, errs: &mut Errors) {
    let mut controller: Option<String> = None;
    for owner in at.items() {
        // The reference reports a list item's fault at the list.
        let owner = At::new(at.path.clone(), owner.value);
        let version = owner.str_of("apiVersion");
        if version.rsplit('/').next().unwrap_or("").is_empty() {
            errs.push(owner.get("apiVersion").invalid_str("version must not be empty"));
        }
        for field in ["kind", "name", "uid"] {
            if owner.str_of(field).is_empty() {
                errs.push(owner.get(field).invalid_str("must not be empty"));
            }
        }
        if (version, owner.str_of("kind")) == ("v1", "Event") {
            let shown = owner_text(owner.value);
            let why = "/v1, Kind=Event is disallowed from being an owner";
            errs.push(FieldError::with_shown(ErrorKind::Invalid, &at.path, shown, why));
        }
        if owner.flag("controller") {
            let name = format!("{}/{}", owner.str_of("kind"), owner.str_of("name"));
            if let Some(first) = &controller {
                let all: Vec<String> = at.items().map(|o| owner_text(o.value)).collect();
                let why = format!(
                    "Only one reference can have Controller set to true. Found \"true\" in references for {first} and {name}"
                );
                errs.push(FieldError::with_shown(
                    ErrorKind::Invalid,
                    &at.path,
                    format!("[{}]", all.join(",")),
                    why,
                ));
            } else {
                controller = Some(name);
            }
        }
    }
}

/// An owner reference with its fields in the reference's order.
fn owner_text(owner: &Value) -> String {
    let always = ["apiVersion", "kind", "name", "uid"]
        .map(|f| (f, owner.get(f).cloned().unwrap_or_else(|| json!(""))));
    let optional =
        ["controller", "blockOwnerDeletion"].map(|f| (f, owner.get(f).cloned().unwrap_or_default()));
    let parts: Vec<String> = always
        .into_iter()
        .chain(optional.into_iter().filter(|(_, v)| !v.is_null()))
        .map(|(field, value)| format!("\"{field}\":{value}"))
        .collect();
    format!("{{{}}}", parts.join(","))
}

fn finalizers(at: &At<'_>, errs: &mut Errors) {
    let has = |name: &str| at.items().any(|f| f.str() == name);
    for finalizer in at.items() {
        let wrong = qualified_name(finalizer.str());
        errs.extend(wrong.into_iter().map(|m| at.invalid_as(finalizer.str(), m)));
    }
    if has("orphan") && has("foregroundDeletion") {
        errs.push(at.invalid("finalizer orphan and foregroundDeletion cannot be both set"));
    }
}

fn managed_fields(at: &At<'_>, errs: &mut Errors) {
    for entry in at.items() {
        let operation = entry.get("operation");
        if !matches!(operation.str(), "Apply" | "Update") {
            errs.push(operation.invalid_str("must be `Apply` or `Update`"));
        }
        let kind = entry.get("fieldsType");
        if !matches!(kind.str(), "" | "FieldsV1") {
            errs.push(kind.invalid("must be `FieldsV1`"));
        }
        field_manager(&entry.get("manager"), errs);
        let subresource = entry.get("subresource");
        if subresource.len() > 256 {
            errs.push(FieldError::too_long(&subresource.path, 256));
        }
    }
}

/// The name of a field manager, also as a request's parameter.
pub(super) fn field_manager(at: &At<'_>, errs: &mut Errors) {
    if at.len() > 128 {
        errs.push(FieldError::too_long(&at.path, 128));
    }
    for (position, c) in at.str().char_indices() {
        if c.is_control() || (c.is_whitespace() && c != ' ') {
            let why = format!("invalid character U+{:04X} (at position {position})", c as u32);
            errs.push(at.invalid(why));
        }
    }
}

/// The metadata of a claim template: labels and annotations alone.
pub(super) fn template(meta: &At<'_>, errs: &mut Errors) {
    annotations(&meta.get("annotations"), errs);
    selector::labels(&meta.get("labels"), errs);
    for (field, value) in meta.object().into_iter().flatten() {
        let empty = match value {
            Value::Null => true,
            Value::String(s) => s.is_empty(),
            Value::Array(a) => a.is_empty(),
            _ => false,
        };
        if !matches!(field.as_str(), "annotations" | "labels") && !empty {
            errs.push(FieldError::forbidden(
                &meta.path.child(field.clone()),
                "cannot be set",
            ));
        }
    }
}

/// `metav1.Condition`s of a status.
pub(super) fn conditions(at: &At<'_>, errs: &mut Errors) {
    let mut seen = Vec::new();
    for condition in at.items() {
        let kind = condition.get("type");
        if seen.contains(&kind.str()) {
            errs.push(kind.duplicate());
        }
        seen.push(kind.str());
        kind.invalid_each(qualified_name(kind.str()), errs);
        let status = condition.get("status");
        if !matches!(status.str(), "True" | "False" | "Unknown") {
            errs.push(status.unsupported(&["False", "True", "Unknown"]));
        }
        let generation = condition.get("observedGeneration");
        if generation.int().is_some_and(|g| g < 0) {
            errs.push(generation.invalid("must be greater than or equal to zero"));
        }
        if !condition.has("lastTransitionTime") {
            errs.push(condition.get("lastTransitionTime").required("must be set"));
        }
        condition_texts(&condition, errs);
    }
}

fn condition_texts(condition: &At<'_>, errs: &mut Errors) {
    let reason = condition.get("reason");
    let text = reason.str();
    let letter = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let shaped = text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic())
        && text.bytes().last().is_some_and(letter)
        && text.bytes().all(|b| letter(b) || b == b',' || b == b':');
    if text.is_empty() {
        errs.push(reason.required("must be set"));
    } else if !shaped {
        errs.push(reason.invalid(crate::names::regex_message(
            "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_'",
            "[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?",
            &["my_name", "MY_NAME", "MyName", "ReasonA,ReasonB", "ReasonA:ReasonB"],
        )));
    }
    for (field, max) in [("reason", 1 << 10), ("message", 32 << 10)] {
        let at = condition.get(field);
        if at.len() > max {
            errs.push(FieldError::too_long(&at.path, max));
        }
    }
}
