//! What every namespace has: the service account `default` and the config map `kube-root-ca.crt`.
//!
//! Invariants: an account or map that is deleted or changed comes back; nothing is put into a namespace that is
//! ending.

use bytes::Bytes;
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::cache::{CacheError, Change, Object, WatchEvent, WatchFrom, WatchRequest, When};
use crate::known::Known;

const ACCOUNT: &str = "default";
const ROOT_CA: &str = "kube-root-ca.crt";
/// Tells people what the map is for.
const DESCRIPTION: &str = "Contains a CA bundle that can be used to verify the kube-apiserver when using internal \
                           endpoints such as the internal service IP or kubernetes.default.svc. No other usage is \
                           guaranteed across distributions of Kubernetes clusters.";

/// Fills namespaces.
pub struct NamespaceContent {
    /// The cluster.
    pub known: Known,
    /// The authority's certificate, PEM.
    pub authority: String,
    /// The time.
    pub clock: fn() -> Timestamp,
    /// New uids.
    pub uid: fn() -> String,
}

impl NamespaceContent {
    /// Follows namespaces, accounts and maps until the runtime ends.
    pub fn start(self) {
        let shared = Arc::new(self);
        for resource in ["namespaces", "serviceaccounts", "configmaps"] {
            let own = Arc::clone(&shared);
            tokio::spawn(async move {
                loop {
                    own.follow(resource).await;
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            });
        }
    }

    async fn follow(&self, resource: &str) {
        let Some(scope) = self.known.prefix(resource) else {
            return;
        };
        let from = WatchFrom::Objects {
            when: When::Cached,
            mark_end: false,
        };
        let request = WatchRequest {
            from,
            ..WatchRequest::since(scope, 0)
        };
        let Ok(mut watch) = self.known.cache().watch(request).await else {
            return;
        };
        while let Some(Ok(event)) = watch.next().await {
            let Some(namespace) = concerned(resource, &event) else {
                continue;
            };
            if let Err(error) = self.fill(&namespace).await {
                tracing::warn!(%namespace, %error, "a namespace lacks its account or root certificate");
            }
        }
    }

    async fn fill(&self, namespace: &str) -> Result<(), CacheError> {
        let Some(prefix) = self.known.prefix("namespaces") else {
            return Ok(());
        };
        let Some(object) = self.known.cache().peek(&format!("{prefix}{namespace}")) else {
            return Ok(());
        };
        let object: Value = serde_json::from_slice(&object.json).unwrap_or_default();
        if !object["metadata"]["deletionTimestamp"].is_null() {
            return Ok(());
        }
        self.ensure("serviceaccounts", namespace, ACCOUNT, |stored| {
            stored.is_none().then(|| self.account(namespace))
        })
        .await?;
        self.ensure("configmaps", namespace, ROOT_CA, |stored| {
            self.map(namespace, stored)
        })
        .await
    }

    async fn ensure(
        &self,
        resource: &str,
        namespace: &str,
        name: &str,
        plan: impl Fn(Option<Value>) -> Option<Value>,
    ) -> Result<(), CacheError> {
        let Some(prefix) = self.known.prefix(resource) else {
            return Ok(());
        };
        let key = format!("{prefix}{namespace}/{name}");
        let attempt = |current: Option<Arc<Object>>| {
            let stored = current.and_then(|object| serde_json::from_slice(&object.stored()).ok());
            let change = plan(stored).map_or(Change::Nothing, |o| Change::Put(Bytes::from(o.to_string())));
            std::future::ready(Ok::<_, CacheError>(change))
        };
        self.known.cache().mutate(&key, attempt).await.map(drop)
    }

    fn metadata(&self, namespace: &str, name: &str) -> Value {
        let created = (self.clock)().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        json!({"name": name, "namespace": namespace, "uid": (self.uid)(), "creationTimestamp": created})
    }

    fn account(&self, namespace: &str) -> Value {
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": self.metadata(namespace, ACCOUNT)})
    }

    /// The map as it should be; `None` if it is.
    fn map(&self, namespace: &str, stored: Option<Value>) -> Option<Value> {
        let data = json!({"ca.crt": self.authority});
        if stored.as_ref().is_some_and(|stored| stored["data"] == data) {
            return None;
        }
        let mut map = stored.unwrap_or_else(|| {
            let mut meta = self.metadata(namespace, ROOT_CA);
            meta["annotations"] = json!({"kubernetes.io/description": DESCRIPTION});
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta})
        });
        map["data"] = data;
        Some(map)
    }
}

/// The namespace that an event asks to look at.
fn concerned(resource: &str, event: &WatchEvent) -> Option<String> {
    let field = |object: &Object, name: &str| object.fields.get(name).map(str::to_owned);
    match (resource, event) {
        ("namespaces", WatchEvent::Added(object)) => field(object, "metadata.name"),
        ("serviceaccounts", WatchEvent::Deleted(object)) if field(object, "metadata.name")? == ACCOUNT => {
            field(object, "metadata.namespace")
        }
        ("configmaps", WatchEvent::Deleted(object) | WatchEvent::Modified(object))
            if field(object, "metadata.name")? == ROOT_CA =>
        {
            field(object, "metadata.namespace")
        }
        _ => None,
    }
}
