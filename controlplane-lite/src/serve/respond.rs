//! Answers: objects, statuses and plain text as HTTP.

use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER, VARY, WARNING,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::Value;

use super::{Response, body};
use crate::decode::Format;
use crate::status::Status;

/// Answers of at least this size are compressed for clients that accept it, as in the reference.
pub const GZIP_FROM: usize = 128 * 1024;

/// How an answer is written.
#[derive(Debug, Clone, Copy)]
pub struct Encoding {
    /// JSON or YAML.
    pub format: Format,
    /// Indented.
    pub pretty: bool,
    /// The client accepts gzip.
    pub gzip: bool,
}

impl Default for Encoding {
    fn default() -> Self {
        Self {
            format: Format::Json,
            pretty: false,
            gzip: false,
        }
    }
}

/// Whether the client accepts gzip.
pub fn accepts_gzip(headers: &HeaderMap) -> bool {
    let text = headers
        .get(ACCEPT_ENCODING)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    text.split(',')
        .map(str::trim)
        .any(|coding| coding.split(';').next() == Some("gzip") && !coding.ends_with("q=0"))
}

/// The media type of a format.
pub const fn content_type(format: Format) -> &'static str {
    match format {
        Format::Json => "application/json",
        Format::Yaml => "application/yaml",
    }
}

/// An answer with headers that every API answer has.
pub fn response(code: u16, content_type: &str, body: super::Body) -> Response {
    let mut out = http::Response::new(body);
    *out.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Ok(value) = HeaderValue::from_str(content_type) {
        out.headers_mut().insert(CONTENT_TYPE, value);
    }
    out.headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    out
}

/// An object.
pub fn object(code: u16, value: &Value, encoding: Encoding) -> Response {
    encoded(code, value, encoding, content_type(encoding.format))
}

/// A JSON document under a media type of its own.
pub fn document(value: &Value, gzip: bool, content_type: &str) -> Response {
    encoded(
        200,
        value,
        Encoding {
            gzip,
            ..Encoding::default()
        },
        content_type,
    )
}

fn encoded(code: u16, value: &Value, encoding: Encoding, content_type: &str) -> Response {
    let text = match (encoding.format, encoding.pretty) {
        (Format::Yaml, _) => serde_saphyr::to_string(value).unwrap_or_default().into_bytes(),
        (Format::Json, true) => serde_json::to_vec_pretty(value).unwrap_or_default(),
        (Format::Json, false) => {
            let mut text = value.to_string();
            text.push('\n');
            text.into_bytes()
        }
    };
    bytes(code, text.into(), encoding.gzip, content_type)
}

/// Bytes as they are, compressed if large and wanted.
pub fn bytes(code: u16, bytes: Bytes, gzip: bool, content_type: &str) -> Response {
    if !gzip || bytes.len() < GZIP_FROM {
        return response(code, content_type, body::full(bytes));
    }
    let mut out = response(code, content_type, body::full(compressed(&bytes)));
    mark_compressed(&mut out);
    out
}

/// Says that the body is compressed.
pub fn mark_compressed(response: &mut Response) {
    response
        .headers_mut()
        .insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    response
        .headers_mut()
        .insert(VARY, HeaderValue::from_static("Accept-Encoding"));
}

fn compressed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::fast());
    // Writing to a Vec cannot fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

/// A failure.
pub fn status(status: &Status, encoding: Encoding) -> Response {
    let mut out = object(status.code, &status.to_json(), encoding);
    if let Some(seconds) = status.retry_after() {
        out.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    out
}

/// Plain text.
pub fn text(code: u16, text: impl Into<Bytes>) -> Response {
    let mut out = response(code, "text/plain; charset=utf-8", body::full(text));
    out.headers_mut()
        .insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    out
}

/// The answer to paths that nobody serves.
pub fn no_page() -> Response {
    text(404, "404 page not found\n")
}

/// Adds `Warning` headers (RFC 7234, code 299), each text once, in the reference's total limit of 4 KiB.
pub fn warn(response: &mut Response, warnings: &[String]) {
    const LIMIT: usize = 4096;
    let mut total = 0;
    for (i, warning) in warnings.iter().enumerate() {
        if warnings[..i].contains(warning) {
            continue;
        }
        let clean: String = warning.chars().filter(|c| !c.is_control()).collect();
        let quoted = clean.replace('\\', "\\\\").replace('"', "\\\"");
        total += quoted.len();
        if total > LIMIT {
            return;
        }
        if let Ok(value) = HeaderValue::from_bytes(format!("299 - \"{quoted}\"").as_bytes()) {
            response.headers_mut().append(WARNING, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use serde_json::json;

    use super::*;

    #[test]
    fn warnings_are_quoted_and_told_once() {
        let mut response = text(200, "");
        warn(
            &mut response,
            &["unknown field \"nope\"".into(), "x".into(), "x".into()],
        );
        let got: Vec<_> = response
            .headers()
            .get_all(WARNING)
            .iter()
            .map(|v| v.to_str().unwrap_or(""))
            .collect();
        assert_eq!(got, [r#"299 - "unknown field \"nope\"""#, r#"299 - "x""#]);
    }

    #[test]
    fn a_status_that_asks_to_wait_says_so_in_the_header() {
        let response = status(&Status::too_many_requests("x", 3), Encoding::default());
        assert_eq!(
            (response.status().as_u16(), &response.headers()[RETRY_AFTER]),
            (429, &HeaderValue::from(3))
        );
    }

    #[tokio::test]
    async fn only_large_answers_are_compressed() {
        let encoding = Encoding {
            gzip: true,
            ..Encoding::default()
        };
        let small = object(200, &json!({"a": "b"}), encoding);
        assert_eq!(small.headers().get(CONTENT_ENCODING), None);
        let large = object(200, &json!({"a": "b".repeat(GZIP_FROM)}), encoding);
        assert_eq!(large.headers()[CONTENT_ENCODING], "gzip");
        let sent = large
            .into_body()
            .collect()
            .await
            .map(|b| b.to_bytes().len())
            .unwrap_or_default();
        assert!(sent > 0 && sent < GZIP_FROM / 10, "{sent}");
    }
}
