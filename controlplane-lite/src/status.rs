//! `metav1.Status`: the one error type that crosses the API.
//!
//! Every handler answers `Result<T>`; a failure carries the code, the machine-readable reason and the text that
//! client libraries match on, so the constructors here follow apimachinery's `api/errors` one to one. The texts
//! are part of the API: kubectl prints them and client-go's `apierrors.IsXxx` looks at reason and code.
//!
//! Out of scope: how field errors are worded (see `field`), and HTTP.

use std::fmt;

use serde::{Deserialize, Serialize};

#[cfg(test)]
mod tests;

/// What every verb answers.
pub type Result<T> = std::result::Result<T, Status>;

/// `metav1.StatusReason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)] // the names are the wire values of the API
pub enum Reason {
    Unauthorized,
    Forbidden,
    NotFound,
    AlreadyExists,
    Conflict,
    Gone,
    Invalid,
    ServerTimeout,
    Timeout,
    TooManyRequests,
    BadRequest,
    MethodNotAllowed,
    NotAcceptable,
    RequestEntityTooLarge,
    UnsupportedMediaType,
    InternalError,
    Expired,
    ServiceUnavailable,
    StorageReadError,
    #[serde(rename = "")]
    Unknown,
}

/// `metav1.StatusCause`: one of several reasons of a failure, mostly one per field.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Cause {
    /// `metav1.CauseType`, for example `FieldValueInvalid`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// The text without the field path.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// The path of the field, `spec.containers[0].image`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub field: String,
}

/// `metav1.StatusDetails`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Details {
    /// Name of the object.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// API group, empty for core.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// The resource's plural name, or the kind for `Invalid`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// Set in the answer to a delete.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub uid: String,
    /// One per field or per manager in conflict.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<Cause>,
    /// Seconds after which the client may try again; also sent as the `Retry-After` header.
    #[serde(skip_serializing_if = "is_zero")]
    pub retry_after_seconds: u32,
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// A failure (or, in the answer to a delete, a success) as the API tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// HTTP status code.
    pub code: u16,
    /// Machine-readable reason.
    pub reason: Reason,
    /// For people.
    pub message: String,
    /// The object and the causes; an empty one is sent as `{}`, none is left out.
    pub details: Option<Box<Details>>,
    /// `metadata.continue`: where a list that cannot go on as it was may go on nevertheless.
    pub continue_token: Option<String>,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Status {}

/// A group and a resource (or kind) name, written `deployments.apps` in texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GroupResource<'a> {
    /// API group, empty for core.
    pub group: &'a str,
    /// Plural resource name (or the kind, where the reference names the kind).
    pub resource: &'a str,
}

impl fmt::Display for GroupResource<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.resource)?;
        if !self.group.is_empty() {
            write!(f, ".{}", self.group)?;
        }
        Ok(())
    }
}

impl<'a> GroupResource<'a> {
    /// `resource` in `group`.
    pub const fn new(group: &'a str, resource: &'a str) -> Self {
        Self { group, resource }
    }

    fn details(self, name: &str) -> Details {
        Details {
            name: name.into(),
            group: self.group.into(),
            kind: self.resource.into(),
            ..Details::default()
        }
    }
}

impl Status {
    fn new(code: u16, reason: Reason, message: String, details: Option<Details>) -> Self {
        Self {
            code,
            reason,
            message,
            details: details.map(Box::new),
            continue_token: None,
        }
    }

    /// 404: the object is not there.
    pub fn not_found(of: GroupResource<'_>, name: &str) -> Self {
        let text = format!("{of} {name:?} not found");
        Self::new(404, Reason::NotFound, text, Some(of.details(name)))
    }

    /// 404 for a path that names nothing this server has.
    pub fn no_such_path() -> Self {
        let text = "the server could not find the requested resource".into();
        Self::new(404, Reason::NotFound, text, Some(Details::default()))
    }

    /// 409: an object of this name is already there.
    pub fn already_exists(of: GroupResource<'_>, name: &str) -> Self {
        let text = format!("{of} {name:?} already exists");
        Self::new(409, Reason::AlreadyExists, text, Some(of.details(name)))
    }

