//! Objects that every cluster has: system namespaces, default roles and bindings, priority classes.
//!
//! The objects are data taken from the reference (`data/bootstrap-objects.json.gz`). Roles and bindings that are
//! annotated for it get back what somebody took away, as the reference does at each start; rules that were added
//! stay.

use std::io::Read as _;

use bytes::Bytes;
use flate2::read::GzDecoder;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::authz::rule::{Rule, not_covered};
use crate::cache::{Cache, CacheError, Change};
use crate::resources::Registry;

const DATA: &[u8] = include_bytes!("../data/bootstrap-objects.json.gz");
const AUTO_UPDATE: &str = "rbac.authorization.kubernetes.io/autoupdate";

/// Group, version, kind and plural of what is made, in order: later ones live in earlier ones.
const KINDS: &[(&str, &str, &str, &str)] = &[
    ("", "v1", "Namespace", "namespaces"),
    ("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles"),
    (
        "rbac.authorization.k8s.io",
        "v1",
        "ClusterRoleBinding",
        "clusterrolebindings",
    ),
    ("rbac.authorization.k8s.io", "v1", "Role", "roles"),
    ("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings"),
    ("scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses"),
];

/// The rules of the ClusterRole `system:node`, which the Node authorizer applies.
#[must_use]
pub fn node_rules() -> Vec<Rule> {
    let objects = objects();
    let roles = objects["clusterroles"].as_array().into_iter().flatten();
    let role = roles
        .into_iter()
        .find(|role| role["metadata"]["name"] == "system:node");
    role.and_then(|role| serde_json::from_value(role["rules"].clone()).ok())
        .unwrap_or_default()
}

/// Makes what is missing and mends what is annotated for it. `uid` makes a new uid.
///
/// # Errors
/// The store cannot be written.
pub async fn ensure(
    cache: &Cache,
    registry: &Registry,
    now: Timestamp,
    uid: fn() -> String,
) -> Result<(), CacheError> {
    let objects = objects();
    for (group, version, kind, plural) in KINDS {
        let Some(row) = registry.find(group, version, plural) else {
            continue;
        };
        for wanted in objects[plural].as_array().into_iter().flatten() {
            let meta = &wanted["metadata"];
            let key = row.key(
                meta["namespace"].as_str(),
                meta["name"].as_str().unwrap_or_default(),
            );
            let api_version = if group.is_empty() {
                (*version).to_owned()
            } else {
                format!("{group}/{version}")
            };
            let attempt = |current: Option<std::sync::Arc<crate::cache::Object>>| {
                let stored = current.and_then(|object| serde_json::from_slice(&object.stored()).ok());
                let change = match stored {
                    None => Change::Put(render(&completed(wanted, &api_version, kind, now, uid))),
                    Some(stored) => {
                        mended(stored, wanted).map_or(Change::Nothing, |o| Change::Put(render(&o)))
                    }
                };
                std::future::ready(Ok::<_, CacheError>(change))
            };
            cache.mutate(&key, attempt).await?;
        }
    }
    Ok(())
}

fn objects() -> Value {
    let mut text = Vec::new();
    // The data is part of the program: a test reads it.
    let _ = GzDecoder::new(DATA).read_to_end(&mut text);
    serde_json::from_slice(&text).unwrap_or_default()
}

fn render(object: &Value) -> Bytes {
    Bytes::from(object.to_string())
}

fn completed(wanted: &Value, api_version: &str, kind: &str, now: Timestamp, uid: fn() -> String) -> Value {
    let mut object = wanted.clone();
    object["apiVersion"] = api_version.into();
    object["kind"] = kind.into();
    object["metadata"]["uid"] = uid().into();
    object["metadata"]["creationTimestamp"] = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into();
    match kind {
        "Namespace" => object["status"] = json!({"phase": "Active"}),
        "PriorityClass" => object["metadata"]["generation"] = 1.into(),
        _ => {}
    }
    object
}

/// The stored object with the rules or subjects that it lost; `None` if nothing is to be done.
fn mended(mut stored: Value, wanted: &Value) -> Option<Value> {
    if stored["metadata"]["annotations"][AUTO_UPDATE] != "true" {
        return None;
    }
    let rules = |object: &Value| -> Vec<Rule> {
        serde_json::from_value(object.get("rules").cloned().unwrap_or_default()).unwrap_or_default()
    };
    if wanted["aggregationRule"].is_object() {
        return None;
    }
    if wanted.get("rules").is_some() {
        let missing = not_covered(&rules(&stored), &rules(wanted));
        if missing.is_empty() {
            return None;
        }
        let list = stored.get_mut("rules").and_then(Value::as_array_mut)?;
        list.extend(missing.iter().map(|rule| json!(rule)));
        return Some(stored);
    }
    let subjects = |object: &Value| object["subjects"].as_array().cloned().unwrap_or_default();
    let mut all = subjects(&stored);
    let lost: Vec<Value> = subjects(wanted)
        .into_iter()
        .filter(|subject| !all.contains(subject))
        .collect();
    if lost.is_empty() {
        return None;
    }
    all.extend(lost);
    stored["subjects"] = all.into();
    Some(stored)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_holds_every_kind() {
        let objects = objects();
        for (_, _, kind, plural) in KINDS {
            assert!(
                objects[plural].as_array().is_some_and(|list| !list.is_empty()),
                "{kind}"
            );
        }
        assert!(node_rules().len() > 10);
    }

    #[test]
    fn a_role_gets_back_what_it_lost_and_keeps_what_it_gained() {
        let rule = |verb: &str| json!({"verbs": [verb], "apiGroups": [""], "resources": ["pods"]});
        let role = |rules: Value, update: &str| json!({"metadata": {"annotations": {AUTO_UPDATE: update}}, "rules": rules});
        let wanted = role(json!([rule("get"), rule("list")]), "true");
        let stored = role(json!([rule("get"), rule("delete")]), "true");
        let gained = mended(stored, &wanted).unwrap();
        assert_eq!(
            gained["rules"],
            json!([rule("get"), rule("delete"), rule("list")])
        );
        assert_eq!(mended(gained, &wanted), None);
        assert_eq!(mended(role(json!([]), "false"), &wanted), None);
    }

    #[test]
    fn a_binding_gets_back_its_subjects() {
        let binding = |subjects: Value| json!({"metadata": {"annotations": {AUTO_UPDATE: "true"}}, "subjects": subjects});
        let wanted = binding(json!([{"kind": "Group", "name": "a"}]));
        let gained = mended(binding(json!([{"kind": "User", "name": "b"}])), &wanted).unwrap();
        assert_eq!(gained["subjects"].as_array().unwrap().len(), 2);
    }
}
