//! The TLS side of the listener: TLS 1.2 and 1.3, HTTP/2 by ALPN, client certificates asked for but not demanded
//! (tokens come without one; who may go on is decided per request).

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// Why the listener cannot speak TLS. All of them need a person.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A PEM text holds nothing usable.
    #[error("read the {0} from its PEM text")]
    Pem(&'static str, #[source] rustls_pki_types::pem::Error),
    /// The library refuses the certificate, key or authority.
    #[error("use the serving certificate and its key")]
    Rustls(#[from] rustls::Error),
    /// The client authority cannot be used.
    #[error("use the client certificate authority")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
}

/// Makes the configuration from PEM texts: certificate chain, key, client authorities.
///
/// # Errors
/// See [`TlsError`].
pub fn config(chain: &str, key: &str, client_ca: &str) -> Result<Arc<rustls::ServerConfig>, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let chain = certificates(chain, "serving certificate")?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|e| TlsError::Pem("serving key", e))?;
    let mut roots = RootCertStore::empty();
    for authority in certificates(client_ca, "client certificate authority")? {
        roots.add(authority)?;
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .allow_unauthenticated()
        .build()?;
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn certificates(pem: &str, what: &'static str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|e| TlsError::Pem(what, e))
}
