//! What a request is about, from its method and path: the reference's `RequestInfo`.
//!
//! Invariant: no segment that gets out of here is empty, `.`, `..`, or holds a slash, a percent sign or a control
//! character, so that keys and log lines can be built from them as they are.

use http::Method;

use crate::serve::query::Query;
use crate::status::{Result, Status};

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Something below `/api/VERSION` or `/apis/GROUP/VERSION`.
    Resource(ResourcePath),
    /// Any other path, such as `/healthz` or `/apis`.
    Path(String),
}

/// The parts of a resource path.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ResourcePath {
    /// API group, empty for core.
    pub group: String,
    /// Version.
    pub version: String,
    /// Namespace, if the path has one.
    pub namespace: Option<String>,
    /// Plural name of the resource.
    pub resource: String,
    /// Name of the object, if the path has one.
    pub name: Option<String>,
    /// Subresource, if the path has one.
    pub subresource: Option<String>,
    /// What follows the subresource (only `proxy` takes it), without the leading slash, still percent-encoded.
    pub rest: Option<String>,
    /// The path began with the old `/watch/` prefix.
    pub watch: bool,
}

/// The method and the target with the verb that authorization and audit see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestInfo {
    /// `get`, `list`, `create`, …; for plain paths the lower-case method.
    pub verb: &'static str,
    /// What it is about.
    pub target: Target,
}

impl RequestInfo {
    /// Reads a request line.
    ///
    /// # Errors
    /// 400 for segments that no object can have.
    pub fn parse(method: &Method, raw_path: &str, query: &Query) -> Result<Self> {
        let target = parse_path(raw_path)?;
        let verb = match &target {
            Target::Path(_) => plain_verb(method),
            Target::Resource(path) => resource_verb(method, path, query),
        };
        Ok(Self { verb, target })
    }

    /// The resource path, if it is one.
    pub fn resource(&self) -> Option<&ResourcePath> {
        match &self.target {
            Target::Resource(path) => Some(path),
            Target::Path(_) => None,
        }
    }

    /// Requests that may stay open: watches and connections to nodes. They are not counted against the limit of
    /// requests in flight and have no deadline.
    pub fn is_long_running(&self) -> bool {
        let connects = |sub: &str| matches!(sub, "log" | "exec" | "attach" | "portforward" | "proxy");
        self.verb == "watch"
            || self
                .resource()
                .and_then(|p| p.subresource.as_deref())
                .is_some_and(connects)
    }
}

fn plain_verb(method: &Method) -> &'static str {
    match *method {
        Method::POST => "post",
        Method::PUT => "put",
        Method::PATCH => "patch",
        Method::DELETE => "delete",
        Method::HEAD => "head",
        Method::OPTIONS => "options",
        _ => "get",
    }
}

fn resource_verb(method: &Method, path: &ResourcePath, query: &Query) -> &'static str {
    let whole = path.name.is_none();
    match *method {
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE if whole => "deletecollection",
        Method::DELETE => "delete",
        _ if path.watch || (query.flag("watch") && path.subresource.is_none()) => "watch",
        _ if whole => "list",
        _ => "get",
    }
}

fn parse_path(raw: &str) -> Result<Target> {
    let trimmed = raw.trim_matches('/');
    let mut segments: Vec<&str> = trimmed.split('/').collect();
    let plain = || Target::Path(raw.to_owned());
    let (group, skip) = match segments.first() {
        Some(&"api") => (String::new(), 1),
        Some(&"apis") if segments.len() > 3 => (segment(segments[1])?, 2),
        _ => return Ok(plain()),
    };
    segments.drain(..skip);
    if segments.len() < 2 {
        return Ok(plain());
    }
    let mut path = ResourcePath {
        group,
        version: segment(segments[0])?,
        ..ResourcePath::default()
    };
    segments.remove(0);
    if segments[0] == "watch" && segments.len() > 1 {
        path.watch = true;
        segments.remove(0);
    }
    if segments[0] == "namespaces" && segments.len() > 1 {
        let of_namespace = segments.len() == 2 || matches!(segments[2], "status" | "finalize");
        if !of_namespace {
            path.namespace = Some(segment(segments[1])?);
            segments.drain(..2);
        }
    }
    let mut rest = segments.into_iter();
    path.resource = rest.next().map(segment).transpose()?.unwrap_or_default();
    path.name = rest.next().map(segment).transpose()?;
    path.subresource = rest.next().map(segment).transpose()?;
    let tail: Vec<&str> = rest.collect();
    // A trailing slash was trimmed above; the proxied path keeps it.
    path.rest = match (tail.is_empty(), path.subresource.is_some() && raw.ends_with('/')) {
        (true, false) => None,
        (_, true) => Some(format!("{}/", tail.join("/"))),
        (false, false) => Some(tail.join("/")),
    };
    Ok(Target::Resource(path))
}

/// Decodes one segment and checks that it can be a name.
fn segment(raw: &str) -> Result<String> {
    let refuse = |why: &str| {
        Err(Status::bad_request(format!(
            "the path segment {raw:?} is refused: {why}"
        )))
    };
    let Some(text) = crate::serve::query::percent_decode(raw) else {
        return refuse("it is not percent-encoded UTF-8");
    };
    match text.as_str() {
        "" => return refuse("may not be empty"),
        "." | ".." => return refuse("may not be '.' or '..'"),
        _ => {}
    }
    if text.contains(['/', '%']) {
        return refuse("may not contain '/' or '%'");
    }
    if text.chars().any(char::is_control) {
        return refuse("may not contain control characters");
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
