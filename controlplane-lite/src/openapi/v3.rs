//! OpenAPI v3: an index, and one document per group and version with the types that it reaches.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{definitions, paths};
use crate::resources::Registry;

const OLD_REFERENCE: &str = "#/definitions/";
const REFERENCE: &str = "#/components/schemas/";

/// Which documents there are.
pub(super) fn index(registry: &Registry, hash: fn(&str) -> String) -> Value {
    let mut out = Map::new();
    let mut add = |path: String| {
        let url = format!("/openapi/v3/{path}?hash={}", hash(&format!("v3/{path}")));
        out.insert(path, json!({"serverRelativeURL": url}));
    };
    add("api/v1".into());
    for (group, versions) in registry.groups() {
        for version in versions {
            add(format!("apis/{group}/{version}"));
        }
    }
    json!({"paths": out})
}

/// The document of a group and version.
pub(super) fn document(registry: &Registry, group: &str, version: &str) -> Value {
    let all = definitions();
    let kinds: Vec<(&str, &str, &str)> = registry
        .of_version(group, version)
        .flat_map(|row| {
            let own = std::iter::once((group, version, row.kind.as_ref()));
            let subs = row.subresources.iter().filter(|s| !s.response.1.is_empty());
            own.chain(subs.map(|s| {
                (
                    s.response.0.as_ref(),
                    s.response.1.as_ref(),
                    s.response.2.as_ref(),
                )
            }))
        })
        .collect();
    let roots = all
        .iter()
        .filter(|(name, d)| !name.contains('#') && kinds.iter().any(|k| is_of_kind(d, *k)));
    let mut names: BTreeSet<String> = BTreeSet::new();
    for (name, _) in roots {
        reach(&all, name, &mut names);
    }
    for always in ["DeleteOptions", "Status", "APIResourceList"] {
        reach(
            &all,
            &format!("io.k8s.apimachinery.pkg.apis.meta.v1.{always}"),
            &mut names,
        );
    }
    let schemas: Map<String, Value> = names
        .into_iter()
        .filter_map(|name| Some((name.clone(), converted(all.get(&name)?.clone(), &name))))
        .collect();
    let paths: Map<String, Value> = registry
        .of_version(group, version)
        .flat_map(|row| paths::of_resource(row, |name, place, kind| {
            json!({"name": name, "in": place, "required": place == "path", "schema": {"type": kind, "uniqueItems": true}})
        }))
        .collect();
    json!({
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": crate::server::GIT_VERSION},
        "paths": paths,
        "components": {"schemas": schemas},
    })
}

fn is_of_kind(definition: &Value, (group, version, kind): (&str, &str, &str)) -> bool {
    let kinds = definition["x-kubernetes-group-version-kind"].as_array();
    kinds.into_iter().flatten().any(|k| {
        // The definition of a kind and of its list.
        k["group"] == group
            && k["version"] == version
            && (k["kind"] == kind || k["kind"] == format!("{kind}List"))
    })
}

/// Collects a definition and what it refers to.
fn reach(all: &BTreeMap<String, Value>, name: &str, found: &mut BTreeSet<String>) {
    let Some(definition) = all.get(name) else { return };
    if !found.insert(name.to_owned()) {
        return;
    }
    let mut references = Vec::new();
    collect(definition, &mut references);
    for reference in references {
        reach(all, reference, found);
    }
}

fn collect<'a>(value: &'a Value, out: &mut Vec<&'a str>) {
    match value {
        Value::Object(map) => {
            out.extend(
                map.get("$ref")
                    .and_then(Value::as_str)
                    .and_then(|r| r.strip_prefix(OLD_REFERENCE)),
            );
            map.values().for_each(|v| collect(v, out));
        }
        Value::Array(list) => list.iter().for_each(|v| collect(v, out)),
        _ => {}
    }
}

/// A v2 schema as a v3 schema: other references, and unions for what v2 calls a string.
fn converted(mut schema: Value, name: &str) -> Value {
    match name.rsplit('.').next() {
        Some("IntOrString") => {
            schema["oneOf"] = json!([{"type": "integer"}, {"type": "string"}]);
            remove(&mut schema, "type");
        }
        Some("Quantity") => {
            schema["oneOf"] = json!([{"type": "string"}, {"type": "number"}]);
            remove(&mut schema, "type");
        }
        _ => references(&mut schema),
    }
    schema
}

fn remove(schema: &mut Value, member: &str) {
    if let Some(map) = schema.as_object_mut() {
        map.remove(member);
    }
}

fn references(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(old)) = map.remove("$ref") {
                let new = json!({"$ref": old.replace(OLD_REFERENCE, REFERENCE)});
                // Beside a reference nothing else counts in v3.
                if map.is_empty() {
                    *value = new;
                    return;
                }
                map.insert("allOf".into(), json!([new]));
                return;
            }
            map.values_mut().for_each(references);
        }
        Value::Array(list) => list.iter_mut().for_each(references),
        _ => {}
    }
}
