//! What the server itself does to an object between the client's wish and the store: system metadata, the split of
//! spec and status, generation. The reference calls this a strategy (`PrepareForCreate`, `PrepareForUpdate`).
//!
//! Pure: time and randomness come in as arguments.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::object::{copy_meta, is_deleting, meta, remove_meta, seconds, set_meta};
use crate::resource::{Generation, Resource, Scope, SubresourceKind};

#[cfg(test)]
mod tests;

/// Members of `metadata` that only the server writes on a new object.
const SYSTEM: &[&str] = &[
    "resourceVersion",
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "selfLink",
    "generation",
];

/// Makes a new object what the store is to hold; `uid` is fresh.
pub(crate) fn prepare_create(row: &Resource, object: &mut Value, namespace: &str, uid: &str, now: Timestamp) {
    for field in SYSTEM {
        remove_meta(object, field);
    }
    match row.scope {
        Scope::Namespaced => set_meta(object, "namespace", namespace),
        Scope::Cluster => remove_meta(object, "namespace"),
    }
    set_meta(object, "uid", uid);
    set_meta(object, "creationTimestamp", seconds(now));
    if row.generation != Generation::None {
        set_meta(object, "generation", 1);
    }
    if row.has_status() {
        reset_status(row, object, now);
    }
}

/// A client cannot create an object with a status: it gets the initial one. Nodes are the exception, since kubelets
/// register with their status.
fn reset_status(row: &Resource, object: &mut Value, now: Timestamp) {
    let keeps = row.group.is_empty() && row.kind == "Node";
    let initial = (row.initial_status)(object, now);
    if let Some(map) = object.as_object_mut()
        && !keeps
    {
        map.remove("status");
        if let Some(status) = initial {
            map.insert("status".into(), status);
        }
    }
}

/// Makes the new state of an object what the store is to hold, given what it holds now. `sub` is the subresource
/// that is written, `None` for the object itself.
pub(crate) fn prepare_update(row: &Resource, sub: Option<SubresourceKind>, new: &mut Value, old: &Value) {
    keep_system_metadata(new, old);
    match sub {
        None => {
            if row.has_status() {
                copy_member(new, old, "status");
            }
        }
        Some(SubresourceKind::Status) => only_status(row, new, old),
        Some(SubresourceKind::Approval) => only_approval(new, old),
        Some(SubresourceKind::Finalize) => only_namespace_finalizers(new, old),
        Some(SubresourceKind::EphemeralContainers) => only_ephemeral_containers(new, old),
        Some(SubresourceKind::Resize) => only_resources(new, old),
        Some(_) => {}
    }
    let generation = old["metadata"]["generation"].as_i64();
    if row.generation == Generation::None {
        copy_meta(new, old, "generation");
    } else {
        let moved = spec_differs(row, new, old);
        set_meta(new, "generation", generation.unwrap_or(0) + i64::from(moved));
    }
}

/// Members that an update cannot change; left out means unchanged, so that clients need not send them.
fn keep_system_metadata(new: &mut Value, old: &Value) {
    for field in [
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "resourceVersion",
    ] {
        copy_meta(new, old, field);
    }
    for field in ["uid", "creationTimestamp", "namespace"] {
        if meta(new, field).is_empty() {
            copy_meta(new, old, field);
        }
    }
    remove_meta(new, "selfLink");
}

fn copy_member(new: &mut Value, old: &Value, member: &str) {
    let Some(map) = new.as_object_mut() else { return };
    match old.get(member) {
        Some(value) => map.insert(member.to_owned(), value.clone()),
        None => map.remove(member),
    };
}

/// Everything but the status and part of the metadata stays.
fn only_status(row: &Resource, new: &mut Value, old: &Value) {
    let mut out = old.clone();
    copy_member(&mut out, new, "status");
    let mut metadata = new["metadata"].clone();
    if let Some(map) = metadata.as_object_mut() {
        let frozen: &[&str] = match (row.group.as_ref(), row.kind.as_ref()) {
            ("apps", _) => &["labels", "ownerReferences"],
            ("", "Pod") => &["ownerReferences"],
            _ => &[],
        };
        for field in frozen {
            match old["metadata"].get(*field) {
                Some(value) => map.insert((*field).to_owned(), value.clone()),
                None => map.remove(*field),
            };
        }
    }
    out["metadata"] = metadata;
    *new = out;
}

/// Only the conditions that approve or deny, with everything else as it is.
fn only_approval(new: &mut Value, old: &Value) {
    let mut out = old.clone();
    let conditions = new["status"]["conditions"].take();
    let status = out
        .as_object_mut()
        .map(|map| map.entry("status").or_insert_with(|| Value::Object(Map::new())));
    if let Some(status) = status.and_then(Value::as_object_mut) {
        status.insert("conditions".into(), conditions);
    }
    out["metadata"] = new["metadata"].clone();
    *new = out;
}

fn only_namespace_finalizers(new: &mut Value, old: &Value) {
    let mut out = old.clone();
    out["spec"] = new["spec"].clone();
    out["metadata"] = new["metadata"].clone();
    *new = out;
}

fn only_ephemeral_containers(new: &mut Value, old: &Value) {
    let mut out = old.clone();
    let containers = new["spec"]["ephemeralContainers"].take();
    if let Some(spec) = out.get_mut("spec").and_then(Value::as_object_mut)
        && !containers.is_null()
    {
        spec.insert("ephemeralContainers".into(), containers);
    }
    for field in ["managedFields", "resourceVersion"] {
        copy_meta(&mut out, new, field);
    }
    *new = out;
}

/// Resources and resize policies of the containers that are there.
fn only_resources(new: &mut Value, old: &Value) {
    let mut out = old.clone();
    for list in ["containers", "initContainers"] {
        let wished: Vec<Value> = new["spec"][list].as_array().cloned().unwrap_or_default();
        for container in out["spec"]
            .get_mut(list)
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            let Some(wish) = wished.iter().find(|w| w["name"] == container["name"]) else {
                continue;
            };
            for member in ["resources", "resizePolicy"] {
                copy_member(container, wish, member);
            }
        }
    }
    for field in ["managedFields", "resourceVersion"] {
        copy_meta(&mut out, new, field);
    }
    *new = out;
}

/// Whether anything but metadata and status is different (or annotations, where they count).
fn spec_differs(row: &Resource, new: &Value, old: &Value) -> bool {
    let desired = |object: &Value| {
        let mut map = object.as_object().cloned().unwrap_or_default();
        for member in ["metadata", "status", "apiVersion", "kind"] {
            map.remove(member);
        }
        map
    };
    let annotations = |object: &Value| object["metadata"]["annotations"].clone();
    desired(new) != desired(old)
        || (row.generation == Generation::SpecAndAnnotations && annotations(new) != annotations(old))
}

/// Whether a write leaves nothing that keeps an object in deletion: it is then removed instead.
pub(crate) fn deletion_is_complete(row: &Resource, object: &Value) -> bool {
    let spec_finalizers = row.group.is_empty()
        && row.kind == "Namespace"
        && object["spec"]["finalizers"]
            .as_array()
            .is_some_and(|f| !f.is_empty());
    is_deleting(object)
        && super::object::finalizers(object).is_empty()
        && !spec_finalizers
        && object["metadata"]["deletionGracePeriodSeconds"]
            .as_i64()
            .unwrap_or(0)
            == 0
}
