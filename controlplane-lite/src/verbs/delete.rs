//! DELETE of one object: at once, after a grace period, or when its finalizers are gone.
//!
//! [`plan`] is pure and says what happens; the rest carries it out. Deletion of pods is graceful: the first delete
//! sets `deletionTimestamp` in the future and the kubelet deletes again with grace 0 when the containers are gone.

use bytes::Bytes;
use http::request::Parts;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::sync::Arc;

use super::context::Context;
use super::modify::Failure;
use super::object::{finalizers, is_deleting, meta, remove_meta, seconds, set_meta};
use super::options::{DeleteOptions, Propagation};
use super::{create, encode, strategy};
use crate::cache::{Change, Object, Outcome};
use crate::resource::{Generation, Resource};
use crate::serve::Response;
use crate::serve::access::Operation;
use crate::status::{self, GroupResource, Result, Status};

#[cfg(test)]
mod tests;

const ORPHAN: &str = "orphan";
const FOREGROUND: &str = "foregroundDeletion";

/// Deletes the object of the path.
pub(crate) async fn delete(context: &Context<'_>, parts: &Parts, body: Bytes) -> Result<Response> {
    let options = DeleteOptions::parse(context, &parts.headers, &body)?;
    let deleted = delete_object(context, context.name(), &options).await?;
    respond(context, deleted, &options)
}

fn respond(context: &Context<'_>, deleted: Deleted, options: &DeleteOptions) -> Result<Response> {
    match deleted {
        Deleted::Gone(object) if returns_object(&context.row) => context.respond(200, object),
        Deleted::Gone(object) => {
            let of = context.row.group_resource();
            let answer = status::deleted(of, context.name(), meta(&object, "uid"));
            Ok(crate::serve::respond::object(200, &answer, context.encoding()))
        }
        // "Accepted" only for clients that asked for the cascade in the old way.
        Deleted::Waiting(object) => context.respond(if options.cascade_asked { 202 } else { 200 }, object),
    }
}

/// What a delete came to.
pub(crate) enum Deleted {
    /// The object was removed; its last state.
    Gone(Value),
    /// It is waiting for its grace period or finalizers.
    Waiting(Value),
}

impl Deleted {
    /// The object, in whatever state.
    pub(crate) fn object(self) -> Value {
        match self {
            Self::Gone(object) | Self::Waiting(object) => object,
        }
    }
}

/// Deletes an object by name.
pub(crate) async fn delete_object(
    context: &Context<'_>,
    name: &str,
    options: &DeleteOptions,
) -> Result<Deleted> {
    let key = context.key(name);
    let result: Mutex<Option<Deleted>> = Mutex::new(None);
    let attempt = |live: Option<Arc<Object>>| {
        let result = &result;
        async move {
            let Some(live) = live else {
                return Err(Status::not_found(context.row.group_resource(), name).into());
            };
            let old = context.served(&live)?;
            let review = context.review(Operation::Delete, name, Some(&old), options.dry_run);
            context.server.admission.mutate(&review, &mut Value::Null).await?;
            context.server.admission.validate(&review, &Value::Null).await?;
            let (deleted, change) = match plan(&context.row, &old, options, context.now)? {
                Plan::Remove => (Deleted::Gone(old), Change::Delete),
                Plan::Keep => (Deleted::Waiting(old), Change::Nothing),
                Plan::Mark(new) => {
                    let json = encode::stored(&context.row, new.clone());
                    let change = match create::ttl(&context.row) {
                        Some(ttl) => Change::PutFor(json, ttl),
                        None => Change::Put(json),
                    };
                    (Deleted::Waiting(new), change)
                }
            };
            *result.lock() = Some(deleted);
            Ok::<_, Failure>(if options.dry_run { Change::Nothing } else { change })
        }
    };
    let outcome = context
        .server
        .cache
        .mutate(&key, attempt)
        .await
        .map_err(|e| e.status(context))?;
    let deleted = result
        .into_inner()
        .ok_or_else(|| Status::internal("the delete was not tried"))?;
    Ok(match (deleted, outcome) {
        (Deleted::Waiting(_), Outcome::Updated(stored)) => Deleted::Waiting(context.served(&stored)?),
        (Deleted::Gone(_), Outcome::Deleted(stored)) => Deleted::Gone(context.served(&stored)?),
        (deleted, _) => deleted,
    })
}

