//! The recorded refusals of the reference, and rules that they do not reach.

mod update;

use super::{create, update};
use crate::defaults;
use crate::field::Errors;
use serde_json::{Value, json};

fn recorded(text: &str) -> Vec<Value> {
    serde_json::from_str(text).expect("recorded data is JSON")
}

fn group(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

/// A request as it reaches validation: in a namespace, with defaults.
fn prepared(given: &Value) -> (String, String, Value) {
    let mut object = given.clone();
    let api_version = object["apiVersion"].as_str().unwrap_or("v1").to_owned();
    let kind = object["kind"].as_str().unwrap_or("Pod").to_owned();
    let cluster = [
        "Namespace",
        "PriorityClass",
        "PersistentVolume",
        "CSIDriver",
        "IngressClass",
        "RuntimeClass",
    ];
    if !cluster.contains(&kind.as_str()) && kind != "CertificateSigningRequest" && kind != "TokenRequest" {
        object["metadata"]["namespace"] = "ns".into();
    }
    defaults::apply(group(&api_version), &kind, &mut object);
    (group(&api_version).to_owned(), kind, object)
}

fn causes(errs: &Errors) -> Vec<Value> {
    errs.iter()
        .map(|e| json!({"field": e.field, "message": e.body(), "reason": e.reason()}))
        .collect()
}

#[test]
fn refusals_have_the_fields_reasons_and_texts_of_the_reference() {
    // Allocation, admission and updates, which are not validation of a new object.
    const ELSEWHERE: &[&str] = &[
        "invalid service: bad cluster ip",
        "invalid service: node port range",
        "quota",
        "limitrange and quota",
        "dry run",
    ];
    let mut seen = 0;
    for case in recorded(include_str!("../../testdata/refused.json")) {
        if ELSEWHERE.iter().any(|n| case["name"] == *n) {
            continue;
        }
        let mut given = case["given"].clone();
        if given.get("kind").is_none() {
            given["kind"] = case["kind"].clone();
            given["apiVersion"] = match case["group"].as_str() {
                Some("") | None => json!("v1"),
                Some(group) => json!(format!("{group}/v1")),
            };
        }
        let (group, kind, mut object) = prepared(&given);
        if kind == "Job" {
            object["metadata"]["uid"] = "00000000-0000-0000-0000-000000000001".into();
            crate::strategy::prepare_create(&group, &kind, &mut object);
        }
        let errs = create(&group, &kind, &object);
        assert_eq!(json!(causes(&errs)), case["causes"], "{}", case["name"]);
        seen += 1;
    }
    assert!(seen > 25, "only {seen} recorded refusals");
}

#[test]
fn recorded_objects_are_valid() {
    for case in recorded(include_str!("../../testdata/created.json")) {
        let (group, kind, mut object) = prepared(&case["given"]);
        object["metadata"]["uid"] = "00000000-0000-0000-0000-000000000001".into();
        if object["metadata"]["name"].is_null() {
            object["metadata"]["name"] = "gen-abcde".into();
        }
        crate::strategy::prepare_create(&group, &kind, &mut object);
        if kind == "Pod" {
            object["spec"]["serviceAccountName"] = "default".into(); // admission's work
        }
        if case["name"] == "service headless" {
            object["spec"]["clusterIPs"] = json!(["None"]); // the service's own preparation
        }
        if kind == "Pod" && case["name"] == "limitrange and quota" {
            continue;
        }
        let errs = create(&group, &kind, &object);
        assert_eq!(causes(&errs), Vec::<Value>::new(), "{} {kind}", case["name"]);
        object["metadata"]["resourceVersion"] = "1".into();
        let errs = update(&group, &kind, &object, &object, None);
        assert_eq!(
            causes(&errs),
            Vec::<Value>::new(),
            "unchanged {} {kind}",
            case["name"]
        );
    }
}

/// A pod with one container and these further fields of its spec and container.
fn pod(spec: &Value, container: &Value) -> Value {
    let mut object = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"},
        "spec": {"serviceAccountName": "default", "containers": [{"name": "c", "image": "x"}]}});
    for (field, value) in spec.as_object().into_iter().flatten() {
        object["spec"][field] = value.clone();
    }
    for (field, value) in container.as_object().into_iter().flatten() {
        object["spec"]["containers"][0][field] = value.clone();
    }
    object
}

