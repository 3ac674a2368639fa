//! The node's status for local readers: HTTP on a Unix socket that only root may open.
//!
//! `GET /pods` answers a PodList, `GET /healthz` answers `ok`. Read-only; the kubelet's HTTPS API is another
//! thing and comes with a later part.

use std::convert::Infallible;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::{List, apimachinery::pkg::apis::meta::v1::ListMeta};
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::board::Board;

/// How long a reader may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(10);
/// Wait after the kernel refused a connection (no file descriptor left).
const REFUSED: Duration = Duration::from_millis(100);

/// Opens the socket. A socket file that nobody listens on any more is replaced.
pub(super) fn listen(path: &Path) -> io::Result<UnixListener> {
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir)?;
    }
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        return Err(io::Error::from(io::ErrorKind::AddrInUse));
    }
    let _ = fs::remove_file(path);
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Serves until `stop` is cancelled.
pub(super) async fn serve(listener: UnixListener, board: Arc<Board>, stop: CancellationToken) {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let (board, stop) = (board.clone(), stop.clone());
                tokio::spawn(async move {
                    tokio::select! {
                        () = stop.cancelled() => {}
                        () = converse(stream, board) => {}
                    }
                });
            }
            Err(error) => {
                debug!(%error, "status connection refused");
                tokio::time::sleep(REFUSED).await;
            }
        }
    }
}

async fn converse(stream: UnixStream, board: Arc<Board>) {
    let service = hyper::service::service_fn(|request| {
        let answer = answer(&request, &board);
        async move { Ok::<_, Infallible>(answer) }
    });
    let conversation = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = conversation.await {
        debug!(%error, "status connection ended early");
    }
}

fn answer(request: &Request<Incoming>, board: &Board) -> Response<Full<Bytes>> {
    route(request.method(), request.uri().path(), board)
}

fn route(method: &Method, path: &str, board: &Board) -> Response<Full<Bytes>> {
    let (status, kind, body) = match (method, path) {
        (&Method::GET, "/healthz") => (
            StatusCode::OK,
            "text/plain; charset=utf-8",
            Bytes::from_static(b"ok"),
        ),
        (&Method::GET, "/pods") => {
            let list = List::<Pod> {
                items: board.pods(),
                metadata: ListMeta::default(),
            };
            match serde_json::to_vec(&list) {
                Ok(body) => (StatusCode::OK, "application/json", body.into()),
                Err(error) => (
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "text/plain",
                    error.to_string().into(),
                ),
            }
        }
        (&Method::GET, _) => (
            StatusCode::NOT_FOUND,
            "text/plain",
            Bytes::from_static(b"not found"),
        ),
        _ => (
            StatusCode::METHOD_NOT_ALLOWED,
            "text/plain",
            Bytes::from_static(b"read only"),
        ),
    };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_paths_are_answered_and_nothing_is_written() {
        let board = Board::default();
        let status = |method: Method, path: &str| route(&method, path, &board).status().as_u16();
        assert_eq!(status(Method::GET, "/pods"), 200);
        assert_eq!(status(Method::GET, "/healthz"), 200);
        assert_eq!(status(Method::GET, "/pods/x"), 404);
        assert_eq!(status(Method::DELETE, "/pods"), 405);
    }

    #[tokio::test]
    async fn a_socket_in_use_is_refused_and_a_dead_one_replaced() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("run/node.sock");
        let first = listen(&path).expect("opened");
        assert_eq!(
            listen(&path).expect_err("in use").kind(),
            io::ErrorKind::AddrInUse
        );
        drop(first);
        listen(&path).expect("replaced");
    }
}
