//! The Node authorizer: a kubelet may read what the pods on its node need, and nothing else.
//!
//! | what | allowed |
//! |---|---|
//! | secrets, config maps, claims, service-account tokens | those that a pod on the node refers to |
//! | volumes, volume attachments | those behind such claims, or of this node |
//! | pods | read those on the node; lists and watches must say `spec.nodeName=NODE` |
//! | its Node, CSINode, Lease | its own |
//! | the rest | the rules of the ClusterRole `system:node` |
//!
//! Source: "Using Node Authorization" in the Kubernetes documentation; KEP-4601 for the field selectors.
//! Out of scope: what a kubelet may write into the objects that it may write (admission, NodeRestriction).

mod references;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};

use parking_lot::RwLock;
use serde_json::Value;

use super::rule::Rule;
use crate::auth::{Attributes, Authorizer, Decision, NODE_USER_PREFIX, NODES, Target};
use references::{Reference, of_pod, of_volume};

const LEASE_NAMESPACE: &str = "kube-node-lease";

/// Namespace and name.
type Key = (String, String);

#[derive(Debug, Default)]
struct Pod {
    node: String,
    references: HashSet<Reference>,
}

#[derive(Debug, Default)]
struct State {
    pods: HashMap<Key, Pod>,
    by_node: HashMap<String, HashSet<Key>>,
    /// Volume → the claim that it is bound to, and the secrets that mounting it needs.
    volumes: HashMap<String, (Key, HashSet<Reference>)>,
    attachments: HashMap<String, String>,
}

/// Feed it every pod, persistent volume and volume attachment, then every change of one.
#[derive(Debug)]
pub struct NodeAuthorizer {
    state: RwLock<State>,
    rules: Vec<Rule>,
}

impl NodeAuthorizer {
    /// `rules` are those of the ClusterRole `system:node`.
    #[must_use]
    pub fn new(rules: Vec<Rule>) -> Self {
        Self {
            state: RwLock::default(),
            rules,
        }
    }

    /// Takes in a new or changed pod. One that is on no node refers to nothing.
    pub fn upsert_pod(&self, pod: &Value) {
        let key = key_of(pod);
        let node = pod["spec"]["nodeName"].as_str().unwrap_or_default().to_owned();
        let mut state = self.state.write();
        state.remove_pod(&key);
        if !node.is_empty() {
            state.by_node.entry(node.clone()).or_default().insert(key.clone());
            let references = of_pod(pod).collect();
            state.pods.insert(key, Pod { node, references });
        }
    }

    /// Forgets a deleted pod.
    pub fn remove_pod(&self, namespace: &str, name: &str) {
        self.state
            .write()
            .remove_pod(&(namespace.to_owned(), name.to_owned()));
    }

    /// Takes in a new or changed persistent volume.
    pub fn upsert_volume(&self, volume: &Value) {
        let (_, name) = key_of(volume);
        let claim = &volume["spec"]["claimRef"];
        let text = |field: &str| claim[field].as_str().unwrap_or_default().to_owned();
        let claim = (text("namespace"), text("name"));
        self.state
            .write()
            .volumes
            .insert(name, (claim, of_volume(volume).collect()));
    }

    /// Forgets a deleted persistent volume.
    pub fn remove_volume(&self, name: &str) {
        self.state.write().volumes.remove(name);
    }

    /// Takes in a new or changed volume attachment.
    pub fn upsert_attachment(&self, attachment: &Value) {
        let (_, name) = key_of(attachment);
        let node = attachment["spec"]["nodeName"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        self.state.write().attachments.insert(name, node);
    }

    /// Forgets a deleted volume attachment.
    pub fn remove_attachment(&self, name: &str) {
        self.state.write().attachments.remove(name);
    }

    fn by_rules(&self, request: &Attributes) -> Decision {
        if self.rules.iter().any(|rule| rule.allows(request)) {
            Decision::Allow(String::new())
        } else {
            Decision::NoOpinion(String::new())
        }
    }
}

impl Authorizer for NodeAuthorizer {
    fn authorize(&self, request: &Attributes) -> Decision {
        let user = &request.user;
        let Some(node) = user.node() else {
            let nameless = user.is_in(NODES) && user.name.starts_with(NODE_USER_PREFIX);
            let reason = if nameless {
                format!("unknown node for user {:?}", user.name)
            } else {
                String::new()
            };
            return Decision::NoOpinion(reason);
        };
        let Target::Resource {
            group,
            resource,
            subresource,
            namespace,
            name,
            fields,
            ..
        } = &request.target
        else {
            return self.by_rules(request);
        };
        let ask = Ask {
            node,
            verb: &request.verb,
            namespace,
            name,
            fields,
        };
        let state = self.state.read();
        match (group.as_str(), resource.as_str(), subresource.as_str()) {
            ("", "secrets" | "configmaps", "") => {
                let reference = Reference::new(resource, namespace, name);
                ask.read(&["get", "list", "watch"], || state.refers(node, &reference))
            }
            ("", "persistentvolumeclaims", sub @ ("" | "status")) => {
                let verbs: &[&str] = if sub == "status" {
                    &["get", "update", "patch"]
                } else {
                    &["get"]
                };
                ask.read(verbs, || {
                    state.refers(node, &Reference::new(resource, namespace, name))
                })
            }
            ("", "persistentvolumes", "") => ask.read(&["get"], || state.uses_volume(node, name)),
            ("storage.k8s.io", "volumeattachments", "") => ask.read(&["get"], || {
                state.attachments.get(name).is_some_and(|of| of == node)
            }),
            ("", "serviceaccounts", "token") => ask.read(&["create"], || {
                state.refers(node, &Reference::new(resource, namespace, name))
            }),
            ("", "pods", "") if ask.reads() => {
                ask.read_by("spec.nodeName", || state.is_on(node, namespace, name))
            }
            ("", "nodes", "") if ask.reads() => ask.read_by("metadata.name", || name == node),
            ("coordination.k8s.io", "leases", "") => ask.own(Some(LEASE_NAMESPACE)),
            ("storage.k8s.io", "csinodes", "") => ask.own(None),
            _ => self.by_rules(request),
        }
    }
}

/// One question of a kubelet about a resource.
struct Ask<'a> {
    node: &'a str,
    verb: &'a str,
    namespace: &'a str,
    name: &'a str,
    fields: &'a [(String, String)],
}

