//! The recorded requests and answers of the reference: what it defaulted is what we default.

use super::apply;
use crate::quantity::Quantity;
use serde_json::{Value, json};

fn recorded() -> Vec<Value> {
    serde_json::from_str(include_str!("../../testdata/created.json")).expect("recorded data is JSON")
}

/// Drops what is no default: allocation, admission, system metadata, status, and values that decoding leaves out.
fn bare(value: &Value, path: &str) -> Option<Value> {
    const NOT_DEFAULTS: &[&str] = &[
        ".status",
        ".spec.volumeClaimTemplates[].status",
        ".metadata.uid",
        ".metadata.resourceVersion",
        ".metadata.creationTimestamp",
        ".metadata.namespace",
        ".metadata.generation",
        ".metadata.name",
        ".metadata.finalizers",
        ".spec.priority",
        ".spec.preemptionPolicy",
        ".spec.serviceAccount",
        ".spec.serviceAccountName",
        ".spec.tolerations",
        ".spec.clusterIP",
        ".spec.clusterIPs",
        ".spec.ipFamilies",
        ".spec.ipFamilyPolicy",
        ".spec.healthCheckNodePort",
        ".spec.ports[].nodePort",
        ".spec.selector.matchLabels.batch.kubernetes.io/controller-uid",
    ];
    if NOT_DEFAULTS.contains(&path) || path.contains("job-name") || path.contains("controller-uid") {
        return None;
    }
    match value {
        Value::Object(map) => {
            let kept: serde_json::Map<_, _> = map
                .iter()
                .filter_map(|(k, v)| Some((k.clone(), bare(v, &format!("{path}.{k}"))?)))
                .collect();
            (!kept.is_empty() || path.ends_with(".emptyDir")).then_some(Value::Object(kept))
        }
        Value::Array(items) => {
            let added = |v: &Value| {
                v["name"]
                    .as_str()
                    .is_some_and(|n| n.starts_with("kube-api-access"))
            };
            let kept: Vec<Value> = items
                .iter()
                .filter(|v| !added(v))
                .filter_map(|v| bare(v, &format!("{path}[]")))
                .collect();
            (!kept.is_empty()).then_some(Value::Array(kept))
        }
        Value::Null => None,
        Value::String(text) if text.is_empty() => None,
        amount if path.contains("requests.") || path.contains("limits.") || path.contains("capacity.") => {
            Some(Quantity::of(Some(amount)).to_string().into())
        }
        other => Some(other.clone()),
    }
}

#[test]
fn created_objects_read_back_with_the_reference_defaults() {
    // An unknown field is decoding's to drop.
    for case in recorded().iter().filter(|c| c["name"] != "strict fields") {
        let (answer, mut given) = (&case["answer"], case["given"].clone());
        let group = match answer["apiVersion"].as_str().expect("a version").split_once('/') {
            Some((group, _)) => group,
            None => "",
        };
        let kind = answer["kind"].as_str().expect("a kind");
        if case["name"] == "invalid pod: negative grace"
            || (case["name"] == "limitrange and quota" && kind == "Pod")
        {
            continue; // changed by the strategy, by admission
        }
        apply(group, kind, &mut given);
        assert_eq!(bare(&given, ""), bare(answer, ""), "{} {kind}", case["name"]);
        let once = given.clone();
        apply(group, kind, &mut given);
        assert_eq!(
            given, once,
            "defaulting twice changes nothing: {} {kind}",
            case["name"]
        );
    }
}

#[test]
fn the_pull_policy_follows_the_tag() {
    for (image, policy) in [
        ("nginx", "Always"),
        ("nginx:latest", "Always"),
        ("nginx:1.2", "IfNotPresent"),
        ("host:5000/nginx", "Always"),
        ("host:5000/a/nginx:1", "IfNotPresent"),
        ("nginx@sha256:abc", "IfNotPresent"),
        ("nginx:latest@sha256:abc", "Always"),
        ("", "IfNotPresent"),
        ("UPPER", "IfNotPresent"),
    ] {
        assert_eq!(super::pull_policy(image), policy, "{image}");
    }
}

#[test]
fn rare_defaults_are_set() {
    let cases = [
        (
            "",
            "Pod",
            json!({"spec": {"hostNetwork": true, "containers": [{"name": "c", "ports": [{"containerPort": 80}]}]}}),
            "/spec/containers/0/ports/0/hostPort",
            json!(80),
        ),
        (
            "apps",
            "DaemonSet",
            json!({}),
            "/spec/updateStrategy",
            json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}),
        ),
        (
            "",
            "Namespace",
            json!({"metadata": {"name": "a"}}),
            "/metadata/labels",
            json!({"kubernetes.io/metadata.name": "a"}),
        ),
        (
            "",
            "Node",
            json!({"status": {"capacity": {"cpu": "2"}}}),
            "/status/allocatable",
            json!({"cpu": "2"}),
        ),
        (
            "batch",
            "Job",
            json!({"spec": {"parallelism": 2}}),
            "/spec/completions",
            Value::Null,
        ),
        (
            "batch",
            "Job",
            json!({"spec": {"backoffLimitPerIndex": 1}}),
            "/spec/backoffLimit",
            json!(i32::MAX),
        ),
        (
            "networking.k8s.io",
            "NetworkPolicy",
            json!({"spec": {"egress": [{}]}}),
            "/spec/policyTypes",
            json!(["Ingress", "Egress"]),
        ),
        (
            "storage.k8s.io",
            "StorageClass",
            json!({}),
            "/volumeBindingMode",
            json!("Immediate"),
        ),
        (
            "",
            "Pod",
            json!({"spec": {"containers": [], "serviceAccount": "a"}}),
            "/spec/serviceAccountName",
            json!("a"),
        ),
        (
            "",
            "Pod",
            json!({"spec": {"containers": [], "resources": {"limits": {"cpu": "2"}}}}),
            "/spec/resources/requests",
            json!({"cpu": "2"}),
        ),
    ];
    let addresses = [
        (
            "",
            "Node",
            json!({"spec": {"podCIDR": "10.1.0.0/24"}}),
            "/spec/podCIDRs",
            json!(["10.1.0.0/24"]),
        ),
        (
            "",
            "Node",
            json!({"spec": {"podCIDRs": ["10.1.0.0/24"]}}),
            "/spec/podCIDR",
            json!("10.1.0.0/24"),
        ),
        (
            "",
            "Pod",
            json!({"spec": {}, "status": {"podIP": "10.0.0.2", "podIPs": [{"ip": "10.0.0.1"}]}}),
            "/status/podIPs",
            json!([{"ip": "10.0.0.2"}]),
        ),
        (
            "",
            "Pod",
            json!({"spec": {}, "status": {"podIPs": [{"ip": "10.0.0.1"}]}}),
            "/status/podIP",
            json!("10.0.0.1"),
        ),
    ];
    for (group, kind, mut object, path, expected) in cases.into_iter().chain(addresses) {
        apply(group, kind, &mut object);
        assert_eq!(
            object.pointer(path).cloned().unwrap_or_default(),
            expected,
            "{kind} {path}"
        );
    }
}