/// What a delete means for an object.
#[derive(Debug, PartialEq)]
pub(crate) enum Plan {
    /// Remove it now.
    Remove,
    /// Write this: deletion has begun.
    Mark(Value),
    /// Deletion has begun before and nothing changes.
    Keep,
}

/// Decides. The order of the cases is the reference's (`BeforeDelete`, then finalizers).
pub(crate) fn plan(row: &Resource, old: &Value, options: &DeleteOptions, now: Timestamp) -> Result<Plan> {
    check_preconditions(row, old, options)?;
    let mut new = old.clone();
    let own_grace = row.group.is_empty() && row.kind == "Pod";
    let graceful = match begin_grace(own_grace, old, &mut new, options, now) {
        Grace::Pending => return Ok(Plan::Keep),
        Grace::Set => true,
        Grace::None => false,
    };
    let wanted = garbage_finalizers(row, old, options);
    let moved = wanted != finalizers(old);
    if moved {
        set_meta(&mut new, "finalizers", wanted.clone());
        if wanted.is_empty() {
            remove_meta(&mut new, "finalizers");
        }
    }
    let namespace = row.group.is_empty() && row.kind == "Namespace";
    let held = !wanted.is_empty()
        || (namespace
            && old["spec"]["finalizers"]
                .as_array()
                .is_some_and(|f| !f.is_empty()));
    if !graceful && !held {
        return Ok(Plan::Remove);
    }
    if !graceful {
        mark(row, &mut new, now);
        if namespace {
            new["status"]["phase"] = json!("Terminating");
        }
    }
    if strategy::deletion_is_complete(row, &new) {
        return Ok(Plan::Remove);
    }
    Ok(if new == *old { Plan::Keep } else { Plan::Mark(new) })
}

fn check_preconditions(row: &Resource, old: &Value, options: &DeleteOptions) -> Result<()> {
    // The reference names the kind here, not the resource.
    let of = GroupResource::new(&row.group, &row.kind);
    let name = meta(old, "name");
    let checks = [
        (&options.uid, "uid", "UID", "deleted and then recreated"),
        (
            &options.resource_version,
            "resourceVersion",
            "ResourceVersion",
            "modified",
        ),
    ];
    for (wanted, field, label, fate) in checks {
        let own = meta(old, field);
        if let Some(wanted) = wanted
            && wanted != own
        {
            let why = format!(
                "the {label} in the precondition ({wanted}) does not match the {label} in record ({own}). The object might have been {fate}"
            );
            return Err(Status::conflict(of, name, why));
        }
    }
    Ok(())
}

enum Grace {
    /// Not graceful: remove or mark as deleting.
    None,
    /// The new state has a grace period.
    Set,
    /// One runs already and is not made longer.
    Pending,
}

fn begin_grace(pod: bool, old: &Value, new: &mut Value, options: &DeleteOptions, now: Timestamp) -> Grace {
    let running = old["metadata"]["deletionGracePeriodSeconds"].as_i64();
    if is_deleting(old) {
        let Some(running) = running else {
            return Grace::None;
        };
        return match options.grace {
            Some(wanted) if wanted < running => {
                shorten(old, new, running, wanted);
                Grace::Set
            }
            _ if running == 0 => Grace::None,
            _ => Grace::Pending,
        };
    }
    if !pod {
        return Grace::None;
    }
    let period = pod_grace(old, options);
    if period == 0 {
        return Grace::None;
    }
    set_meta(
        new,
        "deletionTimestamp",
        seconds(now + SignedDuration::from_secs(period)),
    );
    set_meta(new, "deletionGracePeriodSeconds", period);
    bump(new);
    Grace::Set
}