impl Ask<'_> {
    fn reads(&self) -> bool {
        matches!(self.verb, "get" | "list" | "watch")
    }

    /// Allowed verbs on a named object that `related` to the node.
    fn read(&self, verbs: &[&str], related: impl FnOnce() -> bool) -> Decision {
        if !verbs.contains(&self.verb) {
            let verbs = verbs.join("/");
            return Decision::NoOpinion(format!("can only {verbs} resources of this type"));
        }
        if self.name.is_empty() {
            return Decision::NoOpinion("No Object name found".into());
        }
        self.related(related())
    }

    /// Reads of one related object, or of a collection narrowed to this node by a field selector.
    fn read_by(&self, field: &str, related: impl FnOnce() -> bool) -> Decision {
        if self.verb == "get" {
            return self.related(related());
        }
        if self
            .fields
            .iter()
            .any(|(key, value)| key == field && value == self.node)
        {
            return Decision::Allow(String::new());
        }
        Decision::NoOpinion(format!(
            "can only list/watch resources with {field}={} as field selector",
            self.node
        ))
    }

    /// The object of the node's own name.
    fn own(&self, namespace: Option<&str>) -> Decision {
        if !matches!(self.verb, "get" | "create" | "update" | "patch" | "delete") {
            return Decision::NoOpinion(
                "can only get, create, update, patch, or delete its own object".into(),
            );
        }
        if namespace.is_some_and(|wanted| wanted != self.namespace) {
            let wanted = namespace.unwrap_or_default();
            return Decision::NoOpinion(format!(
                "can only access leases in the {wanted:?} system namespace"
            ));
        }
        // The name of a new object is checked by NodeRestriction, which sees the object.
        if self.verb != "create" && self.name != self.node {
            return Decision::NoOpinion(
                "can only access the object with the same name as the requesting node".into(),
            );
        }
        Decision::Allow(String::new())
    }

    fn related(&self, related: bool) -> Decision {
        if related {
            Decision::Allow(String::new())
        } else {
            Decision::NoOpinion(format!(
                "no relationship found between node '{}' and this object",
                self.node
            ))
        }
    }
}

impl State {
    fn remove_pod(&mut self, key: &Key) {
        let Some(pod) = self.pods.remove(key) else { return };
        if let Some(pods) = self.by_node.get_mut(&pod.node) {
            pods.remove(key);
            if pods.is_empty() {
                self.by_node.remove(&pod.node);
            }
        }
    }

    fn is_on(&self, node: &str, namespace: &str, name: &str) -> bool {
        let pods = self.by_node.get(node);
        pods.is_some_and(|pods| pods.contains(&(namespace.to_owned(), name.to_owned())))
    }

    /// A pod on the node refers to the object, or a volume that such a pod uses does.
    fn refers(&self, node: &str, reference: &Reference) -> bool {
        let pods = || {
            self.by_node
                .get(node)
                .into_iter()
                .flatten()
                .filter_map(|key| self.pods.get(key))
        };
        if pods().any(|pod| pod.references.contains(reference)) {
            return true;
        }
        self.volumes
            .iter()
            .any(|(name, (_, references))| references.contains(reference) && self.uses_volume(node, name))
    }

    fn uses_volume(&self, node: &str, volume: &str) -> bool {
        let Some(((namespace, claim), _)) = self.volumes.get(volume) else {
            return false;
        };
        let claim = Reference::new("persistentvolumeclaims", namespace, claim);
        let pods = self.by_node.get(node).into_iter().flatten();
        pods.filter_map(|key| self.pods.get(key))
            .any(|pod| pod.references.contains(&claim))
    }
}

fn key_of(object: &Value) -> Key {
    let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
    (text("namespace"), text("name"))
}
