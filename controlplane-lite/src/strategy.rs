//! What the reference changes in an object between decoding and validation, beyond defaults: fields that follow from
//! others, fields that only the server writes, and the warnings that go with an accepted object.
//!
//! Expects objects with system metadata (a Job's selector is made from its uid). All functions are pure and
//! idempotent; unknown kinds stay as they are.
//!
//! Out of scope: system metadata, the split of spec and status and generations (the machinery does these for all
//! kinds), services (addresses and ports need what is stored), admission.

mod job;
mod pod;
mod volume;
mod warning;
mod workload;

use serde_json::Value;

pub use warning::warnings;

/// Prepares a new object of this API group (empty for core) and kind.
pub fn prepare_create(group: &str, kind: &str, object: &mut Value) {
    match (group, kind) {
        ("", "Pod") => pod::create(object),
        ("", "Secret") => secret(object),
        ("", "Namespace") => namespace(object),
        ("", "PersistentVolume") => volume::create(object),
        ("", "PersistentVolumeClaim") => volume::data_source(object),
        ("batch", "Job") => job::create(object),
        ("apps", "DaemonSet") => workload::template_generation(object, None),
        _ => {}
    }
}

/// Prepares the new state of an object, given the stored one; `subresource` is empty for the object itself.
pub fn prepare_update(group: &str, kind: &str, new: &mut Value, old: &Value, subresource: &str) {
    match (group, kind, subresource) {
        ("", "Pod", "status") => pod::status(new, old),
        ("", "Secret", "") => secret(new),
        ("", "PersistentVolume", "") => volume::update(new, old),
        ("", "PersistentVolumeClaim", "") => volume::data_source(new),
        ("apps", "DaemonSet", "") => workload::template_generation(new, Some(old)),
        ("certificates.k8s.io", "CertificateSigningRequest", "") => keep(new, old, "spec"),
        _ => {}
    }
}

/// Puts the stored value of a field back.
fn keep(new: &mut Value, old: &Value, field: &str) {
    let Some(object) = new.as_object_mut() else { return };
    match old.get(field) {
        Some(value) => object.insert(field.to_owned(), value.clone()),
        None => object.remove(field),
    };
}

/// `stringData` is a convenience for writing: it becomes base64 in `data`.
fn secret(object: &mut Value) {
    use base64::Engine;
    let Some(map) = object.as_object_mut() else { return };
    let Some(Value::Object(texts)) = map.remove("stringData") else {
        return;
    };
    if texts.is_empty() {
        return;
    }
    let data = map
        .entry("data")
        .or_insert_with(|| Value::Object(serde_json::Map::new()));
    if data.is_null() {
        *data = Value::Object(serde_json::Map::new());
    }
    for (key, text) in texts {
        let bytes = text.as_str().unwrap_or_default();
        data[key] = base64::engine::general_purpose::STANDARD.encode(bytes).into();
    }
}

/// A namespace is finalized by the namespace controller, and labelled with its (perhaps generated) name.
fn namespace(object: &mut Value) {
    let list = object["spec"]["finalizers"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    if !list.iter().any(|f| f == "kubernetes") {
        let mut list = list;
        list.push("kubernetes".into());
        object["spec"]["finalizers"] = list.into();
    }
    if let Some(name) = object["metadata"]["name"].as_str().map(ToOwned::to_owned) {
        object["metadata"]["labels"]["kubernetes.io/metadata.name"] = name.into();
    }
}

#[cfg(test)]
mod tests;
