//! What every namespace has, and how one ends.
//!
//! An active namespace has the service account `default` and the config map `kube-root-ca.crt` (pods cannot be
//! made without them); a terminating one is emptied and then finalized. The reference does this in its controller
//! manager, under whose name it is written here.
//!
//! [`keep`] follows three watches; an event names the namespace to look at, [`settle`] does what is to be done. A
//! broken watch begins anew, which looks at all namespaces again.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{SelectAll, StreamExt, select_all};
use http::Method;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::cache::{CacheError, Object, Selector, Watch, WatchEvent, WatchFrom, WatchRequest, When};
use crate::resource::Verb;
use crate::server::ApiServer;
use crate::server::local::LocalClient;
use crate::status::Result;

/// How long to wait before a broken watch, or a namespace that is not empty yet, is looked at again.
const PAUSE: Duration = Duration::from_secs(1);
/// The config map with the authority by which pods check the server.
const ROOT_CA: &str = "kube-root-ca.crt";
const DESCRIPTION: &str = "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.";

/// Looks after all namespaces until `stop` fires. `authority` is the cluster's, PEM.
pub async fn keep(server: Arc<ApiServer>, client: LocalClient, authority: String, stop: CancellationToken) {
    loop {
        let round = follow(&server, &client, &authority);
        tokio::select! {
            () = stop.cancelled() => return,
            ended = round => {
                if let Err(error) = ended {
                    tracing::warn!(%error, "the watch of namespaces begins anew");
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn follow(
    server: &Arc<ApiServer>,
    client: &LocalClient,
    authority: &str,
) -> std::result::Result<(), CacheError> {
    let mut events = watches(server).await?;
    while let Some(event) = events.next().await {
        let Some(namespace) = concerned(&event?) else {
            continue;
        };
        let (server, client, authority) = (Arc::clone(server), client.clone(), authority.to_owned());
        if let Err(status) = settle(&server, &client, &namespace, &authority).await {
            tracing::debug!(namespace, %status, "the namespace is looked at again");
            // Later, and without holding up the others.
            tokio::spawn(async move {
                tokio::time::sleep(PAUSE).await;
                settle_again(&server, &client, &namespace, &authority).await;
            });
        }
    }
    Ok(())
}

/// Until it is settled: a namespace that is being emptied waits for pods and finalizers.
async fn settle_again(server: &ApiServer, client: &LocalClient, namespace: &str, authority: &str) {
    while let Err(status) = settle(server, client, namespace, authority).await {
        tracing::debug!(namespace, %status, "the namespace is not settled yet");
        tokio::time::sleep(PAUSE).await;
    }
}

async fn watches(server: &ApiServer) -> std::result::Result<SelectAll<Watch>, CacheError> {
    let mut out = Vec::new();
    let watched = [
        ("namespaces", ""),
        ("serviceaccounts", "metadata.name=default"),
        ("configmaps", "metadata.name=kube-root-ca.crt"),
    ];
    for (resource, fields) in watched {
        let registry = server.registry();
        let Some(row) = registry.find("", "v1", resource) else {
            continue;
        };
        let from = match resource {
            "namespaces" => WatchFrom::Objects {
                when: When::Latest,
                mark_end: false,
            },
            _ => WatchFrom::Now,
        };
        let selector = Selector::parse("", fields).unwrap_or_default();
        let request = WatchRequest {
            selector,
            from,
            ..WatchRequest::since(row.key_prefix(None), 0)
        };
        out.push(server.cache().watch(request).await?);
    }
    Ok(select_all(out))
}

/// The namespace that an event is about; none for what needs no look.
fn concerned(event: &WatchEvent) -> Option<String> {
    let (object, gone) = match event {
        WatchEvent::Added(object) | WatchEvent::Modified(object) => (object, false),
        WatchEvent::Deleted(object) => (object, true),
        WatchEvent::Bookmark { .. } => return None,
    };
    let field = |object: &Object, name: &str| object.fields.get(name).map(str::to_owned);
    match field(object, "metadata.namespace") {
        Some(namespace) => Some(namespace),
        // A namespace itself.
        None if gone => None,
        None => field(object, "metadata.name"),
    }
}

async fn settle(server: &ApiServer, client: &LocalClient, namespace: &str, authority: &str) -> Result<()> {
    let path = format!("/api/v1/namespaces/{namespace}");
    let object = match client.send(Method::GET, &path, None).await {
        Err(status) if status.code == 404 => return Ok(()),
        object => object?,
    };
    if object["metadata"]["deletionTimestamp"].is_string() {
        return end(server, client, &path, object).await;
    }
    let account = json!({"metadata": {"name": "default"}});
    create(client, &format!("{path}/serviceaccounts"), &account).await?;
    let root = json!({
        "metadata": {"name": ROOT_CA, "annotations": {"kubernetes.io/description": DESCRIPTION}},
        "data": {"ca.crt": authority},
    });
    if create(client, &format!("{path}/configmaps"), &root).await? {
        return Ok(());
    }
    let present = client
        .send(Method::GET, &format!("{path}/configmaps/{ROOT_CA}"), None)
        .await?;
    if present["data"] != root["data"] {
        client
            .send(Method::PUT, &format!("{path}/configmaps/{ROOT_CA}"), Some(&root))
            .await?;
    }
    Ok(())
}

/// Creates an object unless there is one of its name; true if it did.
async fn create(client: &LocalClient, collection: &str, object: &Value) -> Result<bool> {
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    match client
        .send(Method::GET, &format!("{collection}/{name}"), None)
        .await
    {
        Err(status) if status.code == 404 => {}
        present => return present.map(|_| false),
    }
    match client.send(Method::POST, collection, Some(object)).await {
        // Somebody was faster, or the namespace has begun to end.
        Err(status) if status.code == 409 || status.code == 403 => Ok(false),
        created => created.map(|_| true),
    }
}

/// Empties a terminating namespace; when nothing is left, lets it go.
async fn end(server: &ApiServer, client: &LocalClient, path: &str, mut namespace: Value) -> Result<()> {
    let mut left = 0;
    for row in server
        .registry()
        .rows()
        .iter()
        .filter(|r| r.namespaced() && r.verbs.contains(&Verb::DeleteCollection))
    {
        let root = match row.group.as_ref() {
            "" => format!("/api/{}", row.version),
            group => format!("/apis/{group}/{}", row.version),
        };
        let name = path.rsplit('/').next().unwrap_or_default();
        let collection = format!("{root}/namespaces/{name}/{}", row.plural);
        let list = client.send(Method::GET, &collection, None).await?;
        if list["items"].as_array().is_some_and(|items| !items.is_empty()) {
            let options = json!({"propagationPolicy": "Background"});
            client.send(Method::DELETE, &collection, Some(&options)).await?;
            let list = client.send(Method::GET, &collection, None).await?;
            left += list["items"].as_array().map_or(0, Vec::len);
        }
    }
    if left > 0 {
        return Err(crate::status::Status::unavailable(format!(
            "{left} objects are left"
        )));
    }
    if let Some(spec) = namespace.get_mut("spec").and_then(Value::as_object_mut) {
        spec.remove("finalizers");
    }
    match client
        .send(Method::PUT, &format!("{path}/finalize"), Some(&namespace))
        .await
    {
        Err(status) if status.code == 404 => Ok(()),
        done => done.map(|_| ()),
    }
}
