//! The one connection to the runtime: HTTP/2 over a Unix socket.
//!
//! The channel connects at the first call and again after it was lost. A call that finds no runtime fails at
//! once; waiting is the caller's.

use hyper_util::rt::TokioIo;
use std::io;
use std::path::Path;
use std::sync::Arc;
use tokio::net::UnixStream;
use tonic::transport::{Channel, Endpoint, Uri};

/// Largest answer that is accepted, as in the reference kubelet: lists of a full node pass gRPC's usual 4 MiB.
pub(crate) const MAX_ANSWER_BYTES: usize = 16 << 20;

/// A channel to `socket` that connects when it is first used.
///
/// Must be called inside a tokio runtime.
pub(crate) fn connect_lazily(socket: Arc<Path>) -> Channel {
    // The address only fills the `:authority` header; the connector decides where to go.
    Endpoint::from_static("http://localhost").connect_with_connector_lazy(tower::service_fn(move |_: Uri| {
        let socket = socket.clone();
        async move { Ok::<_, io::Error>(TokioIo::new(UnixStream::connect(&*socket).await?)) }
    }))
}
