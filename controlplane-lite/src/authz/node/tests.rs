use serde_json::json;

use super::*;
use crate::auth::User;

fn kubelet(node: &str) -> User {
    User::authenticated(format!("{NODE_USER_PREFIX}{node}"), [NODES.to_owned()])
}

fn authorizer() -> NodeAuthorizer {
    let rules = json!([{"verbs": ["create", "list"], "apiGroups": [""], "resources": ["nodes", "services"]}]);
    let authorizer = NodeAuthorizer::new(serde_json::from_value(rules).unwrap());
    authorizer.upsert_pod(&json!({
        "metadata": {"name": "p", "namespace": "web"},
        "spec": {
            "nodeName": "one",
            "serviceAccountName": "builder",
            "imagePullSecrets": [{"name": "pull"}],
            "containers": [{
                "env": [{"valueFrom": {"secretKeyRef": {"name": "env"}}}],
                "envFrom": [{"configMapRef": {"name": "from"}}]
            }],
            "volumes": [
                {"name": "s", "secret": {"secretName": "volume"}},
                {"name": "t", "projected": {"sources": [{"configMap": {"name": "projected"}}]}},
                {"name": "c", "persistentVolumeClaim": {"claimName": "claim"}},
                {"name": "e", "ephemeral": {}}
            ]
        }
    }));
    authorizer.upsert_volume(&json!({
        "metadata": {"name": "pv"},
        "spec": {
            "claimRef": {"namespace": "web", "name": "claim"},
            "csi": {"nodeStageSecretRef": {"namespace": "storage", "name": "stage"}}
        }
    }));
    authorizer.upsert_attachment(&json!({"metadata": {"name": "va"}, "spec": {"nodeName": "one"}}));
    authorizer
}

fn ask(node: &str, verb: &str, resource: &str, place: &str, fields: &[(&str, &str)]) -> Attributes {
    let (group, resource) = resource.rsplit_once('.').map_or(("", resource), |(r, g)| (g, r));
    let group = match group {
        "storage" => "storage.k8s.io",
        "coordination" => "coordination.k8s.io",
        other => other,
    };
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let (namespace, name) = place.split_once('/').unwrap_or(("", place));
    Attributes {
        user: kubelet(node),
        verb: verb.into(),
        target: Target::Resource {
            group: group.into(),
            version: "v1".into(),
            resource: resource.into(),
            subresource: subresource.into(),
            namespace: namespace.into(),
            name: name.into(),
            fields: fields
                .iter()
                .map(|&(k, v)| (k.to_owned(), v.to_owned()))
                .collect(),
        },
    }
}

#[test]
fn a_kubelet_reads_what_its_pods_need_and_no_other() {
    let authorizer = authorizer();
    let own = [
        ("get", "secrets", "web/env"),
        ("watch", "secrets", "web/volume"),
        ("list", "secrets", "web/pull"),
        ("get", "configmaps", "web/from"),
        ("get", "configmaps", "web/projected"),
        ("get", "persistentvolumeclaims", "web/claim"),
        ("get", "persistentvolumeclaims", "web/p-e"),
        ("get", "persistentvolumes", "pv"),
        ("get", "secrets", "storage/stage"),
        ("get", "volumeattachments.storage", "va"),
        ("create", "serviceaccounts/token", "web/builder"),
        ("get", "pods", "web/p"),
    ];
    for (verb, resource, place) in own {
        let allowed = |node| authorizer.authorize(&ask(node, verb, resource, place, &[]));
        assert_eq!(
            allowed("one"),
            Decision::Allow(String::new()),
            "{verb} {resource} {place}"
        );
        assert!(
            matches!(allowed("two"), Decision::NoOpinion(_)),
            "{verb} {resource} {place}"
        );
    }
    let never = [
        ("get", "secrets", "web/other"),
        ("get", "secrets", "other/env"),
        ("list", "secrets", "web/"),
        ("delete", "secrets", "web/env"),
        ("create", "serviceaccounts/token", "web/default"),
        ("list", "persistentvolumes", ""),
    ];
    for (verb, resource, place) in never {
        let decision = authorizer.authorize(&ask("one", verb, resource, place, &[]));
        assert!(
            matches!(decision, Decision::NoOpinion(_)),
            "{verb} {resource} {place}"
        );
    }
}

#[test]
fn what_a_pod_referred_to_is_closed_again_when_it_goes() {
    let authorizer = authorizer();
    authorizer.remove_pod("web", "p");
    for (resource, place) in [
        ("secrets", "web/env"),
        ("persistentvolumes", "pv"),
        ("pods", "web/p"),
    ] {
        let decision = authorizer.authorize(&ask("one", "get", resource, place, &[]));
        assert!(matches!(decision, Decision::NoOpinion(_)), "{resource}");
    }
}

#[test]
fn collections_are_read_for_the_own_node_alone() {
    let authorizer = authorizer();
    let table = [
        ("pods", [("spec.nodeName", "one")], true),
        ("pods", [("spec.nodeName", "two")], false),
        ("pods", [("metadata.name", "one")], false),
        ("nodes", [("metadata.name", "one")], true),
        ("nodes", [("metadata.name", "two")], false),
    ];
    for (resource, fields, allowed) in table {
        let decision = authorizer.authorize(&ask("one", "watch", resource, "", &fields));
        assert_eq!(
            matches!(decision, Decision::Allow(_)),
            allowed,
            "{resource} {fields:?}"
        );
    }
}

#[test]
fn lease_and_csi_node_are_the_own_ones() {
    let authorizer = authorizer();
    let table = [
        ("update", "leases.coordination", "kube-node-lease/one", true),
        ("create", "leases.coordination", "kube-node-lease/", true),
        ("update", "leases.coordination", "kube-node-lease/two", false),
        ("update", "leases.coordination", "kube-system/one", false),
        ("patch", "csinodes.storage", "one", true),
        ("get", "csinodes.storage", "two", false),
    ];
    for (verb, resource, place, allowed) in table {
        let decision = authorizer.authorize(&ask("one", verb, resource, place, &[]));
        assert_eq!(
            matches!(decision, Decision::Allow(_)),
            allowed,
            "{verb} {resource} {place}"
        );
    }
}

#[test]
fn the_rest_follows_the_rules_and_others_are_not_judged() {
    let authorizer = authorizer();
    assert!(matches!(
        authorizer.authorize(&ask("one", "create", "nodes", "", &[])),
        Decision::Allow(_)
    ));
    assert!(matches!(
        authorizer.authorize(&ask("one", "list", "services", "", &[])),
        Decision::Allow(_)
    ));
    assert!(matches!(
        authorizer.authorize(&ask("one", "delete", "services", "a/b", &[])),
        Decision::NoOpinion(_)
    ));
    let mut request = ask("one", "get", "pods", "web/p", &[]);
    request.user = User::authenticated("jane", []);
    assert_eq!(authorizer.authorize(&request), Decision::NoOpinion(String::new()));
}
