//! The verbs: what a request does to stored objects, generic over the resource's row.
//!
//! [`dispatch`] finds the row and the verb (404 and 405 are decided here), then one module per verb does the work
//! with a [`context::Context`]. Writing goes the same way for all: decode, default, field ownership, mutate, prepare
//! (`strategy`), validate, store.

mod collection;
pub mod context;
mod create;
mod delete;
pub mod encode;
mod errors;
mod fields;
mod get;
mod list;
mod modify;
pub mod object;
mod options;
mod patch;
pub mod service;
pub mod shape;
mod strategy;
mod subresource;
mod update;
pub mod virtuals;
mod watch;

use std::sync::Arc;

use http::Method;
use http::request::Parts;

use crate::auth::User;
use crate::resource::{Resource, Verb};
use crate::serve::info::ResourcePath;
use crate::serve::{Body, Response, body, negotiate, respond};
use crate::server::{ApiServer, Incoming};
use crate::status::{Result, Status};
use context::Context;

/// Runs the verb of a resource request.
pub(crate) async fn dispatch(
    server: &ApiServer,
    (verb, path): (&'static str, &ResourcePath),
    incoming: Incoming,
    user: User,
) -> Result<Response> {
    let Incoming { parts, query, body } = incoming;
    let registry = server.registry();
    let Some(row) = registry.find(&path.group, &path.version, &path.resource).cloned() else {
        let known = path.group.is_empty() || crate::discovery::group(&registry, &path.group).is_some();
        return if known {
            Err(Status::no_such_path())
        } else {
            Ok(respond::no_page())
        };
    };
    route(&row, path, &parts.method, verb)?;
    let watch = verb == "watch";
    let accepted = negotiate::accept(&parts.headers, true, watch, path.name.is_none())?;
    let context = Context {
        server,
        pretty: negotiate::pretty(&query, &parts.headers, &parts.method),
        gzip: respond::accepts_gzip(&parts.headers),
        now: server.now(),
        warnings: parking_lot::Mutex::default(),
        row,
        path,
        query,
        accepted,
        user,
        verb,
    };
    let mut response = if context.path.subresource.is_some() {
        subresource::dispatch(&context, parts, body).await?
    } else {
        run(&context, &parts, body).await?
    };
    respond::warn(&mut response, &context.warnings.into_inner());
    Ok(response)
}

async fn run(context: &Context<'_>, parts: &Parts, body: Body) -> Result<Response> {
    if context.row.storage.is_empty() {
        return virtuals::answer(context, parts, body::read(body).await?).await;
    }
    match context.verb {
        "get" => get::get(context).await,
        "list" => list::list(context).await,
        "watch" => watch::watch(context).await,
        "create" => create::create(context, parts, body::read(body).await?).await,
        "update" => update::update(context, parts, body::read(body).await?).await,
        "patch" => patch::patch(context, parts, body::read(body).await?).await,
        "delete" => delete::delete(context, parts, body::read(body).await?).await,
        _ => collection::delete(context, parts, body::read(body).await?).await,
    }
}

/// Whether the path exists for the row (404) and takes the method (405).
fn route(row: &Resource, path: &ResourcePath, method: &Method, verb: &str) -> Result<()> {
    let named = path.name.is_some();
    let placed = path.namespace.is_some();
    // Objects of namespaced resources have a namespace in their path; only collections may go without.
    if (placed && !row.namespaced()) || (named && row.namespaced() && !placed) {
        return Err(Status::no_such_path());
    }
    let verbs: &[Verb] = match &path.subresource {
        None => row.verbs,
        Some(name) => {
            let sub = row.subresource(name).ok_or_else(Status::no_such_path)?;
            if path.rest.is_some() && name != "proxy" {
                return Err(Status::no_such_path());
            }
            sub.verbs
        }
    };
    if *method == Method::OPTIONS {
        return Err(Status::method_not_allowed_here());
    }
    let wanted = if path.subresource.is_some() && verb == "watch" {
        "get"
    } else {
        verb
    };
    let listed = verbs.iter().any(|v| v.as_str() == wanted);
    let across = row.namespaced() && !placed && !named;
    let possible = !across || matches!(verb, "list" | "watch") || row.verbs == [Verb::Create];
    if !listed || !possible || (verb == "create" && named && path.subresource.is_none()) {
        return Err(Status::method_not_allowed_here());
    }
    Ok(())
}

/// The row, shared.
pub(crate) type Row = Arc<Resource>;
