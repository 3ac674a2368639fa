//! Puts together who may do what: authentication, authorization and admission over one cache.

use std::sync::Arc;

use jiff::Timestamp;

use super::config::Config;
use super::start::StartError;
use crate::admission::chain::{Chain as Plugins, PluginNames};
use crate::auth::Authorizer;
use crate::authn::Authentication;
use crate::authn::gate::Gate;
use crate::authn::jws::SigningKey;
use crate::authn::service_account::TokenIssuer;
use crate::authz::node::NodeAuthorizer;
use crate::authz::rbac::Rbac;
use crate::authz::{Chain, feed};
use crate::bootstrap;
use crate::cache::Cache;
use crate::known::Known;
use crate::pki::Pki;
use crate::resources::Registry;
use crate::reviews;
use crate::serve::access::{Admission, Authenticator};
use crate::verbs::virtuals::Virtuals;

/// The assembled parts.
pub(super) struct Guard {
    pub(super) authenticator: Arc<dyn Authenticator>,
    pub(super) authorizer: Arc<dyn Authorizer>,
    pub(super) admission: Arc<dyn Admission>,
    pub(super) virtuals: Virtuals,
}

/// Makes the objects that every cluster has, fills the authorizers' indices and assembles the rest.
pub(super) async fn assemble(
    config: &Config,
    cache: &Cache,
    registry: &Registry,
    pki: &Pki,
    clock: fn() -> Timestamp,
) -> Result<Guard, StartError> {
    bootstrap::ensure(cache, registry, clock(), new_uid).await?;
    let known = Known::new(cache.clone(), registry);
    let rbac = Arc::new(Rbac::default());
    let nodes = Arc::new(NodeAuthorizer::new(bootstrap::node_rules()));
    feed::follow(&known, &rbac, &nodes).await?;
    let authorizer: Arc<dyn Authorizer> =
        Arc::new(Chain(vec![nodes, Arc::clone(&rbac) as Arc<dyn Authorizer>]));
    let authentication = Arc::new(Authentication {
        tokens: Arc::new(issuer(config, pki)?),
        bootstrap: true,
        objects: Arc::new(known.clone()),
    });
    let admission = Plugins {
        cluster: Arc::new(known.clone()),
        enabled: PluginNames::default().resolve().unwrap_or_default(),
        authorizer: Arc::clone(&authorizer),
        rbac: Arc::clone(&rbac),
        suffix: new_suffix,
    };
    let virtuals = reviews::answers(&authentication, &authorizer, &rbac, &known);
    let gate = Gate {
        authentication,
        authorizer: Arc::clone(&authorizer),
        anonymous: true,
        clock,
    };
    Ok(Guard {
        authenticator: Arc::new(gate),
        authorizer,
        admission: Arc::new(admission),
        virtuals,
    })
}

fn issuer(config: &Config, pki: &Pki) -> Result<TokenIssuer, StartError> {
    let issuer = format!("https://kubernetes.default.svc.{}", config.cluster_domain);
    let key = SigningKey::from_pem(&pki.service_account_key, &pki.service_account_public)
        .map_err(StartError::ServiceAccountKey)?;
    Ok(TokenIssuer {
        audiences: vec![issuer.clone()],
        issuer,
        key,
        older_keys: Vec::new(),
    })
}

/// A random uid.
pub(crate) fn new_uid() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// Five random characters that no word can be made of, as names get them.
fn new_suffix() -> String {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    (0..5)
        .map(|_| char::from(LETTERS[fastrand::usize(..LETTERS.len())]))
        .collect()
}
