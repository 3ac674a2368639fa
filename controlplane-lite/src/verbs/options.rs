//! `CreateOptions`, `UpdateOptions`, `PatchOptions`, `DeleteOptions` and `ListOptions`: parameters and their rules.

use http::HeaderMap;
use http::header::USER_AGENT;
use serde_json::Value;

use super::context::Context;
use crate::decode::FieldValidation;
use crate::field::{FieldError, Path};
use crate::status::{Cause, Result, Status};

/// Options of a create, update or patch.
#[derive(Debug, Clone)]
pub(crate) struct WriteOptions {
    pub(crate) dry_run: bool,
    pub(crate) field_validation: FieldValidation,
    /// `fieldManager`, or the client's program name.
    pub(crate) manager: String,
    /// Whether `fieldManager` was given.
    pub(crate) named_manager: bool,
    pub(crate) force: Option<bool>,
    /// The object brings its field owners along (server-side apply has computed them).
    pub(crate) owns_fields: bool,
}

impl WriteOptions {
    /// Reads and checks the parameters; `kind` is the name of the options in errors.
    pub(crate) fn parse(context: &Context<'_>, headers: &HeaderMap, kind: &str) -> Result<Self> {
        let mut causes = Vec::new();
        let dry_run = dry_run(context.query.all("dryRun"), &mut causes);
        let word = context.query.text("fieldValidation");
        let field_validation = FieldValidation::parse(word);
        if field_validation.is_none() {
            let supported = ["", "Ignore", "Strict", "Warn"];
            causes.push(cause(&FieldError::not_supported(
                &path("fieldValidation"),
                &word.into(),
                &supported,
            )));
        }
        let given = context.query.text("fieldManager");
        check_manager(given, &mut causes);
        if !causes.is_empty() {
            return Err(Status::invalid("meta.k8s.io", kind, "", causes));
        }
        Ok(Self {
            dry_run,
            field_validation: field_validation.unwrap_or_default(),
            manager: if given.is_empty() {
                agent(headers)
            } else {
                given.to_owned()
            },
            named_manager: !given.is_empty(),
            force: context.query.optional_flag("force"),
            owns_fields: false,
        })
    }
}

/// A field error as a cause of a status.
pub(crate) fn cause(error: &FieldError) -> Cause {
    Cause {
        reason: error.reason().into(),
        message: error.body(),
        field: error.field.clone(),
    }
}

/// Several of them.
pub(crate) fn causes(errors: &[FieldError]) -> Vec<Cause> {
    errors.iter().map(cause).collect()
}

fn path(name: &'static str) -> Path {
    Path::of(name)
}

fn dry_run<'a>(values: impl Iterator<Item = &'a str>, causes: &mut Vec<Cause>) -> bool {
    let all: Vec<&str> = values.collect();
    if all.iter().any(|v| *v != "All") {
        let shown = Value::from(all.clone());
        causes.push(cause(&FieldError::not_supported(
            &path("dryRun"),
            &shown,
            &["All"],
        )));
    }
    !all.is_empty()
}

fn check_manager(name: &str, causes: &mut Vec<Cause>) {
    const LONGEST: usize = 128;
    if name.len() > LONGEST {
        causes.push(cause(&FieldError::too_long(&path("fieldManager"), LONGEST)));
    } else if name.chars().any(char::is_control) {
        let detail = "should only contain printable characters";
        causes.push(cause(&FieldError::invalid(
            &path("fieldManager"),
            &name.into(),
            detail,
        )));
    }
}

/// The first word of the user agent, at most 128 printable bytes.
fn agent(headers: &HeaderMap) -> String {
    let text = headers
        .get(USER_AGENT)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    let program = text.split('/').next().unwrap_or_default();
    let mut out: String = program.chars().filter(|c| !c.is_control()).collect();
    out.truncate(128);
    out
}

/// What happens to the objects that the deleted one owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Propagation {
    Orphan,
    Background,
    Foreground,
}

/// Options of a delete, from the body or the parameters.
#[derive(Debug, Clone, Default)]
pub(crate) struct DeleteOptions {
    pub(crate) dry_run: bool,
    pub(crate) grace: Option<i64>,
    pub(crate) propagation: Option<Propagation>,
    /// `orphanDependents: false` was asked for explicitly: an unfinished delete is then answered with 202.
    pub(crate) cascade_asked: bool,
    pub(crate) uid: Option<String>,
    pub(crate) resource_version: Option<String>,
}

