//! What may change in a pod: little, and through which door.

use super::{APPARMOR_PREFIX, MIRROR, body};
use crate::field::{At, Errors, FieldError, Path, quote};
use crate::names::between;
use crate::quantity::pod::{is_sidecar, qos_class};
use serde_json::{Value, json};

const FIELDS: &str = "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

/// A change of the pod itself.
pub(super) fn main(new: &At<'_>, old: &At<'_>, errs: &mut Errors) {
    body(new, errs);
    annotations(new, old, errs);
    let (spec, old_spec) = (new.get("spec"), old.get("spec"));
    for field in ["containers", "initContainers"] {
        let list = spec.get(field);
        if list.len() != old_spec.get(field).len() {
            return errs.push(list.forbidden("pod updates may not add or remove containers"));
        }
        for container in list.items() {
            let image = container.get("image");
            if image.str().is_empty() {
                errs.push(image.required(""));
            }
            super::container::image_unpadded(&container, errs);
        }
    }
    if !deadline(&spec, &old_spec, errs) {
        return;
    }
    only_added_tolerations(&spec.get("tolerations"), &old_spec.get("tolerations"), errs);
    only_deleted_gates(
        &spec.get("schedulingGates"),
        &old_spec.get("schedulingGates"),
        errs,
    );
    if spec.value != old_spec.value && munged(&spec, &old_spec, errs) != *old_spec.value {
        errs.push(spec.forbidden(format!("{FIELDS}\n")));
    }
}

/// Annotations that are fixed once the pod exists.
pub(super) fn annotations(new: &At<'_>, old: &At<'_>, errs: &mut Errors) {
    let (new, old) = (
        new.at(&["metadata", "annotations"]),
        old.at(&["metadata", "annotations"]),
    );
    for (key, before) in old
        .entries()
        .filter(|(key, before)| new.key(key).value != before.value)
    {
        let at = At::new(new.path.key(key), before.value);
        if key.starts_with(APPARMOR_PREFIX) {
            errs.push(at.forbidden("may not remove or update AppArmor annotations"));
        }
        if key == MIRROR {
            errs.push(at.forbidden("may not remove or update mirror pod annotation"));
        }
    }
    for (key, at) in new.entries().filter(|(key, _)| !old.key(key).present()) {
        if key.starts_with(APPARMOR_PREFIX) {
            errs.push(at.forbidden("may not add AppArmor annotations"));
        }
        if key == MIRROR {
            errs.push(at.forbidden("may not add mirror pod annotation"));
        }
    }
}

/// The deadline may be set and lowered; whether to go on.
fn deadline(spec: &At<'_>, old: &At<'_>, errs: &mut Errors) -> bool {
    let at = spec.get("activeDeadlineSeconds");
    match (at.int(), old.int_of("activeDeadlineSeconds")) {
        (Some(now), _) if !(0..=i64::from(i32::MAX)).contains(&now) => {
            errs.push(at.invalid(between(0, i32::MAX.into())));
            return false;
        }
        (Some(now), Some(before)) if before < now => {
            errs.push(at.invalid("must be less than or equal to previous value"));
            return false;
        }
        (None, Some(_)) => errs.push(at.invalid("must not update from a positive integer to nil value")),
        _ => {}
    }
    true
}

fn only_added_tolerations(new: &At<'_>, old: &At<'_>, errs: &mut Errors) {
    let but_seconds = |t: &At<'_>| {
        let mut object = t.object().cloned().unwrap_or_default();
        object.remove("tolerationSeconds");
        object
    };
    let kept = old
        .items()
        .all(|o| new.items().any(|n| but_seconds(&n) == but_seconds(&o)));
    if !kept {
        return errs
            .push(new.forbidden("existing toleration can not be modified except its tolerationSeconds"));
    }
    super::tolerations(new, errs);
}

