use serde_json::json;

use super::super::test_cluster::Objects;
use super::*;

fn ranges(limits: Value) -> Objects {
    let range = json!({"metadata": {"name": "l", "namespace": "web"}, "spec": {"limits": limits}});
    Objects(vec![("limitranges", range)])
}

fn pod(resources: Value) -> Value {
    json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "resources": resources}]}})
}

#[test]
fn missing_amounts_are_filled_in_and_noted() {
    let limit = json!({"type": "Container", "default": {"cpu": "1", "memory": "1Gi"}, "defaultRequest": {"cpu": "1"}});
    let mut given = pod(json!({"limits": {"memory": "2Gi"}}));
    set_defaults(&ranges(json!([limit])), "web", &mut given);
    let resources = &given["spec"]["containers"][0]["resources"];
    assert_eq!(
        resources,
        &json!({"limits": {"cpu": "1", "memory": "2Gi"}, "requests": {"cpu": "1"}})
    );
    assert_eq!(
        given["metadata"]["annotations"][ANNOTATION],
        "LimitRanger plugin set: cpu request for container c; cpu limit for container c"
    );
    let mut elsewhere = pod(json!({}));
    set_defaults(&ranges(json!([])), "web", &mut elsewhere);
    assert_eq!(elsewhere, pod(json!({})));
}

#[test]
fn bounds_are_checked_with_the_references_words() {
    let max = json!([{"type": "Container", "max": {"cpu": "2"}}]);
    let min = json!([{"type": "Container", "min": {"cpu": "100m"}}]);
    let ratio = json!([{"type": "Container", "maxLimitRequestRatio": {"cpu": "2"}}]);
    let amounts =
        |request: &str, limit: &str| json!({"requests": {"cpu": request}, "limits": {"cpu": limit}});
    let table = [
        (&max, amounts("1", "2"), ""),
        (
            &max,
            amounts("1", "3"),
            "maximum cpu usage per Container is 2, but limit is 3",
        ),
        (
            &max,
            json!({}),
            "maximum cpu usage per Container is 2.  No limit is specified",
        ),
        (
            &min,
            amounts("50m", "1"),
            "minimum cpu usage per Container is 100m, but request is 50m",
        ),
        (
            &min,
            json!({}),
            "minimum cpu usage per Container is 100m.  No request is specified",
        ),
        (&ratio, amounts("1", "2"), ""),
        (
            &ratio,
            amounts("1", "3"),
            "cpu max limit to request ratio per Container is 2, but provided ratio is 3.000000",
        ),
        (
            &ratio,
            json!({}),
            "cpu max limit to request ratio per Container is 2, but no request is specified or request is 0",
        ),
    ];
    for (limits, resources, wanted) in table {
        let outcome = check_pod(&ranges(limits.clone()), "web", &pod(resources.clone()));
        assert_eq!(outcome.err().unwrap_or_default(), wanted, "{resources}");
    }
}

#[test]
fn several_complaints_stand_in_brackets_and_pods_are_summed() {
    let limits = json!([{"type": "Pod", "max": {"cpu": "1"}}, {"type": "Container", "max": {"cpu": "500m"}}]);
    let own = json!({"requests": {"cpu": "600m"}, "limits": {"cpu": "600m"}});
    let mut given = pod(own.clone());
    given["spec"]["containers"]
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "d", "resources": own}));
    assert_eq!(
        check_pod(&ranges(limits), "web", &given).unwrap_err(),
        "[maximum cpu usage per Pod is 1, but limit is 1200m, maximum cpu usage per Container is 500m, but limit is 600m]"
    );
}

#[test]
fn claims_are_bounded_by_their_requests() {
    let limits =
        json!([{"type": "PersistentVolumeClaim", "min": {"storage": "1Gi"}, "max": {"storage": "5Gi"}}]);
    let claim = |size: &str| json!({"spec": {"resources": {"requests": {"storage": size}}}});
    assert!(check_claim(&ranges(limits.clone()), "web", &claim("2Gi")).is_ok());
    assert_eq!(
        check_claim(&ranges(limits.clone()), "web", &claim("10Gi")).unwrap_err(),
        "maximum storage usage per PersistentVolumeClaim is 5Gi, but request is 10Gi"
    );
    assert!(check_claim(&ranges(limits), "web", &json!({"spec": {}})).is_err());
}
