//! PATCH of one object: JSON patch, merge patch, strategic merge patch, and server-side apply.

use bytes::Bytes;
use http::request::Parts;
use serde_json::Value;

use super::context::Context;
use super::modify::{Write, modify};
use super::options::{self, WriteOptions};
use super::{fields, object, update};
use crate::field::{FieldError, Path};
use crate::patch::{Patch, PatchKind, read_config};
use crate::resource::SubresourceKind;
use crate::serve::{Response, negotiate};
use crate::status::{Reason, Result, Status};

/// How a body changes an object, by media type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// A patch of the present state.
    Patch(PatchKind),
    /// Server-side apply.
    Apply,
}

impl Way {
    /// The way of a media type.
    ///
    /// # Errors
    /// 415.
    pub(crate) fn of(media: &str) -> Result<Self> {
        Ok(match media {
            "application/json-patch+json" => Self::Patch(PatchKind::Json),
            "application/merge-patch+json" => Self::Patch(PatchKind::Merge),
            "application/strategic-merge-patch+json" => Self::Patch(PatchKind::Strategic),
            "application/apply-patch+yaml" => Self::Apply,
            _ => {
                return Err(Status {
                    message: "415: Unsupported Media Type".into(),
                    reason: Reason::UnsupportedMediaType,
                    details: Some(Box::default()),
                    ..Status::unsupported_media_type(&[])
                });
            }
        })
    }
}

/// Patches the object.
pub(crate) async fn patch(context: &Context<'_>, parts: &Parts, body: Bytes) -> Result<Response> {
    patch_part(context, parts, body, None).await
}

/// The same for a subresource that exchanges the whole object.
pub(crate) async fn patch_part(
    context: &Context<'_>,
    parts: &Parts,
    body: Bytes,
    sub: Option<SubresourceKind>,
) -> Result<Response> {
    let way = Way::of(negotiate::media_type(&parts.headers))?;
    let mut options = WriteOptions::parse(context, &parts.headers, "PatchOptions")?;
    match way {
        Way::Apply => {
            options.owns_fields = true;
            apply(context, &body, sub, &options).await
        }
        Way::Patch(kind) => {
            refuse_force(context)?;
            let patch = Patch {
                kind,
                body: &body,
                validation: options.field_validation,
            };
            let target = context.target()?;
            let write = Write {
                name: context.name(),
                sub,
                options: &options,
            };
            let change = |live: &Value| fields::patched(context, &target, &patch, live);
            modify(context, &write, change).await?.respond(context, 200)
        }
    }
}

/// Server-side apply: makes the object if there is none.
async fn apply(
    context: &Context<'_>,
    body: &[u8],
    sub: Option<SubresourceKind>,
    options: &WriteOptions,
) -> Result<Response> {
    if !options.named_manager {
        return Err(refused(&FieldError::required(
            &Path::of("fieldManager"),
            "is required for apply patch",
        )));
    }
    let read = read_config(body, options.field_validation)?;
    for warning in read.warnings {
        context.warn(warning);
    }
    let mut config = read.object;
    // A configuration need not repeat what the path says.
    if object::meta(&config, "name").is_empty() {
        object::set_meta(&mut config, "name", context.name());
    }
    let write = Write {
        name: context.name(),
        sub,
        options,
    };
    let written = modify(context, &write, |live| {
        fields::applied(context, &config, Some(live), options)
    })
    .await;
    match written {
        Err(status) if status.code == 404 && sub.is_none() && is_of(context, &status) => {
            let wanted = fields::applied(context, &config, None, options)?;
            update::created(context, wanted, options).await
        }
        written => written?.respond(context, 200),
    }
}

/// Whether it is this object that is missing, not another one that the write needs.
fn is_of(context: &Context<'_>, status: &Status) -> bool {
    status
        .details
        .as_ref()
        .is_some_and(|d| d.kind == context.row.plural && d.name == context.name())
}

fn refuse_force(context: &Context<'_>) -> Result<()> {
    if context.query.get("force").is_none() {
        return Ok(());
    }
    Err(refused(&FieldError::forbidden(
        &Path::of("force"),
        "may not be specified for non-apply patch",
    )))
}

fn refused(error: &FieldError) -> Status {
    Status::invalid("meta.k8s.io", "PatchOptions", "", vec![options::cause(error)])
}
