//! The OpenAPI v2 document.

use serde_json::{Map, Value, json};

use super::{definitions, paths};
use crate::resources::Registry;

/// Everything in one.
pub(super) fn document(registry: &Registry) -> Value {
    let all: Map<String, Value> = registry
        .rows()
        .iter()
        .flat_map(|row| paths::of_resource(row, |name, place, kind| {
            json!({"name": name, "in": place, "type": kind, "required": place == "path", "uniqueItems": true})
        }))
        .collect();
    let definitions: Map<String, Value> = definitions()
        .into_iter()
        .filter(|(name, _)| !name.contains('#'))
        .collect();
    json!({
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": crate::server::GIT_VERSION},
        "paths": all,
        "definitions": definitions,
    })
}
