//! Watches: events as one JSON document per line, from cached bytes.
//!
//! An event is `{"type":…,"object":` and the object's bytes and `}`. Events that are ready at the same time go out
//! in one chunk. The reference answers 200 also when the revision is too old: the failure is the first event.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::context::Context;
use super::list::selector;
use super::shape::{self, Include};
use super::{encode, errors, options};
use crate::cache::{CacheError, Object, WatchEvent, WatchFrom, WatchRequest, When};
use crate::field::{FieldError, Path};
use crate::serve::negotiate::Shape;
use crate::serve::{BodyError, Response, respond};
use crate::status::{Result, Status};

/// How often a quiet watch gets a bookmark.
const BOOKMARK_EVERY: Duration = Duration::from_secs(60);
/// Events that are put into one chunk when they are ready together.
const TOGETHER: usize = 64;

/// Opens the watch.
pub(crate) async fn watch(context: &Context<'_>) -> Result<Response> {
    let query = &context.query;
    let from = start(context)?;
    let seconds: Option<u64> = match query.text("timeoutSeconds") {
        "" => None,
        text => Some(text.parse().map_err(|_| {
            Status::bad_request(format!("strconv.ParseInt: parsing {text:?}: invalid syntax"))
        })?),
    };
    let timeout = match seconds.filter(|s| *s > 0) {
        Some(seconds) => Duration::from_secs(seconds),
        // Spread, so that the watches of a restart do not all end at once.
        None => context
            .server
            .limits()
            .watch_timeout
            .mul_f64(1.0 + fastrand::f64()),
    };
    let request = WatchRequest {
        scope: context.scope(),
        selector: selector(context)?,
        from,
        bookmarks: query.flag("allowWatchBookmarks").then_some(BOOKMARK_EVERY),
        timeout: Some(timeout),
    };
    let events = context
        .server
        .cache
        .watch(request)
        .await
        .map_err(|e| context.failed(e))?;
    let writer = Writer::new(context);
    let body = StreamBody::new(frames(events, writer)).boxed_unsync();
    let mut response = respond::response(200, "application/json", body);
    response.headers_mut().insert(
        "x-content-type-options",
        http::HeaderValue::from_static("nosniff"),
    );
    Ok(response)
}

fn start(context: &Context<'_>) -> Result<WatchFrom> {
    let query = &context.query;
    let (version, matching) = (query.text("resourceVersion"), query.text("resourceVersionMatch"));
    let initial = query.optional_flag("sendInitialEvents");
    check(initial, matching)?;
    let when = match version {
        "" => When::Latest,
        "0" => When::Cached,
        version => When::NotOlderThan(errors::revision(version)?),
    };
    Ok(match (initial, version) {
        (Some(true), _) => WatchFrom::Objects {
            when,
            mark_end: query.flag("allowWatchBookmarks"),
        },
        (Some(false), "" | "0") => WatchFrom::Now,
        (None, "" | "0") => WatchFrom::Objects {
            when,
            mark_end: false,
        },
        (_, version) => WatchFrom::Revision(errors::revision(version)?),
    })
}

fn check(initial: Option<bool>, matching: &str) -> Result<()> {
    let path = Path::of("resourceVersionMatch");
    let error = match (initial, matching) {
        (None, "") | (Some(_), "NotOlderThan") => return Ok(()),
        (None, _) => FieldError::forbidden(
            &path,
            "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
        ),
        (Some(_), "") => FieldError::forbidden(
            &path,
            "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
        ),
        (Some(_), other) => FieldError::not_supported(&path, &other.into(), &["NotOlderThan"]),
    };
    Err(Status::invalid(
        "meta.k8s.io",
        "ListOptions",
        "",
        vec![options::cause(&error)],
    ))
}

/// Writes events in the shape that was asked for.
struct Writer {
    row: super::Row,
    shape: Shape,
    include: Include,
    clock: fn() -> Timestamp,
    columns_sent: bool,
}

