//! PUT of one object.

use bytes::Bytes;
use http::request::Parts;
use serde_json::Value;

use super::context::Context;
use super::create::{self, Created};
use super::modify::{Write, modify};
use super::options::WriteOptions;
use super::{fields, object};
use crate::resource::{Resource, SubresourceKind};
use crate::serve::Response;
use crate::status::{Cause, Result, Status};

/// Replaces the object by the body's.
pub(crate) async fn update(context: &Context<'_>, parts: &Parts, body: Bytes) -> Result<Response> {
    update_part(context, parts, body, None).await
}

/// The same for a subresource that exchanges the whole object.
pub(crate) async fn update_part(
    context: &Context<'_>,
    parts: &Parts,
    body: Bytes,
    sub: Option<SubresourceKind>,
) -> Result<Response> {
    let options = WriteOptions::parse(context, &parts.headers, "UpdateOptions")?;
    let mut wanted = fields::object(context, &parts.headers, &body, &options)?;
    if object::meta(&wanted, "name").is_empty() {
        return Err(Status::bad_request("name must be provided"));
    }
    fields::match_namespace(context, &mut wanted)?;
    if sub.is_none() {
        check_version(&context.row, &wanted)?;
    }
    let write = Write {
        name: context.name(),
        sub,
        options: &options,
    };
    match modify(context, &write, |_| Ok(wanted.clone())).await {
        Err(status) if status.code == 404 && sub.is_none() && creates(&context.row, &wanted) => {
            created(context, wanted, &options).await
        }
        written => written?.respond(context, 200),
    }
}

pub(crate) async fn created(
    context: &Context<'_>,
    wanted: Value,
    options: &WriteOptions,
) -> Result<Response> {
    match create::create_object(context, wanted, options).await? {
        Created::Stored(stored) => context.respond_stored(201, &stored),
        Created::DryRun(object) => context.respond(201, object),
    }
}

/// Kinds that a PUT may create (`AllowCreateOnUpdate`).
fn creates(row: &Resource, wanted: &Value) -> bool {
    let kinds = [
        "Lease",
        "Event",
        "Endpoints",
        "LimitRange",
        "Service",
        "Role",
        "RoleBinding",
        "ClusterRole",
        "ClusterRoleBinding",
    ];
    kinds.contains(&row.kind.as_ref()) && object::meta(wanted, "resourceVersion").is_empty()
}

/// Kinds that can only be updated from a version (`AllowUnconditionalUpdate` is false).
fn check_version(row: &Resource, wanted: &Value) -> Result<()> {
    let kinds = [
        "Lease",
        "PodDisruptionBudget",
        "RuntimeClass",
        "CSIDriver",
        "CSINode",
        "CSIStorageCapacity",
        "VolumeAttachment",
    ];
    if !kinds.contains(&row.kind.as_ref())
        || creates(row, wanted)
        || !object::meta(wanted, "resourceVersion").is_empty()
    {
        return Ok(());
    }
    let cause = Cause {
        reason: "FieldValueInvalid".into(),
        message: "Invalid value: 0: must be specified for an update".into(),
        field: "metadata.resourceVersion".into(),
    };
    Err(Status::invalid(
        &row.group,
        &row.kind,
        object::meta(wanted, "name"),
        vec![cause],
    ))
}
