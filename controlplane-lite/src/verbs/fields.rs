//! The calls into decoding, patching, field ownership, defaulting and validation, with what they need from a request.

use std::borrow::Cow;

use http::HeaderMap;
use serde_json::Value;

use super::context::Context;
use super::options::{self, WriteOptions};
use crate::apply;
use crate::decode::{self, Format};
use crate::patch::Patch;
use crate::protobuf;
use crate::resource::Resource;
use crate::schema::Schema;
use crate::serve::negotiate;
use crate::status::{Result, Status};

/// Reads a request body as an object of the row's kind, with defaults.
pub(crate) fn object(
    context: &Context<'_>,
    headers: &HeaderMap,
    body: &[u8],
    options: &WriteOptions,
) -> Result<Value> {
    object_of(context, &context.target()?, headers, body, options)
}

/// The same for another kind than the row's.
pub(crate) fn object_of(
    context: &Context<'_>,
    target: &decode::Target,
    headers: &HeaderMap,
    body: &[u8],
    options: &WriteOptions,
) -> Result<Value> {
    let (body, format) = plain(headers, body)?;
    let decoded = decode::decode(Schema::builtin(), target, &body, format, options.field_validation)?;
    finished(context, target, decoded)
}

/// The body as JSON or YAML.
pub(crate) fn plain<'a>(headers: &HeaderMap, body: &'a [u8]) -> Result<(Cow<'a, [u8]>, Format)> {
    if negotiate::media_type(headers) != protobuf::MEDIA_TYPE {
        return Ok((body.into(), negotiate::body_format(headers)?));
    }
    let object = protobuf::to_json(body).map_err(|e| Status::bad_request(e.to_string()))?;
    Ok((object.to_string().into_bytes().into(), Format::Json))
}

/// Makes sure that the object's namespace is the path's.
pub(crate) fn match_namespace(context: &Context<'_>, object: &mut Value) -> Result<()> {
    use super::object::{meta, remove_meta, set_meta};
    match (context.namespace(), meta(object, "namespace")) {
        (path, own) if path == own => Ok(()),
        (path, "") => {
            set_meta(object, "namespace", path);
            Ok(())
        }
        ("", _) => {
            remove_meta(object, "namespace");
            Ok(())
        }
        _ => Err(Status::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        )),
    }
}

/// Records in `managedFields` who changed what.
pub(crate) fn track(
    context: &Context<'_>,
    options: &WriteOptions,
    live: Option<&Value>,
    new: Value,
) -> Result<Value> {
    let row = &context.row;
    let reset = apply::reset_fields(&row.group, &row.kind, context.subresource(), row.has_status());
    let api_version = row.api_version();
    let writer = writer(context, options, &api_version, &reset);
    Ok(apply::track_update(
        Schema::builtin(),
        context.target()?.ty,
        live,
        new,
        &writer,
    ))
}

/// The same for a new object of another kind than the row's, which is answered and not stored.
pub(crate) fn track_answer(
    context: &Context<'_>,
    options: &WriteOptions,
    target: &decode::Target,
    new: Value,
) -> Value {
    let (api_version, reset) = (target.gvk.api_version(), apply::set::FieldSet::default());
    let writer = writer(context, options, &api_version, &reset);
    apply::track_update(Schema::builtin(), target.ty, None, new, &writer)
}

fn writer<'a>(
    context: &'a Context<'_>,
    options: &'a WriteOptions,
    api_version: &'a str,
    reset: &'a apply::set::FieldSet,
) -> apply::Writer<'a> {
    apply::Writer {
        manager: &options.manager,
        subresource: context.subresource(),
        api_version,
        reset,
        force: options.force.unwrap_or(false),
        now: context.now,
    }
}

/// What follows from the rest of the object and from the stored one, beyond defaults.
pub(crate) fn prepare(
    row: &Resource,
    sub: Option<crate::resource::SubresourceKind>,
    object: &mut Value,
    old: Option<&Value>,
) {
    if row.group.is_empty() && row.kind == "Service" && sub.is_none() {
        super::service::prepare(object, old);
    }
    match old {
        None => crate::strategy::prepare_create(&row.group, &row.kind, object),
        Some(old) => {
            let sub = if sub == Some(crate::resource::SubresourceKind::Status) {
                "status"
            } else {
                ""
            };
            crate::strategy::prepare_update(&row.group, &row.kind, object, old, sub);
        }
    }
}

/// Refuses a new object that breaks rules.
pub(crate) fn validate_create(row: &Resource, object: &Value) -> Result<()> {
    refuse(
        row,
        object,
        &crate::validation::create(&row.group, &row.kind, object),
    )
}

/// Refuses a change that breaks rules.
pub(crate) fn validate_update(row: &Resource, new: &Value, old: &Value, subresource: &str) -> Result<()> {
    let errors = crate::validation::update(&row.group, &row.kind, new, old, Some(subresource));
    refuse(row, new, &errors)
}

/// Refuses a question that breaks rules.
pub(crate) fn validate_answer(target: &decode::Target, object: &Value) -> Result<()> {
    let (group, kind) = (&*target.gvk.group, &*target.gvk.kind);
    let errors = crate::validation::create(group, kind, object);
    if errors.is_empty() {
        return Ok(());
    }
    Err(Status::invalid(
        group,
        kind,
        super::object::meta(object, "name"),
        options::causes(&errors),
    ))
}

fn refuse(row: &Resource, object: &Value, errors: &[crate::field::FieldError]) -> Result<()> {
    if errors.is_empty() {
        return Ok(());
    }
    let name = super::object::meta(object, "name");
    Err(Status::invalid(
        &row.group,
        &row.kind,
        name,
        options::causes(errors),
    ))
}

/// Warns of what an accepted object has that it better had not.
pub(crate) fn warn(context: &Context<'_>, object: &Value, old: Option<&Value>) {
    let row = &context.row;
    for text in crate::strategy::warnings(&row.group, &row.kind, object, old) {
        context.warn(text);
    }
}

/// The new state out of the present one by a patch of this kind; with defaults.
pub(crate) fn patched(
    context: &Context<'_>,
    target: &decode::Target,
    patch: &Patch<'_>,
    live: &Value,
) -> Result<Value> {
    finished(context, target, patch.apply(Schema::builtin(), target, live)?)
}

/// The new state out of the present one (`None`: there is none) by server-side apply; with defaults.
pub(crate) fn applied(
    context: &Context<'_>,
    config: &Value,
    live: Option<&Value>,
    options: &WriteOptions,
) -> Result<Value> {
    let (row, target) = (&context.row, context.target()?);
    let reset = apply::reset_fields(&row.group, &row.kind, context.subresource(), row.has_status());
    let api_version = row.api_version();
    let writer = writer(context, options, &api_version, &reset);
    let merged = apply::server_side_apply(Schema::builtin(), target.ty, live, config, &writer)?;
    let normal = decode::normalise(Schema::builtin(), &target, &merged).map_err(Status::bad_request)?;
    finished(context, &target, normal)
}

fn finished(context: &Context<'_>, target: &decode::Target, decoded: decode::Decoded) -> Result<Value> {
    for warning in decoded.warnings {
        context.warn(warning);
    }
    let mut object = decoded.object;
    crate::defaults::apply(&target.gvk.group, &target.gvk.kind, &mut object);
    Ok(object)
}
