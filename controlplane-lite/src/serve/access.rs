//! The seams of "who may" that need the request or the object: authentication and admission as traits.
//!
//! The server asks authenticator, authorizer ([`crate::auth::Authorizer`]) and admission in this order. The
//! implementations here are the smallest that are safe: [`Certificates`] knows verified client certificates only,
//! [`AdmitAll`] leaves objects alone.

use std::net::SocketAddr;
use std::sync::Arc;

use http::request::Parts;
use serde_json::Value;

use crate::auth::{Attributes, Target, User};
use crate::authn::x509;
use crate::resource::Resource;
use crate::status::{GroupResource, Result, Status};

/// The other end of a connection.
#[derive(Debug, Clone, Default)]
pub struct Peer {
    /// Address.
    pub address: Option<SocketAddr>,
    /// The client's certificate chain (DER), verified against the client authority; empty without one.
    pub certificates: Arc<[rustls_pki_types::CertificateDer<'static>]>,
}

/// Finds out who asks.
#[tonic::async_trait]
pub trait Authenticator: Send + Sync + 'static {
    /// `None`: no credentials that this one knows.
    ///
    /// # Errors
    /// 401 for credentials that are wrong.
    async fn authenticate(&self, parts: &Parts, peer: &Peer) -> Result<Option<User>>;
}

/// What is being done to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // the names say it
pub enum Operation {
    Create,
    Update,
    Delete,
    Connect,
}

/// A write as admission sees it.
#[derive(Debug)]
pub struct Review<'a> {
    /// Create, update, delete or connect.
    pub operation: Operation,
    /// The resource's row.
    pub resource: &'a Resource,
    /// Subresource or empty.
    pub subresource: &'a str,
    /// Namespace or empty.
    pub namespace: &'a str,
    /// Name; empty where it is still to be generated.
    pub name: &'a str,
    /// Who.
    pub user: &'a User,
    /// Nothing is to be kept.
    pub dry_run: bool,
    /// The object as stored (update, delete).
    pub old: Option<&'a Value>,
    /// Texts for `Warning` headers.
    pub warnings: &'a parking_lot::Mutex<Vec<String>>,
}

/// Changes and refuses writes between decoding and storing.
#[tonic::async_trait]
pub trait Admission: Send + Sync + 'static {
    /// May change the object (null for deletes).
    ///
    /// # Errors
    /// Mostly 403.
    async fn mutate(&self, review: &Review<'_>, object: &mut Value) -> Result<()>;

    /// Sees the object after defaulting and mutation.
    ///
    /// # Errors
    /// Mostly 403.
    async fn validate(&self, review: &Review<'_>, object: &Value) -> Result<()>;
}

/// The user is the subject of the verified client certificate.
#[derive(Debug, Clone, Copy, Default)]
pub struct Certificates;

/// Objects pass as they are.
#[derive(Debug, Clone, Copy, Default)]
pub struct AdmitAll;

#[tonic::async_trait]
impl Authenticator for Certificates {
    async fn authenticate(&self, _parts: &Parts, peer: &Peer) -> Result<Option<User>> {
        let Some(leaf) = peer.certificates.first() else {
            return Ok(None);
        };
        x509::user(leaf).map(Some).map_err(|_| Status::unauthorized())
    }
}

#[tonic::async_trait]
impl Admission for AdmitAll {
    async fn mutate(&self, _review: &Review<'_>, _object: &mut Value) -> Result<()> {
        Ok(())
    }

    async fn validate(&self, _review: &Review<'_>, _object: &Value) -> Result<()> {
        Ok(())
    }
}

/// The answer to a request that is not allowed, in the words of the reference.
pub fn refusal(attributes: &Attributes, reason: &str) -> Status {
    let why = match reason {
        "" => attributes.refusal(),
        reason => format!("{}: {reason}", attributes.refusal()),
    };
    match &attributes.target {
        Target::Path(_) => Status::forbidden(GroupResource::new("", ""), "", why),
        Target::Resource {
            group,
            resource,
            name,
            ..
        } => Status::forbidden(GroupResource::new(group, resource), name, why),
    }
}
