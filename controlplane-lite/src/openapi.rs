//! OpenAPI v2 and v3, so that `kubectl explain`, client-side checks and generators work.
//!
//! Documents are made on demand from the embedded definitions and their documentation, and kept compressed: idle
//! memory holds neither. `kubectl` looks into the paths only to learn that `fieldValidation` is taken, so paths
//! carry parameters and kinds, no bodies.

mod gnostic;
mod paths;
mod v2;
mod v3;

use std::collections::{BTreeMap, HashMap};
use std::io::{Read as _, Write as _};
use std::sync::LazyLock;

use bytes::Bytes;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use http::header::{ACCEPT, CONTENT_ENCODING, ETAG, IF_NONE_MATCH, VARY};
use http::{HeaderMap, HeaderValue};
use parking_lot::Mutex;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::resources::Registry;
use crate::serve::query::Query;
use crate::serve::{Response, body, respond};

#[cfg(test)]
mod tests;

static DEFINITIONS: &[u8] = include_bytes!("../data/definitions.json.gz");
static DOCUMENTATION: &[u8] = include_bytes!("../data/documentation.json.gz");

const JSON: &str = "application/json";
const V2_PROTOBUF: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

/// Compressed documents by name.
static DOCUMENTS: LazyLock<Mutex<HashMap<String, Bytes>>> = LazyLock::new(Mutex::default);

/// The texts that columns of tables quote, out of the documentation.
static QUOTED: LazyLock<HashMap<String, String>> = LazyLock::new(quoted);

/// Texts of a definition: its own under the empty name, and its fields'.
type Texts = BTreeMap<String, String>;

/// The documentation of `definition.field`, if a column quotes it.
pub fn documentation(field: &str) -> Option<String> {
    QUOTED.get(field).cloned()
}

fn quoted() -> HashMap<String, String> {
    let texts = all_texts();
    let columns = crate::resources::builtin()
        .into_iter()
        .flat_map(|row| row.columns);
    let wanted = columns.filter_map(|c| c.description.strip_prefix('@').map(str::to_owned));
    wanted
        .filter_map(|field| {
            let (definition, name) = field.rsplit_once('.')?;
            Some((field.clone(), texts.get(definition)?.get(name)?.clone()))
        })
        .collect()
}

fn all_texts() -> BTreeMap<String, Texts> {
    serde_json::from_slice(&unzipped(DOCUMENTATION)).unwrap_or_default()
}

/// The definitions with their documentation, and without the marks of kinds that differ by path.
fn definitions() -> BTreeMap<String, Value> {
    let mut all: BTreeMap<String, Value> = serde_json::from_slice(&unzipped(DEFINITIONS)).unwrap_or_default();
    for (name, texts) in all_texts() {
        let Some(definition) = all.get_mut(&name) else {
            continue;
        };
        for (field, text) in texts {
            let place = match field.as_str() {
                "" => Some(&mut *definition),
                field => definition.get_mut("properties").and_then(|p| p.get_mut(field)),
            };
            if let Some(map) = place.and_then(Value::as_object_mut) {
                map.insert("description".into(), text.into());
            }
        }
    }
    all
}

fn unzipped(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    // Damaged embedded data would show as empty documents, which a test excludes.
    let _ = GzDecoder::new(data).read_to_end(&mut out);
    out
}

/// The compressed document of this name, made if it is not there yet.
fn document(name: &str, make: impl FnOnce() -> Vec<u8>) -> Bytes {
    if let Some(found) = DOCUMENTS.lock().get(name) {
        return found.clone();
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    // Writing to a Vec cannot fail.
    let _ = encoder.write_all(&make());
    let zipped = Bytes::from(encoder.finish().unwrap_or_default());
    DOCUMENTS.lock().insert(name.to_owned(), zipped.clone());
    zipped
}

/// Names the content of a document; changes with the program and the served resources.
fn hash(name: &str) -> String {
    let mut digest = Sha256::new();
    for part in [
        crate::server::GIT_VERSION.as_bytes(),
        name.as_bytes(),
        DEFINITIONS,
        DOCUMENTATION,
    ] {
        digest.update(part);
    }
    digest.finalize().iter().map(|b| format!("{b:02X}")).collect()
}

fn json(document: &Value) -> Vec<u8> {
    document.to_string().into_bytes()
}

fn send(zipped: Bytes, hash: &str, headers: &HeaderMap, content_type: &str) -> Response {
    let etag = format!("\"{hash}\"");
    if headers
        .get(IF_NONE_MATCH)
        .is_some_and(|v| v.as_bytes() == etag.as_bytes())
    {
        return respond::response(304, content_type, body::empty());
    }
    let gzip = respond::accepts_gzip(headers);
    let content = if gzip { zipped } else { unzipped(&zipped).into() };
    let mut out = respond::response(200, content_type, body::full(content));
    if gzip {
        out.headers_mut()
            .insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    out.headers_mut()
        .insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
    if let Ok(value) = HeaderValue::from_str(&etag) {
        out.headers_mut().insert(ETAG, value);
    }
    out
}

/// `GET /openapi/v2`, as JSON or in the protobuf form that `kubectl` and client-go ask for.
pub fn v2_response(registry: &Registry, headers: &HeaderMap) -> Response {
    let accept = headers.get(ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or("*/*");
    if accept.contains("com.github.proto-openapi.spec.v2") {
        let zipped = document("v2.pb", || gnostic::encode(&v2::document(registry)));
        return send(zipped, &hash("v2.pb"), headers, V2_PROTOBUF);
    }
    let known = ["application/json", "*/*", "application/*"];
    if !known.iter().any(|media| accept.contains(media)) {
        return respond::response(406, "text/plain", body::empty());
    }
    let zipped = document("v2", || json(&v2::document(registry)));
    send(zipped, &hash("v2"), headers, JSON)
}

/// `GET /openapi/v3` and `/openapi/v3/PATH`; `None` for a path that is not served.
pub fn v3_response(registry: &Registry, path: &str, _query: &Query, headers: &HeaderMap) -> Option<Response> {
    if path.is_empty() {
        let list = v3::index(registry, hash);
        return Some(respond::document(
            &list,
            respond::accepts_gzip(headers),
            "application/json",
        ));
    }
    let (group, version) = match path.split('/').collect::<Vec<_>>().as_slice() {
        ["api", version] => (String::new(), (*version).to_owned()),
        ["apis", group, version] => ((*group).to_owned(), (*version).to_owned()),
        _ => return None,
    };
    registry.of_version(&group, &version).next()?;
    let name = format!("v3/{path}");
    let zipped = document(&name, || json(&v3::document(registry, &group, &version)));
    Some(send(zipped, &hash(&name), headers, JSON))
}
