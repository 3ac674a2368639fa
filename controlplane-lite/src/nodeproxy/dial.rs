//! Opens the connection, sends the request, and joins the two ends of an upgrade.

use std::time::Duration;

use http::header::{AUTHORIZATION, CONNECTION, HOST, TRANSFER_ENCODING, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::BodyExt;
use hyper::client::conn::http1;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{Destination, NodeProxy, Security};
use crate::serve::{Body, BodyError, Response, body};
use crate::status::{Result, Status};

/// Connecting and the TLS handshake together.
const DIAL_TIMEOUT: Duration = Duration::from_secs(10);

/// Headers about the connection, not the message (RFC 9110, 7.6.1), and those that are for us.
const NOT_FORWARDED: &[&str] = &[
    "authorization",
    "connection",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

impl NodeProxy {
    /// Sends the request to its destination and answers with what comes back.
    pub(super) async fn send(&self, to: Destination, mut parts: Parts, body: Body) -> Result<Response> {
        let failed =
            |why: &str| Status::unavailable(format!("error dialing backend: {}:{}: {why}", to.host, to.port));
        let stream = match tokio::time::timeout(DIAL_TIMEOUT, self.dial(&to)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(failed(&error.to_string())),
            Err(_) => return Err(failed("the connection timed out")),
        };
        let (mut sender, connection) = http1::handshake::<_, Body>(TokioIo::new(stream))
            .await
            .map_err(|e| failed(&e.to_string()))?;
        // Ends with the answer's body, or when the upgrade is taken over.
        tokio::spawn(async move {
            if let Err(error) = connection.with_upgrades().await {
                tracing::debug!(%error, "a connection to a node ended");
            }
        });
        let client = parts.extensions.remove::<OnUpgrade>();
        let request = request(&to, &parts, body)?;
        let response = sender
            .send_request(request)
            .await
            .map_err(|e| failed(&e.to_string()))?;
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return join(client, response);
        }
        let (mut head, content) = response.into_parts();
        head.headers = forwarded(&head.headers);
        Ok(Response::from_parts(
            head,
            content.map_err(|e| -> BodyError { Box::new(e) }).boxed_unsync(),
        ))
    }

    async fn dial(&self, to: &Destination) -> std::io::Result<Box<dyn Stream>> {
        let socket = TcpStream::connect((to.host.as_str(), to.port)).await?;
        // Interactive sessions send single keys.
        let _ = socket.set_nodelay(true);
        let config = match to.security {
            Security::Plain => return Ok(Box::new(socket)),
            Security::Kubelet => &self.kubelet,
            Security::Unchecked => &self.unchecked,
        };
        let name = ServerName::try_from(to.host.clone()).map_err(std::io::Error::other)?;
        let tls = TlsConnector::from(std::sync::Arc::clone(config))
            .connect(name, socket)
            .await?;
        Ok(Box::new(tls))
    }
}

fn forwarded(headers: &HeaderMap) -> HeaderMap {
    let kept = |name: &str| !NOT_FORWARDED.contains(&name) && !name.starts_with("impersonate-");
    headers
        .iter()
        .filter(|(name, _)| kept(name.as_str()))
        .map(|(n, v)| (n.clone(), v.clone()))
        .collect()
}

fn request(to: &Destination, parts: &Parts, body: Body) -> Result<http::Request<Body>> {
    let mut out = http::Request::new(body);
    *out.method_mut() = parts.method.clone();
    *out.uri_mut() = to.uri()?.into();
    let headers = out.headers_mut();
    *headers = forwarded(&parts.headers);
    let host = format!("{}:{}", to.host, to.port);
    let host = HeaderValue::from_str(&host).map_err(|e| Status::bad_request(e.to_string()))?;
    headers.insert(HOST, host);
    if let Some(protocol) = parts.headers.get(UPGRADE) {
        headers.insert(UPGRADE, protocol.clone());
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    } else if parts.headers.contains_key(TRANSFER_ENCODING) {
        headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    debug_assert!(!headers.contains_key(AUTHORIZATION));
    Ok(out)
}

/// Both sides have agreed: bytes are copied both ways until one of them closes.
fn join(client: Option<OnUpgrade>, response: http::Response<hyper::body::Incoming>) -> Result<Response> {
    let client = client.ok_or_else(|| Status::bad_request("Upgrade request required"))?;
    let mut answer = http::Response::new(body::empty());
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *answer.headers_mut() = forwarded(response.headers());
    if let Some(protocol) = response.headers().get(UPGRADE) {
        answer.headers_mut().insert(UPGRADE, protocol.clone());
    }
    answer
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    tokio::spawn(async move {
        let (client, backend) = match tokio::try_join!(client, hyper::upgrade::on(response)) {
            Ok(ends) => ends,
            Err(error) => return tracing::debug!(%error, "an upgrade was not taken up"),
        };
        let (mut client, mut backend) = (TokioIo::new(client), TokioIo::new(backend));
        if let Err(error) = tokio::io::copy_bidirectional(&mut client, &mut backend).await {
            tracing::debug!(%error, "a session ended");
        }
    });
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(headers: &[(&'static str, &'static str)]) -> Parts {
        let mut request = http::Request::builder().method("GET").uri("/x");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).expect("a request").into_parts().0
    }

    #[test]
    fn credentials_stay_here_and_upgrades_go_on() {
        let to = Destination {
            host: "10.0.0.1".into(),
            port: 10250,
            security: Security::Kubelet,
            path: "/exec/a/b/c?command=x".into(),
        };
        let incoming = parts(&[
            ("authorization", "Bearer secret"),
            ("impersonate-user", "x"),
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-key", "k"),
        ]);
        let sent = request(&to, &incoming, body::empty()).expect("a request");
        assert_eq!(sent.uri(), "/exec/a/b/c?command=x");
        let header = |name: &str| sent.headers().get(name).and_then(|v| v.to_str().ok());
        assert_eq!(
            (header("authorization"), header("impersonate-user")),
            (None, None)
        );
        assert_eq!(
            (header("upgrade"), header("connection")),
            (Some("websocket"), Some("Upgrade"))
        );
        assert_eq!(
            (header("host"), header("sec-websocket-key")),
            (Some("10.0.0.1:10250"), Some("k"))
        );
    }
}