impl DeleteOptions {
    /// Reads the options: the body if there is one, else the parameters.
    pub(crate) fn parse(context: &Context<'_>, headers: &HeaderMap, body: &[u8]) -> Result<Self> {
        let from_body = !body.iter().all(u8::is_ascii_whitespace);
        let given = if from_body {
            parse_body(headers, body)?
        } else {
            from_query(context)?
        };
        let mut causes = Vec::new();
        let dry: Vec<&str> = given["dryRun"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let dry_run = dry_run(
            dry.into_iter()
                .chain(context.query.all("dryRun").filter(|_| from_body)),
            &mut causes,
        );
        let orphan = given["orphanDependents"].as_bool();
        let policy = given["propagationPolicy"].as_str();
        if orphan.is_some() && policy.is_some() {
            let detail = "orphanDependents and deletionPropagation cannot be both set";
            let shown = Value::from(policy.unwrap_or_default());
            causes.push(cause(&FieldError::invalid(
                &path("propagationPolicy"),
                &shown,
                detail,
            )));
        }
        let propagation = match (policy, orphan) {
            (Some("Orphan"), _) | (None, Some(true)) => Some(Propagation::Orphan),
            (Some("Background"), _) | (None, Some(false)) => Some(Propagation::Background),
            (Some("Foreground"), _) => Some(Propagation::Foreground),
            (Some(other), _) => {
                let supported = ["Background", "Foreground", "Orphan", "nil"];
                let error = FieldError::not_supported(&path("propagationPolicy"), &other.into(), &supported);
                causes.push(cause(&error));
                None
            }
            (None, None) => None,
        };
        if !causes.is_empty() {
            return Err(Status::invalid("meta.k8s.io", "DeleteOptions", "", causes));
        }
        let text = |value: &Value| value.as_str().filter(|s| !s.is_empty()).map(str::to_owned);
        Ok(Self {
            dry_run,
            // A negative grace period means the shortest one.
            grace: given["gracePeriodSeconds"]
                .as_i64()
                .map(|s| if s < 0 { 1 } else { s }),
            propagation,
            cascade_asked: orphan == Some(false),
            uid: text(&given["preconditions"]["uid"]),
            resource_version: text(&given["preconditions"]["resourceVersion"]),
        })
    }
}

fn parse_body(headers: &HeaderMap, body: &[u8]) -> Result<Value> {
    let (body, format) = super::fields::plain(headers, body)?;
    let value: Value = match format {
        crate::decode::Format::Json => {
            serde_json::from_slice(&body).map_err(|e| Status::bad_request(e.to_string()))?
        }
        crate::decode::Format::Yaml => {
            crate::yaml::parse(&body)
                .map_err(|e| Status::bad_request(e.to_string()))?
                .value
        }
    };
    match value["kind"].as_str() {
        None | Some("" | "DeleteOptions") => Ok(value),
        Some(_) => Err(Status::bad_request(
            "decoded object cannot be converted to DeleteOptions",
        )),
    }
}

fn from_query(context: &Context<'_>) -> Result<Value> {
    let query = &context.query;
    let mut out = serde_json::Map::new();
    if let Some(text) = query.get("gracePeriodSeconds") {
        let seconds: i64 = text.parse().map_err(|_| {
            Status::bad_request(format!("strconv.ParseInt: parsing {text:?}: invalid syntax"))
        })?;
        out.insert("gracePeriodSeconds".into(), seconds.into());
    }
    if let Some(policy) = query.get("propagationPolicy") {
        out.insert("propagationPolicy".into(), policy.into());
    }
    if let Some(orphan) = query.optional_flag("orphanDependents") {
        out.insert("orphanDependents".into(), orphan.into());
    }
    out.insert("dryRun".into(), query.all("dryRun").map(Value::from).collect());
    Ok(out.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manager_is_the_program_of_the_user_agent() {
        let headers = HeaderMap::from_iter([(
            USER_AGENT,
            http::HeaderValue::from_static("kubectl/v1.36 (linux)"),
        )]);
        assert_eq!(agent(&headers), "kubectl");
        assert_eq!(agent(&HeaderMap::new()), "");
    }

    #[test]
    fn an_unknown_dry_run_is_told_as_the_reference_tells_it() {
        let mut causes = Vec::new();
        assert!(dry_run(["Some"].into_iter(), &mut causes));
        assert_eq!(
            causes[0].message,
            "Unsupported value: [\"Some\"]: supported values: \"All\""
        );
        assert!(!dry_run([].into_iter(), &mut Vec::new()));
    }
}
