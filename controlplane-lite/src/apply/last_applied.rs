//! The annotation of client-side apply, which lets `kubectl apply --server-side` take over without conflicts.

use serde_json::Value;

use super::{Conflict, Ownership};

/// The one manager for which the annotation counts.
pub(super) const KUBECTL: &str = "kubectl";
const ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The conflicts that remain when fields which client-side apply set, and nobody changed since, are given up;
/// `None` if there are none left.
pub(super) fn unresolved(
    ownership: &Ownership<'_>,
    live: &Value,
    conflicts: Vec<Conflict>,
) -> Option<Vec<Conflict>> {
    if ownership.writer.manager != KUBECTL {
        return Some(conflicts);
    }
    let Some(applied) = annotation(live).and_then(|text| serde_json::from_str::<Value>(text).ok()) else {
        return Some(conflicts);
    };
    if applied.get("apiVersion").and_then(Value::as_str) != Some(ownership.writer.api_version) {
        return Some(conflicts);
    }
    let (walker, root) = (ownership.walker, ownership.root);
    let changes = walker.compare(root, &applied, live);
    let allowed = walker
        .content(root, &applied)
        .difference(&changes.modified)
        .difference(&changes.added)
        .difference(&changes.removed);
    let rest: Vec<Conflict> = conflicts.into_iter().filter(|c| !allowed.has(&c.path)).collect();
    (!rest.is_empty()).then_some(rest)
}

/// Writes the applied object into the annotation, if the object has one.
pub(super) fn refresh(object: &mut Value, config: &Value) {
    if annotation(object).is_none_or(str::is_empty) {
        return;
    }
    let mut applied = config.clone();
    if let Some(annotations) = applied
        .pointer_mut("/metadata/annotations")
        .and_then(Value::as_object_mut)
    {
        annotations.remove(ANNOTATION);
    }
    let text = format!("{applied}\n");
    if let Some(annotations) = object
        .pointer_mut("/metadata/annotations")
        .and_then(Value::as_object_mut)
    {
        annotations.insert(ANNOTATION.into(), text.into());
    }
}

fn annotation(object: &Value) -> Option<&str> {
    object
        .get("metadata")?
        .get("annotations")?
        .get(ANNOTATION)?
        .as_str()
}
