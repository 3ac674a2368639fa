//! Subresources: which module answers which.

pub(crate) mod binding;
mod eviction;
mod scale;

use http::request::Parts;

use super::context::Context;
use super::{get, patch, update, virtuals};
use crate::decode::Target;
use crate::resource::SubresourceKind;
use crate::serve::{Body, Response, body};
use crate::status::{Result, Status};

/// Answers a request for a subresource.
pub(crate) async fn dispatch(context: &Context<'_>, parts: Parts, request: Body) -> Result<Response> {
    let sub = context
        .row
        .subresource(context.subresource())
        .ok_or_else(Status::no_such_path)?;
    let kind = sub.served;
    if kind == SubresourceKind::Connect {
        return crate::nodeproxy::connect(context, parts, request).await;
    }
    let bytes = body::read(request).await?;
    match kind {
        SubresourceKind::Connect => Err(Status::no_such_path()),
        SubresourceKind::Scale => scale::answer(context, &parts, bytes).await,
        SubresourceKind::Binding => binding::create(context, &parts, bytes).await,
        SubresourceKind::Eviction => eviction::create(context, &parts, bytes).await,
        SubresourceKind::Token => {
            let (group, version, name) = &sub.response;
            let target = Target::builtin(group, version, name)
                .ok_or_else(|| Status::internal(format!("no type for {name}")))?;
            virtuals::create(context, &parts, bytes, target).await
        }
        SubresourceKind::Status
        | SubresourceKind::Finalize
        | SubresourceKind::Approval
        | SubresourceKind::EphemeralContainers
        | SubresourceKind::Resize => match context.verb {
            "get" => get::get(context).await,
            "update" => update::update_part(context, &parts, bytes, Some(kind)).await,
            _ => patch::patch_part(context, &parts, bytes, Some(kind)).await,
        },
    }
}
