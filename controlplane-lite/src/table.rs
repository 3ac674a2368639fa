//! Columns and cells of `kubectl get`: the server-side printing that `as=Table` asks for.
//!
//! The columns of a resource belong to its row; one sub-module per family holds the cells. Cells follow the
//! reference's printers to the character, since people and scripts read them.

pub mod apps;
pub mod cluster;
pub mod core;
pub mod format;
pub mod pod;
pub mod volume;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::resource::Column;

#[cfg(test)]
mod tests;

/// Where the help text of the name column comes from; `@Type.field` is resolved by [`crate::openapi`].
const NAME_DOC: &str = "@io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta.name";
const CREATED_DOC: &str = "@io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta.creationTimestamp";

/// The column that names the object.
pub fn name() -> Column {
    Column {
        format: "name".into(),
        ..column("Name", "string", NAME_DOC)
    }
}

/// The age column.
pub fn age() -> Column {
    column("Age", "string", CREATED_DOC)
}

/// A column that is always shown. A description `@Type.field` stands for that field's documentation.
pub fn column(name: &'static str, kind: &'static str, description: &'static str) -> Column {
    Column {
        name: name.into(),
        kind: kind.into(),
        format: "".into(),
        priority: 0,
        description: description.into(),
    }
}

/// A column of `-o wide`.
pub fn wide(name: &'static str, kind: &'static str, description: &'static str) -> Column {
    Column {
        priority: 1,
        ..column(name, kind, description)
    }
}

/// What resources without columns of their own show.
pub fn default_columns() -> Vec<Column> {
    vec![name(), column("Created At", "date", CREATED_DOC)]
}

/// Cells for [`default_columns`].
pub fn default_cells(object: &Value, _now: Timestamp) -> Vec<Value> {
    vec![
        object["metadata"]["name"].clone(),
        object["metadata"]["creationTimestamp"].clone(),
    ]
}

/// Name and age only.
pub fn name_and_age(object: &Value, now: Timestamp) -> Vec<Value> {
    vec![
        object["metadata"]["name"].clone(),
        json!(format::age(object, now)),
    ]
}

/// The description that a client gets: a reference is replaced by the field's documentation.
pub fn description(column: &Column) -> String {
    match column.description.strip_prefix('@') {
        Some(field) => crate::openapi::documentation(field).unwrap_or_default(),
        None => column.description.to_string(),
    }
}
