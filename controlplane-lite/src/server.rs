//! The API server: from a request to an answer, whatever it came over.
//!
//! Expected flow of [`ApiServer::handle`]: read the request line ([`RequestInfo`]), take a place among the requests
//! in flight, authenticate, authorize, then either answer a plain path (`paths`) or run a verb
//! ([`crate::verbs::dispatch`]). Whatever fails becomes a `Status`.
//!
//! Guarantees: every request is counted, bounded in time (but for watches and connections) and answered; a panic
//! of a handler costs its own connection only.

pub mod config;
pub(crate) mod guard;
pub mod local;
mod own_service;
mod paths;
pub mod start;

use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use futures_util::future::BoxFuture;
use http::Method;
use http::request::Parts;
use jiff::Timestamp;

use crate::auth::{Attributes, Authorizer, Decision, Target as AuthTarget, User};
use crate::cache::Cache;
use crate::metrics::Metrics;
use crate::resources::Registry;
use crate::serve::access::{Admission, Authenticator, Peer, refusal};
use crate::serve::info::{RequestInfo, Target};
use crate::serve::limits::{InFlight, Limits};
use crate::serve::query::Query;
use crate::serve::respond::{self, Encoding};
use crate::serve::{Body, Request, Response, negotiate};
use crate::status::{Result, Status};
use crate::verbs;

#[cfg(test)]
pub(crate) mod tests;

/// What `/version` and every component say.
pub const GIT_VERSION: &str = "v1.36.3+agent.1";

/// The parts that a server is put together from.
pub struct Assembly {
    /// Objects.
    pub cache: Cache,
    /// Served resources.
    pub registry: Registry,
    /// Who asks.
    pub authenticator: Arc<dyn Authenticator>,
    /// Who may.
    pub authorizer: Arc<dyn Authorizer>,
    /// Changes and refuses writes.
    pub admission: Arc<dyn Admission>,
    /// Bounds.
    pub limits: Limits,
    /// Answers for resources and subresources that are no stored objects, by group and `resource[/subresource]`.
    pub virtuals: verbs::virtuals::Virtuals,
    /// Service addresses and node ports.
    pub services: verbs::service::Ranges,
    /// Connections to kubelets, pods and services.
    pub nodes: crate::nodeproxy::NodeProxy,
    /// `host:port` that clients outside the cluster use.
    pub address: String,
    /// The time; an input so that tests can stop it.
    pub clock: fn() -> Timestamp,
}

/// A request taken apart.
pub(crate) struct Incoming {
    pub(crate) parts: Parts,
    pub(crate) query: Query,
    pub(crate) body: Body,
}

/// The server.
pub struct ApiServer {
    pub(crate) cache: Cache,
    registry: ArcSwap<Registry>,
    authenticator: Arc<dyn Authenticator>,
    pub(crate) authorizer: Arc<dyn Authorizer>,
    pub(crate) admission: Arc<dyn Admission>,
    limits: Limits,
    in_flight: InFlight,
    metrics: Metrics,
    pub(crate) virtuals: verbs::virtuals::Virtuals,
    pub(crate) services: verbs::service::Allocator,
    pub(crate) nodes: crate::nodeproxy::NodeProxy,
    address: String,
    clock: fn() -> Timestamp,
    pub(crate) health: crate::health::Health,
}

impl ApiServer {
    /// Puts a server together.
    pub fn new(parts: Assembly) -> Arc<Self> {
        Arc::new(Self {
            services: verbs::service::Allocator::new(parts.services),
            in_flight: InFlight::new(&parts.limits),
            registry: ArcSwap::from_pointee(parts.registry),
            cache: parts.cache,
            authenticator: parts.authenticator,
            authorizer: parts.authorizer,
            admission: parts.admission,
            limits: parts.limits,
            metrics: Metrics::default(),
            virtuals: parts.virtuals,
            nodes: parts.nodes,
            address: parts.address,
            clock: parts.clock,
            health: crate::health::Health::default(),
        })
    }

    /// Bounds.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Counters.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The resources that are served now.
    pub fn registry(&self) -> Arc<Registry> {
        self.registry.load_full()
    }

    /// The objects.
    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Reads and writes being answered.
    pub fn requests_in_flight(&self) -> (usize, usize) {
        let (reads, writes) = self.in_flight.free();
        (self.limits.reads - reads, self.limits.writes - writes)
    }

    /// Where the time comes from.
    pub fn clock(&self) -> fn() -> Timestamp {
        self.clock
    }

    /// The present time.
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Answers one request. Boxed, since the future of all verbs is large and its type deeper than the compiler
    /// can show to be `Send` for every lifetime.
    pub fn handle<'a>(&'a self, request: Request, peer: &'a Peer) -> BoxFuture<'a, Response> {
        Box::pin(self.answer_request(request, peer))
    }