impl Writer {
    fn new(context: &Context<'_>) -> Self {
        Self {
            row: Arc::clone(&context.row),
            shape: context.accepted.shape,
            include: Include::parse(context),
            clock: context.server.clock(),
            columns_sent: false,
        }
    }

    fn write(&mut self, out: &mut Vec<u8>, event: std::result::Result<WatchEvent, CacheError>) {
        match event {
            Ok(WatchEvent::Added(object)) => self.object(out, "ADDED", &object),
            Ok(WatchEvent::Modified(object)) => self.object(out, "MODIFIED", &object),
            Ok(WatchEvent::Deleted(object)) => self.object(out, "DELETED", &object),
            Ok(WatchEvent::Bookmark {
                revision,
                initial_events_end,
            }) => {
                let object = self.bookmark(revision, initial_events_end);
                line(out, "BOOKMARK", object.to_string().as_bytes());
            }
            Err(error) => {
                let status = errors::status(error, &self.row, "").to_json();
                line(out, "ERROR", status.to_string().as_bytes());
            }
        }
    }

    fn object(&mut self, out: &mut Vec<u8>, kind: &str, object: &Object) {
        if self.shape == Shape::Object && self.row.convert.is_none() {
            return line(out, kind, &object.json);
        }
        match encode::served(&self.row, &object.json) {
            Ok(value) => {
                let shaped = self.shaped(value);
                line(out, kind, shaped.to_string().as_bytes());
            }
            Err(status) => line(out, "ERROR", status.to_json().to_string().as_bytes()),
        }
    }

    fn shaped(&mut self, value: Value) -> Value {
        match self.shape {
            Shape::Object => value,
            Shape::Metadata(version) => shape::metadata(&value, version),
            Shape::Table(version) => {
                let metadata = json!({"resourceVersion": value["metadata"]["resourceVersion"]});
                let row = shape::row(&self.row, (self.clock)(), &value, version, self.include);
                let with_columns = !std::mem::replace(&mut self.columns_sent, true);
                shape::table(&self.row, version, metadata, vec![row], with_columns)
            }
        }
    }

    fn bookmark(&self, revision: u64, end: bool) -> Value {
        let mut metadata = json!({"resourceVersion": revision.to_string()});
        if end {
            metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        match self.shape {
            Shape::Table(version) => shape::table(&self.row, version, metadata, Vec::new(), false),
            Shape::Metadata(version) => {
                json!({"kind": "PartialObjectMetadata", "apiVersion": version.api_version(), "metadata": metadata})
            }
            Shape::Object => {
                json!({"kind": self.row.kind, "apiVersion": self.row.api_version(), "metadata": metadata})
            }
        }
    }
}

fn line(out: &mut Vec<u8>, kind: &str, object: &[u8]) {
    out.extend_from_slice(b"{\"type\":\"");
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(b"\",\"object\":");
    out.extend_from_slice(object);
    out.extend_from_slice(b"}\n");
}

/// Chunks of events; ends behind an error.
fn frames(
    events: impl Stream<Item = std::result::Result<WatchEvent, CacheError>> + Send + 'static,
    mut writer: Writer,
) -> impl Stream<Item = std::result::Result<Frame<Bytes>, BodyError>> + Send {
    events.ready_chunks(TOGETHER).map(move |chunk| {
        let mut out = Vec::with_capacity(1024);
        for event in chunk {
            writer.write(&mut out, event);
        }
        Ok(Frame::data(Bytes::from(out)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initial_events_need_the_match_and_the_match_needs_them() {
        let code = |initial, matching| check(initial, matching).map_err(|s| s.code);
        assert_eq!(code(None, ""), Ok(()));
        assert_eq!(code(Some(true), "NotOlderThan"), Ok(()));
        for (initial, matching) in [(Some(true), ""), (Some(false), "Exact"), (None, "NotOlderThan")] {
            assert_eq!(code(initial, matching), Err(422), "{initial:?} {matching}");
        }
    }
}
