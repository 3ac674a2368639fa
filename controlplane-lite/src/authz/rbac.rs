//! Role-based access control over an index of roles and bindings that follows the store.
//!
//! Invariants: an answer reads memory only; a binding whose role is missing grants nothing; order does not matter
//! (a binding may come before its role).
//!
//! Out of scope: role aggregation (a controller writes the aggregated rules into the role).

use std::collections::{BTreeSet, HashMap};

use parking_lot::RwLock;
use serde::Deserialize;
use serde_json::Value;

use super::rule::Rule;
use crate::auth::{Attributes, Authorizer, Decision, SERVICE_ACCOUNT_PREFIX, Target, User};

#[cfg(test)]
mod tests;

/// The API group of roles and bindings.
pub const GROUP: &str = "rbac.authorization.k8s.io";

/// The four kinds that the index is made of, by their resource names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `roles`
    Role,
    /// `clusterroles`
    ClusterRole,
    /// `rolebindings`
    RoleBinding,
    /// `clusterrolebindings`
    ClusterRoleBinding,
}

/// Namespace (empty for cluster-wide objects) and name.
type Key = (String, String);

#[derive(Debug, Deserialize)]
struct RoleRef {
    kind: String,
    name: String,
}

#[derive(Debug, Deserialize)]
struct SubjectRef {
    kind: String,
    name: String,
    #[serde(default)]
    namespace: String,
}

#[derive(Debug)]
struct Binding {
    role: RoleRef,
    subjects: Vec<String>,
}

#[derive(Debug, Default)]
struct Index {
    roles: HashMap<Key, Vec<Rule>>,
    bindings: HashMap<Key, Binding>,
    /// Subject (see [`subject_key`]) → bindings that name it, in a fixed order.
    by_subject: HashMap<String, BTreeSet<Key>>,
}

/// The RBAC authorizer. Feed it every role and binding, then every change of one.
#[derive(Debug, Default)]
pub struct Rbac(RwLock<Index>);

impl Rbac {
    /// Takes in a new or changed role or binding. An object that cannot be read counts as one that grants nothing.
    pub fn upsert(&self, kind: Kind, object: &Value) {
        let key = key_of(object);
        let mut index = self.0.write();
        match kind {
            Kind::Role | Kind::ClusterRole => {
                let rules = object.get("rules").cloned().unwrap_or_default();
                index
                    .roles
                    .insert(key, serde_json::from_value(rules).unwrap_or_default());
            }
            Kind::RoleBinding | Kind::ClusterRoleBinding => {
                index.remove_binding(&key);
                if let Some(binding) = read_binding(object) {
                    for subject in &binding.subjects {
                        index
                            .by_subject
                            .entry(subject.clone())
                            .or_default()
                            .insert(key.clone());
                    }
                    index.bindings.insert(key, binding);
                }
            }
        }
    }

    /// Forgets a deleted role or binding.
    pub fn remove(&self, kind: Kind, namespace: &str, name: &str) {
        let key = (namespace.to_owned(), name.to_owned());
        let mut index = self.0.write();
        match kind {
            Kind::Role | Kind::ClusterRole => drop(index.roles.remove(&key)),
            Kind::RoleBinding | Kind::ClusterRoleBinding => index.remove_binding(&key),
        }
    }

    /// All rules that `user` holds in `namespace` (cluster-wide ones included); for a cluster-wide question the
    /// namespace is empty.
    pub fn rules_for(&self, user: &User, namespace: &str) -> Vec<Rule> {
        let index = self.0.read();
        let mut rules = Vec::new();
        index.visit(user, namespace, |_, _, rule| {
            rules.push(rule.clone());
            true
        });
        rules
    }

    /// The rules of the role that a binding refers to, `None` where there is no such role.
    pub fn role(&self, kind: Kind, namespace: &str, name: &str) -> Option<Vec<Rule>> {
        let namespace = if kind == Kind::ClusterRole { "" } else { namespace };
        self.0
            .read()
            .roles
            .get(&(namespace.to_owned(), name.to_owned()))
            .cloned()
    }
}

