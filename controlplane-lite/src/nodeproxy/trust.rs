//! The TLS of outgoing connections.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::{DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};

use super::NodeProxy;
use crate::pki::Identity;

/// Whom kubelets must be vouched for by (`--kubelet-certificate-authority`).
#[derive(Debug, Clone)]
pub enum Trust {
    /// These authorities, PEM.
    Authorities(String),
    /// Nobody: kubelets with certificates that they made themselves.
    Anyone,
}

/// Why outgoing TLS cannot be set up. A person must mend the files.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// A PEM text holds nothing usable.
    #[error("read the {0} from its PEM text")]
    Pem(&'static str, #[source] rustls_pki_types::pem::Error),
    /// The library refuses the certificate, key or authority.
    #[error("use the kubelet client certificate and its key")]
    Rustls(#[from] rustls::Error),
}

impl NodeProxy {
    /// Connections that show `identity` to kubelets.
    ///
    /// # Errors
    /// See [`TrustError`].
    pub fn new(identity: &Identity, trust: &Trust) -> Result<Self, TrustError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = || {
            rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
                .with_safe_default_protocol_versions()
        };
        let anyone = || Arc::new(Anyone(Arc::clone(&provider)));
        let chain = certificates(&identity.certificate, "kubelet client certificate")?;
        let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes())
            .map_err(|e| TrustError::Pem("kubelet client key", e))?;
        let kubelet = match trust {
            Trust::Authorities(pem) => {
                let mut roots = RootCertStore::empty();
                for authority in certificates(pem, "kubelet certificate authority")? {
                    roots.add(authority)?;
                }
                builder()?.with_root_certificates(roots)
            }
            Trust::Anyone => builder()?.dangerous().with_custom_certificate_verifier(anyone()),
        };
        let unchecked = builder()?
            .dangerous()
            .with_custom_certificate_verifier(anyone())
            .with_no_client_auth();
        Ok(Self {
            kubelet: Arc::new(kubelet.with_client_auth_cert(chain, key)?),
            unchecked: Arc::new(unchecked),
        })
    }
}

fn certificates(pem: &str, what: &'static str) -> Result<Vec<CertificateDer<'static>>, TrustError> {
    CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|e| TrustError::Pem(what, e))
}

/// Takes every certificate whose key the server has.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
