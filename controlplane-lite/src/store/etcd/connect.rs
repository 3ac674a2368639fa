//! Connections to the members of an etcd cluster: TLS, and which member is asked.
//!
//! Invariant: one member is asked until it fails, then the next one. A call that only reads is repeated on
//! another member; whether a write may be repeated is the caller's decision.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint, Uri};
use tonic::{Code, Response, Status};

use crate::store::{Result, StoreError};

/// Certificates for TLS with etcd, as PEM.
#[derive(Clone)]
pub struct EtcdTls {
    /// Authorities that etcd's certificate is checked against.
    pub ca: Vec<u8>,
    /// Our certificate chain.
    pub certificate: Vec<u8>,
    /// Its key.
    pub key: Vec<u8>,
}

impl std::fmt::Debug for EtcdTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EtcdTls")
    }
}

/// Time limits of calls to etcd.
#[derive(Debug, Clone, Copy)]
pub struct EtcdTimes {
    /// To connect to a member.
    pub connect: Duration,
    /// For one attempt of a call.
    pub attempt: Duration,
    /// For all attempts of a call together.
    pub call: Duration,
    /// Between two signs of life on a connection.
    pub keep_alive: Duration,
}

impl Default for EtcdTimes {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(2),
            attempt: Duration::from_secs(4),
            call: Duration::from_secs(20),
            keep_alive: Duration::from_secs(5),
        }
    }
}

struct Member {
    name: String,
    channel: Channel,
}

/// The members of a cluster.
pub(super) struct Members {
    list: Vec<Member>,
    current: AtomicUsize,
    pub(super) times: EtcdTimes,
}

impl Members {
    /// Prepares connections; they are made when they are needed.
    pub(super) fn new(endpoints: &[String], tls: Option<&EtcdTls>, times: EtcdTimes) -> Result<Self> {
        let place = endpoints.join(",");
        let open = |reason: String| StoreError::Open {
            place: place.clone(),
            reason,
        };
        if endpoints.is_empty() {
            return Err(open("no endpoint is given".to_owned()));
        }
        let config = tls.map(client_config).transpose().map_err(open)?.map(Arc::new);
        let member = |endpoint: &String| {
            let channel = channel(endpoint, config.clone(), times)?;
            Ok(Member {
                name: endpoint.clone(),
                channel,
            })
        };
        let list = endpoints
            .iter()
            .map(member)
            .collect::<Result<_, String>>()
            .map_err(open)?;
        Ok(Self {
            list,
            current: AtomicUsize::new(0),
            times,
        })
    }

    pub(super) fn place(&self) -> String {
        self.list
            .iter()
            .map(|m| m.name.as_str())
            .collect::<Vec<_>>()
            .join(",")
    }

    /// The member to ask, with its number.
    pub(super) fn current(&self) -> (usize, Channel) {
        let number = self.current.load(Ordering::Relaxed) % self.list.len();
        (number, self.list[number].channel.clone())
    }

