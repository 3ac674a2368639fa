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
use crate::strict::{self, Findings, syntax};
use crate::yaml;

#[cfg(test)]
mod tests;

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

    /// The object with its kind and version set; an empty one for Go's nil.
    pub(crate) fn stamp(&self, schema: &Schema, object: Option<Value>) -> Value {
        let mut map = match object.unwrap_or_else(|| strict::zero(schema, self.ty)) {
            Value::Object(map) => map,
            _ => serde_json::Map::new(),
        };
        map.insert("apiVersion".into(), self.gvk.api_version().into());
        map.insert("kind".into(), (*self.gvk.kind).into());
        Value::Object(map)
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
    schema: &Schema,
    target: &Target,
    body: &[u8],
    format: Format,
    validation: FieldValidation,
) -> Result<Decoded> {
    let read = match format {
        Format::Json => read_json(schema, target, body),
        Format::Yaml => read_yaml(schema, target, body),
    };
    let reading = read.map_err(|fault| unrecognized(target, body, &fault))?;
    reading.judge(schema, target, validation)
}

fn read_json(schema: &Schema, target: &Target, body: &[u8]) -> std::result::Result<Reading, String> {
    let text = readable(body);
    let mut input = serde_json::Deserializer::from_slice(&text);
    let (value, findings) = strict::read(schema, target.ty, &mut input);
    let value = value.and_then(|value| input.end().map(|()| value));
    if let Err(error) = &value {
        // the syntax comes first; the parser's own limits (lone surrogates, for example) come last
        let own = || findings.fatal.is_none().then(|| error.to_string());
        if let Some(fault) = syntax::check(&text).or_else(own) {
            return Err(format!("couldn't get version/kind; json parse error: {fault}"));
        }
    }
    let head = match &value {
        Ok(Some(object)) if findings.mismatch.is_none() => Head::of(object)?,
        _ => Head::of(&serde_json::from_slice(&text).unwrap_or_default())?,
    };
    Ok(Reading {
        head,
        value: value.ok().flatten(),
        findings,
    })
}

fn read_yaml(schema: &Schema, target: &Target, body: &[u8]) -> std::result::Result<Reading, String> {
    let document = yaml::parse(body).map_err(|e| e.to_string())?;
    let (value, mut findings) = strict::read(schema, target.ty, &document.value);
    if let Some(text) = document.duplicate {
        findings.strict.insert(0, text);
    }
    Ok(Reading {
        head: Head::of(&document.value)?,
        value: value.ok().flatten(),
        findings,
    })
}

/// Normalises an object that is already a value: the outcome of a patch.
///
/// Unknown fields are dropped, and told in `Decoded::warnings`.
///
/// # Errors
/// The reference's text for a value of a wrong type.
pub fn normalise(schema: &Schema, target: &Target, object: &Value) -> std::result::Result<Decoded, String> {
    let (value, findings) = strict::read(schema, target.ty, object);
    if let Some(text) = findings.fatal.or(findings.mismatch) {
        return Err(text);
    }
    Ok(Decoded {
        object: target.stamp(schema, value.ok().flatten()),
        warnings: findings.strict,
    })
}

/// Invalid UTF-8 is read as Go reads it, with replacement characters.
fn readable(body: &[u8]) -> Cow<'_, [u8]> {
    match std::str::from_utf8(body) {
        Ok(_) => body.into(),
        Err(_) => String::from_utf8_lossy(body).into_owned().into_bytes().into(),
    }
}

/// A body that could be read, as something.
struct Reading {
    head: Head,
    value: Option<Value>,
    findings: Findings,
}

impl Reading {
    /// Judges in the reference's order: kind, wrong types, unknown fields.
    fn judge(self, schema: &Schema, target: &Target, validation: FieldValidation) -> Result<Decoded> {
        let found = self.head.or_default(&target.gvk);
        if found != target.gvk {
            return Err(other_kind(schema, target, &found));
        }
        let Findings {
            strict,
            mismatch,
            fatal,
            ..
        } = self.findings;
        if let Some(fault) = fatal.or(mismatch) {
            return Err(not_handled(target, &found, &fault));
        }
        let warnings = match validation {
            FieldValidation::Ignore => Vec::new(),
            FieldValidation::Strict if !strict.is_empty() => {
                let fault = format!("strict decoding error: {}", strict.join(", "));
                return Err(not_handled(target, &found, &fault));
            }
            _ => strict,
        };
        Ok(Decoded {
            object: target.stamp(schema, self.value),
            warnings,
        })
    }
}

