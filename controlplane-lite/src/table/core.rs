//! Columns and cells of core/v1 (without pods and volumes), leases, events and endpoint slices.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::format::{NONE, age, at, containers, entries, int, items, labels, or, shortened, since, text};
use crate::resource::Column;
use crate::table::{column, name, wide};

/// Columns of config maps.
pub fn config_map_columns() -> Vec<Column> {
    vec![
        name(),
        column("Data", "string", "@io.k8s.api.core.v1.ConfigMap.data"),
        super::age(),
    ]
}

/// Cells of a config map.
pub fn config_map(object: &Value, now: Timestamp) -> Vec<Value> {
    let count = entries(object, "data") + entries(object, "binaryData");
    vec![
        object["metadata"]["name"].clone(),
        json!(count),
        json!(age(object, now)),
    ]
}

/// Columns of secrets.
pub fn secret_columns() -> Vec<Column> {
    vec![
        name(),
        column("Type", "string", "@io.k8s.api.core.v1.Secret.type"),
        column("Data", "string", "@io.k8s.api.core.v1.Secret.data"),
        super::age(),
    ]
}

/// Cells of a secret.
pub fn secret(object: &Value, now: Timestamp) -> Vec<Value> {
    vec![
        object["metadata"]["name"].clone(),
        json!(text(object, "type")),
        json!(entries(object, "data")),
        json!(age(object, now)),
    ]
}

/// Columns of service accounts.
pub fn name_and_age_columns() -> Vec<Column> {
    vec![name(), super::age()]
}

/// Columns of endpoints.
pub fn endpoints_columns() -> Vec<Column> {
    vec![
        name(),
        column("Endpoints", "string", "@io.k8s.api.core.v1.Endpoints.subsets"),
        super::age(),
    ]
}

/// Cells of an endpoints object.
pub fn endpoints(object: &Value, now: Timestamp) -> Vec<Value> {
    let mut list = Vec::new();
    for subset in items(object, "subsets") {
        let addresses = items(subset, "addresses").iter().map(|a| text(a, "ip"));
        match items(subset, "ports") {
            [] => list.extend(addresses.map(str::to_owned)),
            ports => {
                for port in ports {
                    let port = int(port, "port");
                    list.extend(addresses.clone().map(|ip| host_port(ip, port)));
                }
            }
        }
    }
    vec![
        object["metadata"]["name"].clone(),
        json!(shortened(&list, 3)),
        json!(age(object, now)),
    ]
}

fn host_port(ip: &str, port: i64) -> String {
    if ip.contains(':') {
        format!("[{ip}]:{port}")
    } else {
        format!("{ip}:{port}")
    }
}

/// Columns of endpoint slices.
pub fn endpoint_slice_columns() -> Vec<Column> {
    vec![
        name(),
        column(
            "AddressType",
            "string",
            "@io.k8s.api.discovery.v1.EndpointSlice.addressType",
        ),
        column("Ports", "string", "@io.k8s.api.discovery.v1.EndpointSlice.ports"),
        column(
            "Endpoints",
            "string",
            "@io.k8s.api.discovery.v1.EndpointSlice.endpoints",
        ),
        super::age(),
    ]
}

/// Cells of an endpoint slice.
pub fn endpoint_slice(object: &Value, now: Timestamp) -> Vec<Value> {
    let ports: Vec<String> = items(object, "ports")
        .iter()
        .map(|p| at(p, "port").as_i64().map_or("*".to_owned(), |n| n.to_string()))
        .collect();
    let addresses: Vec<String> = items(object, "endpoints")
        .iter()
        .flat_map(|e| items(e, "addresses"))
        .filter_map(|a| a.as_str().map(str::to_owned))
        .collect();
    let list = |all: &[String]| {
        if all.is_empty() {
            "<unset>".to_owned()
        } else {
            shortened(all, 3)
        }
    };
    vec![
        object["metadata"]["name"].clone(),
        json!(text(object, "addressType")),
        json!(list(&ports)),
        json!(list(&addresses)),
        json!(age(object, now)),
    ]
}

/// Columns of namespaces.
pub fn namespace_columns() -> Vec<Column> {
    vec![
        name(),
        column("Status", "string", "The status of the namespace"),
        super::age(),
    ]
}

/// Cells of a namespace.
pub fn namespace(object: &Value, now: Timestamp) -> Vec<Value> {
    vec![
        object["metadata"]["name"].clone(),
        json!(text(object, "status.phase")),
        json!(age(object, now)),
    ]
}

/// Columns of services.
pub fn service_columns() -> Vec<Column> {
    vec![
        name(),
        column("Type", "string", "@io.k8s.api.core.v1.ServiceSpec.type"),
        column(
            "Cluster-IP",
            "string",
            "@io.k8s.api.core.v1.ServiceSpec.clusterIP",
        ),
        column(
            "External-IP",
            "string",
            "@io.k8s.api.core.v1.ServiceSpec.externalIPs",
        ),
        column("Port(s)", "string", "@io.k8s.api.core.v1.ServiceSpec.ports"),
        super::age(),
        wide("Selector", "string", "@io.k8s.api.core.v1.ServiceSpec.selector"),
    ]
}

