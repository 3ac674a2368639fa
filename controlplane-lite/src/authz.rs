//! Authorization: the chain of authorizers, and what each of them knows.

pub mod escalation;
pub mod feed;
pub mod node;
pub mod rbac;
pub mod rule;

use std::sync::Arc;

use crate::auth::{Attributes, Authorizer, Decision};
use crate::pki::MASTERS;

/// Asks each authorizer in turn; the first opinion counts. Members of `system:masters` are allowed before anyone is
/// asked, as in the reference, so that a broken role binding can be mended.
pub struct Chain(pub Vec<Arc<dyn Authorizer>>);

impl std::fmt::Debug for Chain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Chain of {} authorizers", self.0.len())
    }
}

impl Authorizer for Chain {
    fn authorize(&self, attributes: &Attributes) -> Decision {
        if attributes.user.is_in(MASTERS) {
            return Decision::Allow(String::new());
        }
        let mut reasons = Vec::new();
        for authorizer in &self.0 {
            match authorizer.authorize(attributes) {
                Decision::NoOpinion(reason) if reason.is_empty() => {}
                Decision::NoOpinion(reason) => reasons.push(reason),
                opinion => return opinion,
            }
        }
        Decision::NoOpinion(reasons.join("\n"))
    }
}

/// `AlwaysAllow` and `AlwaysDeny` of `--authorization-mode`.
#[derive(Debug)]
pub enum Constant {
    /// Every request is allowed.
    Allow,
    /// Every request is refused.
    Deny,
}

impl Authorizer for Constant {
    fn authorize(&self, _: &Attributes) -> Decision {
        match self {
            Self::Allow => Decision::Allow(String::new()),
            Self::Deny => Decision::NoOpinion("Everything is forbidden.".into()),
        }
    }
}
