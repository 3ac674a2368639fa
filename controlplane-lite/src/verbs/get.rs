//! GET of one object.

use super::context::Context;
use super::errors;
use crate::cache::When;
use crate::serve::Response;
use crate::status::{Result, Status};

/// Answers with the object.
pub(crate) async fn get(context: &Context<'_>) -> Result<Response> {
    let object = find(context).await?;
    context.respond_stored(200, &object)
}

/// The object that the path names.
pub(crate) async fn find(context: &Context<'_>) -> Result<std::sync::Arc<crate::cache::Object>> {
    let when = match context.query.text("resourceVersion") {
        "" => When::Latest,
        "0" => When::Cached,
        version => When::NotOlderThan(errors::revision(version)?),
    };
    let key = context.key(context.name());
    let found = context
        .server
        .cache
        .get(&key, when)
        .await
        .map_err(|e| context.failed(e))?;
    found.ok_or_else(|| Status::not_found(context.row.group_resource(), context.name()))
}