    /// 409: every generated name was taken; the client may ask again after a second.
    pub fn generated_name_taken(of: GroupResource<'_>, name: &str) -> Self {
        let text = format!(
            "{of} {name:?} already exists, the server was not able to generate a unique name for the object"
        );
        let details = Details {
            retry_after_seconds: 1,
            ..of.details(name)
        };
        Self::new(409, Reason::AlreadyExists, text, Some(details))
    }

    /// 401, with the text of the generic handler.
    pub fn unauthorized() -> Self {
        Self::new(401, Reason::Unauthorized, "Unauthorized".into(), None)
    }

    /// 403 for an object (`name` empty: for the whole resource; `of.resource` empty: for a path).
    pub fn forbidden(of: GroupResource<'_>, name: &str, why: impl fmt::Display) -> Self {
        let text = match (of.resource.is_empty(), name.is_empty()) {
            (true, _) => format!("forbidden: {why}"),
            (false, true) => format!("{of} is forbidden: {why}"),
            (false, false) => format!("{of} {name:?} is forbidden: {why}"),
        };
        Self::new(403, Reason::Forbidden, text, Some(of.details(name)))
    }

    /// 409: the operation does not fit the object's present state.
    pub fn conflict(of: GroupResource<'_>, name: &str, why: impl fmt::Display) -> Self {
        let text = format!("Operation cannot be fulfilled on {of} {name:?}: {why}");
        Self::new(409, Reason::Conflict, text, Some(of.details(name)))
    }

    /// 409: the object was changed since the client read it.
    pub fn modified(of: GroupResource<'_>, name: &str) -> Self {
        let why =
            "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(of, name, why)
    }

    /// 409 of server-side apply: other managers own fields.
    pub fn apply_conflict(message: String, causes: Vec<Cause>) -> Self {
        let details = Details {
            causes,
            ..Details::default()
        };
        Self::new(409, Reason::Conflict, message, Some(details))
    }

    /// 410: the resource version is older than what is kept.
    pub fn expired(message: impl Into<String>) -> Self {
        Self::new(410, Reason::Expired, message.into(), None)
    }

    /// 410 for a watch that can't go on.
    pub fn gone(message: impl Into<String>) -> Self {
        Self::new(410, Reason::Gone, message.into(), None)
    }

    /// 422: the object breaks rules; `group` and `kind` are the object's kind.
    ///
    /// Repeated causes are told once in the text, as the reference's error aggregate does.
    pub fn invalid(group: &str, kind: &str, name: &str, causes: Vec<Cause>) -> Self {
        let of = GroupResource::new(group, kind);
        let mut lines: Vec<String> = Vec::with_capacity(causes.len());
        for cause in &causes {
            let line = format!("{}: {}", cause.field, cause.message);
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        let all = match lines.as_slice() {
            [] => String::new(),
            [one] => format!(": {one}"),
            many => format!(": [{}]", many.join(", ")),
        };
        let text = format!("{of} {name:?} is invalid{all}");
        let details = Details {
            causes,
            ..of.details(name)
        };
        Self::new(422, Reason::Invalid, text, Some(details))
    }

    /// 422 that names no object (a patch that does not apply).
    pub fn unprocessable() -> Self {
        let text = "the server rejected our request due to an error in our request".into();
        Self::new(422, Reason::Invalid, text, Some(Details::default()))
    }

    /// 400.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, Reason::BadRequest, message.into(), None)
    }

    /// 405: the verb is not among the resource's verbs.
    pub fn method_not_allowed(of: GroupResource<'_>, action: &str) -> Self {
        let text = format!(
            "{action} is not supported on resources of kind {:?}",
            of.to_string()
        );
        Self::new(405, Reason::MethodNotAllowed, text, Some(of.details("")))
    }

    /// 405 for a method that the path does not take at all.
    pub fn method_not_allowed_here() -> Self {
        let text = "the server does not allow this method on the requested resource".into();
        Self::new(405, Reason::MethodNotAllowed, text, Some(Details::default()))
    }

    /// 406: none of the accepted media types is served.
    pub fn not_acceptable(served: &[&str]) -> Self {
        let text = format!(
            "only the following media types are accepted: {}",
            served.join(", ")
        );
        Self::new(406, Reason::NotAcceptable, text, None)
    }

