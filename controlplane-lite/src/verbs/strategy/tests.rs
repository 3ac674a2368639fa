use serde_json::json;

use super::*;
use crate::resources::Registry;

fn row(group: &str, plural: &str) -> std::sync::Arc<Resource> {
    Registry::builtin()
        .find_any_version(group, plural)
        .cloned()
        .expect("a row")
}

fn deployment() -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "d", "namespace": "n", "uid": "u", "creationTimestamp": "t", "generation": 3, "resourceVersion": "9"},
        "spec": {"replicas": 1}, "status": {"replicas": 1}})
}

#[test]
fn a_new_object_has_no_status_of_the_client_and_fresh_system_metadata() {
    let mut object = deployment();
    object["metadata"]["deletionTimestamp"] = json!("t");
    prepare_create(
        &row("apps", "deployments"),
        &mut object,
        "n",
        "new",
        Timestamp::UNIX_EPOCH,
    );
    let want = json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "d", "namespace": "n", "uid": "new", "creationTimestamp": "1970-01-01T00:00:00Z", "generation": 1},
        "spec": {"replicas": 1}, "status": {}});
    assert_eq!(object, want);
}

#[test]
fn a_node_registers_with_its_status() {
    let mut node = json!({"metadata": {"name": "n"}, "status": {"capacity": {}}});
    prepare_create(&row("", "nodes"), &mut node, "", "u", Timestamp::UNIX_EPOCH);
    assert_eq!(node["status"], json!({"capacity": {}}));
}

#[test]
fn an_update_leaves_the_status_and_moves_the_generation_with_the_spec() {
    let old = deployment();
    let mut new = json!({"metadata": {"name": "d"}, "spec": {"replicas": 2}, "status": {"replicas": 99}});
    prepare_update(&row("apps", "deployments"), None, &mut new, &old);
    assert_eq!(
        (&new["status"], &new["metadata"]["generation"]),
        (&old["status"], &json!(4))
    );
    assert_eq!(new["metadata"]["uid"], "u");
    let mut same = old.clone();
    prepare_update(&row("apps", "deployments"), None, &mut same, &old);
    assert_eq!(same, old);
}

#[test]
fn annotations_move_the_generation_of_deployments_only() {
    for (group, plural, want) in [("apps", "deployments", 4), ("apps", "replicasets", 3)] {
        let old = deployment();
        let mut new = old.clone();
        new["metadata"]["annotations"] = json!({"a": "b"});
        prepare_update(&row(group, plural), None, &mut new, &old);
        assert_eq!(new["metadata"]["generation"], want, "{plural}");
    }
}

#[test]
fn a_status_write_changes_nothing_else() {
    let old = deployment();
    let mut new = old.clone();
    new["spec"]["replicas"] = json!(7);
    new["status"]["replicas"] = json!(7);
    new["metadata"]["labels"] = json!({"a": "b"});
    prepare_update(
        &row("apps", "deployments"),
        Some(SubresourceKind::Status),
        &mut new,
        &old,
    );
    let mut want = old.clone();
    want["status"]["replicas"] = json!(7);
    assert_eq!(new, want);
}

#[test]
fn a_deletion_is_complete_without_finalizers_and_grace() {
    let pods = row("", "pods");
    let object = |grace: i64, finalizers: Value| json!({"metadata": {"deletionTimestamp": "t", "deletionGracePeriodSeconds": grace, "finalizers": finalizers}});
    assert!(deletion_is_complete(&pods, &object(0, json!([]))));
    assert!(!deletion_is_complete(&pods, &object(30, json!([]))));
    assert!(!deletion_is_complete(&pods, &object(0, json!(["x/y"]))));
    assert!(!deletion_is_complete(&pods, &json!({"metadata": {}})));
    let namespace = json!({"metadata": {"deletionTimestamp": "t"}, "spec": {"finalizers": ["kubernetes"]}});
    assert!(!deletion_is_complete(&row("", "namespaces"), &namespace));
}
