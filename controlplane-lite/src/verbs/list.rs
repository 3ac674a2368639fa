//! GET of a collection: at a moment, in pages, streamed from the cached bytes.
//!
//! A list of plain JSON is never built as a whole: the body copies cached objects into chunks as the client reads
//! them, so that memory does not grow with the list.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use futures_util::stream;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use serde_json::{Value, json};
use std::sync::Arc;

use super::context::Context;
use super::shape::{self, Include};
use super::{encode, errors, options};
use crate::cache::{CacheError, ListRequest, Listing, Object, Selector, When};
use crate::decode::Format;
use crate::field::{FieldError, Path};
use crate::serve::negotiate::{MetaVersion, Shape};
use crate::serve::respond::{self, GZIP_FROM};
use crate::serve::{BodyError, Response};
use crate::status::{Result, Status};
use crate::store::StoreError;

/// Bytes that are copied together before they are handed to the connection.
const CHUNK: usize = 128 * 1024;

/// Answers with the collection.
pub(crate) async fn list(context: &Context<'_>) -> Result<Response> {
    let listing = select(context).await?;
    let metadata = list_metadata(context, &listing);
    match context.accepted.shape {
        Shape::Table(version) => table(context, &listing, metadata, version),
        Shape::Metadata(version) => partial(context, &listing, metadata, version),
        Shape::Object if context.accepted.format == Format::Json && !context.pretty => {
            Ok(stream_list(context, listing, &metadata))
        }
        Shape::Object => {
            let items: Vec<Value> = listing
                .objects
                .iter()
                .map(|o| serde_json::from_slice(&item(context, o)).unwrap_or_default())
                .collect();
            let value = json!({
                "kind": context.row.list_kind(), "apiVersion": context.row.api_version(),
                "metadata": metadata, "items": items,
            });
            Ok(respond::object(200, &value, context.encoding()))
        }
    }
}

fn item(context: &Context<'_>, object: &Object) -> Vec<u8> {
    let mut out = vec![b'{'];
    out.extend_from_slice(&encode::item(&context.row, &object.json));
    out
}

/// Reads the parameters and asks the cache.
pub(crate) async fn select(context: &Context<'_>) -> Result<Listing> {
    let selector = selector(context)?;
    let (when, start_after, limit) = moment(context)?;
    let scope = context.scope();
    let request = ListRequest {
        scope: scope.clone(),
        when,
        selector,
        start_after: start_after.clone(),
        limit,
    };
    match context.server.cache.list(request).await {
        Ok(listing) => Ok(listing),
        Err(CacheError::Store(StoreError::Compacted { .. })) => Err(too_old(&scope, start_after.as_deref())),
        Err(error) => Err(context.failed(error)),
    }
}

/// The label and field selectors, in terms of this resource.
pub(crate) fn selector(context: &Context<'_>) -> Result<Selector> {
    let (labels, fields) = (
        context.query.text("labelSelector"),
        context.query.text("fieldSelector"),
    );
    let mut selector = Selector::parse(labels, fields).map_err(|e| Status::bad_request(e.to_string()))?;
    for requirement in &selector.fields {
        known_field(context, &requirement.field)?;
    }
    // A path with a name is a collection of one (`/watch/.../NAME`).
    if let Some(name) = &context.path.name {
        selector.fields.push(crate::cache::FieldRequirement {
            field: "metadata.name".into(),
            value: name.clone(),
            equal: true,
        });
    }
    Ok(selector)
}

fn known_field(context: &Context<'_>, field: &str) -> Result<()> {
    let row = &context.row;
    let of_all = field == "metadata.name" || (field == "metadata.namespace" && row.namespaced());
    if of_all || row.fields.iter().any(|f| f.label == field) {
        return Ok(());
    }
    Err(Status::bad_request(if row.fields.is_empty() {
        format!("{field:?} is not a known field selector: only \"metadata.name\", \"metadata.namespace\"")
    } else {
        format!("field label not supported: {field}")
    }))
}

/// `resourceVersion`, `resourceVersionMatch`, `limit` and `continue`.
fn moment(context: &Context<'_>) -> Result<(When, Option<String>, usize)> {
    let query = &context.query;
    let (version, matching) = (query.text("resourceVersion"), query.text("resourceVersionMatch"));
    let token = query.text("continue");
    check_match(version, matching, token, query.get("sendInitialEvents").is_some())?;
    let limit = query.text("limit");
    let limit: usize = match limit {
        "" => 0,
        text => text
            .parse::<i64>()
            .map(|n| usize::try_from(n).unwrap_or(0))
            .map_err(|_| {
                Status::bad_request(format!("strconv.ParseInt: parsing {text:?}: invalid syntax"))
            })?,
    };
    if !token.is_empty() {
        if !version.is_empty() && version != "0" {
            return Err(Status::bad_request(
                "specifying resource version is not allowed when using continue",
            ));
        }
        let (revision, start) = decode_token(token, &context.scope())?;
        let when = revision.map_or(When::Latest, When::Exactly);
        return Ok((when, Some(start), limit));
    }
    let when = match (version, matching) {
        ("", _) => When::Latest,
        ("0", _) => When::Cached,
        (version, "Exact") => When::Exactly(errors::revision(version)?),
        // Without a match, a limited list has always been read at exactly this version.
        (version, "") if limit > 0 => When::Exactly(errors::revision(version)?),
        (version, _) => When::NotOlderThan(errors::revision(version)?),
    };
    Ok((when, None, limit))
}