    /// 415: the body's media type is unknown.
    pub fn unsupported_media_type(served: &[&str]) -> Self {
        let list = served.join(", ");
        let text = format!(
            "the body of the request was in an unknown format - accepted media types include: {list}"
        );
        Self::new(415, Reason::UnsupportedMediaType, text, None)
    }

    /// 413: the body is longer than the limit, in bytes.
    pub fn too_large(limit: usize) -> Self {
        let text = format!("Request entity too large: limit is {limit}");
        Self::new(413, Reason::RequestEntityTooLarge, text, None)
    }

    /// 429, with the seconds to wait.
    pub fn too_many_requests(message: impl Into<String>, retry_after_seconds: u32) -> Self {
        let details = Details {
            retry_after_seconds,
            ..Details::default()
        };
        Self::new(429, Reason::TooManyRequests, message.into(), Some(details))
    }

    /// 500; the cause is told, so it must not hold secrets.
    pub fn internal(cause: impl fmt::Display) -> Self {
        let cause = cause.to_string();
        let text = format!("Internal error occurred: {cause}");
        let causes = vec![Cause {
            message: cause,
            ..Cause::default()
        }];
        Self::new(
            500,
            Reason::InternalError,
            text,
            Some(Details {
                causes,
                ..Details::default()
            }),
        )
    }

    /// 500 with the reason `ServerTimeout`: the client may try the operation again.
    pub fn server_timeout(of: GroupResource<'_>, operation: &str, retry_after_seconds: u32) -> Self {
        let text = format!(
            "The {operation} operation against {of} could not be completed at this time, please try again."
        );
        let details = Details {
            retry_after_seconds,
            ..of.details("")
        };
        Self::new(500, Reason::ServerTimeout, text, Some(details))
    }

    /// 504: the request's time is over.
    pub fn timeout(message: impl fmt::Display, retry_after_seconds: u32) -> Self {
        let details = Details {
            retry_after_seconds,
            ..Details::default()
        };
        Self::new(504, Reason::Timeout, format!("Timeout: {message}"), Some(details))
    }

    /// 503.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(503, Reason::ServiceUnavailable, message.into(), None)
    }

    /// Seconds for the `Retry-After` header, if the client should wait.
    pub fn retry_after(&self) -> Option<u32> {
        self.details
            .as_ref()
            .map(|d| d.retry_after_seconds)
            .filter(|s| *s > 0)
    }

    /// Adds a cause of kind `reason` to the details.
    #[must_use]
    pub fn with_cause(mut self, reason: &str, message: impl Into<String>, field: &str) -> Self {
        let cause = Cause {
            reason: reason.into(),
            message: message.into(),
            field: field.into(),
        };
        self.details.get_or_insert_with(Box::default).causes.push(cause);
        self
    }

    /// Reads what [`Self::to_json`] wrote, for clients in the same process.
    pub fn from_json(value: &serde_json::Value) -> Self {
        let details = value
            .get("details")
            .and_then(|d| serde_json::from_value(d.clone()).ok());
        Self {
            code: value["code"]
                .as_u64()
                .and_then(|c| u16::try_from(c).ok())
                .unwrap_or(500),
            reason: serde_json::from_value(value["reason"].clone()).unwrap_or(Reason::Unknown),
            message: value["message"].as_str().unwrap_or_default().to_owned(),
            details,
            continue_token: value["metadata"]["continue"].as_str().map(str::to_owned),
        }
    }

    /// The JSON object that is sent.
    pub fn to_json(&self) -> serde_json::Value {
        let mut out = serde_json::json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": self.reason, "code": self.code,
        });
        if let Some(details) = &self.details {
            out["details"] = serde_json::json!(details);
        }
        if let Some(token) = &self.continue_token {
            out["metadata"]["continue"] = token.as_str().into();
        }
        if self.reason == Reason::Unknown
            && let Some(map) = out.as_object_mut()
        {
            map.remove("reason");
        }
        out
    }
}

/// The answer to a delete whose object is gone: a `Status` that says `Success`.
pub fn deleted(of: GroupResource<'_>, name: &str, uid: &str) -> serde_json::Value {
    let details = Details {
        uid: uid.into(),
        ..of.details(name)
    };
    serde_json::json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})
}
