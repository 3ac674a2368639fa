//! Reading an object, changing it, and writing it back, until nobody interfered: the common part of update, patch,
//! apply and the subresources.

use parking_lot::Mutex;
use serde_json::Value;
use std::sync::Arc;

use super::context::Context;
use super::options::WriteOptions;
use super::{create, encode, fields, object, service, strategy};
use crate::cache::{CacheError, Change, Object, Outcome};
use crate::resource::SubresourceKind;
use crate::serve::Response;
use crate::serve::access::Operation;
use crate::status::{Result, Status};

/// A failed attempt.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Of the store.
    Cache(CacheError),
    /// Of the rules.
    Status(Status),
}

impl From<CacheError> for Failure {
    fn from(error: CacheError) -> Self {
        Self::Cache(error)
    }
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self::Status(status)
    }
}

impl Failure {
    /// As the API tells it.
    pub(crate) fn status(self, context: &Context<'_>) -> Status {
        match self {
            Self::Cache(error) => context.failed(error),
            Self::Status(status) => status,
        }
    }
}

/// What is written, and how.
pub(crate) struct Write<'a> {
    /// Name of the object.
    pub(crate) name: &'a str,
    /// The subresource that is written.
    pub(crate) sub: Option<SubresourceKind>,
    /// Dry run, manager, …
    pub(crate) options: &'a WriteOptions,
}

/// What came of it: the object in its served form.
pub(crate) struct Written {
    /// As stored, or as it would have been.
    pub(crate) object: Value,
    /// As the cache has it, unless it was a dry run.
    pub(crate) stored: Option<Arc<Object>>,
}

impl Written {
    /// The answer.
    pub(crate) fn respond(self, context: &Context<'_>, code: u16) -> Result<Response> {
        match self.stored {
            Some(stored) => context.respond_stored(code, &stored),
            None => context.respond(code, self.object),
        }
    }
}

/// Changes the object. `change` makes the new state out of the present one, both in their served form; it may run
/// several times.
///
/// # Errors
/// 404 if there is no such object, 422 if the result breaks rules, and those of `change`.
pub(crate) async fn modify<F>(context: &Context<'_>, write: &Write<'_>, change: F) -> Result<Written>
where
    F: Fn(&Value) -> Result<Value> + Sync,
{
    let key = context.key(write.name);
    let result: Mutex<Value> = Mutex::default();
    // Addresses and ports are held until the write is done.
    let held: Mutex<service::Held> = Mutex::default();
    let attempt = |live: Option<Arc<Object>>| {
        let (change, result, held) = (&change, &result, &held);
        async move {
            let Some(live) = live else {
                return Err(Status::not_found(context.row.group_resource(), write.name).into());
            };
            let old = context.served(&live)?;
            let new = change(&old)?;
            let (new, action) = decide(context, write, &old, new, held).await?;
            *result.lock() = new;
            Ok::<_, Failure>(action)
        }
    };
    let outcome = context
        .server
        .cache
        .mutate(&key, attempt)
        .await
        .map_err(|e| e.status(context))?;
    let object = result.into_inner();
    Ok(match outcome {
        Outcome::Created(stored) | Outcome::Updated(stored) => Written {
            object,
            stored: Some(stored),
        },
        Outcome::Unchanged(stored) if !write.options.dry_run => Written { object, stored },
        _ => Written { object, stored: None },
    })
}

/// Everything between the wish and the store for one attempt.
async fn decide(
    context: &Context<'_>,
    write: &Write<'_>,
    old: &Value,
    mut new: Value,
    held: &Mutex<service::Held>,
) -> std::result::Result<(Value, Change), Failure> {
    let row = &context.row;
    check_identity(context, write, &new, old)?;
    fields::match_namespace(context, &mut new)?;
    if !write.options.owns_fields {
        new = fields::track(context, write.options, Some(old), new)?;
    }
    let review = context.review(Operation::Update, write.name, Some(old), write.options.dry_run);
    context.server.admission.mutate(&review, &mut new).await?;
    strategy::prepare_update(row, write.sub, &mut new, old);
    fields::prepare(row, write.sub, &mut new, Some(old));
    fields::validate_update(row, &new, old, context.subresource())?;
    if write.sub.is_none() {
        fields::warn(context, &new, Some(old));
    }
    *held.lock() = service::Held::default();
    let allocated = service::allocate(context, write.name, &mut new).await?;
    *held.lock() = allocated;
    context.server.admission.validate(&review, &new).await?;
    if write.options.dry_run {
        return Ok((new, Change::Nothing));
    }
    if strategy::deletion_is_complete(row, &new) {
        return Ok((new, Change::Delete));
    }
    let json = encode::stored(row, new.clone());
    let action = match create::ttl(row) {
        Some(ttl) => Change::PutFor(json, ttl),
        None => Change::Put(json),
    };
    Ok((new, action))
}

/// The object in the body must be the one of the path, and the version and uid that the client saw.
fn check_identity(context: &Context<'_>, write: &Write<'_>, new: &Value, old: &Value) -> Result<()> {
    let of = context.row.group_resource();
    let name = object::meta(new, "name");
    if name != write.name {
        return Err(Status::bad_request(if name.is_empty() {
            "name must be provided".to_owned()
        } else {
            format!(
                "the name of the object ({name}) does not match the name on the URL ({})",
                write.name
            )
        }));
    }
    let seen = object::meta(new, "resourceVersion");
    let present = object::meta(old, "resourceVersion");
    if !seen.is_empty() && seen != "0" && seen != present {
        return Err(Status::modified(of, write.name));
    }
    let (uid, own) = (object::meta(new, "uid"), object::meta(old, "uid"));
    if !uid.is_empty() && uid != own {
        let key = context.key(write.name);
        let why = format!(
            "StorageError: invalid object, Code: 4, Key: {key}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: {uid}, UID in object meta: {own}"
        );
        return Err(Status::conflict(of, write.name, why));
    }
    Ok(())
}
