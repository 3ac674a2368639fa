use super::*;
use serde_json::json;

#[test]
fn derived_fields_are_made_and_making_them_twice_changes_nothing() {
    let cases = [
        (
            "",
            "Pod",
            json!({"spec": {"terminationGracePeriodSeconds": -1}}),
            "/spec/terminationGracePeriodSeconds",
            json!(1),
        ),
        (
            "",
            "Secret",
            json!({"stringData": {"a": "x"}, "data": {"b": "eA=="}}),
            "/data",
            json!({"a": "eA==", "b": "eA=="}),
        ),
        (
            "",
            "Secret",
            json!({"stringData": {"a": "x"}}),
            "/stringData",
            Value::Null,
        ),
        (
            "",
            "Namespace",
            json!({"metadata": {"name": "n"}}),
            "/spec/finalizers",
            json!(["kubernetes"]),
        ),
        (
            "apps",
            "DaemonSet",
            json!({}),
            "/metadata/annotations/deprecated.daemonset.template.generation",
            json!("1"),
        ),
        (
            "batch",
            "Job",
            json!({"metadata": {"name": "j", "uid": "u"}, "spec": {"template": {}}}),
            "/spec/selector",
            json!({"matchLabels": {"batch.kubernetes.io/controller-uid": "u"}}),
        ),
        (
            "batch",
            "Job",
            json!({"metadata": {"name": "j", "uid": "u"}, "spec": {"template": {}}}),
            "/metadata/labels",
            json!({"batch.kubernetes.io/controller-uid": "u", "batch.kubernetes.io/job-name": "j", "controller-uid": "u", "job-name": "j"}),
        ),
        (
            "batch",
            "Job",
            json!({"metadata": {"uid": "u"}, "spec": {"manualSelector": true}}),
            "/spec/selector",
            Value::Null,
        ),
        (
            "",
            "PersistentVolumeClaim",
            json!({"spec": {"dataSource": {"kind": "PersistentVolumeClaim", "name": "a"}}}),
            "/spec/dataSourceRef",
            json!({"kind": "PersistentVolumeClaim", "name": "a"}),
        ),
        (
            "",
            "Pod",
            json!({"metadata": {"labels": {"v": "1"}}, "spec": {"affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "z", "labelSelector": {}, "matchLabelKeys": ["v"]}]}}}}),
            "/spec/affinity/podAffinity/requiredDuringSchedulingIgnoredDuringExecution/0/labelSelector",
            json!({"matchExpressions": [{"key": "v", "operator": "In", "values": ["1"]}]}),
        ),
    ];
    for (group, kind, mut object, path, expected) in cases {
        prepare_create(group, kind, &mut object);
        assert_eq!(
            object.pointer(path).cloned().unwrap_or_default(),
            expected,
            "{kind} {path}"
        );
        let once = object.clone();
        prepare_create(group, kind, &mut object);
        assert_eq!(object, once, "{kind}");
    }
}

#[test]
fn a_pod_status_keeps_its_class() {
    let old = json!({"status": {"qosClass": "Burstable"}});
    let mut new = json!({"status": {"podIP": "10.0.0.1"}});
    prepare_update("", "Pod", &mut new, &old, "status");
    assert_eq!(
        new["status"],
        json!({"podIP": "10.0.0.1", "qosClass": "Burstable"})
    );
}

#[test]
fn a_daemon_set_counts_the_changes_of_its_template() {
    let note = "deprecated.daemonset.template.generation";
    let old = json!({"metadata": {"annotations": {note: "3"}}, "spec": {"template": {"a": 1}}});
    let mut same = old.clone();
    prepare_update("apps", "DaemonSet", &mut same, &old, "");
    assert_eq!(same["metadata"]["annotations"][note], "3");
    let mut changed = json!({"metadata": {}, "spec": {"template": {"a": 2}}});
    prepare_update("apps", "DaemonSet", &mut changed, &old, "");
    assert_eq!(changed["metadata"]["annotations"][note], "4");
}

#[test]
fn warnings_read_as_the_reference_writes_them() {
    let pod = json!({"metadata": {"name": "p"}, "spec": {"containers": [{"resources": {"requests": {"memory": "1500m"}}}]}});
    assert_eq!(
        warnings("", "Pod", &pod, None),
        [
            "spec.containers[0].resources.requests[memory]: fractional byte value \"1500m\" is invalid, must be an integer"
        ]
    );
    let twice =
        json!({"metadata": {"name": "p"}, "spec": {"containers": [{"env": [{"name": "A"}, {"name": "A"}]}]}});
    assert_eq!(
        warnings("", "Pod", &twice, None),
        [
            "spec.containers[0].env[1]: hides previous definition of \"A\", which may be dropped when using apply"
        ]
    );
    assert_eq!(warnings("", "ConfigMap", &json!({}), None), [""; 0]);
}
