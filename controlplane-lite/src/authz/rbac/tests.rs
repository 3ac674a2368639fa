use serde_json::json;

use super::*;
use crate::auth::SERVICE_ACCOUNTS;

fn ask(user: &User, verb: &str, namespace: &str, resource: &str) -> Attributes {
    Attributes {
        user: user.clone(),
        verb: verb.into(),
        target: Target::Resource {
            group: String::new(),
            version: "v1".into(),
            resource: resource.into(),
            subresource: String::new(),
            namespace: namespace.into(),
            name: String::new(),
            fields: Vec::new(),
        },
    }
}

fn allowed(rbac: &Rbac, user: &User, verb: &str, namespace: &str, resource: &str) -> bool {
    matches!(
        rbac.authorize(&ask(user, verb, namespace, resource)),
        Decision::Allow(_)
    )
}

fn reader(kind: Kind, namespace: &str) -> (Kind, Value) {
    let role = json!({
        "metadata": {"name": "reader", "namespace": namespace},
        "rules": [{"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods"]}]
    });
    (kind, role)
}

fn binding(namespace: &str, role_kind: &str, subject: &Value) -> Value {
    json!({
        "metadata": {"name": "b", "namespace": namespace},
        "roleRef": {"apiGroup": GROUP, "kind": role_kind, "name": "reader"},
        "subjects": [subject]
    })
}

fn jane() -> User {
    User::authenticated("jane", ["dev".to_owned()])
}

#[test]
fn a_role_binding_grants_in_its_namespace_alone() {
    let rbac = Rbac::default();
    rbac.upsert(
        Kind::RoleBinding,
        &binding("web", "Role", &json!({"kind": "User", "name": "jane"})),
    );
    assert!(
        !allowed(&rbac, &jane(), "get", "web", "pods"),
        "the role is not there yet"
    );
    let (kind, role) = reader(Kind::Role, "web");
    rbac.upsert(kind, &role);
    assert!(allowed(&rbac, &jane(), "get", "web", "pods"));
    assert!(!allowed(&rbac, &jane(), "get", "other", "pods"));
    assert!(!allowed(&rbac, &jane(), "get", "", "pods"));
    assert!(!allowed(&rbac, &jane(), "delete", "web", "pods"));
    assert!(!allowed(
        &rbac,
        &User::authenticated("joe", []),
        "get",
        "web",
        "pods"
    ));
}

#[test]
fn a_cluster_role_grants_where_it_is_bound() {
    let rbac = Rbac::default();
    let (kind, role) = reader(Kind::ClusterRole, "");
    rbac.upsert(kind, &role);
    rbac.upsert(
        Kind::RoleBinding,
        &binding("web", "ClusterRole", &json!({"kind": "Group", "name": "dev"})),
    );
    assert!(allowed(&rbac, &jane(), "list", "web", "pods"));
    assert!(!allowed(&rbac, &jane(), "list", "", "pods"));
    let everywhere = binding("", "ClusterRole", &json!({"kind": "Group", "name": "dev"}));
    rbac.upsert(Kind::ClusterRoleBinding, &everywhere);
    assert!(allowed(&rbac, &jane(), "list", "", "pods") && allowed(&rbac, &jane(), "list", "other", "pods"));
}

#[test]
fn a_service_account_subject_takes_the_bindings_namespace_by_default() {
    let rbac = Rbac::default();
    let (kind, role) = reader(Kind::Role, "web");
    rbac.upsert(kind, &role);
    let subject = json!({"kind": "ServiceAccount", "name": "builder"});
    rbac.upsert(Kind::RoleBinding, &binding("web", "Role", &subject));
    let account = User::authenticated("system:serviceaccount:web:builder", [SERVICE_ACCOUNTS.to_owned()]);
    assert_eq!(
        rbac.authorize(&ask(&account, "get", "web", "pods")),
        Decision::Allow(
            r#"RBAC: allowed by RoleBinding "b/web" of Role "reader" to ServiceAccount "builder/web""#.into()
        )
    );
}

#[test]
fn what_is_taken_away_no_longer_grants() {
    let rbac = Rbac::default();
    let (kind, role) = reader(Kind::Role, "web");
    rbac.upsert(kind, &role);
    let to_jane = binding("web", "Role", &json!({"kind": "User", "name": "jane"}));
    rbac.upsert(Kind::RoleBinding, &to_jane);
    rbac.upsert(
        Kind::RoleBinding,
        &binding("web", "Role", &json!({"kind": "User", "name": "joe"})),
    );
    assert!(
        !allowed(&rbac, &jane(), "get", "web", "pods"),
        "the binding names another user now"
    );
    rbac.upsert(Kind::RoleBinding, &to_jane);
    assert!(allowed(&rbac, &jane(), "get", "web", "pods"));
    rbac.remove(Kind::Role, "web", "reader");
    assert!(!allowed(&rbac, &jane(), "get", "web", "pods"));
    rbac.upsert(kind, &role);
    rbac.remove(Kind::RoleBinding, "web", "b");
    assert!(!allowed(&rbac, &jane(), "get", "web", "pods"));
}

#[test]
fn an_object_that_cannot_be_read_grants_nothing() {
    let rbac = Rbac::default();
    rbac.upsert(
        Kind::ClusterRole,
        &json!({"metadata": {"name": "reader"}, "rules": "all"}),
    );
    rbac.upsert(
        Kind::ClusterRoleBinding,
        &json!({"metadata": {"name": "b"}, "subjects": 7}),
    );
    assert!(!allowed(&rbac, &jane(), "get", "", "pods"));
    assert!(rbac.rules_for(&jane(), "").is_empty());
}
