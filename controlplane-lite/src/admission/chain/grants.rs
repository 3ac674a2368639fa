//! Writes of roles and bindings: nobody grants more than they hold.

use serde_json::Value;

use super::{Chain, forbid};
use crate::authz::escalation::Grant;
use crate::authz::rbac::Kind;
use crate::authz::rule::Rule;
use crate::pki::MASTERS;
use crate::serve::access::Review;
use crate::status::Result;

impl Chain {
    pub(super) fn check_grant(&self, review: &Review<'_>, object: &Value) -> Result<()> {
        if review.user.is_in(MASTERS) {
            return Ok(());
        }
        match review.resource.plural.as_ref() {
            "roles" => self.check_role(Kind::Role, review, object),
            "clusterroles" => self.check_role(Kind::ClusterRole, review, object),
            "rolebindings" | "clusterrolebindings" => self.check_binding(review, object),
            _ => Ok(()),
        }
    }

    fn check_role(&self, role_kind: Kind, review: &Review<'_>, object: &Value) -> Result<()> {
        // A change that leaves the rules alone grants nothing new.
        let kept = |field: &str| review.old.is_some_and(|old| old[field] == object[field]);
        if kept("rules") && kept("aggregationRule") {
            return Ok(());
        }
        let mut rules = rules_of(object);
        if object["aggregationRule"].is_object() {
            // Whoever chooses by label what a role will hold could come to hold everything.
            let all = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
            rules.push(Rule {
                verbs: all(&["*"]),
                api_groups: all(&["*"]),
                resources: all(&["*"]),
                ..Rule::default()
            });
            rules.push(Rule {
                verbs: all(&["*"]),
                non_resource_urls: all(&["*"]),
                ..Rule::default()
            });
        }
        let role = object["metadata"]["name"].as_str().unwrap_or_default();
        let grant = Grant {
            user: review.user,
            namespace: review.namespace,
            role_kind,
            role,
            rules: &rules,
        };
        grant
            .check_role(&*self.authorizer, &self.rbac)
            .map_err(|why| forbid(review, object, why))
    }

    fn check_binding(&self, review: &Review<'_>, object: &Value) -> Result<()> {
        let kept = |field: &str| review.old.is_some_and(|old| old[field] == object[field]);
        if kept("subjects") && kept("roleRef") {
            return Ok(());
        }
        let reference = &object["roleRef"];
        let role_kind = if reference["kind"] == "Role" {
            Kind::Role
        } else {
            Kind::ClusterRole
        };
        let role = reference["name"].as_str().unwrap_or_default();
        let Some(rules) = self.rbac.role(role_kind, review.namespace, role) else {
            // A role that is not there could be made to hold anything: only `bind` helps.
            let everything = [Rule {
                verbs: vec!["*".into()],
                api_groups: vec!["*".into()],
                resources: vec!["*".into()],
                ..Rule::default()
            }];
            let grant = Grant {
                user: review.user,
                namespace: review.namespace,
                role_kind,
                role,
                rules: &everything,
            };
            let what = if role_kind == Kind::Role {
                "role"
            } else {
                "clusterrole"
            };
            let missing = format!("{what}.rbac.authorization.k8s.io {role:?} not found");
            let checked = grant.check_binding(&*self.authorizer, &self.rbac);
            return checked.map_err(|_| forbid(review, object, missing));
        };
        let grant = Grant {
            user: review.user,
            namespace: review.namespace,
            role_kind,
            role,
            rules: &rules,
        };
        grant
            .check_binding(&*self.authorizer, &self.rbac)
            .map_err(|why| forbid(review, object, why))
    }
}

fn rules_of(role: &Value) -> Vec<Rule> {
    serde_json::from_value(role.get("rules").cloned().unwrap_or_default()).unwrap_or_default()
}