impl Authorizer for Rbac {
    fn authorize(&self, request: &Attributes) -> Decision {
        let namespace = match &request.target {
            Target::Resource { namespace, .. } => namespace,
            Target::Path(_) => "",
        };
        let mut decision = Decision::NoOpinion(String::new());
        self.0
            .read()
            .visit(&request.user, namespace, |key, binding, rule| {
                let allowed = rule.allows(request);
                if allowed {
                    decision = Decision::Allow(reason(key, binding, &request.user));
                }
                !allowed
            });
        decision
    }
}

impl Index {
    fn remove_binding(&mut self, key: &Key) {
        let Some(binding) = self.bindings.remove(key) else {
            return;
        };
        for subject in binding.subjects {
            if let Some(keys) = self.by_subject.get_mut(&subject) {
                keys.remove(key);
                if keys.is_empty() {
                    self.by_subject.remove(&subject);
                }
            }
        }
    }

    /// Shows `visitor` each rule that holds for the user in the namespace, until it answers false.
    fn visit(&self, user: &User, namespace: &str, mut visitor: impl FnMut(&Key, &Binding, &Rule) -> bool) {
        let subjects = std::iter::once(subject_key("User", &user.name))
            .chain(user.groups.iter().map(|group| subject_key("Group", group)));
        let keys: BTreeSet<&Key> = subjects
            .filter_map(|subject| self.by_subject.get(&subject))
            .flatten()
            .collect();
        // Cluster-wide bindings sort first: their namespace is empty.
        for key in keys
            .into_iter()
            .filter(|(home, _)| home.is_empty() || home == namespace)
        {
            let Some(binding) = self.bindings.get(key) else {
                continue;
            };
            let home = if binding.role.kind == "ClusterRole" {
                ""
            } else {
                key.0.as_str()
            };
            let role = (home.to_owned(), binding.role.name.clone());
            for rule in self.roles.get(&role).into_iter().flatten() {
                if !visitor(key, binding, rule) {
                    return;
                }
            }
        }
    }
}

fn key_of(object: &Value) -> Key {
    let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
    (text("namespace"), text("name"))
}

fn read_binding(object: &Value) -> Option<Binding> {
    let role = RoleRef::deserialize(object.get("roleRef")?).ok()?;
    let subjects = object.get("subjects").and_then(Value::as_array);
    let home = object["metadata"]["namespace"].as_str().unwrap_or_default();
    let subjects = subjects
        .into_iter()
        .flatten()
        .filter_map(|subject| SubjectRef::deserialize(subject).ok())
        .filter_map(|subject| match subject.kind.as_str() {
            "ServiceAccount" => {
                let namespace = if subject.namespace.is_empty() {
                    home
                } else {
                    &subject.namespace
                };
                // A cluster-wide binding must name the account's namespace.
                let user = format!("{SERVICE_ACCOUNT_PREFIX}{namespace}:{}", subject.name);
                (!namespace.is_empty()).then(|| subject_key("User", &user))
            }
            "User" | "Group" => Some(subject_key(&subject.kind, &subject.name)),
            _ => None,
        })
        .collect();
    Some(Binding { role, subjects })
}

fn subject_key(kind: &str, name: &str) -> String {
    format!("{kind} {name}")
}

/// Worded as the reference does, because `kubectl auth can-i` and audit readers know it.
fn reason((namespace, name): &Key, binding: &Binding, user: &User) -> String {
    let kind = if namespace.is_empty() {
        "ClusterRoleBinding"
    } else {
        "RoleBinding"
    };
    let full = if namespace.is_empty() {
        name.clone()
    } else {
        format!("{name}/{namespace}")
    };
    let RoleRef {
        kind: role_kind,
        name: role,
    } = &binding.role;
    let subject = match user.service_account() {
        Some((home, account)) if binding.subjects.contains(&subject_key("User", &user.name)) => {
            format!("ServiceAccount {:?}", format!("{account}/{home}"))
        }
        _ if binding.subjects.contains(&subject_key("User", &user.name)) => format!("User {:?}", user.name),
        _ => {
            let group = user
                .groups
                .iter()
                .find(|g| binding.subjects.contains(&subject_key("Group", g)));
            format!("Group {:?}", group.map_or("", String::as_str))
        }
    };
    format!("RBAC: allowed by {kind} {full:?} of {role_kind} {role:?} to {subject}")
}
