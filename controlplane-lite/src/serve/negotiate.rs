//! Content negotiation: which form the client sent, and which it wants.
//!
//! The reference does it twice: its router compares media types without parameters, then the handler reads the
//! parameters (`as=Table;v=v1;g=meta.k8s.io`, `stream=watch`). Both refuse with 406, with different texts.
//! Protobuf is neither read nor written: a client that also accepts JSON gets JSON.

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, Method};

use crate::decode::Format;
use crate::status::{Result, Status};

const JSON: &str = "application/json";
const YAML: &str = "application/yaml";
const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";

/// What a body is turned into before it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shape {
    /// The object or list itself.
    #[default]
    Object,
    /// `meta.k8s.io` Table of this version.
    Table(MetaVersion),
    /// `meta.k8s.io` PartialObjectMetadata, and the list of them.
    Metadata(MetaVersion),
}

/// Versions of `meta.k8s.io`; the content is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetaVersion {
    /// `v1`.
    V1,
    /// `v1beta1`.
    V1Beta1,
}

impl MetaVersion {
    /// `meta.k8s.io/v1`.
    pub const fn api_version(self) -> &'static str {
        match self {
            Self::V1 => "meta.k8s.io/v1",
            Self::V1Beta1 => "meta.k8s.io/v1beta1",
        }
    }
}

/// How the answer is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// JSON or YAML.
    pub format: Format,
    /// Object, table or metadata only.
    pub shape: Shape,
}

impl Default for Accepted {
    fn default() -> Self {
        Self {
            format: Format::Json,
            shape: Shape::Object,
        }
    }
}

/// One clause of an `Accept` header.
#[derive(Debug, Clone, PartialEq)]
struct Clause<'a> {
    media: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
    quality: f32,
}

impl<'a> Clause<'a> {
    fn parse(text: &'a str) -> Self {
        let mut parts = text.split(';').map(str::trim);
        let media = parts.next().unwrap_or_default();
        let mut clause = Self {
            media,
            parameters: Vec::new(),
            quality: 1.0,
        };
        for (key, value) in parts.filter_map(|p| p.split_once('=')) {
            if key == "q" {
                clause.quality = value.parse().unwrap_or(1.0);
            } else {
                clause.parameters.push((key, value.trim_matches('"')));
            }
        }
        clause
    }

    fn parameter(&self, name: &str) -> Option<&'a str> {
        self.parameters
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| *value)
    }

    fn format(&self) -> Option<Format> {
        match self.media {
            JSON | "application/*" | "*/*" => Some(Format::Json),
            YAML => Some(Format::Yaml),
            _ => None,
        }
    }

    /// The shape that the parameters ask for; `None` if this server can't.
    fn shape(&self, convertible: bool, watch: bool) -> Option<Shape> {
        if self.parameter("stream").is_some_and(|s| s != "watch" || !watch) {
            return None;
        }
        let Some(kind) = self.parameter("as") else {
            return Some(Shape::Object);
        };
        let version = match (self.parameter("g"), self.parameter("v")) {
            (Some("meta.k8s.io"), Some("v1")) => MetaVersion::V1,
            (Some("meta.k8s.io"), Some("v1beta1")) => MetaVersion::V1Beta1,
            _ => return None,
        };
        match kind {
            "Table" if convertible => Some(Shape::Table(version)),
            "PartialObjectMetadata" | "PartialObjectMetadataList" if convertible => {
                Some(Shape::Metadata(version))
            }
            _ => None,
        }
    }
}

fn clauses(header: &str) -> Vec<Clause<'_>> {
    let mut all: Vec<Clause<'_>> = header
        .split(',')
        .map(str::trim)
        .filter(|c| !c.is_empty())
        .map(Clause::parse)
        .collect();
    all.sort_by(|a, b| b.quality.total_cmp(&a.quality));
    all
}

fn header<'a>(headers: &'a HeaderMap, name: &http::HeaderName) -> &'a str {
    headers
        .get(name)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default()
}

/// Chooses the form of the answer. `convertible`: tables and metadata can be asked for; `watch`: it is a stream;
/// `listing`: the route is that of a collection (its 406 names the stream types too).
///
/// # Errors
/// 406.
pub fn accept(headers: &HeaderMap, convertible: bool, watch: bool, listing: bool) -> Result<Accepted> {
    let text = header(headers, &ACCEPT);
    if text.trim().is_empty() {
        return Ok(Accepted::default());
    }
    let all = clauses(text);
    let known = |c: &Clause<'_>| matches!(c.media, JSON | YAML | PROTOBUF | "*/*" | "application/*");
    if !all.iter().any(known) {
        return Err(not_routed(listing));
    }
    let choose = |c: &Clause<'_>| {
        Some(Accepted {
            format: c.format()?,
            shape: c.shape(convertible, watch)?,
        })
    };
    all.iter().find_map(choose).ok_or_else(|| {
        Status::not_acceptable(&[
            JSON,
            "application/json;stream=watch",
            YAML,
            "application/yaml;stream=watch",
        ])
    })
}

