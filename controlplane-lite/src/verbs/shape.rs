//! Objects and lists as tables and as metadata only.

use serde_json::{Value, json};

use super::context::Context;
use crate::resource::Resource;
use crate::serve::negotiate::{MetaVersion, Shape};
use crate::status::Result;
use crate::table;

/// One object in the shape that was asked for.
pub(crate) fn object(context: &Context<'_>, object: Value) -> Result<Value> {
    // Scale, tokens and other kinds than the row's own have no columns here.
    let own = object["kind"].as_str() == Some(&context.row.kind);
    Ok(match context.accepted.shape {
        Shape::Table(version) if own => {
            let metadata = json!({"resourceVersion": object["metadata"]["resourceVersion"]});
            let include = Include::parse(context);
            let row = table_row(context, &object, version, include);
            table(&context.row, version, metadata, vec![row], true)
        }
        Shape::Metadata(version) if own => metadata(&object, version),
        _ => object,
    })
}

/// What the rows of a table carry beside the cells (`includeObject`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Include {
    /// Nothing.
    None,
    /// The metadata (the default).
    Metadata,
    /// The whole object.
    Object,
}

impl Include {
    pub(crate) fn parse(context: &Context<'_>) -> Self {
        match context.query.text("includeObject") {
            "None" => Self::None,
            "Object" => Self::Object,
            _ => Self::Metadata,
        }
    }
}

/// `PartialObjectMetadata` of an object.
pub(crate) fn metadata(object: &Value, version: MetaVersion) -> Value {
    json!({
        "kind": "PartialObjectMetadata",
        "apiVersion": version.api_version(),
        "metadata": object["metadata"],
    })
}

/// A table of rows; the columns are left out in all but the first table of a watch.
pub(crate) fn table(
    row: &Resource,
    version: MetaVersion,
    list_metadata: Value,
    rows: Vec<Value>,
    with_columns: bool,
) -> Value {
    let columns: Vec<Value> = row
        .columns
        .iter()
        .map(|c| {
            json!({
                "name": c.name, "type": c.kind, "format": c.format, "priority": c.priority,
                "description": table::description(c),
            })
        })
        .collect();
    json!({
        "kind": "Table",
        "apiVersion": version.api_version(),
        "metadata": list_metadata,
        "columnDefinitions": if with_columns { json!(columns) } else { Value::Null },
        "rows": rows,
    })
}

/// One row of a table, from an object in its served form.
pub(crate) fn table_row(
    context: &Context<'_>,
    object: &Value,
    version: MetaVersion,
    include: Include,
) -> Value {
    row(&context.row, context.now, object, version, include)
}

/// The same outside of a request, for watches.
pub(crate) fn row(
    resource: &Resource,
    now: jiff::Timestamp,
    object: &Value,
    version: MetaVersion,
    include: Include,
) -> Value {
    let cells = match resource.convert {
        // Cells are made from the stored form.
        Some((to_stored, _)) => (resource.cells)(&to_stored(object.clone()), now),
        None => (resource.cells)(object, now),
    };
    let mut row = json!({"cells": cells});
    match include {
        Include::None => row["object"] = Value::Null,
        Include::Metadata => row["object"] = metadata(object, version),
        Include::Object => row["object"] = object.clone(),
    }
    row
}