    /// Member `number` failed: ask the next one, unless somebody moved on already.
    pub(super) fn leave(&self, number: usize) {
        let next = (number + 1) % self.list.len();
        // Losing this race means that the choice was made.
        let _ = self
            .current
            .compare_exchange(number, next, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Asks one member once.
    pub(super) async fn attempt<T, F, Fut>(&self, rpc: F) -> Result<T, Status>
    where
        F: FnOnce(Channel) -> Fut,
        Fut: Future<Output = Result<Response<T>, Status>>,
    {
        let (number, channel) = self.current();
        let answer = match tokio::time::timeout(self.times.attempt, rpc(channel)).await {
            Ok(answer) => answer.map(Response::into_inner),
            Err(_) => Err(Status::deadline_exceeded("no answer in time")),
        };
        if answer.as_ref().is_err_and(is_transient) {
            self.leave(number);
        }
        answer
    }

    /// Asks until a member answers; only for calls that may be repeated.
    pub(super) async fn read<T, F, Fut>(&self, rpc: F) -> Result<T, Status>
    where
        F: Fn(Channel) -> Fut,
        Fut: Future<Output = Result<Response<T>, Status>>,
    {
        let deadline = Instant::now() + self.times.call;
        let mut pause = Backoff::default();
        loop {
            match self.attempt(&rpc).await {
                Err(status) if is_transient(&status) && Instant::now() < deadline => pause.wait().await,
                answer => return answer,
            }
        }
    }
}

/// Growing pauses with jitter.
#[derive(Debug, Default)]
pub(super) struct Backoff(u32);

impl Backoff {
    pub(super) async fn wait(&mut self) {
        let full = Duration::from_millis(20 << self.0.min(5));
        self.0 += 1;
        tokio::time::sleep(full.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
    }
}

/// Whether another member, or the same one a little later, may give a real answer.
pub(super) fn is_transient(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::Unavailable
            | Code::DeadlineExceeded
            | Code::Unknown
            | Code::Cancelled
            | Code::Internal
            | Code::Aborted
    )
}

fn channel(endpoint: &str, tls: Option<Arc<ClientConfig>>, times: EtcdTimes) -> Result<Channel, String> {
    let uri: Uri = endpoint
        .parse()
        .map_err(|e| format!("{endpoint} is no address: {e}"))?;
    let host = uri.host().ok_or_else(|| format!("{endpoint} has no host"))?;
    let port = uri.port_u16().unwrap_or(2379);
    let tls = match (uri.scheme_str(), tls) {
        (Some("http"), _) => None,
        (Some("https"), Some(config)) => Some(config),
        (Some("https"), None) => return Err(format!("{endpoint} needs certificates")),
        _ => return Err(format!("{endpoint} does not begin with http:// or https://")),
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let name = ServerName::try_from(bare.clone()).map_err(|e| format!("{host} is no host name: {e}"))?;
    let connector = tower::service_fn(move |_: Uri| connect(bare.clone(), port, name.clone(), tls.clone()));
    // TLS is done by the connector, so the channel itself must not want it.
    let endpoint = Endpoint::from_shared(format!("http://{host}:{port}")).map_err(|e| e.to_string())?;
    let endpoint = endpoint
        .connect_timeout(times.connect)
        .http2_keep_alive_interval(times.keep_alive)
        .keep_alive_timeout(times.keep_alive)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(4 << 20);
    Ok(endpoint.connect_with_connector_lazy(connector))
}

/// A byte stream to a member, with or without TLS.
trait ByteStream: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin {}
impl<T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin> ByteStream for T {}

async fn connect(
    host: String,
    port: u16,
    name: ServerName<'static>,
    tls: Option<Arc<ClientConfig>>,
) -> std::io::Result<TokioIo<Box<dyn ByteStream>>> {
    let stream = TcpStream::connect((host.as_str(), port)).await?;
    stream.set_nodelay(true)?;
    let stream: Box<dyn ByteStream> = match tls {
        Some(config) => Box::new(TlsConnector::from(config).connect(name, stream).await?),
        None => Box::new(stream),
    };
    Ok(TokioIo::new(stream))
}

fn client_config(tls: &EtcdTls) -> Result<ClientConfig, String> {
    let certificates = |pem: &[u8], of: &str| {
        let list: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        list.map_err(|e| format!("the {of} certificate cannot be read: {e}"))
    };
    let mut roots = rustls::RootCertStore::empty();
    for certificate in certificates(&tls.ca, "authority's")? {
        roots
            .add(certificate)
            .map_err(|e| format!("the authority's certificate cannot be used: {e}"))?;
    }
    let chain = certificates(&tls.certificate, "client")?;
    let key =
        PrivateKeyDer::from_pem_slice(&tls.key).map_err(|e| format!("the client key cannot be read: {e}"))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .map_err(|e| format!("the client certificate cannot be used: {e}"))?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}
