//! Resources and subresources that are no stored objects: reviews, tokens, component statuses.
//!
//! Who answers registers a [`Virtual`] under group and `resource[/subresource]`; the body has been decoded and
//! defaulted when it is called.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use serde_json::{Value, json};

use super::context::Context;
use super::options::WriteOptions;
use super::{fields, object, subresource};
use crate::auth::User;
use crate::decode::Target;
use crate::serve::{Response, negotiate, respond};
use crate::server::ApiServer;
use crate::status::{Result, Status};

/// A call of a virtual resource.
pub struct Call<'a> {
    /// The server.
    pub server: &'a ApiServer,
    /// Who asks.
    pub user: &'a User,
    /// Namespace or empty.
    pub namespace: &'a str,
    /// Name of the object that the subresource belongs to, or empty.
    pub name: &'a str,
    /// Nothing is to be kept.
    pub dry_run: bool,
    /// The body.
    pub object: Value,
}

/// Answers creates of a kind that is not stored.
#[tonic::async_trait]
pub trait Virtual: Send + Sync + 'static {
    /// The answer to a create, sent with 201.
    ///
    /// # Errors
    /// Whatever the review refuses.
    async fn create(&self, call: Call<'_>) -> Result<Value>;
}

/// Who answers what.
#[derive(Clone, Default)]
pub struct Virtuals(HashMap<(String, String), Arc<dyn Virtual>>);

impl Virtuals {
    /// Registers an answer for `resource` or `resource/subresource` of a group.
    pub fn insert(&mut self, group: &str, resource: &str, answer: Arc<dyn Virtual>) {
        self.0.insert((group.to_owned(), resource.to_owned()), answer);
    }

    fn get(&self, group: &str, resource: &str) -> Option<&Arc<dyn Virtual>> {
        self.0.get(&(group.to_owned(), resource.to_owned()))
    }
}

/// Answers a request for a resource that is not stored.
pub(crate) async fn answer(context: &Context<'_>, parts: &Parts, body: Bytes) -> Result<Response> {
    match (
        context.row.group.as_ref(),
        context.row.plural.as_ref(),
        context.verb,
    ) {
        ("", "bindings", _) => subresource::binding::create(context, parts, body).await,
        ("", "componentstatuses", "list") => component_list(context).await,
        ("", "componentstatuses", _) => component(context).await,
        _ => create(context, parts, body, context.target()?).await,
    }
}

/// Asks whoever is registered for the path.
pub(crate) async fn create(
    context: &Context<'_>,
    parts: &Parts,
    body: Bytes,
    target: Target,
) -> Result<Response> {
    let options = WriteOptions::parse(context, &parts.headers, "CreateOptions")?;
    let mut object = fields::object_of(context, &target, &parts.headers, &body, &options)?;
    fields::match_namespace(context, &mut object)?;
    object = fields::track_answer(context, &options, &target, object);
    fields::validate_answer(&target, &object)?;
    // What belongs to an object is named like it, and has system metadata as if it were stored.
    if !context.name().is_empty() {
        object::set_meta(&mut object, "name", context.name());
        object::set_meta(&mut object, "uid", uuid::Uuid::new_v4().to_string());
        object::set_meta(&mut object, "creationTimestamp", object::seconds(context.now));
    }
    let resource = match context.subresource() {
        "" => context.row.plural.to_string(),
        sub => format!("{}/{sub}", context.row.plural),
    };
    let answer = context.server.virtuals.get(&context.row.group, &resource);
    let answer = answer.ok_or_else(|| Status::unavailable(format!("{resource} is not served here")))?;
    let call = Call {
        server: context.server,
        user: &context.user,
        namespace: context.namespace(),
        name: context.name(),
        dry_run: options.dry_run,
        object,
    };
    context.respond(201, answer.create(call).await?)
}

const COMPONENTS: &[&str] = &["controller-manager", "scheduler", "etcd-0"];

/// The deprecated component status: everything runs in this process, so it is as healthy as the store.
async fn component_status(context: &Context<'_>, name: &str) -> Value {
    let healthy = context.server.cache.store().revision().await.is_ok();
    let status = if healthy { "True" } else { "False" };
    json!({
        "apiVersion": "v1", "kind": "ComponentStatus", "metadata": {"name": name},
        "conditions": [{"type": "Healthy", "status": status, "message": if healthy { "ok" } else { "" }}],
    })
}

async fn component(context: &Context<'_>) -> Result<Response> {
    context.warn("v1 ComponentStatus is deprecated in v1.19+");
    let name = context.name();
    if !COMPONENTS.contains(&name) {
        return Err(Status::not_found(context.row.group_resource(), name));
    }
    context.respond(200, component_status(context, name).await)
}

async fn component_list(context: &Context<'_>) -> Result<Response> {
    use super::shape::{self, Include};
    context.warn("v1 ComponentStatus is deprecated in v1.19+");
    let mut items = Vec::new();
    for name in COMPONENTS {
        items.push(component_status(context, name).await);
    }
    let value = match context.accepted.shape {
        negotiate::Shape::Table(version) => {
            let include = Include::parse(context);
            let rows = items
                .iter()
                .map(|o| shape::table_row(context, o, version, include))
                .collect();
            shape::table(&context.row, version, json!({}), rows, true)
        }
        _ => json!({"kind": "ComponentStatusList", "apiVersion": "v1", "metadata": {}, "items": items}),
    };
    Ok(respond::object(200, &value, context.encoding()))
}
