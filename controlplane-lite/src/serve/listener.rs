//! Accepts connections, terminates TLS and hands requests to the server; drains on shutdown.
//!
//! One task per connection. A connection that is slow in its handshake or headers is closed; beyond the limit of
//! connections new ones wait in the kernel's queue.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::access::Peer;
use super::limits::Limits;
use super::{BodyError, Response};
use crate::server::ApiServer;

/// How long open requests may go on after the order to stop.
const DRAIN: Duration = Duration::from_secs(10);

/// Serves until `stop` fires, then lets open requests finish for a while.
///
/// Accept errors (out of descriptors) are logged and tried again after a pause: the server goes on.
pub async fn serve(
    listener: TcpListener,
    tls: Arc<rustls::ServerConfig>,
    server: Arc<ApiServer>,
    stop: CancellationToken,
) {
    let limits = server.limits().clone();
    let places = Arc::new(Semaphore::new(limits.connections));
    let graceful = GracefulShutdown::new();
    let shared = Arc::new(Shared {
        acceptor: TlsAcceptor::from(tls),
        builder: builder(&limits),
        server,
    });
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let Some((socket, place)) = accepted else { continue };
        let (shared, watcher) = (Arc::clone(&shared), graceful.watcher());
        tokio::spawn(async move {
            connection(socket, &shared, watcher).await;
            drop(place);
        });
    }
    if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
        tracing::info!("connections that were still open are closed");
    }
}

/// What every connection needs.
struct Shared {
    acceptor: TlsAcceptor,
    builder: auto::Builder<TokioExecutor>,
    server: Arc<ApiServer>,
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((socket, _)) => Some((socket, place)),
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(Duration::from_millis(100)).await;
            None
        }
    }
}

fn builder(limits: &Limits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.handshake)
        .max_buf_size(limits.header_bytes as usize * 2);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(limits.header_bytes)
        .initial_stream_window_size(256 * 1024)
        .initial_connection_window_size(1024 * 1024)
        .max_frame_size(64 * 1024)
        .max_send_buf_size(512 * 1024)
        .keep_alive_interval(Some(Duration::from_secs(30)))
        .keep_alive_timeout(Duration::from_secs(30));
    builder
}

async fn connection(socket: TcpStream, shared: &Shared, watcher: hyper_util::server::graceful::Watcher) {
    let Shared {
        acceptor,
        builder,
        server,
    } = shared;
    let handshake = server.limits().handshake;
    let address = socket.peer_addr().ok();
    // Watch events are small and should leave at once.
    let _ = socket.set_nodelay(true);
    let tls = match tokio::time::timeout(handshake, acceptor.accept(socket)).await {
        Ok(Ok(tls)) => tls,
        Ok(Err(error)) => {
            server.metrics().tls_handshake_failed();
            tracing::debug!(?address, %error, "TLS handshake failed");
            return;
        }
        Err(_) => return server.metrics().tls_handshake_failed(),
    };
    let certificates = tls
        .get_ref()
        .1
        .peer_certificates()
        .unwrap_or_default()
        .iter()
        .map(|c| c.clone().into_owned());
    let peer = Arc::new(Peer {
        address,
        certificates: certificates.collect(),
    });
    let server = Arc::clone(server);
    let service = service_fn(move |request: http::Request<Incoming>| {
        let (server, peer) = (Arc::clone(&server), Arc::clone(&peer));
        async move { Ok::<Response, Infallible>(handle(&server, request, &peer).await) }
    });
    let served = builder.serve_connection_with_upgrades(TokioIo::new(tls), service);
    if let Err(error) = watcher.watch(served.into_owned()).await {
        tracing::debug!(?address, error, "connection ended");
    }
}

async fn handle(server: &ApiServer, request: http::Request<Incoming>, peer: &Peer) -> Response {
    let request = request.map(|body| body.map_err(|e| -> BodyError { Box::new(e) }).boxed_unsync());
    server.handle(request, peer).await
}
