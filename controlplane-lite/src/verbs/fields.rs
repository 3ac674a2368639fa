//! The calls into decoding, patching, field ownership, defaulting and validation, with what they need from a request.

use http::HeaderMap;
use serde_json::Value;

use super::context::Context;
use super::options::{self, WriteOptions};
use crate::decode::{self, Format};
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
    let format = negotiate::body_format(headers)?;
    decoded(context, &context.target()?, body, format, options)
}

/// The same for another kind than the row's.
pub(crate) fn decoded(
    context: &Context<'_>,
    target: &decode::Target,
    body: &[u8],
    format: Format,
    options: &WriteOptions,
) -> Result<Value> {
    let decoded = decode::decode(Schema::builtin(), target, body, format, options.field_validation)?;
    for warning in decoded.warnings {
        context.warn(warning);
    }
    let mut object = decoded.object;
    crate::defaults::apply(&target.gvk.group, &target.gvk.kind, &mut object);
    Ok(object)
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
    _context: &Context<'_>,
    _options: &WriteOptions,
    live: Option<&Value>,
    new: Value,
) -> Result<Value> {
    let _ = live;
    Ok(new)
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
}

/// Refuses a new object that breaks rules.
pub(crate) fn validate_create(row: &Resource, object: &Value) -> Result<()> {
    let _ = (row, object, options::causes);
    Ok(())
}

/// Refuses a change that breaks rules.
pub(crate) fn validate_update(row: &Resource, new: &Value, old: &Value, subresource: &str) -> Result<()> {
    let _ = (row, new, old, subresource);
    Ok(())
}

/// A patch that has been read.
pub(crate) enum Patch {
    /// RFC 6902.
    Json(json_patch::Patch),
    /// RFC 7386.
    Merge(Value),
    /// With merge keys and directives.
    Strategic(Value),
    /// The fields that a manager wants.
    Apply(Value),
}

impl Patch {
    /// Reads the body of a patch of the row's kind.
    pub(crate) fn read(
        context: &Context<'_>,
        kind: super::patch::PatchType,
        body: &[u8],
        options: &WriteOptions,
    ) -> Result<Self> {
        Self::read_as(context, &context.target()?, kind, body, options)
    }

    /// Reads the body of a patch of another kind.
    pub(crate) fn read_as(
        context: &Context<'_>,
        target: &decode::Target,
        kind: super::patch::PatchType,
        body: &[u8],
        options: &WriteOptions,
    ) -> Result<Self> {
        use super::patch::PatchType;
        let json = || serde_json::from_slice::<Value>(body).map_err(|e| Status::bad_request(e.to_string()));
        Ok(match kind {
            PatchType::Json => {
                Self::Json(serde_json::from_slice(body).map_err(|e| Status::bad_request(e.to_string()))?)
            }
            PatchType::Merge => Self::Merge(json()?),
            PatchType::Strategic => Self::Strategic(json()?),
            PatchType::Apply => {
                if !options.named_manager {
                    let cause = crate::status::Cause {
                        reason: "FieldValueRequired".into(),
                        message: "Required value: is required for apply patch".into(),
                        field: "fieldManager".into(),
                    };
                    return Err(Status::invalid("meta.k8s.io", "PatchOptions", "", vec![cause]));
                }
                Self::Apply(decoded(context, target, body, Format::Yaml, options)?)
            }
        })
    }

    /// The new state out of the present one (`None`: there is none).
    pub(crate) fn apply(
        &self,
        context: &Context<'_>,
        live: Option<&Value>,
        options: &WriteOptions,
    ) -> Result<Value> {
        self.apply_as(context, &context.target()?, live, options)
    }

    /// The same for another kind than the row's.
    pub(crate) fn apply_as(
        &self,
        context: &Context<'_>,
        target: &decode::Target,
        live: Option<&Value>,
        options: &WriteOptions,
    ) -> Result<Value> {
        let mut new = live.cloned().unwrap_or_default();
        match self {
            Self::Json(patch) => {
                json_patch::patch(&mut new, patch).map_err(|_| Status::unprocessable())?;
            }
            Self::Merge(patch) | Self::Strategic(patch) | Self::Apply(patch) => {
                crate::patch::merge(&mut new, patch);
            }
        }
        let text = new.to_string();
        decoded(context, target, text.as_bytes(), Format::Json, options)
    }
}
