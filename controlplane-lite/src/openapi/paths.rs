//! The paths of a resource, in the form that both versions of OpenAPI share but for parameters.

use serde_json::{Map, Value, json};

use crate::resource::{Resource, Verb};

/// A path and its operations.
pub(super) fn of_resource(row: &Resource, parameter: fn(&str, &str, &str) -> Value) -> Vec<(String, Value)> {
    let root = match row.group.as_ref() {
        "" => format!("/api/{}", row.version),
        group => format!("/apis/{group}/{}", row.version),
    };
    let collection = match row.namespaced() {
        true => format!("{root}/namespaces/{{namespace}}/{}", row.plural),
        false => format!("{root}/{}", row.plural),
    };
    let own = (row.group.as_ref(), row.version.as_ref(), row.kind.as_ref());
    let of_collection = [Verb::List, Verb::Create, Verb::DeleteCollection];
    let of_object = [Verb::Get, Verb::Update, Verb::Patch, Verb::Delete];
    let mut out = vec![
        (
            collection.clone(),
            operations(row, own, &of_collection, parameter),
        ),
        (
            format!("{collection}/{{name}}"),
            operations(row, own, &of_object, parameter),
        ),
    ];
    for sub in &row.subresources {
        let (group, version, kind) = &sub.response;
        let kind = if version.is_empty() {
            (own.0, own.1, kind.as_ref())
        } else {
            (group.as_ref(), version.as_ref(), kind.as_ref())
        };
        let item = item(row, kind, sub.verbs, parameter);
        out.push((format!("{collection}/{{name}}/{}", sub.name), item));
    }
    out.retain(|(_, operations)| operations.as_object().is_some_and(|map| map.len() > 1));
    out
}

type Kind<'a> = (&'a str, &'a str, &'a str);

fn operations(
    row: &Resource,
    kind: Kind<'_>,
    possible: &[Verb],
    parameter: fn(&str, &str, &str) -> Value,
) -> Value {
    let verbs: Vec<Verb> = row
        .verbs
        .iter()
        .copied()
        .filter(|v| possible.contains(v))
        .collect();
    item(row, kind, &verbs, parameter)
}

fn item(row: &Resource, kind: Kind<'_>, verbs: &[Verb], parameter: fn(&str, &str, &str) -> Value) -> Value {
    let mut out = Map::new();
    for verb in verbs {
        let (method, action) = match verb {
            Verb::Create => ("post", "post"),
            Verb::Update => ("put", "put"),
            Verb::Patch => ("patch", "patch"),
            Verb::Delete => ("delete", "delete"),
            Verb::DeleteCollection => ("delete", "deletecollection"),
            Verb::List => ("get", "list"),
            Verb::Get | Verb::Watch => ("get", "get"),
        };
        out.insert(method.into(), operation(row, kind, action, parameter));
    }
    let mut shared = vec![parameter("pretty", "query", "string")];
    if row.namespaced() {
        shared.push(parameter("namespace", "path", "string"));
    }
    out.insert("parameters".into(), shared.into());
    out.into()
}

fn operation(
    row: &Resource,
    (group, version, kind): Kind<'_>,
    action: &str,
    parameter: fn(&str, &str, &str) -> Value,
) -> Value {
    let names: &[(&str, &str)] = match action {
        "post" | "put" => &[
            ("dryRun", "string"),
            ("fieldManager", "string"),
            ("fieldValidation", "string"),
        ],
        "patch" => &[
            ("dryRun", "string"),
            ("fieldManager", "string"),
            ("fieldValidation", "string"),
            ("force", "boolean"),
        ],
        "delete" => &[
            ("dryRun", "string"),
            ("gracePeriodSeconds", "integer"),
            ("orphanDependents", "boolean"),
            ("propagationPolicy", "string"),
        ],
        "list" => &[
            ("allowWatchBookmarks", "boolean"),
            ("continue", "string"),
            ("fieldSelector", "string"),
            ("labelSelector", "string"),
            ("limit", "integer"),
            ("resourceVersion", "string"),
            ("resourceVersionMatch", "string"),
            ("sendInitialEvents", "boolean"),
            ("timeoutSeconds", "integer"),
            ("watch", "boolean"),
        ],
        _ => &[],
    };
    let parameters: Vec<Value> = names
        .iter()
        .map(|(name, kind)| parameter(name, "query", kind))
        .collect();
    let scope = if row.namespaced() { "Namespaced" } else { "" };
    json!({
        "operationId": format!("{action}{}{}{scope}{}", capital(&row.group), capital(&row.version), row.kind),
        "parameters": parameters,
        "responses": {"200": {"description": "OK"}, "401": {"description": "Unauthorized"}},
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": {"group": group, "version": version, "kind": kind},
    })
}

fn capital(word: &str) -> String {
    let word = if word.is_empty() { "core" } else { word };
    let short = word.split('.').next().unwrap_or_default();
    let mut letters = short.chars();
    letters
        .next()
        .map(|c| c.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}