fn texts(object: &Value) -> Vec<String> {
    let (group, kind, object) = prepared(object);
    create(&group, &kind, &object)
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn pods_are_checked_field_by_field() {
    let none = json!({});
    let cases = [
        (
            pod(
                &json!({"volumes": [{"name": "v", "hostPath": {"path": "/a/../b"}}]}),
                &none,
            ),
            r#"spec.volumes[0].hostPath.path: Invalid value: "/a/../b": must not contain '..'"#,
        ),
        (
            pod(
                &json!({"volumes": [{"name": "v", "emptyDir": {}, "hostPath": {"path": "/"}}]}),
                &none,
            ),
            "spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type",
        ),
        (
            pod(&json!({"volumes": [{"name": "v"}, {"name": "v"}]}), &none),
            r#"spec.volumes[1].name: Duplicate value: "v""#,
        ),
        (
            pod(&json!({"restartPolicy": "x"}), &none),
            r#"spec.restartPolicy: Unsupported value: "x": supported values: "Always", "OnFailure", "Never""#,
        ),
        (
            pod(&json!({"dnsPolicy": "None"}), &none),
            "spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None",
        ),
        (
            pod(&json!({"activeDeadlineSeconds": 0}), &none),
            "spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive",
        ),
        (
            pod(&json!({"hostAliases": [{"ip": "x", "hostnames": ["a"]}]}), &none),
            r#"spec.hostAliases[0].ip: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"#,
        ),
        (
            pod(
                &json!({"topologySpreadConstraints": [{"maxSkew": 0, "topologyKey": "z", "whenUnsatisfiable": "DoNotSchedule"}]}),
                &none,
            ),
            "spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero",
        ),
        (
            pod(
                &json!({"ephemeralContainers": [{"name": "e", "image": "x"}]}),
                &none,
            ),
            "spec.ephemeralContainers: Forbidden: cannot be set on create",
        ),
        (
            pod(
                &json!({"initContainers": [{"name": "i", "image": "x", "livenessProbe": {"exec": {"command": ["a"]}}}]}),
                &none,
            ),
            "spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without restartPolicy=Always",
        ),
        (
            pod(
                &none,
                &json!({"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "spec.nope"}}}]}),
            ),
            r#"spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: "spec.nope": error converting fieldPath: field label not supported: spec.nope"#,
        ),
        (
            pod(
                &none,
                &json!({"livenessProbe": {"exec": {"command": ["a"]}, "successThreshold": 2}}),
            ),
            "spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1",
        ),
        (
            pod(&none, &json!({"readinessProbe": {}})),
            "spec.containers[0].readinessProbe: Required value: must specify a handler type",
        ),
        (
            pod(&none, &json!({"imagePullPolicy": "x"})),
            r#"spec.containers[0].imagePullPolicy: Unsupported value: "x": supported values: "Always", "IfNotPresent", "Never""#,
        ),
        (
            pod(
                &none,
                &json!({"resources": {"limits": {"nope": "1"}, "requests": {"nope": "1"}}}),
            ),
            r#"spec.containers[0].resources.limits[nope]: Invalid value: "nope": must be a standard resource type or fully qualified"#,
        ),
        (
            pod(&none, &json!({"resources": {"requests": {"cpu": "-1"}}})),
            r#"spec.containers[0].resources.requests[cpu]: Invalid value: "-1": must be greater than or equal to 0"#,
        ),
        (
            pod(&none, &json!({"securityContext": {"runAsUser": -1}})),
            "spec.containers[0].securityContext.runAsUser: Invalid value: -1: must be between 0 and 4294967295, inclusive",
        ),
        (
            pod(&none, &json!({"name": "A"})),
            "spec.containers[0].name: Invalid value: \"A\": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
        ),
    ];
    for (object, expected) in cases {
        let texts = texts(&object);
        assert_eq!(texts.first().map(String::as_str), Some(expected), "{texts:?}");
    }
}

#[test]
fn other_kinds_are_checked_too() {
    let cases = [
        (
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "1s"}, "spec": {"ports": [{"port": 1}]}}),
            "metadata.name: Invalid value: \"1s\": a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')",
        ),
        (
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": [{"name": "a", "port": 1}, {"name": "b", "port": 1}]}}),
            r#"spec.ports[1]: Duplicate value: {"Name":"","Protocol":"TCP","AppProtocol":null,"Port":1,"TargetPort":0,"NodePort":0}"#,
        ),
        (
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "type": "kubernetes.io/tls"}),
            "data[tls.crt]: Required value",
        ),
        (
            json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "c"}, "spec": {}}),
            "spec.accessModes: Required value: at least 1 access mode is required",
        ),
        (
            json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "v"}, "spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"]}}),
            "spec: Required value: must specify a volume type",
        ),
        (
            json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": {"hard": {"nope": "1"}}}),
            r#"spec.hard[nope]: Invalid value: "nope": must be a standard resource type or fully qualified"#,
        ),
        (
            json!({"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "l"}, "spec": {"limits": [{"type": "Container", "min": {"cpu": "2"}, "max": {"cpu": "1"}}]}}),
            r#"spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 1"#,
        ),
        (
            json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "d"}, "spec": {"selector": {}, "template": {"spec": {"containers": [{"name": "c", "image": "x"}]}}}}),
            "spec.selector: Invalid value: {}: empty selector is invalid for daemonset",
        ),
        (
            json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "j"}, "spec": {"schedule": "* * * * *", "timeZone": "Mars/Base", "jobTemplate": {"spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "x"}]}}}}}}),
            r#"spec.timeZone: Invalid value: "Mars/Base": unknown time zone Mars/Base"#,
        ),
        (
            json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "i"}, "spec": {}}),
            "spec: Invalid value: null: either `defaultBackend` or `rules` must be specified",
        ),
        (
            json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "p"}, "spec": {"minAvailable": "101%"}}),
            r#"spec.minAvailable: Invalid value: "101%": must not be greater than 100%"#,
        ),
        (
            json!({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "p"}, "value": 2_000_000_000}),
            "value: Forbidden: maximum allowed value of a user defined priority is 1000000000",
        ),
        (
            json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "l"}, "spec": {"leaseDurationSeconds": 0}}),
            "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0",
        ),
        (
            json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": {"name": "e"}, "addressType": "IPv4", "endpoints": [{"addresses": []}]}),
            "endpoints[0].addresses: Required value: must contain at least 1 address",
        ),
        (
            json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 1}}),
            "spec.expirationSeconds: Invalid value: 1: may not specify a duration less than 10 minutes",
        ),
        (
            json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": {}}),
            "spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified",
        ),
        (
            json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "e"}, "involvedObject": {"namespace": "other"}}),
            r#"involvedObject.namespace: Invalid value: "other": does not match event.namespace"#,
        ),
        (
            json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "s", "namespace": ""}}),
            "provisioner: Required value",
        ),
    ];
    for (object, expected) in cases {
        let mut object = object;
        if object["kind"] == "StorageClass" {
            let (group, kind, mut prepared) = prepared(&object);
            prepared["metadata"] = json!({"name": "s"});
            object = prepared;
            let errs = create(&group, &kind, &object);
            assert_eq!(errs[0].to_string(), expected);
            continue;
        }
        let texts = texts(&object);
        assert_eq!(texts.first().map(String::as_str), Some(expected), "{texts:?}");
    }
}
