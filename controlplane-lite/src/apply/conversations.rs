//! Recorded conversations about patches, applies and strict fields, answered without a server.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::set::FieldSet;
use super::{Writer, reset_fields, server_side_apply, track_update};
use crate::decode::{Decoded, FieldValidation, Format, Target, decode, normalise};
use crate::patch::{Patch, PatchKind, read_config};
use crate::schema::Schema;
use crate::status::Result;

const CONVERSATIONS: &str = include_str!("../../../tests/reference/conversations.json");
const ANSWERS: &str = include_str!("../../../tests/reference/answers.json");
const TOLD: [&str; 7] = [
    "strategic",
    "merge patch",
    "json patch",
    "apply",
    "strict",
    "yaml",
    "invalid secret",
];

/// What a path of a conversation means: kind, name, parameters.
struct Request<'a> {
    target: Target,
    name: &'a str,
    query: HashMap<&'a str, &'a str>,
}

fn request(path: &str) -> Request<'_> {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let (group, version, rest) = match parts.as_slice() {
        ["api", version, "namespaces", _, rest @ ..] => ("", *version, rest),
        ["apis", group, version, "namespaces", _, rest @ ..] => (*group, *version, rest),
        other => panic!("{other:?}"),
    };
    let kind = match rest[0] {
        "pods" => "Pod",
        "configmaps" => "ConfigMap",
        "secrets" => "Secret",
        "deployments" => "Deployment",
        other => panic!("{other}"),
    };
    Request {
        target: Target::builtin(group, version, kind).expect("kind"),
        name: rest.get(1).copied().unwrap_or_default(),
        query: query.split('&').filter_map(|p| p.split_once('=')).collect(),
    }
}

fn answer(store: &mut HashMap<String, Value>, step: &Value) -> Result<Decoded> {
    let schema = Schema::builtin();
    let Request { target, name, query } = request(step["path"].as_str().expect("path"));
    let validation = FieldValidation::parse(query.get("fieldValidation").unwrap_or(&"")).expect("known");
    let body = step
        .get("raw")
        .and_then(Value::as_str)
        .map_or_else(|| step["body"].to_string(), str::to_owned);
    let api_version = target.gvk.api_version();
    let reset = match &*target.gvk.kind {
        kind @ ("Pod" | "Deployment") => reset_fields(&target.gvk.group, kind, "", true),
        _ => FieldSet::default(),
    };
    let writer = Writer {
        manager: query.get("fieldManager").unwrap_or(&"transcript"),
        subresource: "",
        api_version: &api_version,
        reset: &reset,
        force: query.get("force") == Some(&"true"),
        now: jiff::Timestamp::UNIX_EPOCH,
    };
    let live = store.get(name).cloned();
    let complete = |mut read: Decoded| {
        crate::defaults::apply(&target.gvk.group, &target.gvk.kind, &mut read.object);
        read
    };
    let media = step
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or("application/json");
    let kind = match media {
        "application/apply-patch+yaml" => {
            let read = read_config(body.as_bytes(), validation)?;
            let merged = server_side_apply(schema, target.ty, live.as_ref(), &read.object, &writer)?;
            return Ok(keep(
                store,
                complete(normalise(schema, &target, &merged).expect("typed")),
            ));
        }
        "application/json" | "application/yaml" => {
            let format = if media.ends_with("yaml") {
                Format::Yaml
            } else {
                Format::Json
            };
            let read = complete(decode(schema, &target, body.as_bytes(), format, validation)?);
            let object = track_update(schema, target.ty, live.as_ref(), read.object, &writer);
            return Ok(keep(store, Decoded { object, ..read }));
        }
        "application/strategic-merge-patch+json" => PatchKind::Strategic,
        "application/merge-patch+json" => PatchKind::Merge,
        _ => PatchKind::Json,
    };
    let patch = Patch {
        kind,
        body: body.as_bytes(),
        validation,
    };
    let read = complete(patch.apply(schema, &target, live.as_ref().expect("stored"))?);
    let object = track_update(schema, target.ty, live.as_ref(), read.object, &writer);
    Ok(keep(store, Decoded { object, ..read }))
}

fn keep(store: &mut HashMap<String, Value>, mut read: Decoded) -> Decoded {
    read.object["metadata"]["uid"] = "u".into();
    let name = read.object["metadata"]["name"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    store.insert(name, read.object.clone());
    read
}

/// Without what a server adds, and with what the player normalises.
fn comparable(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(map) = object.as_object_mut() {
        map.remove("status");
    }
    if let Some(meta) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        for field in [
            "creationTimestamp",
            "generation",
            "namespace",
            "resourceVersion",
            "uid",
        ] {
            meta.remove(field);
        }
        if let Some(entries) = meta.get_mut("managedFields").and_then(Value::as_array_mut) {
            for entry in entries.iter_mut() {
                entry.as_object_mut().map(|e| Map::remove(e, "time"));
            }
            entries.sort_by_key(|e| (e["manager"].to_string(), e["operation"].to_string()));
        }
    }
    object
}

#[test]
fn recorded_conversations_are_answered_as_recorded() {
    let conversations: Vec<Value> = serde_json::from_str(CONVERSATIONS).expect("conversations");
    let answers: HashMap<String, Value> = serde_json::from_str(ANSWERS).expect("answers");
    let mut played = 0;
    for conversation in &conversations {
        let name = conversation["name"].as_str().expect("name");
        if !TOLD.iter().any(|t| name.starts_with(t)) {
            continue;
        }
        let mut store = HashMap::new();
        let steps = conversation["steps"].as_array().expect("steps");
        for (step, want) in steps.iter().zip(answers[name].as_array().expect("answers")) {
            if step["verb"] == "GET" {
                continue;
            }
            played += 1;
            match answer(&mut store, step) {
                Ok(got) => {
                    assert_eq!(comparable(&got.object), comparable(&want["body"]), "{name}");
                    let told = want["warnings"].as_array().map_or(0, Vec::len);
                    assert_eq!(got.warnings.len(), told, "{name}");
                }
                Err(status) => {
                    let (mut got, mut want) = (status.to_json(), want["body"].clone());
                    for side in [&mut got, &mut want] {
                        // empty details and none are told alike by the constructors, not by the player
                        if side["details"] == json!({}) {
                            side["details"].take();
                        }
                    }
                    assert_eq!(got, want, "{name}");
                }
            }
        }
    }
    assert!(played >= 25, "{played} steps");
}
