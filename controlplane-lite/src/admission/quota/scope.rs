//! Which objects a quota counts: its scopes and scope selector.

use serde_json::Value;

use super::usage::Object;
use crate::admission::text;
use crate::quantity::pod::qos_class;

/// Whether `quota` counts the object. A quota with scopes counts pods alone (and, for volume classes, claims).
pub(super) fn matches(quota: &Value, object: Object<'_>) -> bool {
    let spec = &quota["spec"];
    let scopes = spec["scopes"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    let selected = spec["scopeSelector"]["matchExpressions"]
        .as_array()
        .into_iter()
        .flatten();
    let mut plain = scopes.clone().peekable();
    let mut expressions = selected.clone().peekable();
    if plain.peek().is_none() && expressions.peek().is_none() {
        return true;
    }
    if object.resource == "persistentvolumeclaims" {
        return plain.peek().is_none() && expressions.all(|e| matches_class(e, object.value));
    }
    if object.resource != "pods" {
        return false;
    }
    plain.all(|scope| has_scope(scope, object.value))
        && expressions.all(|e| matches_expression(e, object.value))
}

fn has_scope(scope: &str, pod: &Value) -> bool {
    let spec = &pod["spec"];
    match scope {
        "Terminating" => is_terminating(spec),
        "NotTerminating" => !is_terminating(spec),
        "BestEffort" => qos_class(spec) == "BestEffort",
        "NotBestEffort" => qos_class(spec) != "BestEffort",
        "PriorityClass" => !text(spec, "priorityClassName").is_empty(),
        "CrossNamespacePodAffinity" => crosses_namespaces(spec),
        _ => false,
    }
}

fn matches_expression(expression: &Value, pod: &Value) -> bool {
    let scope = text(expression, "scopeName");
    let class = text(&pod["spec"], "priorityClassName");
    let listed = expression["values"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|value| value == class);
    match (text(expression, "operator"), scope) {
        ("In", "PriorityClass") => listed,
        ("NotIn", "PriorityClass") => !listed,
        ("Exists", _) => has_scope(scope, pod),
        ("DoesNotExist", _) => !has_scope(scope, pod),
        _ => false,
    }
}

/// A claim's `VolumeAttributesClass` (KEP-3751).
fn matches_class(expression: &Value, claim: &Value) -> bool {
    if text(expression, "scopeName") != "VolumeAttributesClass" {
        return false;
    }
    let class = text(&claim["spec"], "volumeAttributesClassName");
    let listed = expression["values"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|value| value == class);
    match text(expression, "operator") {
        "In" => listed,
        "NotIn" => !listed,
        "Exists" => !class.is_empty(),
        "DoesNotExist" => class.is_empty(),
        _ => false,
    }
}

/// A pod that ends by itself within a set time.
fn is_terminating(spec: &Value) -> bool {
    spec["activeDeadlineSeconds"]
        .as_i64()
        .is_some_and(|seconds| seconds >= 0)
}

fn crosses_namespaces(spec: &Value) -> bool {
    let terms = |kind: &str| {
        let affinity = &spec["affinity"][kind];
        let required = affinity["requiredDuringSchedulingIgnoredDuringExecution"].as_array();
        let preferred = affinity["preferredDuringSchedulingIgnoredDuringExecution"].as_array();
        let preferred = preferred
            .into_iter()
            .flatten()
            .map(|weighted| &weighted["podAffinityTerm"]);
        required.into_iter().flatten().chain(preferred).any(|term| {
            term["namespaces"].as_array().is_some_and(|list| !list.is_empty())
                || !term["namespaceSelector"].is_null()
        })
    };
    terms("podAffinity") || terms("podAntiAffinity")
}
