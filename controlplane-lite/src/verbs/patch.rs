//! PATCH of one object: JSON patch, merge patch, strategic merge patch, and server-side apply.

use bytes::Bytes;
use http::request::Parts;
use serde_json::Value;

use super::context::Context;
use super::modify::{Write, modify};
use super::options::WriteOptions;
use super::{fields, update};
use crate::resource::SubresourceKind;
use crate::serve::{Response, negotiate};
use crate::status::{Reason, Result, Status};

/// The kinds of patch, by media type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PatchType {
    Json,
    Merge,
    Strategic,
    Apply,
}

impl PatchType {
    /// The kind of a media type.
    ///
    /// # Errors
    /// 415.
    pub(crate) fn of(media: &str) -> Result<Self> {
        Ok(match media {
            "application/json-patch+json" => Self::Json,
            "application/merge-patch+json" => Self::Merge,
            "application/strategic-merge-patch+json" => Self::Strategic,
            "application/apply-patch+yaml" | "application/apply-patch+cbor" => Self::Apply,
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
    let kind = PatchType::of(negotiate::media_type(&parts.headers))?;
    let mut options = WriteOptions::parse(context, &parts.headers, "PatchOptions")?;
    options.owns_fields = kind == PatchType::Apply;
    let patch = fields::Patch::read(context, kind, &body, &options)?;
    let write = Write {
        name: context.name(),
        sub,
        options: &options,
    };
    let changed = modify(context, &write, |live| patch.apply(context, Some(live), &options)).await;
    match changed {
        Err(status) if status.code == 404 && kind == PatchType::Apply && sub.is_none() => {
            let wanted: Value = patch.apply(context, None, &options)?;
            update::created(context, wanted, &options).await
        }
        written => written?.respond(context, 200),
    }
}
