//! Nobody may grant more than they hold: checks on writes of roles and bindings.
//!
//! A user may write a role if the RBAC rules that they hold cover the role's rules, or if they have the verb
//! `escalate` on it; a binding if they hold what the role grants, or have the verb `bind` on the role.
//! Source: "Privilege escalation prevention and bootstrapping" in the RBAC documentation.

use super::rbac::{GROUP, Kind, Rbac};
use super::rule::{Rule, not_covered};
use crate::auth::{Attributes, Authorizer, Decision, Target, User};

/// A role or a binding that is about to be written.
#[derive(Debug, Clone, Copy)]
pub struct Grant<'a> {
    /// Who writes.
    pub user: &'a User,
    /// Where the grant would hold; empty for the cluster.
    pub namespace: &'a str,
    /// The role's own kind ([`Kind::Role`] or [`Kind::ClusterRole`]).
    pub role_kind: Kind,
    /// The role's name; empty with `generateName`.
    pub role: &'a str,
    /// What it would grant.
    pub rules: &'a [Rule],
}

impl Grant<'_> {
    /// Checks the write of the role itself; the error is the text that follows `is forbidden: `.
    ///
    /// # Errors
    /// The user holds less and has no `escalate`.
    pub fn check_role(&self, authorizer: &dyn Authorizer, rbac: &Rbac) -> Result<(), String> {
        self.check("escalate", authorizer, rbac)
    }

    /// Checks the write of a binding to the role.
    ///
    /// # Errors
    /// The user holds less and has no `bind`.
    pub fn check_binding(&self, authorizer: &dyn Authorizer, rbac: &Rbac) -> Result<(), String> {
        self.check("bind", authorizer, rbac)
    }

    fn check(&self, verb: &str, authorizer: &dyn Authorizer, rbac: &Rbac) -> Result<(), String> {
        let resource = if self.role_kind == Kind::Role {
            "roles"
        } else {
            "clusterroles"
        };
        let exempt = Attributes {
            user: self.user.clone(),
            verb: verb.into(),
            target: Target::Resource {
                group: GROUP.into(),
                version: "v1".into(),
                resource: resource.into(),
                subresource: String::new(),
                namespace: self.namespace.into(),
                name: self.role.into(),
                fields: Vec::new(),
            },
        };
        if matches!(authorizer.authorize(&exempt), Decision::Allow(_)) {
            return Ok(());
        }
        let missing = not_covered(&rbac.rules_for(self.user, self.namespace), self.rules);
        if missing.is_empty() {
            Ok(())
        } else {
            Err(refusal(self.user, &missing))
        }
    }
}

fn refusal(user: &User, missing: &[Rule]) -> String {
    let groups: Vec<String> = user.groups.iter().map(|group| format!("{group:?}")).collect();
    let mut lines: Vec<String> = compact(missing).iter().map(describe).collect();
    lines.sort();
    format!(
        "user {:?} (groups=[{}]) is attempting to grant RBAC permissions not currently held:\n{}",
        user.name,
        groups.join(" "),
        lines.join("\n")
    )
}

/// Joins parts that differ in their verbs alone, so that a person reads one line per resource.
fn compact(parts: &[Rule]) -> Vec<Rule> {
    let mut joined: Vec<Rule> = Vec::new();
    for part in parts {
        let same = |rule: &&mut Rule| {
            Rule {
                verbs: Vec::new(),
                ..(**rule).clone()
            } == Rule {
                verbs: Vec::new(),
                ..part.clone()
            }
        };
        match joined.iter_mut().find(same) {
            Some(rule) => rule.verbs.extend(part.verbs.iter().cloned()),
            None => joined.push(part.clone()),
        }
    }
    joined
}

fn describe(rule: &Rule) -> String {
    let field = |name: &str, values: &[String]| {
        let quoted: Vec<String> = values.iter().map(|value| format!("{value:?}")).collect();
        (!values.is_empty()).then(|| format!("{name}:[{}]", quoted.join(" ")))
    };
    let fields: Vec<String> = [
        field("APIGroups", &rule.api_groups),
        field("Resources", &rule.resources),
        field("ResourceNames", &rule.resource_names),
        field("NonResourceURLs", &rule.non_resource_urls),
        field("Verbs", &rule.verbs),
    ]
    .into_iter()
    .flatten()
    .collect();
    format!("{{{}}}", fields.join(", "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rules(value: serde_json::Value) -> Vec<Rule> {
        serde_json::from_value(value).unwrap()
    }

    fn rbac_with(rules: &serde_json::Value) -> Rbac {
        let rbac = Rbac::default();
        rbac.upsert(
            Kind::ClusterRole,
            &json!({"metadata": {"name": "own"}, "rules": rules}),
        );
        rbac.upsert(
            Kind::ClusterRoleBinding,
            &json!({
                "metadata": {"name": "own"},
                "roleRef": {"kind": "ClusterRole", "name": "own"},
                "subjects": [{"kind": "User", "name": "jane"}]
            }),
        );
        rbac
    }

    fn check(held: &serde_json::Value, wanted: serde_json::Value) -> Result<(), String> {
        let rbac = rbac_with(held);
        let user = User::authenticated("jane", []);
        let wanted = rules(wanted);
        let grant = Grant {
            user: &user,
            namespace: "web",
            role_kind: Kind::Role,
            role: "r",
            rules: &wanted,
        };
        grant.check_role(&rbac, &rbac)
    }

    #[test]
    fn a_user_may_grant_what_they_hold() {
        let pods = json!([{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}]);
        assert_eq!(check(&pods.clone(), pods), Ok(()));
    }

    #[test]
    fn a_user_may_not_grant_more_and_is_told_what() {
        let held = json!([{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}]);
        let wanted = json!([{"verbs": ["get", "list", "watch"], "apiGroups": [""], "resources": ["pods"]}]);
        assert_eq!(
            check(&held, wanted).unwrap_err(),
            "user \"jane\" (groups=[\"system:authenticated\"]) is attempting to grant RBAC permissions not \
             currently held:\n{APIGroups:[\"\"], Resources:[\"pods\"], Verbs:[\"list\" \"watch\"]}"
        );
    }

    #[test]
    fn the_verb_escalate_lifts_the_check() {
        let held = json!([{"verbs": ["escalate"], "apiGroups": [GROUP], "resources": ["roles"]}]);
        let wanted = json!([{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}]);
        assert_eq!(check(&held, wanted), Ok(()));
    }
}
