use serde_json::json;

use super::super::test_cluster::Objects;
use super::*;

fn cluster() -> Objects {
    let pod = |name: &str, node: &str| json!({"metadata": {"name": name, "namespace": "web", "uid": "u"}, "spec": {"nodeName": node}});
    Objects(vec![
        ("pods", pod("own", "one")),
        ("pods", pod("foreign", "two")),
        ("nodes", json!({"metadata": {"name": "one", "uid": "n"}})),
    ])
}

fn write<'a>(
    operation: Operation,
    resource: &'a str,
    name: &'a str,
    new: &'a Value,
    old: &'a Value,
) -> Write<'a> {
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    Write {
        node: "one",
        operation,
        resource,
        subresource,
        namespace: "web",
        name,
        new,
        old,
    }
}

fn refused(operation: Operation, resource: &str, name: &str, new: &Value, old: &Value) -> String {
    check(&cluster(), &write(operation, resource, name, new, old))
        .err()
        .unwrap_or_default()
}

#[test]
fn a_kubelet_writes_its_own_node_without_taints_and_foreign_labels() {
    let none = Value::Null;
    let node = |labels: Value, taints: Value| json!({"metadata": {"name": "one", "labels": labels}, "spec": {"taints": taints}});
    let plain = node(json!({"kubernetes.io/os": "linux", "mine": "x"}), json!([]));
    assert_eq!(refused(Operation::Create, "nodes", "", &plain, &none), "");
    let other = json!({"metadata": {"name": "two"}});
    assert_eq!(
        refused(Operation::Create, "nodes", "", &other, &none),
        "node \"one\" is not allowed to modify node \"two\""
    );
    let isolated = node(
        json!({"node-restriction.kubernetes.io/x": "y", "kubernetes.io/z": ""}),
        json!([]),
    );
    assert_eq!(
        refused(Operation::Create, "nodes", "", &isolated, &none),
        "node \"one\" is not allowed to set the following labels: kubernetes.io/z, node-restriction.kubernetes.io/x"
    );
    let tainted = node(json!({}), json!([{"key": "a"}]));
    assert_eq!(
        refused(
            Operation::Update,
            "nodes",
            "one",
            &node(json!({}), json!([])),
            &tainted
        ),
        "node \"one\" is not allowed to modify taints"
    );
    let labelled = node(json!({"node-role.kubernetes.io/control-plane": ""}), json!([]));
    assert_eq!(
        refused(
            Operation::Update,
            "nodes/status",
            "one",
            &node(json!({}), json!([])),
            &labelled
        ),
        "node \"one\" is not allowed to modify labels: node-role.kubernetes.io/control-plane"
    );
    assert_eq!(
        refused(Operation::Update, "nodes/status", "one", &labelled, &labelled),
        ""
    );
}

#[test]
fn only_mirror_pods_without_references_are_created() {
    let mirror = |spec: Value, owner: Value| {
        let mut pod = json!({"metadata": {"name": "p", "annotations": {"kubernetes.io/config.mirror": "h"}}, "spec": spec});
        pod["spec"]["nodeName"] = "one".into();
        if !owner.is_null() {
            pod["metadata"]["ownerReferences"] = json!([owner]);
        }
        pod
    };
    let create = |pod: &Value| refused(Operation::Create, "pods", "p", pod, &Value::Null);
    let owner = json!({"apiVersion": "v1", "kind": "Node", "name": "one", "uid": "n", "controller": true});
    assert_eq!(create(&mirror(json!({"containers": []}), owner.clone())), "");
    assert!(create(&json!({"spec": {"nodeName": "one"}})).contains("can only create mirror pods"));
    let mut stranger = owner;
    stranger["uid"] = "x".into();
    let bad = [
        mirror(
            json!({}),
            json!({"apiVersion": "v1", "kind": "Node", "name": "two"}),
        ),
        mirror(json!({}), stranger),
        mirror(json!({"serviceAccountName": "x"}), Value::Null),
        mirror(json!({"volumes": [{"secret": {"secretName": "s"}}]}), Value::Null),
        mirror(
            json!({"containers": [{"envFrom": [{"configMapRef": {"name": "m"}}]}]}),
            Value::Null,
        ),
        mirror(
            json!({"volumes": [{"persistentVolumeClaim": {"claimName": "c"}}]}),
            Value::Null,
        ),
    ];
    for pod in bad {
        assert_ne!(create(&pod), "", "{pod}");
    }
}

#[test]
fn pods_of_other_nodes_are_out_of_reach() {
    let objects = cluster();
    let pod = |name: &str| objects.get("pods", "web", name).unwrap();
    let (own, foreign, none) = (pod("own"), pod("foreign"), Value::Null);
    assert_eq!(refused(Operation::Delete, "pods", "own", &none, &own), "");
    assert!(refused(Operation::Delete, "pods", "foreign", &none, &foreign).contains("can only delete pods"));
    assert_eq!(refused(Operation::Update, "pods/status", "own", &own, &own), "");
    assert!(!refused(Operation::Update, "pods/status", "foreign", &foreign, &foreign).is_empty());
    let mut relabelled = own.clone();
    relabelled["metadata"]["labels"] = json!({"a": "b"});
    let refusal = refused(Operation::Update, "pods/status", "own", &relabelled, &own);
    assert_eq!(refusal, "node \"one\" cannot update labels through pod status");
    assert_eq!(
        refused(Operation::Create, "pods/eviction", "own", &none, &none),
        ""
    );
    assert!(!refused(Operation::Create, "pods/eviction", "foreign", &none, &none).is_empty());
}

#[test]
fn tokens_are_for_pods_on_the_node() {
    let request = |name: &str, uid: &str| json!({"spec": {"boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": name, "uid": uid}}});
    let ask = |request: &Value| {
        refused(
            Operation::Create,
            "serviceaccounts/token",
            "default",
            request,
            &Value::Null,
        )
    };
    assert_eq!(ask(&request("own", "u")), "");
    assert_eq!(
        ask(&json!({"spec": {}})),
        "node requested token not bound to a pod"
    );
    assert_eq!(
        ask(&request("foreign", "u")),
        "node requested token bound to a pod scheduled on a different node"
    );
    assert!(ask(&request("own", "other")).contains("does not match the UID in record"));
    assert!(!ask(&request("absent", "u")).is_empty());
}

#[test]
fn a_claims_status_is_all_that_is_written_of_a_claim() {
    let claim = |size: &str, phase: &str| json!({"metadata": {"name": "c"}, "spec": {"size": size}, "status": {"capacity": {"storage": "1"}, "phase": phase}});
    let mut grown = claim("1", "Bound");
    grown["status"]["capacity"] = json!({"storage": "2"});
    let resource = "persistentvolumeclaims/status";
    assert_eq!(
        refused(Operation::Update, resource, "c", &grown, &claim("1", "Bound")),
        ""
    );
    assert!(
        !refused(
            Operation::Update,
            resource,
            "c",
            &claim("2", "Bound"),
            &claim("1", "Bound")
        )
        .is_empty()
    );
    assert!(
        !refused(
            Operation::Update,
            resource,
            "c",
            &claim("1", "Lost"),
            &claim("1", "Bound")
        )
        .is_empty()
    );
}