/// The router's 406.
fn not_routed(listing: bool) -> Status {
    let mut types = vec![JSON, YAML, PROTOBUF];
    if listing {
        types.extend([
            "application/json;stream=watch",
            "application/vnd.kubernetes.protobuf;stream=watch",
        ]);
    }
    let text = format!(
        "406: Not Acceptable\n\nAvailable representations: {}",
        types.join(", ")
    );
    Status {
        details: Some(Box::default()),
        message: text,
        ..Status::not_acceptable(&[])
    }
}

/// The aggregated discovery that a client prefers over the legacy form, if any.
pub fn discovery(headers: &HeaderMap) -> Option<crate::discovery::Aggregated> {
    use crate::discovery::Aggregated;
    let form = |c: &Clause<'_>| {
        let aggregated = c.parameter("g") == Some("apidiscovery.k8s.io")
            && c.parameter("as") == Some("APIGroupDiscoveryList");
        match (c.media, aggregated, c.parameter("v")) {
            (JSON, true, Some("v2")) => Some(Some(Aggregated::V2)),
            (JSON, true, Some("v2beta1")) => Some(Some(Aggregated::V2Beta1)),
            (JSON | "*/*", false, _) => Some(None),
            _ => None,
        }
    };
    clauses(header(headers, &ACCEPT)).iter().find_map(form).flatten()
}

/// The syntax of a request body, from its media type. No media type means JSON.
///
/// # Errors
/// 415.
pub fn body_format(headers: &HeaderMap) -> Result<Format> {
    match media_type(headers) {
        "" | JSON => Ok(Format::Json),
        YAML => Ok(Format::Yaml),
        _ => Err(Status::unsupported_media_type(&[JSON, YAML, PROTOBUF])),
    }
}

/// The body's media type without parameters.
pub fn media_type(headers: &HeaderMap) -> &str {
    header(headers, &CONTENT_TYPE)
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
}

/// Whether the answer is indented: asked for, or the client is a person with a browser or curl.
pub fn pretty(query: &crate::serve::query::Query, headers: &HeaderMap, method: &Method) -> bool {
    query.optional_flag("pretty").unwrap_or_else(|| {
        let agent = header(headers, &http::header::USER_AGENT);
        method == Method::GET
            && ["curl/", "Wget/", "Mozilla/5.0"]
                .iter()
                .any(|p| agent.starts_with(p))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: http::HeaderName, value: &str) -> HeaderMap {
        let value = value.parse().expect("a header value");
        HeaderMap::from_iter([(name, value)])
    }

    fn chosen(text: &str) -> std::result::Result<(Format, Shape), u16> {
        accept(&with(ACCEPT, text), true, false, true)
            .map(|a| (a.format, a.shape))
            .map_err(|s| s.code)
    }

    #[test]
    fn the_first_clause_that_can_be_served_is_chosen() {
        let table = Shape::Table(MetaVersion::V1);
        let metadata = Shape::Metadata(MetaVersion::V1);
        let cases = [
            ("", Ok((Format::Json, Shape::Object))),
            ("*/*", Ok((Format::Json, Shape::Object))),
            ("application/yaml", Ok((Format::Yaml, Shape::Object))),
            (
                "application/vnd.kubernetes.protobuf,application/json",
                Ok((Format::Json, Shape::Object)),
            ),
            (
                "application/json;as=Table;v=v1;g=meta.k8s.io,application/json",
                Ok((Format::Json, table)),
            ),
            (
                "application/json;as=Table;v=v9;g=meta.k8s.io,application/json",
                Ok((Format::Json, Shape::Object)),
            ),
            (
                "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io",
                Ok((Format::Json, metadata)),
            ),
            (
                "application/yaml;q=0.5,application/json;q=0.9",
                Ok((Format::Json, Shape::Object)),
            ),
            ("application/json;as=Nope;v=v1;g=meta.k8s.io", Err(406)),
            ("text/html", Err(406)),
            ("application/vnd.kubernetes.protobuf", Err(406)),
        ];
        for (text, want) in cases {
            assert_eq!(chosen(text), want, "{text}");
        }
    }

    #[test]
    fn aggregated_discovery_is_served_to_who_prefers_it() {
        use crate::discovery::Aggregated;
        let v2 = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
        assert_eq!(
            discovery(&with(ACCEPT, &format!("{v2},application/json"))),
            Some(Aggregated::V2)
        );
        assert_eq!(discovery(&with(ACCEPT, "application/json")), None);
        assert_eq!(discovery(&with(ACCEPT, "*/*")), None);
    }

    #[test]
    fn unknown_bodies_are_415() {
        assert_eq!(
            body_format(&with(CONTENT_TYPE, "application/json; charset=utf-8")),
            Ok(Format::Json)
        );
        assert_eq!(body_format(&HeaderMap::new()), Ok(Format::Json));
        let refused = body_format(&with(CONTENT_TYPE, "text/plain")).expect_err("unknown");
        assert_eq!(
            (refused.code, refused.message.as_str()),
            (
                415,
                "the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf"
            )
        );
    }
}
