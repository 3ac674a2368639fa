//! POST to a collection.

use bytes::Bytes;
use http::request::Parts;
use serde_json::Value;
use std::time::Duration;

use super::context::Context;
use super::options::WriteOptions;
use super::{encode, fields, object, service, strategy};
use crate::cache::CacheError;
use crate::resource::Resource;
use crate::serve::Response;
use crate::serve::access::Operation;
use crate::status::{Result, Status};
use crate::store::StoreError;

/// How often a generated name is tried, as in the reference.
const NAME_ATTEMPTS: usize = 8;
/// How long events are kept (`--event-ttl`).
const EVENT_TTL: Duration = Duration::from_secs(3600);

/// Creates the object of the body.
pub(crate) async fn create(context: &Context<'_>, parts: &Parts, body: Bytes) -> Result<Response> {
    let options = WriteOptions::parse(context, &parts.headers, "CreateOptions")?;
    let object = fields::object(context, &parts.headers, &body, &options)?;
    let stored = create_object(context, object, &options).await?;
    match stored {
        Created::Stored(stored) => context.respond_stored(201, &stored),
        Created::DryRun(object) => context.respond(201, object),
    }
}

/// What a create made.
pub(crate) enum Created {
    /// It is in the store.
    Stored(std::sync::Arc<crate::cache::Object>),
    /// It would have been.
    DryRun(Value),
}

/// Creates an object that has been decoded and defaulted.
pub(crate) async fn create_object(
    context: &Context<'_>,
    mut object: Value,
    options: &WriteOptions,
) -> Result<Created> {
    fields::match_namespace(context, &mut object)?;
    if !object::meta(&object, "resourceVersion").is_empty() {
        return Err(Status::bad_request(
            "resourceVersion should not be set on objects to be created",
        ));
    }
    let generates =
        object::meta(&object, "name").is_empty() && !object::meta(&object, "generateName").is_empty();
    if !options.owns_fields {
        object::remove_meta(&mut object, "managedFields");
        object = fields::track(context, options, None, object)?;
    }
    let mut last = None;
    for _ in 0..if generates { NAME_ATTEMPTS } else { 1 } {
        let mut object = object.clone();
        if generates {
            let name = object::generated(object::meta(&object, "generateName"), &mut fastrand::Rng::new());
            object::set_meta(&mut object, "name", name);
        }
        let name = object::meta(&object, "name").to_owned();
        match attempt(context, object, &name, options).await {
            Err(Failure::Taken) if generates => last = Some(name),
            Err(Failure::Taken) => return Err(Status::already_exists(context.row.group_resource(), &name)),
            Err(Failure::Status(status)) => return Err(status),
            Ok(created) => return Ok(created),
        }
    }
    Err(Status::generated_name_taken(
        context.row.group_resource(),
        &last.unwrap_or_default(),
    ))
}

enum Failure {
    Taken,
    Status(Status),
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self::Status(status)
    }
}

async fn attempt(
    context: &Context<'_>,
    mut object: Value,
    name: &str,
    options: &WriteOptions,
) -> std::result::Result<Created, Failure> {
    let review = context.review(Operation::Create, name, None, options.dry_run);
    context.server.admission.mutate(&review, &mut object).await?;
    let uid = uuid::Uuid::new_v4().to_string();
    strategy::prepare_create(&context.row, &mut object, context.namespace(), &uid, context.now);
    prepare_identity(context, &mut object);
    fields::prepare(&context.row, None, &mut object, None);
    fields::validate_create(&context.row, &object)?;
    fields::warn(context, &object, None);
    let held = service::allocate(context, name, &mut object).await?;
    context.server.admission.validate(&review, &object).await?;
    let key = context.key(name);
    if options.dry_run {
        let taken = context.server.cache.get(&key, crate::cache::When::Latest).await;
        return match taken.map_err(|e| context.failed(e))? {
            Some(_) => Err(Failure::Taken),
            None => Ok(Created::DryRun(object)),
        };
    }
    let ttl = is_event(&context.row).then_some(EVENT_TTL);
    let json = encode::stored(&context.row, object);
    let stored = context.server.cache.create(&key, json, ttl).await;
    drop(held);
    match stored {
        Ok(stored) => Ok(Created::Stored(stored)),
        Err(CacheError::Store(StoreError::Exists { .. })) => Err(Failure::Taken),
        Err(error) => Err(context.failed(error).into()),
    }
}

/// Objects of which the server writes who made them.
fn prepare_identity(context: &Context<'_>, object: &mut Value) {
    if context.row.kind == "CertificateSigningRequest" && context.row.group == "certificates.k8s.io" {
        let user = &context.user;
        let spec = &mut object["spec"];
        spec["username"] = user.name.as_str().into();
        spec["groups"] = user.groups.clone().into();
        if !user.uid.is_empty() {
            spec["uid"] = user.uid.as_str().into();
        }
        if !user.extra.is_empty() {
            spec["extra"] = serde_json::json!(user.extra);
        }
    }
}

/// Events delete themselves.
pub(crate) fn is_event(row: &Resource) -> bool {
    row.storage == "events"
}

/// How long an object of the row lives, `None` for ever.
pub(crate) fn ttl(row: &Resource) -> Option<Duration> {
    is_event(row).then_some(EVENT_TTL)
}
