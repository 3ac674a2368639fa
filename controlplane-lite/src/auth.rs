//! Who asks and what for: the words that authentication, authorization, admission and audit share.

use std::collections::BTreeMap;

/// Every authenticated user is in this group.
pub const AUTHENTICATED: &str = "system:authenticated";
/// Requests without credentials are in this one.
pub const UNAUTHENTICATED: &str = "system:unauthenticated";
/// The user of a request without credentials.
pub const ANONYMOUS: &str = "system:anonymous";
/// Kubelets are in this group, with names that begin with [`NODE_USER_PREFIX`].
pub const NODES: &str = "system:nodes";
/// `system:node:NAME` is the kubelet of node NAME.
pub const NODE_USER_PREFIX: &str = "system:node:";
/// All service accounts are in this group; those of a namespace in `system:serviceaccounts:NAMESPACE`.
pub const SERVICE_ACCOUNTS: &str = "system:serviceaccounts";
/// `system:serviceaccount:NAMESPACE:NAME` is a service account's user name.
pub const SERVICE_ACCOUNT_PREFIX: &str = "system:serviceaccount:";

/// An authenticated identity (`authentication.k8s.io` UserInfo).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct User {
    /// Unique among active users.
    pub name: String,
    /// Tells a new user of an old name apart; mostly empty.
    pub uid: String,
    /// Groups, as the authenticator gave them.
    pub groups: Vec<String>,
    /// What the authenticator wants the authorizer to know.
    pub extra: BTreeMap<String, Vec<String>>,
}

impl User {
    /// A user who is in `system:authenticated` besides `groups`.
    #[must_use]
    pub fn authenticated(name: impl Into<String>, groups: impl IntoIterator<Item = String>) -> Self {
        let mut groups: Vec<String> = groups.into_iter().collect();
        if !groups.iter().any(|group| group == AUTHENTICATED) {
            groups.push(AUTHENTICATED.into());
        }
        Self {
            name: name.into(),
            groups,
            ..Self::default()
        }
    }

    /// The identity of a request that shows none.
    #[must_use]
    pub fn anonymous() -> Self {
        Self {
            name: ANONYMOUS.into(),
            groups: vec![UNAUTHENTICATED.into()],
            ..Self::default()
        }
    }

    /// Whether the user is in `group`.
    #[must_use]
    pub fn is_in(&self, group: &str) -> bool {
        self.groups.iter().any(|own| own == group)
    }

    /// The node whose kubelet this is.
    #[must_use]
    pub fn node(&self) -> Option<&str> {
        self.name
            .strip_prefix(NODE_USER_PREFIX)
            .filter(|name| !name.is_empty() && self.is_in(NODES))
    }

    /// Namespace and name of the service account that this is.
    #[must_use]
    pub fn service_account(&self) -> Option<(&str, &str)> {
        self.name.strip_prefix(SERVICE_ACCOUNT_PREFIX)?.split_once(':')
    }
}

/// What a request wants, as authorizers see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// An API resource.
    Resource {
        /// API group, empty for core.
        group: String,
        /// API version.
        version: String,
        /// Plural name.
        resource: String,
        /// Subresource, empty for the object itself.
        subresource: String,
        /// Namespace, empty for cluster-wide requests.
        namespace: String,
        /// Object's name, empty for collections.
        name: String,
        /// The field selector of a list or watch, if any: (field, value) of `field=value` terms.
        fields: Vec<(String, String)>,
    },
    /// Any other path.
    Path(String),
}

/// One question to the authorizers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attributes {
    /// Who asks.
    pub user: User,
    /// RBAC verb (`get`, `list`, `watch`, `create`, …) or, for paths, the lower-case HTTP method.
    pub verb: String,
    /// What for.
    pub target: Target,
}

impl Attributes {
    /// The sentence that follows `User "x" cannot` in a refusal, as the reference words it.
    #[must_use]
    pub fn refusal(&self) -> String {
        let Self { user, verb, target } = self;
        match target {
            Target::Path(path) => format!("User {:?} cannot {verb} path {path:?}", user.name),
            Target::Resource {
                group,
                resource,
                subresource,
                namespace,
                ..
            } => {
                let slash = if subresource.is_empty() { "" } else { "/" };
                let place = match namespace.as_str() {
                    "" => " at the cluster scope".to_owned(),
                    namespace => format!(" in the namespace {namespace:?}"),
                };
                let what = format!("{resource}{slash}{subresource}");
                format!(
                    "User {:?} cannot {verb} resource {what:?} in API group {group:?}{place}",
                    user.name
                )
            }
        }
    }
}

/// What one authorizer thinks. `NoOpinion` of all of them is a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Yes, and why (`SubjectAccessReview` and the audit log show it).
    Allow(String),
    /// No, whatever later authorizers would say.
    Deny(String),
    /// Ask the next one.
    NoOpinion(String),
}

/// Answers questions about what may be done. Called for every request: it must not wait for anything.
pub trait Authorizer: Send + Sync {
    /// The decision on one request.
    fn authorize(&self, attributes: &Attributes) -> Decision;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(namespace: &str, subresource: &str) -> Target {
        Target::Resource {
            group: "apps".into(),
            version: "v1".into(),
            resource: "deployments".into(),
            subresource: subresource.into(),
            namespace: namespace.into(),
            name: String::new(),
            fields: Vec::new(),
        }
    }

    #[test]
    fn refusals_read_as_the_reference_words_them() {
        let user = User::authenticated("jane", []);
        let ask = |verb: &str, target| {
            Attributes {
                user: user.clone(),
                verb: verb.into(),
                target,
            }
            .refusal()
        };
        assert_eq!(
            ask("list", resource("", "")),
            r#"User "jane" cannot list resource "deployments" in API group "apps" at the cluster scope"#
        );
        assert_eq!(
            ask("update", resource("web", "scale")),
            r#"User "jane" cannot update resource "deployments/scale" in API group "apps" in the namespace "web""#
        );
        assert_eq!(
            ask("get", Target::Path("/logs".into())),
            r#"User "jane" cannot get path "/logs""#
        );
    }

    #[test]
    fn a_node_is_one_by_name_and_group() {
        let named = User::authenticated("system:node:one", []);
        assert_eq!(named.node(), None);
        let node = User::authenticated("system:node:one", [NODES.to_owned()]);
        assert_eq!(node.node(), Some("one"));
        assert_eq!(
            User::authenticated("system:node:", [NODES.to_owned()]).node(),
            None
        );
    }

    #[test]
    fn a_service_account_is_found_in_its_user_name() {
        let user = User::authenticated("system:serviceaccount:web:builder", []);
        assert_eq!(user.service_account(), Some(("web", "builder")));
        assert_eq!(User::anonymous().service_account(), None);
    }
}
