use serde_json::json;

use super::*;

fn quota(spec: &Value, used: &Value) -> Value {
    json!({"metadata": {"name": "q", "resourceVersion": "7"}, "spec": spec, "status": {"used": used}})
}

fn pod(resources: Value) -> Value {
    json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "resources": resources}]}})
}

fn of<'a>(resource: &'a str, value: &'a Value) -> Object<'a> {
    Object {
        group: "",
        resource,
        value,
    }
}

fn charged(hard: Value, used: Value, resource: &str, value: &Value) -> Result<Vec<Charge>, Refusal> {
    charge(
        &[quota(&json!({ "hard": hard }), &used)],
        of(resource, value),
        None,
    )
}

#[test]
fn what_fits_is_charged_and_what_does_not_is_refused() {
    let given = pod(json!({"requests": {"cpu": "500m"}}));
    let charges = charged(
        json!({"pods": "2", "requests.cpu": "1"}),
        json!({"pods": "1"}),
        "pods",
        &given,
    )
    .unwrap();
    assert_eq!(
        (charges[0].quota.as_str(), charges[0].resource_version.as_str()),
        ("q", "7")
    );
    assert_eq!(charges[0].used["pods"], Quantity::units(2));
    assert_eq!(charges[0].used["requests.cpu"], Quantity::millis(500));
    assert_eq!(
        charged(json!({"pods": "0"}), json!({"pods": "0"}), "pods", &given).unwrap_err(),
        "exceeded quota: q, requested: pods=1, used: pods=0, limited: pods=0"
    );
    let used = json!({"requests.cpu": "800m"});
    assert_eq!(
        charged(json!({"requests.cpu": "1"}), used, "pods", &given).unwrap_err(),
        "exceeded quota: q, requested: requests.cpu=500m, used: requests.cpu=800m, limited: requests.cpu=1"
    );
}

#[test]
fn a_quota_of_cpu_demands_that_every_container_names_it() {
    let error = charged(
        json!({"limits.cpu": "2", "requests.memory": "1Gi"}),
        json!({}),
        "pods",
        &pod(json!({})),
    );
    assert_eq!(
        error.unwrap_err(),
        "failed quota: q: must specify limits.cpu for: c; requests.memory for: c"
    );
}

#[test]
fn services_claims_and_counts_use_what_they_are() {
    let balanced = json!({"spec": {"type": "LoadBalancer", "ports": [{}, {}]}});
    let usage = usage_of(of("services", &balanced));
    assert_eq!(usage["services.nodeports"], Quantity::units(2));
    assert_eq!(usage["services.loadbalancers"], usage["services"]);
    let claim = json!({"spec": {"storageClassName": "fast", "resources": {"requests": {"storage": "1Gi"}}}});
    let usage = usage_of(of("persistentvolumeclaims", &claim));
    assert_eq!(
        usage["fast.storageclass.storage.k8s.io/requests.storage"],
        Quantity::parse("1Gi").unwrap()
    );
    let deployment = json!({});
    let usage = usage_of(Object {
        group: "apps",
        resource: "deployments",
        value: &deployment,
    });
    assert_eq!(usage.keys().collect::<Vec<_>>(), ["count/deployments.apps"]);
}

#[test]
fn an_ended_pod_frees_all_but_its_count() {
    let mut ended = pod(json!({"requests": {"cpu": "1"}}));
    ended["status"] = json!({"phase": "Succeeded"});
    assert_eq!(
        usage_of(of("pods", &ended)).keys().collect::<Vec<_>>(),
        ["count/pods"]
    );
}

#[test]
fn scopes_choose_the_pods_that_count() {
    let best_effort = pod(json!({}));
    let burstable = pod(json!({"requests": {"cpu": "1"}}));
    let mut important = burstable.clone();
    important["spec"]["priorityClassName"] = "high".into();
    let expression = |operator: &str| {
        json!({"hard": {"pods": "9"}, "scopeSelector": {"matchExpressions": [
            {"scopeName": "PriorityClass", "operator": operator, "values": ["high"]}]}})
    };
    let scopes = |scope: &str| json!({"hard": {"pods": "9"}, "scopes": [scope]});
    let table = [
        (scopes("BestEffort"), &best_effort, true),
        (scopes("BestEffort"), &burstable, false),
        (scopes("NotBestEffort"), &burstable, true),
        (scopes("Terminating"), &burstable, false),
        (expression("In"), &important, true),
        (expression("In"), &burstable, false),
        (expression("NotIn"), &burstable, true),
    ];
    for (spec, pod, counted) in table {
        let charges = charge(&[quota(&spec, &json!({}))], of("pods", pod), None).unwrap();
        assert_eq!(!charges.is_empty(), counted, "{spec}");
    }
    let claim = json!({"spec": {}});
    assert!(
        charge(
            &[quota(&scopes("BestEffort"), &json!({}))],
            of("services", &claim),
            None
        )
        .unwrap()
        .is_empty()
    );
}

#[test]
fn an_update_is_charged_for_its_difference_and_may_always_give_back() {
    let (small, large) = (
        pod(json!({"requests": {"cpu": "1"}})),
        pod(json!({"requests": {"cpu": "3"}})),
    );
    let quotas = [quota(
        &json!({"hard": {"requests.cpu": "2"}}),
        &json!({"requests.cpu": "3"}),
    )];
    assert!(charge(&quotas, of("pods", &large), Some(of("pods", &small))).is_err());
    let charges = charge(&quotas, of("pods", &small), Some(of("pods", &large))).unwrap();
    assert_eq!(charges[0].used["requests.cpu"], Quantity::units(1));
    assert!(
        charge(&quotas, of("pods", &small), Some(of("pods", &small)))
            .unwrap()
            .is_empty()
    );
}

#[test]
fn a_controllers_total_counts_what_the_quota_names() {
    let pods = [pod(json!({"requests": {"cpu": "1"}})), pod(json!({}))];
    let quota = quota(
        &json!({"hard": {"pods": "5", "requests.cpu": "9", "secrets": "1"}}),
        &json!({}),
    );
    let sums = total(&quota, pods.iter().map(|pod| of("pods", pod)));
    assert_eq!(
        (sums["pods"], sums["requests.cpu"], sums["secrets"]),
        (Quantity::units(2), Quantity::units(1), Quantity::ZERO)
    );
}
