//! The typed client: one method per call, each with its deadline and an error that names its object.

mod container;
mod exec;
mod image;
mod runtime;
mod sandbox;
mod stats;

pub use exec::Streams;
pub(crate) use image::spec;

use crate::channel::{MAX_ANSWER_BYTES, connect_lazily};
use crate::error::{Call, Error, classify};
use crate::v1::image_service_client::ImageServiceClient;
use crate::v1::runtime_service_client::RuntimeServiceClient;
use crate::{Deadlines, v1};
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

/// A client of one container runtime. Cheap to clone; clones share the connection.
///
/// # Guarantees
/// - The connection opens at the first call, and again at the next call after it was lost.
/// - A call ends by its deadline. Dropping its future cancels it: the stream is reset and the runtime's
///   context ends. What it had begun may be complete, half done or undone, as after [`Error::Deadline`].
/// - Nothing is retried here: whether to do so depends on what the call may have left behind.
#[derive(Debug, Clone)]
pub struct Client {
    channel: Channel,
    socket: Arc<Path>,
    deadlines: Arc<Deadlines>,
}

impl Client {
    /// A client for the runtime that listens on the Unix socket at `socket`.
    ///
    /// Touches nothing yet. Must be called inside a tokio runtime.
    pub fn new(socket: impl AsRef<Path>, deadlines: Deadlines) -> Self {
        let socket: Arc<Path> = Arc::from(socket.as_ref());
        Self {
            channel: connect_lazily(socket.clone()),
            socket,
            deadlines: Arc::new(deadlines),
        }
    }

    /// A client over a channel that somebody else made; `socket` only appears in errors.
    #[cfg(any(test, feature = "fake"))]
    pub(crate) fn over(channel: Channel, socket: &Path, deadlines: Deadlines) -> Self {
        Self {
            channel,
            socket: Arc::from(socket),
            deadlines: Arc::new(deadlines),
        }
    }

    /// A client for an address in the form of the kubelet's `--container-runtime-endpoint`:
    /// `unix:///run/containerd/containerd.sock`, or the bare path.
    pub fn for_endpoint(endpoint: &str, deadlines: Deadlines) -> Self {
        Self::new(endpoint.strip_prefix("unix://").unwrap_or(endpoint), deadlines)
    }

    /// Where the runtime listens.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// The deadlines in use.
    #[must_use]
    pub fn deadlines(&self) -> &Deadlines {
        &self.deadlines
    }

    /// The connection itself. containerd's own services answer on it too.
    pub(crate) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    pub(crate) fn runtime_service(&self) -> RuntimeServiceClient<Channel> {
        RuntimeServiceClient::new(self.channel()).max_decoding_message_size(MAX_ANSWER_BYTES)
    }

    pub(crate) fn image_service(&self) -> ImageServiceClient<Channel> {
        ImageServiceClient::new(self.channel()).max_decoding_message_size(MAX_ANSWER_BYTES)
    }

    /// Waits for an answer, at most `deadline`, and puts a name to what went wrong.
    pub(crate) async fn answer<A>(
        &self,
        call: Call,
        deadline: Duration,
        sent: impl Future<Output = Result<Response<A>, Status>>,
    ) -> Result<A, Error> {
        match tokio::time::timeout(deadline, sent).await {
            Ok(Ok(response)) => Ok(response.into_inner()),
            Ok(Err(status)) => Err(self.error(call, Some(deadline), &status)),
            Err(_) => Err(Error::Deadline {
                call,
                after: deadline,
            }),
        }
    }

    pub(crate) fn error(&self, call: Call, deadline: Option<Duration>, status: &Status) -> Error {
        classify(call, &self.socket, deadline, status)
    }
}

/// A request that tells the runtime its deadline, so that it gives up when we do.
pub(crate) fn within<Q>(deadline: Duration, message: Q) -> Request<Q> {
    let mut request = Request::new(message);
    request.set_timeout(deadline);
    request
}

/// `namespace/name`, for errors about a sandbox that has no id yet.
fn pod_name(config: &v1::PodSandboxConfig) -> String {
    config
        .metadata
        .as_ref()
        .map_or_else(String::new, |pod| format!("{}/{}", pod.namespace, pod.name))
}
