//! Connections through the server: logs, exec, attach and port-forward of pods, and proxying to nodes, pods and
//! services.

use http::request::Parts;

use crate::serve::{Body, Response};
use crate::status::{Result, Status};
use crate::verbs::context::Context;

/// What connections are made with.
#[derive(Debug, Clone, Default)]
pub struct NodeProxy {}

/// Answers a connect request.
pub(crate) async fn connect(_context: &Context<'_>, _parts: Parts, _body: Body) -> Result<Response> {
    Err(Status::unavailable("no connections yet"))
}
