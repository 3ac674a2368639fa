//! OpenAPI documents, and the documentation of fields that table columns quote.

use http::HeaderMap;

use crate::resources::Registry;
use crate::serve::query::Query;
use crate::serve::{Response, respond};

/// The documentation of `definition.field`, if it is known.
pub fn documentation(_field: &str) -> Option<String> {
    None
}

/// `GET /openapi/v2`.
pub fn v2_response(_headers: &HeaderMap) -> Response {
    respond::no_page()
}

/// `GET /openapi/v3/…`.
pub fn v3_response(
    _registry: &Registry,
    _path: &str,
    _query: &Query,
    _headers: &HeaderMap,
) -> Option<Response> {
    None
}