/// Cells of a service.
pub fn service(object: &Value, now: Timestamp) -> Vec<Value> {
    let ports: Vec<String> = items(object, "spec.ports").iter().map(service_port).collect();
    vec![
        object["metadata"]["name"].clone(),
        json!(text(object, "spec.type")),
        json!(or(text(object, "spec.clusterIP"), NONE)),
        json!(external_ip(object)),
        json!(or(&ports.join(","), NONE)),
        json!(age(object, now)),
        json!(labels(at(object, "spec.selector"))),
    ]
}

fn service_port(port: &Value) -> String {
    let protocol = text(port, "protocol");
    match (int(port, "port"), int(port, "nodePort")) {
        (number, 0) => format!("{number}/{protocol}"),
        (number, node) => format!("{number}:{node}/{protocol}"),
    }
}

fn external_ip(service: &Value) -> String {
    let mut list: Vec<&str> = Vec::new();
    let kind = text(service, "spec.type");
    if kind == "ExternalName" {
        return text(service, "spec.externalName").to_owned();
    }
    if kind == "LoadBalancer" {
        let ingress = items(service, "status.loadBalancer.ingress");
        list.extend(ingress.iter().map(|i| or(text(i, "ip"), text(i, "hostname"))));
    }
    list.extend(
        items(service, "spec.externalIPs")
            .iter()
            .filter_map(Value::as_str),
    );
    match (list.is_empty(), kind) {
        (false, _) => list.join(","),
        (true, "LoadBalancer") => "<pending>".into(),
        (true, _) => NONE.into(),
    }
}

/// Columns of nodes.
pub fn node_columns() -> Vec<Column> {
    vec![
        name(),
        column("Status", "string", "The status of the node"),
        column("Roles", "string", "The roles of the node"),
        super::age(),
        column(
            "Version",
            "string",
            "@io.k8s.api.core.v1.NodeSystemInfo.kubeletVersion",
        ),
        wide(
            "Internal-IP",
            "string",
            "@io.k8s.api.core.v1.NodeStatus.addresses",
        ),
        wide(
            "External-IP",
            "string",
            "@io.k8s.api.core.v1.NodeStatus.addresses",
        ),
        wide("OS-Image", "string", "@io.k8s.api.core.v1.NodeSystemInfo.osImage"),
        wide(
            "Kernel-Version",
            "string",
            "@io.k8s.api.core.v1.NodeSystemInfo.kernelVersion",
        ),
        wide(
            "Container-Runtime",
            "string",
            "@io.k8s.api.core.v1.NodeSystemInfo.containerRuntimeVersion",
        ),
    ]
}

/// Cells of a node.
pub fn node(object: &Value, now: Timestamp) -> Vec<Value> {
    let info = |field: &str| or(text(&object["status"]["nodeInfo"], field), "<unknown>").to_owned();
    let address = |kind| {
        let all = items(object, "status.addresses");
        all.iter()
            .find(|a| text(a, "type") == kind)
            .map_or(NONE, |a| text(a, "address"))
            .to_owned()
    };
    vec![
        object["metadata"]["name"].clone(),
        json!(node_status(object)),
        json!(node_roles(object)),
        json!(age(object, now)),
        json!(text(object, "status.nodeInfo.kubeletVersion")),
        json!(address("InternalIP")),
        json!(address("ExternalIP")),
        json!(info("osImage")),
        json!(info("kernelVersion")),
        json!(info("containerRuntimeVersion")),
    ]
}

fn node_status(node: &Value) -> String {
    let ready = items(node, "status.conditions")
        .iter()
        .find(|c| text(c, "type") == "Ready");
    let mut out = match ready.map(|c| text(c, "status")) {
        Some("True") => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    }
    .to_owned();
    if node["spec"]["unschedulable"] == true {
        out.push_str(",SchedulingDisabled");
    }
    out
}

fn node_roles(node: &Value) -> String {
    let mut roles: Vec<&str> = Vec::new();
    for (key, value) in node["metadata"]["labels"].as_object().into_iter().flatten() {
        if let Some(role) = key.strip_prefix("node-role.kubernetes.io/") {
            roles.push(role);
        } else if key == "kubernetes.io/role" {
            roles.extend(value.as_str().filter(|v| !v.is_empty()));
        }
    }
    roles.retain(|r| !r.is_empty());
    roles.sort_unstable();
    roles.dedup();
    or(&roles.join(","), NONE).to_owned()
}

