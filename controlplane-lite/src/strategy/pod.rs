//! Pods.

use serde_json::{Value, json};

/// Keys of labels that are merged into the selectors beside them (KEP-3633, KEP-3243).
const KEYS: [(&str, &str); 2] = [("matchLabelKeys", "In"), ("mismatchLabelKeys", "NotIn")];

/// A new pod.
pub(super) fn create(pod: &mut Value) {
    let grace = &mut pod["spec"]["terminationGracePeriodSeconds"];
    if grace.as_i64().is_some_and(|seconds| seconds < 0) {
        *grace = 1.into();
    }
    merge_label_keys(pod);
    if pod["spec"]["schedulingGates"]
        .as_array()
        .is_some_and(|gates| !gates.is_empty())
    {
        gated(pod);
    }
}

/// A gated pod says so from the start.
fn gated(pod: &mut Value) {
    let status = &mut pod["status"];
    let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
    if conditions.iter().any(|c| c["type"] == "PodScheduled") {
        return;
    }
    let mut conditions = conditions;
    conditions.push(json!({
        "type": "PodScheduled",
        "status": "False",
        "reason": "SchedulingGated",
        "message": "Scheduling is blocked due to non-empty scheduling gates",
        "lastProbeTime": null,
        "lastTransitionTime": null,
    }));
    status["conditions"] = conditions.into();
}

fn merge_label_keys(pod: &mut Value) {
    let labels = pod["metadata"]["labels"].clone();
    let Some(spec) = pod.get_mut("spec").and_then(Value::as_object_mut) else {
        return;
    };
    for list in spec
        .get_mut("topologySpreadConstraints")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        merge(list, &labels);
    }
    let Some(affinity) = spec.get_mut("affinity").filter(|a| a.is_object()) else {
        return;
    };
    for sort in ["podAffinity", "podAntiAffinity"] {
        let Some(sort) = affinity.get_mut(sort) else {
            continue;
        };
        let required = sort
            .get_mut("requiredDuringSchedulingIgnoredDuringExecution")
            .and_then(Value::as_array_mut);
        required
            .into_iter()
            .flatten()
            .for_each(|term| merge(term, &labels));
        let preferred = sort
            .get_mut("preferredDuringSchedulingIgnoredDuringExecution")
            .and_then(Value::as_array_mut);
        for term in preferred
            .into_iter()
            .flatten()
            .filter_map(|t| t.get_mut("podAffinityTerm"))
        {
            merge(term, &labels);
        }
    }
}

/// Adds the pod's own values of the named labels to the selector; a selector that has them already stays.
fn merge(term: &mut Value, labels: &Value) {
    if !term.get("labelSelector").is_some_and(Value::is_object) {
        return;
    }
    for (field, operator) in KEYS {
        let keys = term[field].as_array().cloned().unwrap_or_default();
        for key in keys {
            let Some(value) = key.as_str().and_then(|k| labels.get(k)) else {
                continue;
            };
            let expression = json!({"key": key, "operator": operator, "values": [value]});
            let expressions = &mut term["labelSelector"]["matchExpressions"];
            match expressions.as_array_mut() {
                Some(list) if list.contains(&expression) => {}
                Some(list) => list.push(expression),
                None => *expressions = json!([expression]),
            }
        }
        if term.get(field).is_some_and(Value::is_null) {
            term.as_object_mut().map(|t| t.remove(field));
        }
    }
}

/// A new status keeps the class of service.
pub(super) fn status(pod: &mut Value, old: &Value) {
    if pod["status"]["qosClass"].as_str().unwrap_or("").is_empty() {
        let class = old["status"]["qosClass"].clone();
        if !class.is_null() {
            pod["status"]["qosClass"] = class;
        }
    }
}