fn check_match(version: &str, matching: &str, token: &str, initial: bool) -> Result<()> {
    let path = Path::of("resourceVersionMatch");
    let forbid = |detail: &str| Some(FieldError::forbidden(&path, detail));
    let error = match matching {
        _ if initial => Some(FieldError::forbidden(
            &Path::of("sendInitialEvents"),
            "sendInitialEvents is forbidden for list",
        )),
        "" => None,
        _ if version.is_empty() => {
            forbid("resourceVersionMatch is forbidden unless resourceVersion is provided")
        }
        _ if !token.is_empty() => forbid("resourceVersionMatch is forbidden when continue is provided"),
        "Exact" if version == "0" => {
            forbid("resourceVersionMatch \"Exact\" is forbidden for resourceVersion \"0\"")
        }
        "Exact" | "NotOlderThan" => None,
        other => Some(FieldError::not_supported(
            &path,
            &other.into(),
            &["Exact", "NotOlderThan", ""],
        )),
    };
    match error {
        None => Ok(()),
        Some(error) => Err(Status::invalid(
            "meta.k8s.io",
            "ListOptions",
            "",
            vec![options::cause(&error)],
        )),
    }
}

/// A continue token: the revision of the first page and the key behind which to go on, relative to the scope.
fn encode_token(revision: i64, scope: &str, last: &str) -> String {
    let start = format!("{}\0", last.strip_prefix(scope).unwrap_or(last));
    URL_SAFE_NO_PAD.encode(json!({"v": "meta.k8s.io/v1", "rv": revision, "start": start}).to_string())
}

fn decode_token(token: &str, scope: &str) -> Result<(Option<u64>, String)> {
    let refuse = |why: &str| Status::bad_request(format!("continue key is not valid: {why}"));
    let text = URL_SAFE_NO_PAD
        .decode(token.trim_end_matches('='))
        .map_err(|e| refuse(&e.to_string()))?;
    let value: Value = serde_json::from_slice(&text).map_err(|e| refuse(&e.to_string()))?;
    if value["v"] != "meta.k8s.io/v1" {
        return Err(refuse("server does not recognize this encoded version"));
    }
    let start = value["start"].as_str().unwrap_or_default().trim_end_matches('\0');
    let clean = !start.split('/').any(|s| matches!(s, "" | "." | ".."));
    if !clean || start.chars().any(char::is_control) {
        return Err(refuse("incorrect encoded start key"));
    }
    match value["rv"].as_i64() {
        Some(-1) => Ok((None, format!("{scope}{start}"))),
        Some(revision) if revision > 0 => Ok((u64::try_from(revision).ok(), format!("{scope}{start}"))),
        _ => Err(refuse("incorrect encoded start resourceVersion")),
    }
}

/// 410 with a token that goes on from the same key, at another moment.
fn too_old(scope: &str, start_after: Option<&str>) -> Status {
    let Some(start) = start_after else {
        return Status::expired("The resourceVersion for the provided list is too old.");
    };
    let mut status = Status::expired(
        "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.",
    );
    status.continue_token = Some(encode_token(-1, scope, start));
    status
}

fn list_metadata(context: &Context<'_>, listing: &Listing) -> Value {
    let mut metadata = json!({"resourceVersion": listing.revision.to_string()});
    if let Some(next) = &listing.next {
        let revision = i64::try_from(listing.revision).unwrap_or(i64::MAX);
        metadata["continue"] = json!(encode_token(revision, &context.scope(), next));
        if let Some(remaining) = listing.remaining {
            metadata["remainingItemCount"] = json!(remaining);
        }
    }
    metadata
}

fn table(
    context: &Context<'_>,
    listing: &Listing,
    metadata: Value,
    version: MetaVersion,
) -> Result<Response> {
    let include = Include::parse(context);
    let mut rows = Vec::with_capacity(listing.objects.len());
    for object in &listing.objects {
        rows.push(shape::table_row(
            context,
            &context.served(object)?,
            version,
            include,
        ));
    }
    let value = shape::table(&context.row, version, metadata, rows, true);
    Ok(respond::object(200, &value, context.encoding()))
}

