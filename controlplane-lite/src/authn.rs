//! Authentication: who stands behind a request.
//!
//! In the reference's order: client certificate, then bearer token (service account, bootstrap), then anonymous.
//! A credential that is shown and wrong is refused; it never falls through to anonymous.
//!
//! Invariant: no secret goes into an error, a log line or a [`User`].

pub mod bootstrap_token;
pub mod gate;
pub mod jws;
pub mod service_account;
pub mod x509;

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use crate::auth::User;
use bootstrap_token::BootstrapToken;
use service_account::TokenIssuer;

/// Reads objects that credentials refer to. Called for every request with a token: it must answer from memory.
pub trait Objects: Send + Sync {
    /// The object of a core/v1 resource, if it exists.
    fn object(&self, resource: &str, namespace: &str, name: &str) -> Option<Value>;
}

/// Why a credential is refused. All variants are answered with 401; the text is for `TokenReview` and logs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthnError {
    /// The certificate names no user.
    #[error("client certificate has no common name")]
    NameInCertificate,
    /// The token has no form that we know.
    #[error("invalid bearer token")]
    UnknownToken,
    /// A signed token is not acceptable.
    #[error("invalid bearer token, {0}")]
    Token(#[from] service_account::TokenError),
    /// A bootstrap token is not acceptable.
    #[error("invalid bearer token, {0}")]
    Bootstrap(&'static str),
}

/// Tells users from credentials.
pub struct Authentication {
    /// Issues and checks service-account tokens.
    pub tokens: Arc<TokenIssuer>,
    /// Whether bootstrap tokens are taken (`--enable-bootstrap-token-auth`).
    pub bootstrap: bool,
    /// Where the objects are that tokens refer to.
    pub objects: Arc<dyn Objects>,
}

impl std::fmt::Debug for Authentication {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authentication")
            .field("bootstrap", &self.bootstrap)
            .finish_non_exhaustive()
    }
}

impl Authentication {
    /// The user behind the credentials of a request: the client certificate (DER) that TLS has verified against the
    /// client authority, and the `Authorization` header. `None` when the request shows no credential.
    ///
    /// # Errors
    /// A credential is shown and is not acceptable.
    pub fn authenticate(
        &self,
        certificate: Option<&[u8]>,
        authorization: Option<&str>,
        now: Timestamp,
    ) -> Result<Option<User>, AuthnError> {
        if let Some(certificate) = certificate {
            return x509::user(certificate).map(Some);
        }
        let Some(token) = authorization.and_then(bearer) else {
            return Ok(None);
        };
        self.token(token, &[], now).map(Some)
    }

    /// The user of a bearer token that is meant for one of `audiences`; empty means this API server.
    ///
    /// # Errors
    /// The token is not acceptable.
    pub fn token(&self, token: &str, audiences: &[String], now: Timestamp) -> Result<User, AuthnError> {
        if let Some(bootstrap) = BootstrapToken::parse(token) {
            if !self.bootstrap {
                return Err(AuthnError::UnknownToken);
            }
            return bootstrap.user(&*self.objects, now).map_err(AuthnError::Bootstrap);
        }
        if token.split('.').count() != 3 {
            return Err(AuthnError::UnknownToken);
        }
        Ok(self.tokens.verify(token, audiences, &*self.objects, now)?.user())
    }
}

/// The token of an `Authorization: Bearer …` header; any other scheme is no credential of ours.
fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.trim().split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}