    /// Answers a request of a component in the same process, whose identity needs no proof.
    pub fn handle_as(&self, request: Request, user: User) -> BoxFuture<'_, Response> {
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let query = Query::parse(parts.uri.query().unwrap_or_default());
            let encoding = error_encoding(&parts, &query);
            let answer = async {
                let info = RequestInfo::parse(&parts.method, parts.uri.path(), &query)?;
                self.authorize(&info, &user, &query)?;
                self.answer(&info, Incoming { parts, query, body }, user).await
            };
            answer
                .await
                .unwrap_or_else(|status| respond::status(&status, encoding))
        })
    }

    async fn answer_request(&self, request: Request, peer: &Peer) -> Response {
        #[allow(clippy::disallowed_methods)] // the edge: how long the answer takes is measured here
        let started = Instant::now();
        let (parts, body) = request.into_parts();
        let query = Query::parse(parts.uri.query().unwrap_or_default());
        let encoding = error_encoding(&parts, &query);
        let info = match RequestInfo::parse(&parts.method, parts.uri.path(), &query) {
            Ok(info) => info,
            Err(status) => return respond::status(&status, encoding),
        };
        let method = parts.method.clone();
        let incoming = Incoming { parts, query, body };
        let mut response = match self.admit(&info, incoming, peer).await {
            Ok(response) => response,
            Err(status) => respond::status(&status, encoding),
        };
        if method == Method::HEAD {
            *response.body_mut() = crate::serve::body::empty();
        }
        self.metrics
            .request(&info, response.status().as_u16(), started.elapsed());
        response
    }

    /// Limits, then authentication and authorization, then the answer within the deadline.
    async fn admit(&self, info: &RequestInfo, incoming: Incoming, peer: &Peer) -> Result<Response> {
        let long = info.is_long_running();
        let write = !matches!(info.verb, "get" | "list" | "watch" | "head" | "options");
        let place = if long {
            None
        } else {
            Some(self.in_flight.enter(write)?)
        };
        let user = self.authenticate(&incoming.parts, peer).await?;
        self.authorize(info, &user, &incoming.query)?;
        let answer = self.answer(info, incoming, user);
        let response = if long {
            answer.await
        } else {
            let limit = self.limits.request_timeout;
            let late = || Status::timeout("request did not complete within requested timeout", 0);
            tokio::time::timeout(limit, answer)
                .await
                .unwrap_or_else(|_| Err(late()))
        };
        drop(place);
        response
    }

    async fn authenticate(&self, parts: &Parts, peer: &Peer) -> Result<User> {
        match self.authenticator.authenticate(parts, peer).await {
            Ok(Some(user)) => Ok(user),
            Ok(None) => Ok(User::anonymous()),
            Err(status) => {
                tracing::debug!(address = ?peer.address, %status, "credentials refused");
                Err(status)
            }
        }
    }

    fn authorize(&self, info: &RequestInfo, user: &User, query: &Query) -> Result<()> {
        let attributes = attributes(info, user.clone(), query);
        match self.authorizer.authorize(&attributes) {
            Decision::Allow(_) => Ok(()),
            Decision::Deny(reason) | Decision::NoOpinion(reason) => Err(refusal(&attributes, &reason)),
        }
    }

    async fn answer(&self, info: &RequestInfo, incoming: Incoming, user: User) -> Result<Response> {
        match &info.target {
            Target::Path(path) => self.path(path, &incoming.parts, &incoming.query).await,
            Target::Resource(path) => verbs::dispatch(self, (info.verb, path), incoming, user).await,
        }
    }
}

/// Failures are written in the form the client asked for, as far as that can be known.
fn error_encoding(parts: &Parts, query: &Query) -> Encoding {
    let accepted = negotiate::accept(&parts.headers, true, true, true).unwrap_or_default();
    let pretty = negotiate::pretty(query, &parts.headers, &parts.method);
    Encoding {
        format: accepted.format,
        pretty,
        gzip: false,
    }
}

/// The question to the authorizers.
fn attributes(info: &RequestInfo, user: User, query: &Query) -> Attributes {
    let target = match &info.target {
        Target::Path(path) => AuthTarget::Path(path.clone()),
        Target::Resource(path) => {
            let fields: Vec<(String, String)> = query
                .text("fieldSelector")
                .split(',')
                .filter_map(|term| term.split_once('='))
                .filter(|(field, _)| !field.ends_with('!'))
                .map(|(field, value)| (field.to_owned(), value.trim_start_matches('=').to_owned()))
                .collect();
            // As in the reference: a list of one name is authorized like a get of it.
            let named = fields
                .iter()
                .find(|(field, _)| field == "metadata.name")
                .map(|(_, v)| v.clone());
            let of_itself = path.group.is_empty() && path.resource == "namespaces";
            let namespace = path
                .namespace
                .clone()
                .or_else(|| path.name.clone().filter(|_| of_itself));
            AuthTarget::Resource {
                group: path.group.clone(),
                version: path.version.clone(),
                resource: path.resource.clone(),
                subresource: path.subresource.clone().unwrap_or_default(),
                namespace: namespace.unwrap_or_default(),
                name: path.name.clone().or(named).unwrap_or_default(),
                fields,
            }
        }
    };
    Attributes {
        user,
        verb: info.verb.to_owned(),
        target,
    }
}
