//! Patches: JSON patch (RFC 6902), merge patch (RFC 7386) and strategic merge patch.
//!
//! *Expected flow.* [`Patch::apply`] turns the live object into a normalised new one; defaulting, ownership
//! ([`crate::apply::track_update`]), admission and validation follow. Applied configurations (server-side
//! apply) are only read here, by [`read_config`].
//!
//! *Errors* are statuses with the reference's codes: 400 for a body that is no patch, 422 for a patch that
//! doesn't fit the object or whose outcome doesn't fit the type.

use serde_json::Value;

use crate::decode::{Decoded, FieldValidation, Target};
use crate::schema::Schema;
use crate::status::{Cause, Reason, Result, Status};
use crate::strict::{self, syntax};
use crate::yaml;

mod go;
mod json;
mod merge;
mod order;
mod strategic;
#[cfg(test)]
mod tests;

pub use merge::merge;
pub use strategic::{StrategicError, strategic_merge};

/// What a patch body means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatchKind {
    /// `application/json-patch+json`.
    Json,
    /// `application/merge-patch+json`.
    Merge,
    /// `application/strategic-merge-patch+json`.
    Strategic,
}

/// A patch as it came in.
#[derive(Debug, Clone, Copy)]
pub struct Patch<'a> {
    /// From the media type.
    pub kind: PatchKind,
    /// The body.
    pub body: &'a [u8],
    /// What to do about unknown and duplicate fields.
    pub validation: FieldValidation,
}

impl Patch<'_> {
    /// The object that `live` becomes, normalised, with its warnings.
    ///
    /// # Errors
    /// See the module.
    pub fn apply(&self, schema: &Schema, target: &Target, live: &Value) -> Result<Decoded> {
        let (patch, mut findings) = self.read()?;
        let (patched, shown) = match self.kind {
            PatchKind::Json => {
                let (ops, unknown) = json::read(&patch)?;
                findings.extend(unknown);
                for text in &mut findings {
                    text.insert_str(0, "json patch ");
                }
                let patched = json::apply(live, &ops).map_err(|_| Status::unprocessable())?;
                (patched, None)
            }
            PatchKind::Merge => {
                let mut patched = live.clone();
                merge(&mut patched, &patch);
                (patched, None)
            }
            PatchKind::Strategic => {
                let patched = strategic_merge(schema, target.ty, live, &patch)?;
                (patched, Some(patch))
            }
        };
        self.judge(schema, target, (&patched, shown.as_ref()), findings)
    }

    /// Reads the patched object as one of its kind. `shown` is the strategic patch, which errors then tell
    /// instead of the patched object.
    fn judge(
        &self,
        schema: &Schema,
        target: &Target,
        objects: (&Value, Option<&Value>),
        mut findings: Vec<String>,
    ) -> Result<Decoded> {
        let (patched, shown) = objects;
        let invalid = |fault: &str| {
            let shown = shown.map_or_else(|| patched.to_string(), go::text);
            let cause = Cause {
                reason: "FieldValueInvalid".into(),
                message: format!("Invalid value: {shown:?}: {fault}"),
                field: "patch".into(),
            };
            Status::invalid("", "", "", vec![cause])
        };
        let (value, found) = strict::read(schema, target.ty, patched);
        let wrong = if shown.is_some() {
            found.converted
        } else {
            found.mismatch
        };
        if let Some(fault) = found.fatal.or(wrong) {
            return Err(invalid(&fault));
        }
        findings.extend(found.strict);
        match self.validation {
            FieldValidation::Ignore => findings.clear(),
            FieldValidation::Strict if !findings.is_empty() => {
                return Err(invalid(&format!(
                    "strict decoding error: {}",
                    findings.join(", ")
                )));
            }
            _ => {}
        }
        Ok(Decoded {
            object: target.stamp(schema, value.ok().flatten()),
            warnings: findings,
        })
    }

    /// The body as a value, with its duplicate fields.
    fn read(&self) -> Result<(Value, Vec<String>)> {
        let bad = |fault: String| {
            Status::bad_request(match self.kind {
                PatchKind::Strategic => fault,
                _ => format!("error decoding patch: {fault}"),
            })
        };
        let (value, findings) =
            strict::read_free(self.body).map_err(|fault| bad(syntax::check(self.body).unwrap_or(fault)))?;
        let wanted = match self.kind {
            PatchKind::Json => "[]handlers.jsonPatchOp",
            _ => "map[string]interface {}",
        };
        let fits = match (self.kind, &value) {
            (PatchKind::Merge, Value::Null) => return Err(Status::bad_request("Invalid JSON Patch")),
            (PatchKind::Json, Value::Array(_)) | (_, Value::Null) => true,
            (kind, Value::Object(_)) => kind != PatchKind::Json,
            _ => false,
        };
        if !fits {
            let got = go::json_kind(&value);
            return Err(bad(format!(
                "json: cannot unmarshal {got} into Go value of type {wanted}"
            )));
        }
        Ok((value, findings))
    }
}

/// Reads the body of an apply patch: YAML or JSON, not checked against any type.
///
/// # Errors
/// 400 if it can't be read, or for duplicate keys with [`FieldValidation::Strict`].
pub fn read_config(body: &[u8], validation: FieldValidation) -> Result<Decoded> {
    let bad = |fault: &str| Status::bad_request(format!("error decoding YAML: {fault}"));
    let document = yaml::parse(body).map_err(|e| bad(&format!("error converting YAML to JSON: {e}")))?;
    let object = match document.value {
        Value::Object(map) => Value::Object(map),
        Value::Null => Value::Object(serde_json::Map::new()),
        other => {
            let got = go::json_kind(&other);
            let into = "Go value of type map[string]interface {}";
            let text = format!("json: cannot unmarshal {got} into {into}");
            return Err(bad(&format!(
                "error unmarshaling JSON: while decoding JSON: {text}"
            )));
        }
    };
    let duplicate = document
        .duplicate
        .map(|text| format!("error converting YAML to JSON: {text}"));
    match (validation, duplicate) {
        (FieldValidation::Strict, Some(text)) => {
            Err(Status::bad_request(format!("error strict decoding YAML: {text}")))
        }
        (FieldValidation::Warn, Some(text)) => Ok(Decoded {
            object,
            warnings: vec![text],
        }),
        _ => Ok(Decoded {
            object,
            warnings: Vec::new(),
        }),
    }
}

/// An error that the reference doesn't turn into a status of its own.
fn failure(message: String) -> Status {
    Status {
        code: 500,
        reason: Reason::Unknown,
        message,
        details: None,
        continue_token: None,
    }
}
