//! `pods/eviction`: a delete that respects disruption budgets (KEP-85).
//!
//! The budget's `disruptionsAllowed` is counted down, and the pod noted in `disruptedPods`, in one compare-and-swap
//! before the pod is deleted, so that two evictions cannot use the same allowance.

use bytes::Bytes;
use http::request::Parts;
use serde_json::{Value, json};
use std::sync::Arc;

use crate::cache::{Change, ListRequest, Object, Selector};
use crate::decode::Target;
use crate::serve::{Response, respond};
use crate::status::{GroupResource, Result, Status};
use crate::verbs::context::Context;
use crate::verbs::delete::delete_object;
use crate::verbs::modify::Failure;
use crate::verbs::object::{is_deleting, meta, seconds};
use crate::verbs::options::{DeleteOptions, WriteOptions};
use crate::verbs::{encode, fields, get};

/// More pods than this must not be on their way out at once.
const MOST_DISRUPTED: usize = 2000;

/// Evicts the pod.
pub(crate) async fn create(context: &Context<'_>, parts: &Parts, body: Bytes) -> Result<Response> {
    let options = WriteOptions::parse(context, &parts.headers, "CreateOptions")?;
    let target = Target::builtin("policy", "v1", "Eviction")
        .ok_or_else(|| Status::internal("no type for Eviction"))?;
    let eviction = fields::object_of(context, &target, &parts.headers, &body, &options)?;
    let name = meta(&eviction, "name");
    if !name.is_empty() && name != context.name() {
        return Err(Status::bad_request(
            "name in URL does not match name in Eviction object",
        ));
    }
    let wished = serde_json::to_vec(&eviction["deleteOptions"]).unwrap_or_default();
    let wished = if eviction["deleteOptions"].is_null() {
        Vec::new()
    } else {
        wished
    };
    let mut delete = DeleteOptions::parse(context, &http::HeaderMap::new(), &wished)?;
    delete.dry_run |= options.dry_run;
    let pod = context.served(&*get::find(context).await?)?;
    if needs_budget(&pod) {
        spend(context, &pod, delete.dry_run).await?;
    }
    delete_object(context, context.name(), &delete).await?;
    let done =
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201});
    Ok(respond::object(201, &done, context.encoding()))
}

/// Pods that are finished, not begun or on their way out disturb nobody.
fn needs_budget(pod: &Value) -> bool {
    !is_deleting(pod)
        && !matches!(
            pod["status"]["phase"].as_str(),
            Some("Succeeded" | "Failed" | "Pending")
        )
}

fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array();
    conditions
        .into_iter()
        .flatten()
        .any(|c| c["type"] == "Ready" && c["status"] == "True")
}

