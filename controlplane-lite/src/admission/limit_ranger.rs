//! LimitRanger: defaults and bounds of what containers, pods and claims may ask for in a namespace.
//!
//! Source: "Limit Ranges" in the Kubernetes documentation; texts are the reference's.

mod bounds;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

use super::{Cluster, Refusal, text};
use crate::quantity::Quantity;
use crate::quantity::pod::{Amounts, amounts, container_total};
use bounds::Usage;

/// Notes on a pod what was added to it.
const ANNOTATION: &str = "kubernetes.io/limit-ranger";

/// Gives a new pod's containers the requests and limits that they do not name.
pub fn set_defaults(cluster: &dyn Cluster, namespace: &str, pod: &mut Value) {
    let mut notes = Vec::new();
    for range in cluster.list("limitranges", namespace) {
        let (requests, limits) = (defaults(&range, "defaultRequest"), defaults(&range, "default"));
        for (field, kind) in [("containers", "container"), ("initContainers", "init container")] {
            let containers = pod["spec"]
                .get_mut(field)
                .and_then(Value::as_array_mut)
                .into_iter()
                .flatten();
            for container in containers {
                let name = text(container, "name").to_owned();
                for (list, values, word) in [("requests", &requests, "request"), ("limits", &limits, "limit")]
                {
                    let set = fill(container, list, values);
                    if !set.is_empty() {
                        notes.push(format!("{} {word} for {kind} {name}", set.join(", ")));
                    }
                }
            }
        }
    }
    if notes.is_empty() {
        return;
    }
    if let Some(metadata) = pod.get_mut("metadata").and_then(Value::as_object_mut) {
        let note = format!("LimitRanger plugin set: {}", notes.join("; "));
        let annotations = metadata.entry("annotations").or_insert_with(|| Map::new().into());
        annotations[ANNOTATION] = note.into();
    }
}

/// Compares a new pod with the bounds of its namespace; the error is the text after `is forbidden: `.
///
/// # Errors
/// It asks for too little, too much, or in the wrong proportion.
pub fn check_pod(cluster: &dyn Cluster, namespace: &str, pod: &Value) -> Result<(), Refusal> {
    let mut found = Vec::new();
    for range in cluster.list("limitranges", namespace) {
        for limit in limits_of(&range) {
            match text(limit, "type") {
                "Container" => {
                    for field in ["containers", "initContainers"] {
                        for container in pod["spec"][field].as_array().into_iter().flatten() {
                            Usage::of(container.get("resources")).check(limit, &mut found);
                        }
                    }
                }
                "Pod" => pod_usage(&pod["spec"]).check(limit, &mut found),
                _ => {}
            }
        }
    }
    joined(found)
}

/// Compares a new or changed claim with the bounds of its namespace.
///
/// # Errors
/// It asks for too little or too much storage.
pub fn check_claim(cluster: &dyn Cluster, namespace: &str, claim: &Value) -> Result<(), Refusal> {
    let mut found = Vec::new();
    let usage = Usage {
        requests: amounts(claim["spec"].get("resources"), "requests"),
        limits: None,
    };
    for range in cluster.list("limitranges", namespace) {
        for limit in limits_of(&range).filter(|limit| text(limit, "type") == "PersistentVolumeClaim") {
            usage.check(limit, &mut found);
        }
    }
    joined(found)
}

fn pod_usage(spec: &Value) -> Usage {
    let level = |field: &str| {
        let mut total = container_total(spec, field);
        total.extend(amounts(spec.get("resources"), field));
        total
    };
    Usage {
        requests: level("requests"),
        limits: Some(level("limits")),
    }
}

fn limits_of(range: &Value) -> impl Iterator<Item = &Value> {
    range["spec"]["limits"].as_array().into_iter().flatten()
}

fn defaults(range: &Value, field: &str) -> Vec<(String, Value)> {
    let mut all = Map::new();
    for limit in limits_of(range).filter(|limit| text(limit, "type") == "Container") {
        all.extend(limit[field].as_object().cloned().unwrap_or_default());
    }
    all.into_iter().collect()
}

/// Adds what is missing and returns its names, sorted.
fn fill(container: &mut Value, list: &str, values: &[(String, Value)]) -> Vec<String> {
    let Some(container) = container.as_object_mut().filter(|_| !values.is_empty()) else {
        return Vec::new();
    };
    let resources = container.entry("resources").or_insert_with(|| Map::new().into());
    let Some(resources) = resources.as_object_mut() else {
        return Vec::new();
    };
    let amounts = resources.entry(list).or_insert_with(|| Map::new().into());
    let Some(amounts) = amounts.as_object_mut() else {
        return Vec::new();
    };
    let mut set: Vec<String> = Vec::new();
    for (name, value) in values {
        if !amounts.contains_key(name) {
            amounts.insert(name.clone(), value.clone());
            set.push(name.clone());
        }
    }
    set.sort();
    set
}

/// One complaint stands for itself, several are put into brackets.
fn joined(mut found: Vec<String>) -> Result<(), Refusal> {
    let mut seen = std::collections::HashSet::new();
    found.retain(|complaint| seen.insert(complaint.clone()));
    match found.len() {
        0 => Ok(()),
        1 => Err(found.remove(0)),
        _ => Err(format!("[{}]", found.join(", "))),
    }
}

/// Amounts of one name, zero where it is absent.
fn amount(list: &Amounts, name: &str) -> Option<Quantity> {
    list.get(name).copied()
}