fn only_deleted_gates(new: &At<'_>, old: &At<'_>, errs: &mut Errors) {
    for gate in new.items() {
        let name = gate.str_of("name");
        if !old.items().any(|o| o.str_of("name") == name) {
            let why = format!("only deletion is allowed, but found new scheduling gate '{name}'");
            errs.push(gate.get("name").forbidden(why));
        }
    }
}

/// The new spec with the old values of what may change: equal to the old one if nothing else did.
fn munged(spec: &At<'_>, old: &At<'_>, errs: &mut Errors) -> Value {
    let mut copy = spec.value.clone();
    for list in ["containers", "initContainers"] {
        let pairs = copy
            .get_mut(list)
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten();
        for (container, before) in pairs.zip(old.get(list).items()) {
            container["image"] = before.get("image").value.clone();
        }
    }
    for field in ["activeDeadlineSeconds", "schedulingGates", "tolerations"] {
        restore(&mut copy, old.value, field);
    }
    let was_negative = old.int_of("terminationGracePeriodSeconds").is_some_and(|g| g < 0);
    if was_negative && copy["terminationGracePeriodSeconds"] == json!(1) {
        restore(&mut copy, old.value, "terminationGracePeriodSeconds");
    }
    if !old.get("schedulingGates").is_empty() {
        gated(spec, old, &mut copy, errs);
    }
    copy
}

fn restore(copy: &mut Value, old: &Value, field: &str) {
    let Some(object) = copy.as_object_mut() else {
        return;
    };
    match old.get(field) {
        Some(value) => object.insert(field.to_owned(), value.clone()),
        None => object.remove(field),
    };
}

/// KEP-3838: while a pod is gated, its placement may become narrower.
fn gated(spec: &At<'_>, old: &At<'_>, copy: &mut Value, errs: &mut Errors) {
    let selector = spec.get("nodeSelector");
    let kept = old
        .get("nodeSelector")
        .entries()
        .all(|(key, before)| selector.key(key).value == before.value);
    if !kept {
        errs.push(
            selector.invalid("only additions to spec.nodeSelector are allowed (no mutations or deletions)"),
        );
    }
    restore(copy, old.value, "nodeSelector");
    let path = [
        "affinity",
        "nodeAffinity",
        "requiredDuringSchedulingIgnoredDuringExecution",
        "nodeSelectorTerms",
    ];
    let (terms, before) = (spec.at(&path), old.at(&path));
    if !before.is_empty() && terms.len() != before.len() {
        errs.push(terms.invalid("no additions/deletions to non-empty NodeSelectorTerms list are allowed"));
    } else {
        for (term, before) in terms.items().zip(before.items()) {
            if !only_additions(&term, &before) {
                errs.push(term.invalid("only additions are allowed (no mutations or deletions)"));
            }
        }
    }
    let old_affinity = old.at(&["affinity", "nodeAffinity"]).value.clone();
    let others = ["podAffinity", "podAntiAffinity"]
        .iter()
        .any(|f| spec.get("affinity").has(f));
    if old.has("affinity") || others {
        if !copy["affinity"].is_object() {
            copy["affinity"] = json!({});
        }
        restore(
            &mut copy["affinity"],
            &json!({"nodeAffinity": old_affinity}),
            "nodeAffinity",
        );
        if old.at(&["affinity", "nodeAffinity"]).value.is_null()
            && let Some(affinity) = copy["affinity"].as_object_mut()
        {
            affinity.remove("nodeAffinity");
        }
    } else {
        restore(copy, old.value, "affinity");
    }
}

fn only_additions(term: &At<'_>, before: &At<'_>) -> bool {
    let fields = ["matchExpressions", "matchFields"];
    let was_empty = fields.iter().all(|f| before.get(f).is_empty());
    if was_empty {
        return fields.iter().all(|f| term.get(f).is_empty());
    }
    fields.iter().all(|f| {
        let (now, was) = (term.get(f), before.get(f));
        now.len() >= was.len() && now.items().zip(was.items()).all(|(n, w)| n.value == w.value)
    })
}

