use super::*;
use crate::resources::Registry;

const NOW: Timestamp = Timestamp::constant(1_000_000_000, 0);

fn row(group: &str, plural: &str) -> Arc<Resource> {
    Registry::builtin()
        .find_any_version(group, plural)
        .cloned()
        .expect("a row")
}

fn pod(node: &str, phase: &str) -> Value {
    json!({"metadata": {"name": "p", "generation": 1}, "spec": {"nodeName": node, "terminationGracePeriodSeconds": 30},
        "status": {"phase": phase}})
}

fn with(propagation: Option<Propagation>) -> DeleteOptions {
    DeleteOptions {
        propagation,
        ..DeleteOptions::default()
    }
}

fn grace(seconds: i64) -> DeleteOptions {
    DeleteOptions {
        grace: Some(seconds),
        ..DeleteOptions::default()
    }
}

#[test]
fn a_running_pod_gets_a_grace_period_and_others_go_at_once() {
    let pods = row("", "pods");
    let marked = |options: &DeleteOptions, pod: &Value| match plan(&pods, pod, options, NOW) {
        Ok(Plan::Mark(new)) => new["metadata"].clone(),
        Ok(Plan::Remove) => json!("removed"),
        other => json!(format!("{other:?}")),
    };
    let running = pod("n", "Running");
    assert_eq!(
        marked(&DeleteOptions::default(), &running),
        json!({"name": "p", "generation": 2, "deletionTimestamp": "2001-09-09T01:47:10Z", "deletionGracePeriodSeconds": 30})
    );
    assert_eq!(marked(&grace(5), &running)["deletionGracePeriodSeconds"], 5);
    assert_eq!(marked(&grace(0), &running), "removed");
    assert_eq!(marked(&DeleteOptions::default(), &pod("", "Pending")), "removed");
    assert_eq!(marked(&DeleteOptions::default(), &pod("n", "Failed")), "removed");
}

#[test]
fn a_running_grace_period_can_only_become_shorter() {
    let pods = row("", "pods");
    let Ok(Plan::Mark(deleting)) = plan(&pods, &pod("n", "Running"), &DeleteOptions::default(), NOW) else {
        panic!("a running pod is marked");
    };
    assert_eq!(
        plan(&pods, &deleting, &DeleteOptions::default(), NOW),
        Ok(Plan::Keep)
    );
    assert_eq!(plan(&pods, &deleting, &grace(60), NOW), Ok(Plan::Keep));
    let Ok(Plan::Mark(sooner)) = plan(&pods, &deleting, &grace(10), NOW) else {
        panic!("it is shortened")
    };
    assert_eq!(sooner["metadata"]["deletionTimestamp"], "2001-09-09T01:46:50Z");
    assert_eq!(plan(&pods, &deleting, &grace(0), NOW), Ok(Plan::Remove));
}

#[test]
fn finalizers_hold_an_object_until_they_are_gone() {
    let maps = row("", "configmaps");
    let held = json!({"metadata": {"name": "m", "finalizers": ["x/y"]}});
    let Ok(Plan::Mark(marked)) = plan(&maps, &held, &DeleteOptions::default(), NOW) else {
        panic!("marked")
    };
    assert_eq!(
        marked["metadata"],
        json!({"name": "m", "finalizers": ["x/y"], "deletionTimestamp": "2001-09-09T01:46:40Z", "deletionGracePeriodSeconds": 0})
    );
    assert_eq!(
        plan(&maps, &marked, &DeleteOptions::default(), NOW),
        Ok(Plan::Keep)
    );
    assert_eq!(
        plan(
            &maps,
            &json!({"metadata": {"name": "m"}}),
            &DeleteOptions::default(),
            NOW
        ),
        Ok(Plan::Remove)
    );
}

#[test]
fn the_propagation_policy_becomes_a_finalizer_of_the_garbage_collector() {
    let table = [
        (
            "apps",
            "deployments",
            Some(Propagation::Foreground),
            Some(FOREGROUND),
        ),
        ("apps", "deployments", Some(Propagation::Orphan), Some(ORPHAN)),
        ("apps", "deployments", Some(Propagation::Background), None),
        ("apps", "deployments", None, None),
        ("batch", "jobs", None, Some(ORPHAN)),
        ("batch", "jobs", Some(Propagation::Background), None),
        ("", "events", Some(Propagation::Foreground), None),
    ];
    for (group, plural, propagation, want) in table {
        let object = json!({"metadata": {"name": "d"}});
        let got = match plan(&row(group, plural), &object, &with(propagation), NOW) {
            Ok(Plan::Mark(new)) => new["metadata"]["finalizers"][0].as_str().map(str::to_owned),
            _ => None,
        };
        assert_eq!(got.as_deref(), want, "{plural} {propagation:?}");
    }
}

#[test]
fn a_namespace_waits_for_its_content() {
    let namespaces = row("", "namespaces");
    let object = json!({"metadata": {"name": "n"}, "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}});
    let Ok(Plan::Mark(marked)) = plan(&namespaces, &object, &DeleteOptions::default(), NOW) else {
        panic!("marked")
    };
    assert_eq!(marked["status"]["phase"], "Terminating");
    let mut empty = marked;
    empty["spec"]["finalizers"] = json!([]);
    assert_eq!(
        plan(&namespaces, &empty, &DeleteOptions::default(), NOW),
        Ok(Plan::Remove)
    );
}

#[test]
fn a_precondition_that_does_not_hold_is_a_conflict_on_the_kind() {
    let options = DeleteOptions {
        uid: Some("a".into()),
        ..DeleteOptions::default()
    };
    let refused = plan(
        &row("", "configmaps"),
        &json!({"metadata": {"name": "m", "uid": "b"}}),
        &options,
        NOW,
    );
    let message = refused.map_err(|s| s.message).expect_err("a conflict");
    assert_eq!(
        message,
        "Operation cannot be fulfilled on ConfigMap \"m\": the UID in the precondition (a) does not match the UID in record (b). The object might have been deleted and then recreated"
    );
}
