//! `scale`: the replica count of a workload as an `autoscaling/v1` Scale.

use bytes::Bytes;
use http::request::Parts;
use serde_json::{Value, json};

use crate::decode::Target;
use crate::patch::Patch;
use crate::serve::{Response, negotiate};
use crate::status::{Result, Status};
use crate::table::format;
use crate::verbs::context::Context;
use crate::verbs::modify::{Write, modify};
use crate::verbs::object::meta;
use crate::verbs::options::WriteOptions;
use crate::verbs::patch::Way;
use crate::verbs::{fields, get};

/// Answers get, update and patch.
pub(crate) async fn answer(context: &Context<'_>, parts: &Parts, body: Bytes) -> Result<Response> {
    match context.verb {
        "get" => {
            let object = get::find(context).await?;
            context.respond(200, of(&context.served(&object)?))
        }
        "update" => {
            let options = WriteOptions::parse(context, &parts.headers, "UpdateOptions")?;
            let scale = fields::object_of(context, &target()?, &parts.headers, &body, &options)?;
            write(context, &options, |_| Ok(scale.clone())).await
        }
        _ => {
            let Way::Patch(kind) = Way::of(negotiate::media_type(&parts.headers))? else {
                return Err(Status::unsupported_media_type(&["application/merge-patch+json"]));
            };
            let options = WriteOptions::parse(context, &parts.headers, "PatchOptions")?;
            let patch = Patch {
                kind,
                body: &body,
                validation: options.field_validation,
            };
            let target = target()?;
            write(context, &options, |live| {
                fields::patched(context, &target, &patch, &of(live))
            })
            .await
        }
    }
}

fn target() -> Result<Target> {
    Target::builtin("autoscaling", "v1", "Scale").ok_or_else(|| Status::internal("no type for Scale"))
}

/// Writes the replicas of the Scale that `change` makes into the workload.
async fn write<F>(context: &Context<'_>, options: &WriteOptions, change: F) -> Result<Response>
where
    F: Fn(&Value) -> Result<Value> + Sync,
{
    let write = Write {
        name: context.name(),
        sub: None,
        options,
    };
    let written = modify(context, &write, |live| {
        let scale = change(live)?;
        let mut new = live.clone();
        new["spec"]["replicas"] = json!(replicas(&scale)?);
        // What the client saw of the object counts, for the check against stale writes.
        for field in ["resourceVersion", "uid"] {
            let seen = meta(&scale, field);
            if !seen.is_empty() {
                new["metadata"][field] = json!(seen);
            }
        }
        Ok(new)
    })
    .await?;
    let object = match &written.stored {
        Some(stored) => context.served(stored)?,
        None => written.object,
    };
    context.respond(200, of(&object))
}

fn replicas(scale: &Value) -> Result<i64> {
    let replicas = scale["spec"]["replicas"].as_i64().unwrap_or(0);
    if replicas >= 0 {
        return Ok(replicas);
    }
    let cause = crate::status::Cause {
        reason: "FieldValueInvalid".into(),
        message: format!("Invalid value: {replicas}: must be greater than or equal to 0"),
        field: "spec.replicas".into(),
    };
    Err(Status::invalid(
        "autoscaling",
        "Scale",
        meta(scale, "name"),
        vec![cause],
    ))
}

/// The Scale of a workload.
fn of(object: &Value) -> Value {
    let mut metadata = json!({});
    for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        if let Some(value) = object["metadata"].get(field) {
            metadata[field] = value.clone();
        }
    }
    let own = &object["spec"]["selector"];
    let selector = match own.get("matchLabels").is_some() || own.get("matchExpressions").is_some() {
        true => format::selector(own),
        // A replication controller's selector is the bare map.
        false if own.as_object().is_some_and(|map| !map.is_empty()) => format::labels(own),
        false => String::new(),
    };
    let mut status = json!({"replicas": object["status"]["replicas"].as_i64().unwrap_or(0)});
    if !selector.is_empty() {
        status["selector"] = json!(selector);
    }
    let replicas = object["spec"]["replicas"].as_i64().unwrap_or(0);
    let spec = if replicas == 0 {
        json!({})
    } else {
        json!({"replicas": replicas})
    };
    json!({"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": metadata, "spec": spec, "status": status})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_shows_replicas_and_the_selector_as_text() {
        let deployment = json!({"metadata": {"name": "d", "uid": "u", "labels": {"x": "y"}},
            "spec": {"replicas": 3, "selector": {"matchLabels": {"a": "b"}}}, "status": {"replicas": 2}});
        let want = json!({"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "d", "uid": "u"},
            "spec": {"replicas": 3}, "status": {"replicas": 2, "selector": "a=b"}});
        assert_eq!(of(&deployment), want);
        let controller = json!({"metadata": {}, "spec": {"selector": {"a": "b"}}});
        assert_eq!(of(&controller)["status"]["selector"], "a=b");
    }

    #[test]
    fn negative_replicas_are_invalid() {
        assert_eq!(
            replicas(&json!({"spec": {"replicas": -1}})).map_err(|s| s.code),
            Err(422)
        );
    }
}
