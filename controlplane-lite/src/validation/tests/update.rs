//! What an update may change, and what its subresources may.

use super::super::update;
use super::{pod, prepared};
use serde_json::{Value, json};

/// The faults of changing `object` with `change`.
fn changed(object: &Value, change: impl Fn(&mut Value), subresource: Option<&str>) -> Vec<String> {
    let (group, kind, mut old) = prepared(object);
    old["metadata"]["resourceVersion"] = "1".into();
    let mut new = old.clone();
    change(&mut new);
    update(&group, &kind, &new, &old, subresource)
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn immutable_fields_stay() {
    let labels = json!({"a": "b"});
    let template =
        json!({"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "x"}]}});
    let workload = |kind: &str| json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "d"}, "spec": {"selector": {"matchLabels": labels}, "template": template}});
    let deployment = changed(
        &workload("Deployment"),
        |d| d["spec"]["selector"]["matchLabels"]["q"] = "r".into(),
        None,
    );
    assert_eq!(
        deployment,
        [
            "spec.template.metadata.labels: Invalid value: {\"a\":\"b\"}: `selector` does not match template `labels`",
            "spec.selector: Invalid value: {\"matchLabels\":{\"a\":\"b\",\"q\":\"r\"}}: field is immutable",
        ]
    );
    let stateful = changed(
        &workload("StatefulSet"),
        |s| s["spec"]["serviceName"] = "other".into(),
        None,
    );
    assert!(
        stateful[0]
            .starts_with("spec: Forbidden: updates to statefulset spec for fields other than 'replicas'")
    );
    let pod_change = changed(
        &pod(&json!({}), &json!({})),
        |p| p["spec"]["nodeSelector"] = json!({"a": "b"}),
        None,
    );
    assert!(pod_change[0].starts_with(
        "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`"
    ));
    assert_eq!(
        changed(
            &pod(&json!({}), &json!({})),
            |p| p["spec"]["containers"][0]["image"] = "y".into(),
            None
        ),
        [""; 0]
    );
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": {"a": "1"}, "immutable": true});
    assert_eq!(
        changed(&map, |m| m["data"]["a"] = "2".into(), None),
        ["data: Forbidden: field is immutable when `immutable` is set"]
    );
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}], "clusterIP": "10.96.0.9", "clusterIPs": ["10.96.0.9"]}});
    let moved = changed(
        &service,
        |s| {
            (s["spec"]["clusterIP"], s["spec"]["clusterIPs"]) = (json!("10.96.99.99"), json!(["10.96.99.99"]))
        },
        None,
    );
    assert_eq!(
        moved,
        ["spec.clusterIPs[0]: Invalid value: [\"10.96.99.99\"]: may not change once set"]
    );
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "r"}, "roleRef": {"kind": "Role", "name": "r"}});
    assert_eq!(
        changed(&binding, |b| b["roleRef"]["name"] = "other".into(), None),
        [
            "roleRef: Invalid value: {\"APIGroup\":\"rbac.authorization.k8s.io\",\"Kind\":\"Role\",\"Name\":\"other\"}: cannot change roleRef"
        ]
    );
}

#[test]
fn subresources_allow_what_they_are_for() {
    let base = pod(&json!({}), &json!({"resources": {"requests": {"cpu": "1"}}}));
    let resized = |p: &mut Value| p["spec"]["containers"][0]["resources"]["requests"]["cpu"] = "2".into();
    assert_eq!(changed(&base, resized, Some("resize")), [""; 0]);
    let image = |p: &mut Value| p["spec"]["containers"][0]["image"] = "y".into();
    assert_eq!(
        changed(&base, image, Some("resize"))[0],
        "spec: Forbidden: only cpu and memory resources are mutable"
    );
    let debug = |p: &mut Value| {
        p["spec"]["ephemeralContainers"] = json!([{"name": "e", "image": "x", "imagePullPolicy": "Always", "terminationMessagePolicy": "File"}]);
    };
    assert_eq!(changed(&base, debug, Some("ephemeralcontainers")), [""; 0]);
    let name = |p: &mut Value| p["metadata"]["labels"] = json!({"a b": "c"});
    assert!(
        changed(&base, name, Some("status"))
            .iter()
            .all(|t| t.starts_with("metadata.labels"))
    );
}
