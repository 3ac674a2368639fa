//! Keeps the authorizers' indices equal to the cache: a first reading before the server answers, then every change.
//!
//! Guarantee: after [`follow`] returns, everything that was stored before the call is known to the index.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use serde_json::Value;

use super::node::NodeAuthorizer;
use super::rbac::{Kind, Rbac};
use crate::cache::{CacheError, Object, WatchEvent, WatchFrom, WatchRequest, When};
use crate::known::Known;

/// Where changes of one resource go.
trait Index: Send + Sync + 'static {
    fn upsert(&self, object: &Value);
    fn remove(&self, namespace: &str, name: &str);
}

struct RbacKind(Arc<Rbac>, Kind);

impl Index for RbacKind {
    fn upsert(&self, object: &Value) {
        self.0.upsert(self.1, object);
    }

    fn remove(&self, namespace: &str, name: &str) {
        self.0.remove(self.1, namespace, name);
    }
}

enum NodeKind {
    Pod,
    Volume,
    Attachment,
}

struct NodeIndex(Arc<NodeAuthorizer>, NodeKind);

impl Index for NodeIndex {
    fn upsert(&self, object: &Value) {
        match self.1 {
            NodeKind::Pod => self.0.upsert_pod(object),
            NodeKind::Volume => self.0.upsert_volume(object),
            NodeKind::Attachment => self.0.upsert_attachment(object),
        }
    }

    fn remove(&self, namespace: &str, name: &str) {
        match self.1 {
            NodeKind::Pod => self.0.remove_pod(namespace, name),
            NodeKind::Volume => self.0.remove_volume(name),
            NodeKind::Attachment => self.0.remove_attachment(name),
        }
    }
}

/// Fills both indices and follows what changes until the runtime ends.
///
/// # Errors
/// The first reading fails.
pub async fn follow(known: &Known, rbac: &Arc<Rbac>, nodes: &Arc<NodeAuthorizer>) -> Result<(), CacheError> {
    let kinds = [
        ("roles", Kind::Role),
        ("clusterroles", Kind::ClusterRole),
        ("rolebindings", Kind::RoleBinding),
        ("clusterrolebindings", Kind::ClusterRoleBinding),
    ];
    for (resource, kind) in kinds {
        start(known, resource, RbacKind(Arc::clone(rbac), kind)).await?;
    }
    let kinds = [
        ("pods", NodeKind::Pod),
        ("persistentvolumes", NodeKind::Volume),
        ("volumeattachments", NodeKind::Attachment),
    ];
    for (resource, kind) in kinds {
        start(known, resource, NodeIndex(Arc::clone(nodes), kind)).await?;
    }
    Ok(())
}

async fn start(known: &Known, resource: &str, index: impl Index) -> Result<(), CacheError> {
    let Some(scope) = known.prefix(resource).map(str::to_owned) else {
        return Ok(());
    };
    let cache = known.cache().clone();
    let mut follower = Follower {
        index,
        known: HashSet::new(),
    };
    cache
        .peek_all(&scope)
        .iter()
        .for_each(|object| follower.upsert(object));
    let mut watch = cache.watch(request(&scope)).await?;
    tokio::spawn(async move {
        loop {
            while let Some(Ok(event)) = watch.next().await {
                follower.apply(&event);
            }
            // A watch ends when its queue overflows: begin again with everything that is there.
            watch = loop {
                match cache.watch(request(&scope)).await {
                    Ok(watch) => break watch,
                    Err(error) => {
                        tracing::warn!(%scope, %error, "authorizers do not hear of changes; trying again")
                    }
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
            };
            follower.forget_all_but(&cache.peek_all(&scope));
        }
    });
    Ok(())
}

fn request(scope: &str) -> WatchRequest {
    let from = WatchFrom::Objects {
        when: When::Cached,
        mark_end: false,
    };
    WatchRequest {
        from,
        ..WatchRequest::since(scope, 0)
    }
}

/// An index with the namespaces and names that it holds, to find out what was deleted while nobody listened.
struct Follower<I> {
    index: I,
    known: HashSet<(String, String)>,
}

impl<I: Index> Follower<I> {
    fn apply(&mut self, event: &WatchEvent) {
        match event {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => self.upsert(object),
            WatchEvent::Deleted(object) => self.remove(&place(object)),
            WatchEvent::Bookmark { .. } => {}
        }
    }

    fn upsert(&mut self, object: &Object) {
        if let Ok(value) = serde_json::from_slice(&object.json) {
            self.index.upsert(&value);
            self.known.insert(place(object));
        }
    }

    fn remove(&mut self, place: &(String, String)) {
        self.index.remove(&place.0, &place.1);
        self.known.remove(place);
    }

    fn forget_all_but(&mut self, objects: &[Arc<Object>]) {
        let here: HashSet<_> = objects.iter().map(|object| place(object)).collect();
        let gone: Vec<_> = self.known.difference(&here).cloned().collect();
        gone.iter().for_each(|place| self.remove(place));
    }
}

/// Namespace and name.
fn place(object: &Object) -> (String, String) {
    let field = |name: &str| object.fields.get(name).unwrap_or_default().to_owned();
    (field("metadata.namespace"), field("metadata.name"))
}