/// Takes one disruption out of the budget that covers the pod.
async fn spend(context: &Context<'_>, pod: &Value, dry_run: bool) -> Result<()> {
    let registry = context.server.registry();
    let Some(row) = registry.find("policy", "v1", "poddisruptionbudgets") else {
        return Ok(());
    };
    let scope = row.key_prefix(Some(context.namespace()));
    let listing = context
        .server
        .cache
        .list(ListRequest::all(scope))
        .await
        .map_err(|e| context.failed(e))?;
    let mut covering = Vec::new();
    for object in &listing.objects {
        let budget = encode::served(row, &object.json)?;
        if covers(&budget, pod)? {
            covering.push((Arc::clone(&object.key), budget));
        }
    }
    let (key, budget) = match covering.as_slice() {
        [] => return Ok(()),
        [one] => one,
        _ => {
            return Err(Status::internal(
                "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
            ));
        }
    };
    // A pod that is not ready does not count as available: it may go if the budget is met or says so.
    let always = budget["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow";
    let met = budget["status"]["currentHealthy"].as_i64() >= budget["status"]["desiredHealthy"].as_i64()
        && budget["status"]["desiredHealthy"].as_i64().unwrap_or(0) > 0;
    if !is_ready(pod) && (always || met) {
        return Ok(());
    }
    let name = context.name();
    let attempt = |live: Option<Arc<Object>>| {
        let answer = match live {
            None => Ok(Change::Nothing),
            Some(live) => encode::served(row, &live.json)
                .and_then(|budget| less_one(budget, name, context.now))
                .map(|budget| match dry_run {
                    true => Change::Nothing,
                    false => Change::Put(encode::stored(row, budget)),
                })
                .map_err(Failure::Status),
        };
        std::future::ready(answer)
    };
    context
        .server
        .cache
        .mutate(key, attempt)
        .await
        .map_err(|e| e.status(context))?;
    Ok(())
}

/// Whether the budget's selector selects the pod. An empty selector selects every pod, none at all none.
fn covers(budget: &Value, pod: &Value) -> Result<bool> {
    let selector = &budget["spec"]["selector"];
    if selector.is_null() {
        return Ok(false);
    }
    let text = crate::table::format::selector(selector);
    let requirements = Selector::parse_labels(&text).map_err(Status::internal)?;
    let labels = crate::cache::Pairs::new(
        pod["metadata"]["labels"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(k, v)| (k, v.as_str().unwrap_or_default())),
    );
    Ok(requirements.iter().all(|r| r.matches(&labels)))
}

/// The budget after one more disruption.
fn less_one(mut budget: Value, pod: &str, now: jiff::Timestamp) -> Result<Value> {
    let name = meta(&budget, "name").to_owned();
    let status = &budget["status"];
    let generation = budget["metadata"]["generation"].as_i64().unwrap_or(0);
    if status["observedGeneration"].as_i64().unwrap_or(0) < generation {
        return Err(refused(
            &format!("The disruption budget {name} is still being processed by the server."),
            10,
        ));
    }
    let allowed = status["disruptionsAllowed"].as_i64().unwrap_or(0);
    if allowed < 0 {
        return Err(Status::forbidden(
            GroupResource::new("policy", "poddisruptionbudgets"),
            &name,
            "pdb disruptions allowed is negative",
        ));
    }
    if status["disruptedPods"]
        .as_object()
        .map_or(0, serde_json::Map::len)
        > MOST_DISRUPTED
    {
        return Err(Status::forbidden(
            GroupResource::new("policy", "poddisruptionbudgets"),
            &name,
            "DisruptedPods map too big - too many evictions not confirmed by PDB controller",
        ));
    }
    if allowed == 0 {
        let (needed, healthy) = (
            status["desiredHealthy"].as_i64().unwrap_or(0),
            status["currentHealthy"].as_i64().unwrap_or(0),
        );
        let why =
            format!("The disruption budget {name} needs {needed} healthy pods and has {healthy} currently");
        return Err(refused(&why, 0));
    }
    budget["status"]["disruptionsAllowed"] = json!(allowed - 1);
    budget["status"]["disruptedPods"][pod] = json!(seconds(now));
    Ok(budget)
}

fn refused(why: &str, retry_after: u32) -> Status {
    Status::too_many_requests(
        "Cannot evict pod as it would violate the pod's disruption budget.",
        retry_after,
    )
    .with_cause("DisruptionBudget", why, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(allowed: i64) -> Value {
        json!({"metadata": {"name": "b", "generation": 1}, "spec": {"selector": {"matchLabels": {"a": "b"}}},
            "status": {"observedGeneration": 1, "disruptionsAllowed": allowed, "desiredHealthy": 2, "currentHealthy": 2}})
    }

    #[test]
    fn a_budget_is_spent_and_then_refuses() {
        let left = less_one(budget(1), "p", jiff::Timestamp::UNIX_EPOCH).expect("one is allowed");
        assert_eq!(left["status"]["disruptionsAllowed"], 0);
        assert_eq!(left["status"]["disruptedPods"]["p"], "1970-01-01T00:00:00Z");
        let refused = less_one(left, "q", jiff::Timestamp::UNIX_EPOCH).expect_err("none is left");
        assert_eq!(
            (refused.code, refused.message.as_str()),
            (
                429,
                "Cannot evict pod as it would violate the pod's disruption budget."
            )
        );
    }

    #[test]
    fn a_budget_covers_the_pods_of_its_selector() {
        let pod = |labels: Value| json!({"metadata": {"labels": labels}});
        assert_eq!(covers(&budget(1), &pod(json!({"a": "b"}))), Ok(true));
        assert_eq!(covers(&budget(1), &pod(json!({"a": "c"}))), Ok(false));
        assert_eq!(
            covers(&json!({"spec": {"selector": {}}}), &pod(json!({}))),
            Ok(true)
        );
        assert_eq!(covers(&json!({"spec": {}}), &pod(json!({}))), Ok(false));
    }
}