/// Columns of events, in both groups.
pub fn event_columns() -> Vec<Column> {
    vec![
        column("Last Seen", "string", "@io.k8s.api.core.v1.Event.lastTimestamp"),
        column("Type", "string", "@io.k8s.api.core.v1.Event.type"),
        column("Reason", "string", "@io.k8s.api.core.v1.Event.reason"),
        column("Object", "string", "@io.k8s.api.core.v1.Event.involvedObject"),
        wide(
            "Subobject",
            "string",
            "@io.k8s.api.core.v1.ObjectReference.fieldPath",
        ),
        wide("Source", "string", "@io.k8s.api.core.v1.Event.source"),
        column("Message", "string", "@io.k8s.api.core.v1.Event.message"),
        wide("First Seen", "string", "@io.k8s.api.core.v1.Event.firstTimestamp"),
        wide("Count", "string", "@io.k8s.api.core.v1.Event.count"),
        Column {
            priority: 1,
            ..name()
        },
    ]
}

/// Cells of an event in its stored (core/v1) form.
pub fn event(object: &Value, now: Timestamp) -> Vec<Value> {
    let first = since(or(text(object, "firstTimestamp"), text(object, "eventTime")), now);
    let (last, count) = match at(object, "series") {
        Value::Null => {
            let last = match text(object, "lastTimestamp") {
                "" => first.clone(),
                stamp => since(stamp, now),
            };
            (last, int(object, "count").max(1))
        }
        series => (since(text(series, "lastObservedTime"), now), int(series, "count")),
    };
    let kind = text(object, "involvedObject.kind").to_lowercase();
    let target = match text(object, "involvedObject.name") {
        "" => kind,
        name => format!("{kind}/{name}"),
    };
    let component = or(
        text(object, "source.component"),
        text(object, "reportingComponent"),
    );
    let source = match or(text(object, "source.host"), text(object, "reportingInstance")) {
        "" => component.to_owned(),
        host => format!("{component}, {host}"),
    };
    vec![
        json!(last),
        json!(text(object, "type")),
        json!(text(object, "reason")),
        json!(target),
        json!(text(object, "involvedObject.fieldPath")),
        json!(source),
        json!(text(object, "message").trim()),
        json!(first),
        json!(count),
        object["metadata"]["name"].clone(),
    ]
}

/// Columns of resource quotas.
pub fn quota_columns() -> Vec<Column> {
    vec![
        name(),
        column(
            "Request",
            "string",
            "Request represents a minimum amount of cpu/memory that a container may consume.",
        ),
        column(
            "Limit",
            "string",
            "Limits control the maximum amount of cpu/memory that a container may use independent of contention on the node.",
        ),
        super::age(),
    ]
}

/// Cells of a resource quota.
pub fn quota(object: &Value, now: Timestamp) -> Vec<Value> {
    let (mut requests, mut limits) = (Vec::new(), Vec::new());
    for (resource, hard) in object["status"]["hard"].as_object().into_iter().flatten() {
        let used = object["status"]["used"][resource.as_str()]
            .as_str()
            .unwrap_or("0");
        let part = format!("{resource}: {used}/{}", hard.as_str().unwrap_or_default());
        if resource.starts_with("limits") {
            limits.push(part)
        } else {
            requests.push(part)
        }
    }
    vec![
        object["metadata"]["name"].clone(),
        json!(requests.join(", ")),
        json!(limits.join(", ")),
        json!(age(object, now)),
    ]
}

/// Columns of pod templates.
pub fn pod_template_columns() -> Vec<Column> {
    vec![
        name(),
        column("Containers", "string", "Names of each container in the template."),
        column(
            "Images",
            "string",
            "Images referenced by each container in the template.",
        ),
        column("Pod Labels", "string", "The labels for the pod template."),
    ]
}

/// Cells of a pod template.
pub fn pod_template(object: &Value, _now: Timestamp) -> Vec<Value> {
    let (names, images) = containers(at(object, "template.spec"));
    let labels = labels(at(object, "template.metadata.labels"));
    vec![
        object["metadata"]["name"].clone(),
        json!(names),
        json!(images),
        json!(labels),
    ]
}

/// Columns of component statuses.
pub fn component_columns() -> Vec<Column> {
    vec![
        name(),
        column("Status", "string", "Status of the component conditions"),
        column("Message", "string", "Message of the component conditions"),
        column("Error", "string", "Error of the component conditions"),
    ]
}

/// Cells of a component status.
pub fn component(object: &Value, _now: Timestamp) -> Vec<Value> {
    let healthy = items(object, "conditions")
        .iter()
        .find(|c| text(c, "type") == "Healthy");
    let field = |name| healthy.map_or("", |c| text(c, name));
    let status = match field("status") {
        "True" => "Healthy",
        "False" => "Unhealthy",
        _ => "Unknown",
    };
    vec![
        object["metadata"]["name"].clone(),
        json!(status),
        json!(field("message")),
        json!(field("error")),
    ]
}

/// Columns of leases.
pub fn lease_columns() -> Vec<Column> {
    vec![
        name(),
        column(
            "Holder",
            "string",
            "@io.k8s.api.coordination.v1.LeaseSpec.holderIdentity",
        ),
        super::age(),
    ]
}

/// Cells of a lease.
pub fn lease(object: &Value, now: Timestamp) -> Vec<Value> {
    vec![
        object["metadata"]["name"].clone(),
        json!(text(object, "spec.holderIdentity")),
        json!(age(object, now)),
    ]
}