/// The reference leaves `items` null when there are none (in this list only).
fn partial(
    context: &Context<'_>,
    listing: &Listing,
    metadata: Value,
    version: MetaVersion,
) -> Result<Response> {
    let mut items = Vec::with_capacity(listing.objects.len());
    for object in &listing.objects {
        items.push(shape::metadata(&context.served(object)?, version));
    }
    let value = json!({
        "kind": "PartialObjectMetadataList", "apiVersion": version.api_version(), "metadata": metadata,
        "items": if items.is_empty() { Value::Null } else { Value::Array(items) },
    });
    Ok(respond::object(200, &value, context.encoding()))
}

/// A list that is being written.
struct Writer {
    row: super::Row,
    objects: std::vec::IntoIter<Arc<Object>>,
    pending: Vec<u8>,
    first: bool,
    done: bool,
    gzip: Option<flate2::write::GzEncoder<Vec<u8>>>,
}

impl Writer {
    /// The next chunk; `None` after the last.
    fn chunk(&mut self) -> Option<Bytes> {
        loop {
            if self.done {
                return None;
            }
            while self.pending.len() < CHUNK {
                let Some(object) = self.objects.next() else {
                    self.pending.extend_from_slice(b"]}\n");
                    self.done = true;
                    break;
                };
                self.pending
                    .extend_from_slice(if self.first { b"{" } else { b",{" });
                self.first = false;
                self.pending
                    .extend_from_slice(&encode::item(&self.row, &object.json));
            }
            let out = self.flush();
            if !out.is_empty() || self.done {
                return Some(out);
            }
        }
    }

    fn flush(&mut self) -> Bytes {
        use std::io::Write as _;
        let plain = std::mem::replace(
            &mut self.pending,
            Vec::with_capacity(if self.done { 0 } else { CHUNK + CHUNK / 8 }),
        );
        let Some(mut encoder) = self.gzip.take() else {
            return plain.into();
        };
        // Writing to a Vec cannot fail.
        let _ = encoder.write_all(&plain);
        if self.done {
            return encoder.finish().unwrap_or_default().into();
        }
        let out = std::mem::take(encoder.get_mut());
        self.gzip = Some(encoder);
        out.into()
    }
}

fn stream_list(context: &Context<'_>, listing: Listing, metadata: &Value) -> Response {
    let head = format!(
        "{{\"kind\":\"{}\",\"apiVersion\":\"{}\",\"metadata\":{metadata},\"items\":[",
        context.row.list_kind(),
        context.row.api_version()
    );
    let size: usize = listing.objects.iter().map(|o| o.json.len()).sum();
    let gzip = context.gzip && size >= GZIP_FROM;
    let mut writer = Writer {
        row: Arc::clone(&context.row),
        objects: listing.objects.into_iter(),
        pending: head.into_bytes(),
        first: true,
        done: false,
        gzip: gzip.then(|| flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast())),
    };
    if size < CHUNK {
        return respond::response(
            200,
            "application/json",
            crate::serve::body::full(writer.chunk().unwrap_or_default()),
        );
    }
    let frames = stream::iter(std::iter::from_fn(move || {
        writer.chunk().map(|c| Ok::<_, BodyError>(Frame::data(c)))
    }));
    let mut response = respond::response(200, "application/json", StreamBody::new(frames).boxed_unsync());
    if gzip {
        respond::mark_compressed(&mut response);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_back_as_it_was_made() {
        let scope = "/registry/pods/a/";
        let token = encode_token(7, scope, "/registry/pods/a/p");
        assert_eq!(
            decode_token(&token, scope),
            Ok((Some(7), "/registry/pods/a/p".into()))
        );
        let inconsistent = encode_token(-1, scope, "/registry/pods/a/p");
        assert_eq!(
            decode_token(&inconsistent, scope),
            Ok((None, "/registry/pods/a/p".into()))
        );
    }

    #[test]
    fn a_token_cannot_lead_out_of_its_scope() {
        for start in ["../../secrets/a/s", "a/../../b", "", "/x", "a\0b"] {
            let raw = json!({"v": "meta.k8s.io/v1", "rv": 7, "start": start}).to_string();
            let token = URL_SAFE_NO_PAD.encode(raw);
            assert_eq!(
                decode_token(&token, "/registry/pods/").map_err(|s| s.code),
                Err(400),
                "{start:?}"
            );
        }
    }

    #[test]
    fn a_match_needs_a_version_and_no_token() {
        assert!(check_match("", "", "", false).is_ok());
        assert!(check_match("5", "Exact", "", false).is_ok());
        for (version, matching, token) in [
            ("", "Exact", ""),
            ("0", "Exact", ""),
            ("5", "Exact", "t"),
            ("5", "x", ""),
        ] {
            let code = check_match(version, matching, token, false).map_err(|s| s.code);
            assert_eq!(code, Err(422), "{version} {matching} {token}");
        }
    }
}
