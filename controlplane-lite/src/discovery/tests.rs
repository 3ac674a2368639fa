use serde_json::Value;

use super::*;

/// Groups of the reference that this server does not have, with the reason.
const NOT_SERVED: &[(&str, &str)] = &[
    ("apiregistration.k8s.io", "no aggregation of other API servers"),
    (
        "autoscaling",
        "no horizontal autoscaler; Scale is a type of subresources only",
    ),
    (
        "admissionregistration.k8s.io",
        "webhooks and admission policies come with custom resources",
    ),
    ("apiextensions.k8s.io", "custom resources come in a later part"),
    ("resource.k8s.io", "no dynamic resource allocation"),
    (
        "flowcontrol.apiserver.k8s.io",
        "one in-flight limit instead of priority levels",
    ),
];

fn reference() -> Value {
    serde_json::from_str(include_str!("../../data/discovery.json")).expect("data file")
}

fn served(list: &Value) -> Vec<Value> {
    let not_served = |item: &&Value| {
        let name = item["metadata"]["name"].as_str().unwrap_or_default();
        !NOT_SERVED.iter().any(|(group, _)| *group == name)
    };
    list.as_array()
        .into_iter()
        .flatten()
        .filter(not_served)
        .cloned()
        .collect()
}

#[test]
fn core_is_discovered_as_in_the_reference() {
    let ours = aggregated(&Registry::builtin(), true, Aggregated::V2);
    compare(&served(&reference()["core"]), &served(&ours["items"]));
}

#[test]
fn groups_are_discovered_as_in_the_reference_and_in_its_order() {
    let ours = aggregated(&Registry::builtin(), false, Aggregated::V2);
    compare(&served(&reference()["groups"]), &served(&ours["items"]));
}

/// Resource by resource, so that a failure names one.
fn compare(want: &[Value], got: &[Value]) {
    let name = |v: &Value| v["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    assert_eq!(
        want.iter().map(name).collect::<Vec<_>>(),
        got.iter().map(name).collect::<Vec<_>>()
    );
    for (want, got) in want.iter().zip(got) {
        let resources = |v: &Value| {
            v["versions"][0]["resources"]
                .as_array()
                .cloned()
                .unwrap_or_default()
        };
        for (want, got) in resources(want).iter().zip(&resources(got)) {
            assert_eq!(want, got);
        }
        assert_eq!(want, got);
    }
}

#[test]
fn the_legacy_list_names_kind_and_group_of_foreign_subresources() {
    let list = resource_list(&Registry::builtin(), "", "v1").expect("core/v1");
    let entry = |name: &str| {
        let all = list["resources"].as_array().expect("resources");
        all.iter()
            .find(|r| r["name"] == name)
            .cloned()
            .unwrap_or_default()
    };
    assert_eq!(entry("pods/eviction")["group"], "policy");
    assert_eq!(entry("pods/status").get("group"), None);
    assert_eq!(entry("pods")["storageVersionHash"], "xPOwRZ+Yhw8=");
}

#[test]
fn an_unknown_group_or_version_is_not_discovered() {
    let registry = Registry::builtin();
    assert_eq!(group(&registry, "none.example.com"), None);
    assert_eq!(resource_list(&registry, "apps", "v9"), None);
}