/// The time of deletion moves with the period.
fn shorten(old: &Value, new: &mut Value, running: i64, wanted: i64) {
    if let Ok(at) = meta(old, "deletionTimestamp").parse::<Timestamp>() {
        let sooner = at - SignedDuration::from_secs(running - wanted);
        set_meta(new, "deletionTimestamp", seconds(sooner));
    }
    set_meta(new, "deletionGracePeriodSeconds", wanted);
}

/// Pods that no kubelet has, and finished ones, need no grace.
fn pod_grace(pod: &Value, options: &DeleteOptions) -> i64 {
    let unassigned = pod["spec"]["nodeName"].as_str().unwrap_or_default().is_empty();
    let finished = matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
    if unassigned || finished {
        return 0;
    }
    let own = pod["spec"]["terminationGracePeriodSeconds"]
        .as_i64()
        .unwrap_or(30);
    options.grace.unwrap_or(own).max(0)
}

/// Deletion begins now and waits for finalizers only.
fn mark(row: &Resource, new: &mut Value, now: Timestamp) {
    if !is_deleting(new) {
        set_meta(new, "deletionTimestamp", seconds(now));
        if row.generation != Generation::None {
            bump(new);
        }
    }
    // Namespaces are waited for without a period.
    if !(row.group.is_empty() && row.kind == "Namespace") {
        set_meta(new, "deletionGracePeriodSeconds", 0);
    }
}

fn bump(new: &mut Value) {
    if let Some(generation) = new["metadata"]["generation"].as_i64().filter(|g| *g > 0) {
        set_meta(new, "generation", generation + 1);
    }
}

/// The finalizers after the garbage collector's are put in or taken out for the propagation policy.
fn garbage_finalizers(row: &Resource, old: &Value, options: &DeleteOptions) -> Vec<String> {
    let own = finalizers(old);
    let has = |name: &str| own.contains(&name);
    let default = match () {
        () if has(ORPHAN) => Propagation::Orphan,
        () if has(FOREGROUND) => Propagation::Foreground,
        () if orphans_by_default(row) => Propagation::Orphan,
        () => Propagation::Background,
    };
    let wanted = match options.propagation.unwrap_or(default) {
        Propagation::Orphan => Some(ORPHAN),
        Propagation::Foreground => Some(FOREGROUND),
        Propagation::Background => None,
    };
    let mut out: Vec<String> = own
        .iter()
        .filter(|f| !matches!(**f, ORPHAN | FOREGROUND))
        .map(|f| (*f).to_owned())
        .collect();
    // Events own nothing and are owned by nothing.
    if let Some(wanted) = wanted.filter(|_| !create::is_event(row)) {
        out.push(wanted.to_owned());
    }
    // In their old order where nothing changes, so that no write results.
    if out.len() == own.len() && own.iter().all(|f| out.iter().any(|o| o == f)) {
        return own.into_iter().map(str::to_owned).collect();
    }
    out
}

/// Kinds whose dependents stay unless asked otherwise, for old clients.
fn orphans_by_default(row: &Resource) -> bool {
    matches!(
        (row.group.as_ref(), row.kind.as_ref()),
        ("", "ReplicationController") | ("batch", "Job")
    )
}

/// Kinds of which a delete returns the object instead of a `Status`.
fn returns_object(row: &Resource) -> bool {
    match row.group.as_ref() {
        "" => matches!(
            row.kind.as_ref(),
            "Pod"
                | "PodTemplate"
                | "PersistentVolume"
                | "PersistentVolumeClaim"
                | "ResourceQuota"
                | "Service"
                | "ServiceAccount"
        ),
        "storage.k8s.io" => true,
        _ => false,
    }
}
