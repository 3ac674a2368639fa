//! Questions that are answered and not stored: access reviews, token reviews, tokens.

mod access;
mod token;

use std::sync::Arc;

use crate::auth::Authorizer;
use crate::authn::Authentication;
use crate::authz::rbac::Rbac;
use crate::known::Known;
use crate::verbs::virtuals::Virtuals;

/// Who answers what.
#[must_use]
pub fn answers(
    authentication: &Arc<Authentication>,
    authorizer: &Arc<dyn Authorizer>,
    rbac: &Arc<Rbac>,
    known: &Known,
) -> Virtuals {
    let mut virtuals = Virtuals::default();
    let group = "authorization.k8s.io";
    for (resource, whose) in [
        ("subjectaccessreviews", access::Whose::Named),
        ("localsubjectaccessreviews", access::Whose::Named),
        ("selfsubjectaccessreviews", access::Whose::Own),
    ] {
        let review = access::AccessReview {
            authorizer: Arc::clone(authorizer),
            whose,
        };
        virtuals.insert(group, resource, Arc::new(review));
    }
    virtuals.insert(
        group,
        "selfsubjectrulesreviews",
        Arc::new(access::RulesReview {
            rbac: Arc::clone(rbac),
        }),
    );
    let group = "authentication.k8s.io";
    virtuals.insert(
        group,
        "tokenreviews",
        Arc::new(token::TokenReview(Arc::clone(authentication))),
    );
    virtuals.insert(group, "selfsubjectreviews", Arc::new(token::SelfReview));
    let request = token::TokenRequest {
        tokens: Arc::clone(&authentication.tokens),
        cluster: known.clone(),
    };
    virtuals.insert("", "serviceaccounts/token", Arc::new(request));
    virtuals
}
