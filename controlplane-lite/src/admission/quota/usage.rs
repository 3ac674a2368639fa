//! What one object uses, by the names that a quota's `hard` may have.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::admission::text;
use crate::quantity::Quantity;
use crate::quantity::pod::{Amounts, amounts, container_total};

/// Core resources that are counted under their own name as well as under `count/…`.
const COUNTED_BY_NAME: &[&str] = &[
    "configmaps",
    "persistentvolumeclaims",
    "replicationcontrollers",
    "resourcequotas",
    "secrets",
    "services",
];

/// An object with the resource that it is of.
#[derive(Debug, Clone, Copy)]
pub struct Object<'a> {
    /// API group, empty for core.
    pub group: &'a str,
    /// Plural name.
    pub resource: &'a str,
    /// The object.
    pub value: &'a Value,
}

/// All amounts that the object uses. A pod that has ended uses nothing but its place in `count/pods`.
#[must_use]
pub fn usage_of(object: Object<'_>) -> Amounts {
    let Object {
        group,
        resource,
        value,
    } = object;
    let mut usage = Amounts::new();
    let one = Quantity::units(1);
    let counted = match group {
        "" => format!("count/{resource}"),
        group => format!("count/{resource}.{group}"),
    };
    usage.insert(counted, one);
    if group.is_empty() && COUNTED_BY_NAME.contains(&resource) {
        usage.insert(resource.to_owned(), one);
    }
    match (group, resource) {
        ("", "pods") => of_pod(value, &mut usage),
        ("", "services") => of_service(value, &mut usage),
        ("", "persistentvolumeclaims") => of_claim(value, &mut usage),
        _ => {}
    }
    usage
}

fn of_pod(pod: &Value, usage: &mut Amounts) {
    if matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed")) {
        return;
    }
    usage.insert("pods".into(), Quantity::units(1));
    for (field, prefix) in [("requests", "requests."), ("limits", "limits.")] {
        for (name, amount) in pod_total(&pod["spec"], field) {
            let plain = matches!(name.as_str(), "cpu" | "memory" | "ephemeral-storage");
            if plain && field == "requests" {
                usage.insert(name.clone(), amount);
            }
            // Huge pages and extended resources are counted by their requests, which equal their limits.
            if plain || field == "requests" {
                usage.insert(format!("{prefix}{name}"), amount);
            }
            if name.starts_with("hugepages-") && field == "requests" {
                usage.insert(name, amount);
            }
        }
    }
}

fn pod_total(spec: &Value, field: &str) -> Amounts {
    let mut total = container_total(spec, field);
    total.extend(amounts(spec.get("resources"), field));
    for (name, amount) in amounts(Some(spec), "overhead") {
        if let Some(sum) = total.get_mut(&name) {
            *sum = sum.plus(&amount);
        } else if field == "requests" {
            total.insert(name, amount);
        }
    }
    total
}

fn of_service(service: &Value, usage: &mut Amounts) {
    let spec = &service["spec"];
    let kind = text(spec, "type");
    let ports = spec["ports"].as_array().map_or(0, Vec::len);
    let ports = i64::try_from(ports).unwrap_or(i64::MAX);
    let allocates = spec["allocateLoadBalancerNodePorts"] != false;
    match kind {
        "LoadBalancer" => {
            usage.insert("services.loadbalancers".into(), Quantity::units(1));
            if allocates {
                usage.insert("services.nodeports".into(), Quantity::units(ports));
            }
        }
        "NodePort" => drop(usage.insert("services.nodeports".into(), Quantity::units(ports))),
        _ => {}
    }
}

fn of_claim(claim: &Value, usage: &mut Amounts) {
    let spec = &claim["spec"];
    let storage = amounts(spec.get("resources"), "requests")
        .get("storage")
        .copied()
        .unwrap_or_default();
    usage.insert("requests.storage".into(), storage);
    let class = text(spec, "storageClassName");
    if !class.is_empty() {
        let of_class = |name: &str| format!("{class}.storageclass.storage.k8s.io/{name}");
        usage.insert(of_class("requests.storage"), storage);
        usage.insert(of_class("persistentvolumeclaims"), Quantity::units(1));
    }
}

/// What a quota demands that the pod does not say, as text: `limits.cpu for: a; requests.memory for: b`.
pub(super) fn missing(object: Object<'_>, hard: &BTreeSet<&str>) -> String {
    if object.resource != "pods" || !object.group.is_empty() {
        return String::new();
    }
    let spec = &object.value["spec"];
    let demanded = hard.iter().filter_map(|name| {
        let (field, resource) = match *name {
            "cpu" | "memory" => ("requests", *name),
            name => (
                name.split_once('.')
                    .map(|(field, _)| field)
                    .filter(|f| matches!(*f, "requests" | "limits"))?,
                name.split_once('.')
                    .map(|(_, resource)| resource)
                    .filter(|r| matches!(*r, "cpu" | "memory"))?,
            ),
        };
        let pod_level = amounts(spec.get("resources"), field).contains_key(resource);
        let lacking: Vec<&str> = ["initContainers", "containers"]
            .into_iter()
            .flat_map(|list| spec[list].as_array())
            .flatten()
            .filter(|container| !amounts(container.get("resources"), field).contains_key(resource))
            .map(|container| text(container, "name"))
            .collect();
        (!pod_level && !lacking.is_empty()).then(|| format!("{name} for: {}", lacking.join(",")))
    });
    demanded.collect::<Vec<_>>().join("; ")
}