/// The `ephemeralcontainers` subresource: containers are added, never changed.
pub(in crate::validation) fn ephemeral(new: &At<'_>, old: &At<'_>, errs: &mut Errors) {
    body(new, errs);
    annotations(new, old, errs);
    if old.at(&["metadata", "annotations"]).key(MIRROR).present() {
        errs.clear();
        return errs.push(FieldError::forbidden(
            &Path::of(""),
            "static pods do not support ephemeral containers",
        ));
    }
    let list = new.at(&["spec", "ephemeralContainers"]);
    for before in old.at(&["spec", "ephemeralContainers"]).items() {
        let name = quote(before.str_of("name"));
        match list.items().find(|c| c.str_of("name") == before.str_of("name")) {
            None => errs.push(list.forbidden(format!(
                "existing ephemeral containers {name} may not be removed\n"
            ))),
            Some(now) if now.value != before.value => {
                errs.push(list.forbidden(format!(
                    "existing ephemeral containers {name} may not be changed\n"
                )));
            }
            Some(_) => {}
        }
    }
}

/// The `resize` subresource (KEP-1287): cpu and memory of running containers.
pub(in crate::validation) fn resize(new: &At<'_>, old: &At<'_>, errs: &mut Errors) {
    body(new, errs);
    let refused = if old.at(&["metadata", "annotations"]).key(MIRROR).present() {
        Some("static pods cannot be resized")
    } else {
        (old.at(&["spec", "os", "name"]).str() == "windows").then_some("windows pods cannot be resized")
    };
    if let Some(why) = refused {
        errs.clear();
        return errs.push(FieldError::forbidden(&Path::of(""), why));
    }
    let (spec, old_spec) = (new.get("spec"), old.get("spec"));
    let class = old.at(&["status", "qosClass"]).str();
    let class = if class.is_empty() {
        qos_class(old_spec.value)
    } else {
        class
    };
    if qos_class(spec.value) != class {
        errs.push(spec.invalid_as(class, "Pod QOS Class may not change as a result of resizing"));
    }
    let mut munged = spec.value.clone();
    for list in ["initContainers", "containers"] {
        for (index, (now, before)) in spec.get(list).items().zip(old_spec.get(list).items()).enumerate() {
            let init = list == "initContainers";
            if init && !is_sidecar(before.value) {
                if now.value != before.value {
                    errs.push(spec.forbidden("resources for non-sidecar init containers are immutable"));
                }
                continue;
            }
            container_resize(&now, &before, errs);
            munged[list][index] = but_compute(&now, &before);
            if munged[list][index] != *before.value {
                let what = if init { " for sidecar containers" } else { "" };
                errs.push(spec.forbidden(format!("only cpu and memory resources{what} are mutable")));
            }
        }
    }
    restore(&mut munged, old_spec.value, "resources");
    if errs.is_empty() && munged != *old_spec.value {
        errs.push(spec.forbidden("only cpu and memory resources are mutable"));
    }
}

fn container_resize(now: &At<'_>, before: &At<'_>, errs: &mut Errors) {
    for (field, why) in [
        ("requests", "resource requests cannot be removed"),
        ("limits", "resource limits cannot be removed"),
    ] {
        let (now, before) = (
            now.get("resources").get(field),
            before.get("resources").get(field),
        );
        if before.entries().any(|(name, _)| !now.key(name).present()) {
            errs.push(now.forbidden(why));
        }
    }
}

/// A container with the old cpu and memory.
fn but_compute(now: &At<'_>, before: &At<'_>) -> Value {
    let mut copy = now.value.clone();
    for field in ["requests", "limits"] {
        let old = before.get("resources").get(field);
        let Some(list) = copy["resources"].get_mut(field).and_then(Value::as_object_mut) else {
            continue;
        };
        for name in ["cpu", "memory"] {
            match old.key(name).value {
                Value::Null => list.remove(name),
                value => list.insert(name.to_owned(), value.clone()),
            };
        }
        if list.is_empty() && !old.present() {
            copy["resources"].as_object_mut().map(|r| r.remove(field));
        }
    }
    copy
}
