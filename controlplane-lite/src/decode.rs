//! Request bodies become objects of a kind.
//!
//! Purpose: the one door through which objects enter: JSON or YAML bytes (or a patched object) in, a
//! normalised [`Value`] of the resource's kind out, or the reference's words about what is wrong with it.
//!
//! Out of scope: defaulting and validation; which media types a path takes.

use std::borrow::Cow;

use serde_json::Value;

use crate::schema::{Gvk, Schema, TypeId};
use crate::status::{Result, Status};

/// The `fieldValidation` parameter: what to do about unknown and duplicate fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FieldValidation {
    /// Drop them silently.
    Ignore,
    /// Drop them and warn (the server's default).
    #[default]
    Warn,
    /// Refuse the request.
    Strict,
}

impl FieldValidation {
    /// From the parameter's value; the empty one is the default. `None` for an unknown word.
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "" | "Warn" => Self::Warn,
            "Ignore" => Self::Ignore,
            "Strict" => Self::Strict,
            _ => return None,
        })
    }
}

/// Syntax of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// RFC 8259.
    Json,
    /// YAML 1.1 as the reference reads it; one document.
    Yaml,
}

/// The kind that a path takes.
#[derive(Debug, Clone)]
pub struct Target {
    /// Group, version and kind.
    pub gvk: Gvk,
    /// Its type.
    pub ty: TypeId,
}

impl Target {
    /// The target for a built-in kind; `None` if the schema doesn't know it.
    pub fn builtin(group: &str, version: &str, kind: &str) -> Option<Self> {
        let gvk = Gvk::new(group, version, kind);
        let ty = Schema::builtin().by_gvk(&gvk)?;
        Some(Self { gvk, ty })
    }
}

/// An object that came in.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// The object with `apiVersion` and `kind` set.
    pub object: Value,
    /// Texts for `Warning` headers, without code and quoting.
    pub warnings: Vec<String>,
}

/// Reads a body as an object of the target's kind.
///
/// # Errors
/// 400 with the reference's text for syntax errors, wrong types, another kind or version, and (with
/// [`FieldValidation::Strict`]) unknown or duplicate fields.
pub fn decode(
    _schema: &Schema,
    target: &Target,
    body: &[u8],
    format: Format,
    _validation: FieldValidation,
) -> Result<Decoded> {
    let body: Cow<'_, [u8]> = match format {
        Format::Json => body.into(),
        Format::Yaml => return Err(Status::bad_request("yaml is not read yet")),
    };
    let mut object: Value = serde_json::from_slice(&body).map_err(|e| Status::bad_request(e.to_string()))?;
    let Some(map) = object.as_object_mut() else {
        return Err(Status::bad_request("the body is no object"));
    };
    map.insert("apiVersion".into(), target.gvk.api_version().into());
    map.insert("kind".into(), (*target.gvk.kind).into());
    Ok(Decoded {
        object,
        warnings: Vec::new(),
    })
}
