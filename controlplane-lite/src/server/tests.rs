//! Verbs over a whole server without sockets: requests in, answers out.

mod lists;
mod requests;
mod watches;
mod writes;

use std::sync::Arc;

use http::Method;
use http_body_util::BodyExt;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{ApiServer, Assembly, start};
use crate::auth::User;
use crate::authz::Chain;
use crate::cache::{Cache, Options};
use crate::nodeproxy::{NodeProxy, Trust};
use crate::pki::{MASTERS, Pki, PkiConfig};
use crate::resources::Registry;
use crate::serve::access::{AdmitAll, Certificates};
use crate::serve::limits::Limits;
use crate::serve::{Response, body};
use crate::store::{Embedded, EmbeddedOptions};
use crate::verbs::service::Ranges;

/// A server over a store in a temporary directory, with stopped time.
pub(crate) struct Api {
    pub(crate) server: Arc<ApiServer>,
    _directory: tempfile::TempDir,
}

/// An answer that has been read.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Value,
}

fn stopped() -> Timestamp {
    Timestamp::constant(1_000_000_000, 0)
}

impl Api {
    pub(crate) async fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("store");
        let store = Embedded::open(&file, EmbeddedOptions::default())
            .await
            .expect("a store");
        let registry = Registry::builtin();
        let cache = Cache::start(Arc::new(store), start::cached(&registry), Options::default());
        let config = PkiConfig {
            directory: directory.path().join("pki"),
            server_names: Vec::new(),
            service_address: [10, 96, 0, 1].into(),
            domain: "cluster.local".into(),
        };
        let pki = Pki::ensure(&config, stopped()).expect("keys");
        let server = ApiServer::new(Assembly {
            cache: cache.await.expect("a cache"),
            registry,
            authenticator: Arc::new(Certificates),
            authorizer: Arc::new(Chain(Vec::new())),
            admission: Arc::new(AdmitAll),
            limits: Limits::default(),
            virtuals: crate::verbs::virtuals::Virtuals::default(),
            services: Ranges {
                addresses: "10.96.0.0/24".parse().expect("a range"),
                node_ports: 30000..=32767,
            },
            nodes: NodeProxy::new(&pki.kubelet_client, &Trust::Anyone).expect("TLS"),
            address: "127.0.0.1:6443".into(),
            clock: stopped,
        });
        Self {
            server,
            _directory: directory,
        }
    }

    /// Sends a request as an administrator.
    pub(crate) async fn raw(
        &self,
        method: Method,
        uri: &str,
        headers: &[(&str, &str)],
        content: Vec<u8>,
    ) -> Response {
        let mut request = http::Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body::full(content)).expect("a request");
        let admin = User::authenticated("admin", [MASTERS.to_owned()]);
        self.server.handle_as(request, admin).await
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        uri: &str,
        headers: &[(&str, &str)],
        object: Value,
    ) -> Answer {
        let content = if object.is_null() {
            Vec::new()
        } else {
            object.to_string().into_bytes()
        };
        let response = self.raw(method, uri, headers, content).await;
        let (head, content) = response.into_parts();
        let text = content.collect().await.expect("a body").to_bytes();
        let body = serde_json::from_slice(&text).unwrap_or_else(|_| json!(String::from_utf8_lossy(&text)));
        Answer {
            code: head.status.as_u16(),
            headers: head.headers,
            body,
        }
    }

    pub(crate) async fn get(&self, uri: &str) -> Answer {
        self.send(Method::GET, uri, &[], Value::Null).await
    }

    pub(crate) async fn post(&self, uri: &str, object: Value) -> Answer {
        self.send(Method::POST, uri, &[], object).await
    }

    pub(crate) async fn put(&self, uri: &str, object: Value) -> Answer {
        self.send(Method::PUT, uri, &[], object).await
    }

    pub(crate) async fn merge(&self, uri: &str, patch: Value) -> Answer {
        self.send(
            Method::PATCH,
            uri,
            &[("content-type", "application/merge-patch+json")],
            patch,
        )
        .await
    }

    pub(crate) async fn delete(&self, uri: &str, options: Value) -> Answer {
        self.send(Method::DELETE, uri, &[], options).await
    }

    /// Makes a config map and answers with it.
    pub(crate) async fn config_map(&self, name: &str) -> Value {
        let answer = self
            .post(MAPS, json!({"metadata": {"name": name, "labels": {"n": name}}}))
            .await;
        assert_eq!(answer.code, 201, "{}", answer.body);
        answer.body
    }
}

/// A collection to play with.
pub(crate) const MAPS: &str = "/api/v1/namespaces/default/configmaps";

impl Answer {
    pub(crate) fn names(&self) -> Vec<&str> {
        let items = self.body["items"].as_array().into_iter().flatten();
        items.filter_map(|o| o["metadata"]["name"].as_str()).collect()
    }

    pub(crate) fn message(&self) -> &str {
        self.body["message"].as_str().unwrap_or_default()
    }
}
