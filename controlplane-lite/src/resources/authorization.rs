//! authentication.k8s.io/v1, authorization.k8s.io/v1, rbac.authorization.k8s.io/v1 and certificates.k8s.io/v1.

use serde_json::json;

use crate::resource::{Resource, SubresourceKind, Verb};
use crate::table::cluster;

const CREATE: &[Verb] = &[Verb::Create];

fn review(group: &'static str, kind: &'static str, plural: &'static str) -> Resource {
    Resource::new(group, "v1", kind, plural)
        .cluster()
        .only(CREATE)
        .not_stored()
}

/// authentication.k8s.io/v1: questions, nothing is stored.
pub fn authentication() -> Vec<Resource> {
    let row = |kind, plural| review("authentication.k8s.io", kind, plural);
    vec![
        row("SelfSubjectReview", "selfsubjectreviews"),
        row("TokenReview", "tokenreviews"),
    ]
}

/// authorization.k8s.io/v1: questions, nothing is stored.
pub fn authorization() -> Vec<Resource> {
    let row = |kind, plural| review("authorization.k8s.io", kind, plural);
    let local = Resource::new(
        "authorization.k8s.io",
        "v1",
        "LocalSubjectAccessReview",
        "localsubjectaccessreviews",
    );
    vec![
        local.only(CREATE).not_stored(),
        row("SelfSubjectAccessReview", "selfsubjectaccessreviews"),
        row("SelfSubjectRulesReview", "selfsubjectrulesreviews"),
        row("SubjectAccessReview", "subjectaccessreviews"),
    ]
}

/// rbac.authorization.k8s.io/v1.
pub fn rbac() -> Vec<Resource> {
    let row = |kind, plural| Resource::new("rbac.authorization.k8s.io", "v1", kind, plural);
    vec![
        row("ClusterRoleBinding", "clusterrolebindings")
            .cluster()
            .table(cluster::binding_columns(), cluster::binding),
        row("ClusterRole", "clusterroles").cluster(),
        row("RoleBinding", "rolebindings").table(cluster::binding_columns(), cluster::binding),
        row("Role", "roles"),
    ]
}

/// certificates.k8s.io/v1.
pub fn certificates() -> Vec<Resource> {
    let read_write = &[Verb::Get, Verb::Patch, Verb::Update];
    vec![
        Resource::new(
            "certificates.k8s.io",
            "v1",
            "CertificateSigningRequest",
            "certificatesigningrequests",
        )
        .cluster()
        .short(&["csr"])
        .sub("approval", read_write, SubresourceKind::Approval)
        .status()
        .field("spec.signerName", "")
        .starts_with(|_, _| Some(json!({})))
        .table(cluster::csr_columns(), cluster::csr),
    ]
}
