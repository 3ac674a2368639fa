//! Connections through the server: logs, exec, attach and port-forward of pods, and proxying to nodes, pods and
//! services.
//!
//! Expected flow: [`kubelet`] and [`proxied`] find out where to and with which request (pure, over stored objects),
//! [`dial`] connects and sends it. Upgrades (WebSocket and SPDY) are passed through byte for byte: the two ends
//! speak with each other.
//!
//! Guarantees: kubelets see the control plane's client certificate, never the client's credentials, and are checked
//! against [`Trust`]. Pods and services are reached without check, as in the reference: nobody gives them names.

mod dial;
mod kubelet;
mod proxied;
mod trust;

use std::sync::Arc;

use http::request::Parts;
use http::uri::PathAndQuery;
use serde_json::Value;

use crate::cache::When;
use crate::serve::access::Operation;
use crate::serve::{Body, Response, body, respond};
use crate::status::{GroupResource, Result, Status};
use crate::verbs::context::Context;
use crate::verbs::encode;

pub use trust::{Trust, TrustError};

/// What connections are made with.
#[derive(Debug, Clone)]
pub struct NodeProxy {
    kubelet: Arc<rustls::ClientConfig>,
    unchecked: Arc<rustls::ClientConfig>,
}

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Destination {
    host: String,
    port: u16,
    security: Security,
    path: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Security {
    /// Client certificate, checked server.
    Kubelet,
    /// TLS to whoever answers.
    Unchecked,
    /// No TLS.
    Plain,
}

impl Destination {
    /// Path and query of the request line.
    fn uri(&self) -> Result<PathAndQuery> {
        self.path
            .parse()
            .map_err(|_| Status::bad_request(format!("invalid path {:?}", self.path)))
    }
}

/// Answers a connect request.
pub(crate) async fn connect(context: &Context<'_>, parts: Parts, request: Body) -> Result<Response> {
    let (kind, sub) = (context.row.plural.as_ref(), context.subresource());
    let review = context.review(Operation::Connect, context.name(), None, false);
    context.server.admission.mutate(&review, &mut Value::Null).await?;
    context.server.admission.validate(&review, &Value::Null).await?;
    let upgrades = parts.headers.contains_key(http::header::UPGRADE);
    let destination = match (kind, sub) {
        ("pods", "proxy") => proxied::pod(
            context,
            &object(context, "pods", proxied::name(context)?.name).await?,
        )?,
        ("services", "proxy") => {
            let name = proxied::name(context)?;
            let slices = proxied::endpoints(context, name.name).await?;
            proxied::service(context, &object(context, "services", name.name).await?, &slices)?
        }
        ("nodes", "proxy") => proxied::node(
            context,
            &object(context, "nodes", proxied::name(context)?.name).await?,
        )?,
        (_, "log") => return log(context, parts, request).await,
        _ => {
            let pod = object(context, "pods", context.name()).await?;
            let path = kubelet::stream_path(context, &pod)?;
            if !upgrades {
                return Err(Status::bad_request("Upgrade request required"));
            }
            at_kubelet(context, &pod, path).await?
        }
    };
    context.server.nodes.send(destination, parts, request).await
}

/// Logs: as the kubelet streams them, but its refusals become statuses.
async fn log(context: &Context<'_>, parts: Parts, request: Body) -> Result<Response> {
    let pod = object(context, "pods", context.name()).await?;
    let path = kubelet::log_path(context, &pod)?;
    if kubelet::node_of(&pod).is_empty() {
        return Ok(respond::text(200, ""));
    }
    let destination = at_kubelet(context, &pod, path).await?;
    let response = context.server.nodes.send(destination, parts, request).await?;
    let code = response.status().as_u16();
    if code < 300 {
        let (mut head, content) = response.into_parts();
        head.headers.remove(http::header::CONTENT_TYPE);
        head.headers.insert(
            http::header::CONTENT_TYPE,
            http::HeaderValue::from_static("text/plain"),
        );
        return Ok(Response::from_parts(head, content));
    }
    let text = body::read(response.into_body()).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&text).trim_end().to_owned();
    Err(match code {
        400 => Status::bad_request(text),
        404 => Status {
            message: text,
            ..Status::not_found(GroupResource::new("", "pods/log"), context.name())
        },
        500 => Status::internal(text),
        _ => Status {
            code,
            ..Status::unavailable(text)
        },
    })
}

/// A stored object of core/v1 in the request's namespace.
async fn object(context: &Context<'_>, resource: &str, name: &str) -> Result<Value> {
    let registry = context.server.registry();
    let row = registry
        .find("", "v1", resource)
        .ok_or_else(Status::no_such_path)?;
    let namespace = row.namespaced().then(|| context.namespace());
    let found = context
        .server
        .cache
        .get(&row.key(namespace, name), When::Latest)
        .await;
    let found = found.map_err(|e| context.failed(e))?;
    let found = found.ok_or_else(|| Status::not_found(row.group_resource(), name))?;
    encode::served(row, &found.json)
}

/// The kubelet of the pod's node.
async fn at_kubelet(context: &Context<'_>, pod: &Value, path: String) -> Result<Destination> {
    let node = kubelet::node_of(pod);
    if node.is_empty() {
        return Err(Status::bad_request(format!(
            "pod {} does not have a host assigned",
            context.name()
        )));
    }
    let node = object(context, "nodes", node).await?;
    let (host, port) = kubelet::address(&node)?;
    Ok(Destination {
        host,
        port,
        security: Security::Kubelet,
        path,
    })
}
