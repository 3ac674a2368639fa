use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;

#[test]
fn columns_are_those_of_the_reference() {
    let want: BTreeMap<String, Value> =
        serde_json::from_str(include_str!("../../data/table-columns.json")).expect("data file");
    let mut compared = 0;
    for row in builtin() {
        let key = format!("{}/{}/{}", row.group, row.version, row.plural);
        let Some(want) = want.get(&key) else {
            assert!(
                !row.verbs.contains(&crate::resource::Verb::List),
                "{key} has no columns in the reference"
            );
            continue;
        };
        let got: Vec<Value> = row
            .columns
            .iter()
            .map(|c| json!({"name": c.name, "type": c.kind, "format": c.format, "priority": c.priority}))
            .collect();
        assert_eq!(want, &json!(got), "{key}");
        compared += 1;
    }
    assert!(compared > 40, "only {compared} resources compared");
}

#[test]
fn every_row_has_a_cell_for_each_column() {
    for row in builtin() {
        let cells = (row.cells)(&json!({}), jiff::Timestamp::UNIX_EPOCH);
        assert_eq!(cells.len(), row.columns.len(), "{}", row.plural);
    }
}

#[test]
fn keys_are_those_of_the_reference() {
    let registry = Registry::builtin();
    let key = |group, plural, ns, name| {
        registry
            .find(group, "v1", plural)
            .map(|r| r.key(ns, name))
            .unwrap_or_default()
    };
    assert_eq!(
        key("", "services", Some("a"), "b"),
        "/registry/services/specs/a/b"
    );
    assert_eq!(key("", "nodes", None, "n"), "/registry/minions/n");
    assert_eq!(
        key("networking.k8s.io", "ingresses", Some("a"), "b"),
        "/registry/ingress/a/b"
    );
    assert_eq!(
        key("events.k8s.io", "events", Some("a"), "b"),
        "/registry/events/a/b"
    );
    assert_eq!(
        key("", "replicationcontrollers", Some("a"), "b"),
        "/registry/controllers/a/b"
    );
}

#[test]
fn selectable_fields_have_values_also_where_the_object_has_none() {
    let registry = Registry::builtin();
    let pods = registry.find("", "v1", "pods").expect("pods");
    let fields = pods.selectable(&json!({"metadata": {"name": "p", "namespace": "n"}, "spec": {}}));
    let get = |label: &str| fields.iter().find(|(l, _)| l == label).map(|(_, v)| v.as_str());
    assert_eq!(get("metadata.name"), Some("p"));
    assert_eq!(get("spec.hostNetwork"), Some("false"));
    assert_eq!(get("spec.nodeName"), Some(""));
    assert_eq!(get("spec.nope"), None);
}
