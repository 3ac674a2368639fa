//! DELETE of a collection: each selected object, one after another.

use bytes::Bytes;
use http::request::Parts;
use serde_json::{Value, json};

use super::context::Context;
use super::delete::delete_object;
use super::list;
use super::options::DeleteOptions;
use crate::serve::{Response, respond};
use crate::status::Result;

/// Deletes what the selectors select, and answers with the objects.
pub(crate) async fn delete(context: &Context<'_>, parts: &Parts, body: Bytes) -> Result<Response> {
    let options = DeleteOptions::parse(context, &parts.headers, &body)?;
    let listing = list::select(context).await?;
    let mut items: Vec<Value> = Vec::with_capacity(listing.objects.len());
    for object in &listing.objects {
        let name = object.fields.get("metadata.name").unwrap_or_default();
        match delete_object(context, name, &options).await {
            Ok(deleted) => {
                let mut deleted = deleted.object();
                if let Some(map) = deleted.as_object_mut() {
                    map.remove("apiVersion");
                    map.remove("kind");
                }
                items.push(deleted);
            }
            // Somebody else was faster.
            Err(status) if status.code == 404 => {}
            Err(status) => return Err(status),
        }
    }
    let value = json!({
        "kind": context.row.list_kind(), "apiVersion": context.row.api_version(),
        "metadata": {"resourceVersion": listing.revision.to_string()}, "items": items,
    });
    Ok(respond::object(200, &value, context.encoding()))
}