/// The two fields that every object begins with.
struct Head {
    api_version: String,
    kind: String,
}

impl Head {
    fn of(object: &Value) -> std::result::Result<Self, String> {
        let wrong = |what: String| {
            format!("couldn't get version/kind; json parse error: json: cannot unmarshal {what}")
        };
        let map = match object {
            Value::Object(map) => Some(map),
            Value::Null => None,
            other => {
                let go = r#"struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" }"#;
                return Err(wrong(format!("{} into Go value of type {go}", kind_of(other))));
            }
        };
        let text = |name: &str| match map.and_then(|m| m.get(name)) {
            None | Some(Value::Null) => Ok(String::new()),
            Some(Value::String(s)) => Ok(s.clone()),
            Some(other) => {
                let what = kind_of(other);
                Err(wrong(format!(
                    "{what} into Go struct field .{name} of type string"
                )))
            }
        };
        let head = Self {
            api_version: text("apiVersion")?,
            kind: text("kind")?,
        };
        if head.api_version.matches('/').count() > 1 {
            return Err(format!("unexpected GroupVersion string: {}", head.api_version));
        }
        Ok(head)
    }

    fn or_default(&self, default: &Gvk) -> Gvk {
        let (group, version) = match self.api_version.split_once('/') {
            Some(("", "")) => (&*default.group, &*default.version),
            Some(parts) => parts,
            None if self.api_version.is_empty() => (&*default.group, &*default.version),
            None => ("", self.api_version.as_str()),
        };
        let kind = if self.kind.is_empty() {
            &default.kind
        } else {
            self.kind.as_str()
        };
        Gvk::new(group, version, kind)
    }
}

/// Go's word for the kind of a JSON value.
fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn not_handled(target: &Target, found: &Gvk, fault: &str) -> Status {
    let (kind, version, want) = (&found.kind, &found.version, &target.gvk.kind);
    Status::bad_request(format!(
        "{kind} in version {version:?} cannot be handled as a {want}: {fault}"
    ))
}

fn other_kind(schema: &Schema, target: &Target, found: &Gvk) -> Status {
    let want = &target.gvk;
    if schema.by_gvk(found).is_none() {
        let scheme = "pkg/api/legacyscheme/scheme.go:30";
        let (kind, version) = (&found.kind, found.api_version());
        let fault = format!("no kind {kind:?} is registered for version {version:?} in scheme {scheme:?}");
        return not_handled(target, found, &fault);
    }
    if found.kind == want.kind && found.group == want.group {
        return Status::bad_request(format!(
            "the API version in the data ({}) does not match the expected API version ({})",
            found.api_version(),
            want.api_version()
        ));
    }
    let package = match want.group.split('.').next() {
        None | Some("") => "core",
        Some(first) => first,
    };
    let fault = format!(
        "converting ({}.{}) to ({package}.{}): unknown conversion",
        found.version, found.kind, want.kind
    );
    not_handled(target, found, &fault)
}

/// The body is no object at all.
fn unrecognized(target: &Target, body: &[u8], fault: &str) -> Status {
    const SHOWN: usize = 30;
    let cut = &body[..body.len().min(SHOWN)];
    let mut summary = match body.first() {
        None => "<empty>".to_owned(),
        Some(b'{') => String::from_utf8_lossy(cut).into_owned(),
        Some(_) => cut.iter().map(|b| format!("{b:02x}")).collect(),
    };
    if body.len() > SHOWN {
        summary.push_str(" ...");
    }
    let kind = &target.gvk.kind;
    Status::bad_request(format!(
        "the object provided is unrecognized (must be of type {kind}): {fault} ({summary})"
    ))
}
