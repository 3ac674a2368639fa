//! `pods/binding` (and the older `bindings`): the scheduler assigns a pod to a node.

use bytes::Bytes;
use http::request::Parts;
use serde_json::{Value, json};

use crate::cache::{Change, Object};
use crate::decode::Target;
use crate::serve::{Response, respond};
use crate::status::{Cause, GroupResource, Result, Status};
use crate::verbs::context::Context;
use crate::verbs::encode;
use crate::verbs::fields;
use crate::verbs::modify::Failure;
use crate::verbs::object::{is_deleting, meta, seconds};
use crate::verbs::options::WriteOptions;

/// Binds the pod.
pub(crate) async fn create(context: &Context<'_>, parts: &Parts, body: Bytes) -> Result<Response> {
    let options = WriteOptions::parse(context, &parts.headers, "CreateOptions")?;
    let target =
        Target::builtin("", "v1", "Binding").ok_or_else(|| Status::internal("no type for Binding"))?;
    let mut binding = fields::object_of(context, &target, &parts.headers, &body, &options)?;
    fields::match_namespace(context, &mut binding)?;
    let name = match context.name() {
        "" => meta(&binding, "name").to_owned(),
        path => path.to_owned(),
    };
    check(&binding, &name)?;
    let pods = context.server.registry().find("", "v1", "pods").cloned();
    let pods = pods.ok_or_else(|| Status::internal("pods are not served"))?;
    let key = pods.key(Some(context.namespace()), &name);
    let attempt = |live: Option<std::sync::Arc<Object>>| {
        let answer = match live {
            None => Err(Failure::Status(Status::not_found(pods.group_resource(), &name))),
            Some(live) => encode::served(&pods, &live.json)
                .and_then(|pod| bound(pod, &binding, &name, context.now))
                .map(|pod| match options.dry_run {
                    true => Change::Nothing,
                    false => Change::Put(encode::stored(&pods, pod)),
                })
                .map_err(Failure::Status),
        };
        std::future::ready(answer)
    };
    context
        .server
        .cache
        .mutate(&key, attempt)
        .await
        .map_err(|e| e.status(context))?;
    let done =
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201});
    Ok(respond::object(201, &done, context.encoding()))
}

fn check(binding: &Value, name: &str) -> Result<()> {
    let invalid = |reason: &str, message: &str, field: &str| {
        let cause = Cause {
            reason: reason.into(),
            message: message.into(),
            field: field.into(),
        };
        Err(Status::invalid("", "Binding", name, vec![cause]))
    };
    let target = &binding["target"];
    if !matches!(target["kind"].as_str(), None | Some("" | "Node")) {
        let shown = format!(
            "Unsupported value: {}: supported values: \"Node\", \"<empty>\"",
            target["kind"]
        );
        return invalid("FieldValueNotSupported", &shown, "target.kind");
    }
    if target["name"].as_str().unwrap_or_default().is_empty() {
        return invalid("FieldValueRequired", "Required value", "target.name");
    }
    Ok(())
}

/// The pod on its node; annotations of the binding go over, and the condition says that it is scheduled.
fn bound(mut pod: Value, binding: &Value, name: &str, now: jiff::Timestamp) -> Result<Value> {
    let of = GroupResource::new("", "pods/binding");
    let node = binding["target"]["name"].as_str().unwrap_or_default();
    let refuse = |why: String| Err(Status::conflict(of, name, why));
    let (wanted, own) = (meta(binding, "uid"), meta(&pod, "uid"));
    if !wanted.is_empty() && wanted != own {
        return refuse(format!(
            "Precondition failed: UID in precondition: {wanted}, UID in object meta: {own}"
        ));
    }
    if is_deleting(&pod) {
        return refuse(format!(
            "pod {name} is being deleted, cannot be assigned to a host"
        ));
    }
    if let Some(present) = pod["spec"]["nodeName"].as_str().filter(|n| !n.is_empty()) {
        return refuse(format!("pod {name} is already assigned to node {present:?}"));
    }
    if pod["spec"]["schedulingGates"]
        .as_array()
        .is_some_and(|g| !g.is_empty())
    {
        return refuse(format!("pod {name} has non-empty .spec.schedulingGates"));
    }
    pod["spec"]["nodeName"] = json!(node);
    for part in ["annotations", "labels"] {
        for (key, value) in binding["metadata"][part].as_object().into_iter().flatten() {
            pod["metadata"][part][key] = value.clone();
        }
    }
    scheduled(&mut pod, now);
    Ok(pod)
}

fn scheduled(pod: &mut Value, now: jiff::Timestamp) {
    let condition = json!({
        "type": "PodScheduled", "status": "True", "lastProbeTime": null, "lastTransitionTime": seconds(now),
        "observedGeneration": pod["metadata"]["generation"],
    });
    let Some(status) = pod
        .as_object_mut()
        .map(|map| map.entry("status").or_insert_with(|| json!({})))
    else {
        return;
    };
    let conditions = status["conditions"].take();
    let mut list: Vec<Value> = conditions.as_array().cloned().unwrap_or_default();
    list.retain(|c| c["type"] != "PodScheduled");
    list.push(condition);
    status["conditions"] = list.into();
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: jiff::Timestamp = jiff::Timestamp::UNIX_EPOCH;

    #[test]
    fn a_pod_is_bound_once() {
        let binding = json!({"metadata": {"annotations": {"a": "b"}}, "target": {"name": "n"}});
        let pod = json!({"metadata": {"name": "p"}, "spec": {}, "status": {"phase": "Pending"}});
        let on_node = bound(pod, &binding, "p", NOW).expect("bound");
        assert_eq!(
            (
                &on_node["spec"]["nodeName"],
                &on_node["metadata"]["annotations"]["a"]
            ),
            (&json!("n"), &json!("b"))
        );
        assert_eq!(on_node["status"]["conditions"][0]["status"], "True");
        let again = bound(on_node, &binding, "p", NOW).expect_err("bound already");
        assert_eq!(
            again.message,
            "Operation cannot be fulfilled on pods/binding \"p\": pod p is already assigned to node \"n\""
        );
    }

    #[test]
    fn only_nodes_can_be_targets() {
        assert!(check(&json!({"target": {"kind": "Node", "name": "n"}}), "p").is_ok());
        assert!(check(&json!({"target": {"kind": "Pod", "name": "n"}}), "p").is_err());
        assert!(check(&json!({"target": {}}), "p").is_err());
    }
}
