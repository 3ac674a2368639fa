//! Services, endpoints, namespaces, nodes, secrets, limits and quotas.

use super::set::{Object, absent, amounts, each, empty, ensure, fill_from, has, text, within};
use serde_json::{Value, json};

/// A service. Cluster IPs, families and ports are allocated later.
pub(super) fn service(object: &mut Object) {
    let kind = {
        let Some(spec) = ensure(object, "spec") else {
            return;
        };
        session_affinity(spec);
        empty(spec, "type", "ClusterIP");
        each(spec, "ports", port);
        let kind = text(spec, "type").to_owned();
        if externally_accessible(spec) {
            empty(spec, "externalTrafficPolicy", "Cluster");
        }
        if matches!(kind.as_str(), "NodePort" | "LoadBalancer" | "ClusterIP") {
            absent(spec, "internalTrafficPolicy", "Cluster");
        }
        if kind == "LoadBalancer" {
            absent(spec, "allocateLoadBalancerNodePorts", true);
        }
        kind
    };
    if kind == "LoadBalancer"
        && let Some(balancer) = within(object, "status").and_then(|s| within(s, "loadBalancer"))
    {
        each(balancer, "ingress", |ingress| {
            if !text(ingress, "ip").is_empty() {
                absent(ingress, "ipMode", "VIP");
            }
        });
    }
}

fn session_affinity(spec: &mut Object) {
    empty(spec, "sessionAffinity", "None");
    match text(spec, "sessionAffinity") {
        "None" => {
            spec.remove("sessionAffinityConfig");
        }
        "ClientIP" => {
            let timeout = spec
                .get("sessionAffinityConfig")
                .and_then(|c| c.get("clientIP")?.get("timeoutSeconds"));
            if timeout.is_none_or(Value::is_null) {
                spec.insert(
                    "sessionAffinityConfig".into(),
                    json!({"clientIP": {"timeoutSeconds": 10_800}}),
                );
            }
        }
        _ => {}
    }
}

fn port(port: &mut Object) {
    empty(port, "protocol", "TCP");
    let number = port.get("port").cloned().unwrap_or_else(|| 0.into());
    empty(port, "targetPort", number);
}

/// Whether packets from outside reach the service: by type, or by external addresses of a cluster service.
fn externally_accessible(spec: &Object) -> bool {
    let external = spec
        .get("externalIPs")
        .and_then(Value::as_array)
        .is_some_and(|a| !a.is_empty());
    match text(spec, "type") {
        "LoadBalancer" | "NodePort" => true,
        "ClusterIP" => external,
        _ => false,
    }
}

/// Endpoints.
pub(super) fn endpoints(object: &mut Object) {
    each(object, "subsets", |subset| {
        each(subset, "ports", |port| empty(port, "protocol", "TCP"))
    });
}

/// A namespace carries its own name as a label.
pub(super) fn namespace(object: &mut Object) {
    if let Some(metadata) = within(object, "metadata") {
        let name = text(metadata, "name").to_owned();
        if !name.is_empty()
            && let Some(labels) = ensure(metadata, "labels")
        {
            labels.insert("kubernetes.io/metadata.name".into(), name.into());
        }
    }
    if let Some(status) = ensure(object, "status") {
        empty(status, "phase", "Active");
    }
}

/// A node's allocatable resources are its capacity unless it says otherwise.
pub(super) fn node(object: &mut Object) {
    if let Some(spec) = within(object, "spec") {
        one_and_all(spec, "podCIDR", "podCIDRs", |range| range);
    }
    let Some(status) = within(object, "status") else {
        return;
    };
    amounts(status, "capacity");
    amounts(status, "allocatable");
    if !has(status, "allocatable") && has(status, "capacity") {
        let capacity = status["capacity"].clone();
        status.insert("allocatable".into(), capacity);
    }
}

/// Keeps a former single field and the list that replaced it in step: the single one wins where they differ, since
/// old clients write only that.
pub(super) fn one_and_all(object: &mut Object, one: &str, all: &str, entry: fn(Value) -> Value) {
    let own = object
        .get(one)
        .filter(|v| v.as_str().is_some_and(|s| !s.is_empty()))
        .cloned();
    let first = object.get(all).and_then(|list| list.get(0)).cloned();
    match (own, first) {
        (Some(own), first) if first.as_ref() != Some(&entry(own.clone())) => {
            object.insert(all.to_owned(), Value::Array(vec![entry(own)]));
        }
        (None, Some(first)) => {
            let own = first.get("ip").cloned().unwrap_or(first);
            object.insert(one.to_owned(), own);
        }
        _ => {}
    }
}

/// A secret.
pub(super) fn secret(object: &mut Object) {
    empty(object, "type", "Opaque");
}

/// Limits per container default to the maximum, requests to the limit, then to the minimum.
pub(super) fn limit_range(object: &mut Object) {
    let Some(spec) = within(object, "spec") else {
        return;
    };
    each(spec, "limits", |limit| {
        for field in ["max", "min", "default", "defaultRequest", "maxLimitRequestRatio"] {
            amounts(limit, field);
        }
        if text(limit, "type") == "Container" {
            fill_from(limit, "default", "max");
            fill_from(limit, "defaultRequest", "default");
            fill_from(limit, "defaultRequest", "min");
        }
    });
}

/// A resource quota.
pub(super) fn resource_quota(object: &mut Object) {
    if let Some(spec) = within(object, "spec") {
        amounts(spec, "hard");
    }
    if let Some(status) = within(object, "status") {
        amounts(status, "hard");
        amounts(status, "used");
    }
}
