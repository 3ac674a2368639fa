//! `rbac.authorization.k8s.io/v1` PolicyRule: does it allow a request, and does it cover another rule?

use serde::{Deserialize, Serialize};

use crate::auth::{Attributes, Target};

/// One rule of a role.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Rule {
    /// Verbs, or `*`.
    pub verbs: Vec<String>,
    /// API groups, or `*`; the core group is the empty string.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub api_groups: Vec<String>,
    /// `pods`, `pods/log`, `*/scale`, or `*`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    /// Names that the rule is for; empty means all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resource_names: Vec<String>,
    /// Paths, or prefixes that end in `*`.
    #[serde(rename = "nonResourceURLs", skip_serializing_if = "Vec::is_empty")]
    pub non_resource_urls: Vec<String>,
}

impl Rule {
    /// Whether the rule allows the request.
    #[must_use]
    pub fn allows(&self, request: &Attributes) -> bool {
        if !has(&self.verbs, &request.verb) {
            return false;
        }
        match &request.target {
            Target::Path(path) => self
                .non_resource_urls
                .iter()
                .any(|pattern| path_matches(pattern, path)),
            Target::Resource {
                group,
                resource,
                subresource,
                name,
                ..
            } => {
                has(&self.api_groups, group)
                    && self
                        .resources
                        .iter()
                        .any(|r| resource_matches(r, resource, subresource))
                    && (self.resource_names.is_empty() || self.resource_names.contains(name))
            }
        }
    }

    /// The smallest rules that say the same: one verb with one resource (and name) or one path each.
    #[must_use]
    pub fn break_down(&self) -> Vec<Self> {
        let mut parts = Vec::new();
        for verb in &self.verbs {
            for url in &self.non_resource_urls {
                parts.push(Self {
                    verbs: vec![verb.clone()],
                    non_resource_urls: vec![url.clone()],
                    ..Self::default()
                });
            }
            for group in &self.api_groups {
                for resource in &self.resources {
                    let part = Self {
                        verbs: vec![verb.clone()],
                        api_groups: vec![group.clone()],
                        resources: vec![resource.clone()],
                        ..Self::default()
                    };
                    if self.resource_names.is_empty() {
                        parts.push(part.clone());
                    }
                    parts.extend(self.resource_names.iter().map(|name| Self {
                        resource_names: vec![name.clone()],
                        ..part.clone()
                    }));
                }
            }
        }
        parts
    }

    /// Whether this rule alone allows all that the broken-down `part` allows.
    fn covers_part(&self, part: &Self) -> bool {
        let all = |have: &[String], want: &[String]| want.iter().all(|w| has(have, w));
        if !all(&self.verbs, &part.verbs) {
            return false;
        }
        if !part.non_resource_urls.is_empty() {
            return part
                .non_resource_urls
                .iter()
                .all(|url| self.non_resource_urls.iter().any(|own| path_matches(own, url)));
        }
        all(&self.api_groups, &part.api_groups)
            && part
                .resources
                .iter()
                .all(|want| self.resources.iter().any(|own| resource_covers(own, want)))
            && (self.resource_names.is_empty()
                || (!part.resource_names.is_empty()
                    && part
                        .resource_names
                        .iter()
                        .all(|name| self.resource_names.contains(name))))
    }
}

/// Those smallest parts of `wanted` that no rule of `held` covers.
#[must_use]
pub fn not_covered(held: &[Rule], wanted: &[Rule]) -> Vec<Rule> {
    wanted
        .iter()
        .flat_map(Rule::break_down)
        .filter(|part| !held.iter().any(|rule| rule.covers_part(part)))
        .collect()
}

fn has(list: &[String], wanted: &str) -> bool {
    list.iter().any(|entry| entry == "*" || entry == wanted)
}

fn path_matches(pattern: &str, path: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => path.starts_with(prefix),
        None => pattern == path,
    }
}

/// `*` is every resource and subresource, `*/scale` one subresource of every resource.
fn resource_matches(pattern: &str, resource: &str, subresource: &str) -> bool {
    match pattern.split_once('/') {
        _ if pattern == "*" => true,
        None => pattern == resource && subresource.is_empty(),
        Some((left, right)) => right == subresource && !right.is_empty() && (left == "*" || left == resource),
    }
}

fn resource_covers(own: &str, want: &str) -> bool {
    let (resource, subresource) = want.split_once('/').unwrap_or((want, ""));
    own == want || resource_matches(own, resource, subresource)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::User;

    fn rule(verbs: &[&str], groups: &[&str], resources: &[&str], names: &[&str]) -> Rule {
        let own = |list: &[&str]| list.iter().map(|&s| s.to_owned()).collect();
        Rule {
            verbs: own(verbs),
            api_groups: own(groups),
            resources: own(resources),
            resource_names: own(names),
            ..Rule::default()
        }
    }

    fn request(verb: &str, group: &str, resource: &str, name: &str) -> Attributes {
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        Attributes {
            user: User::default(),
            verb: verb.into(),
            target: Target::Resource {
                group: group.into(),
                version: "v1".into(),
                resource: resource.into(),
                subresource: subresource.into(),
                namespace: "default".into(),
                name: name.into(),
                fields: Vec::new(),
            },
        }
    }

    #[test]
    fn a_rule_allows_what_its_lists_name() {
        let table = [
            (
                rule(&["get"], &[""], &["pods"], &[]),
                ("get", "", "pods", "a"),
                true,
            ),
            (
                rule(&["get"], &[""], &["pods"], &[]),
                ("list", "", "pods", ""),
                false,
            ),
            (
                rule(&["get"], &[""], &["pods"], &[]),
                ("get", "apps", "pods", "a"),
                false,
            ),
            (
                rule(&["get"], &[""], &["pods"], &[]),
                ("get", "", "pods/log", "a"),
                false,
            ),
            (
                rule(&["*"], &["*"], &["*"], &[]),
                ("delete", "apps", "deployments/scale", "x"),
                true,
            ),
            (
                rule(&["get"], &["*"], &["*/scale"], &[]),
                ("get", "apps", "deployments/scale", "x"),
                true,
            ),
            (
                rule(&["get"], &["*"], &["*/scale"], &[]),
                ("get", "apps", "deployments", "x"),
                false,
            ),
            (
                rule(&["get"], &[""], &["pods/log"], &[]),
                ("get", "", "pods/log", "a"),
                true,
            ),
            (
                rule(&["get"], &[""], &["secrets"], &["a"]),
                ("get", "", "secrets", "a"),
                true,
            ),
            (
                rule(&["get"], &[""], &["secrets"], &["a"]),
                ("get", "", "secrets", "b"),
                false,
            ),
            (
                rule(&["list"], &[""], &["secrets"], &["a"]),
                ("list", "", "secrets", ""),
                false,
            ),
        ];
        for (rule, (verb, group, resource, name), allowed) in table {
            assert_eq!(
                rule.allows(&request(verb, group, resource, name)),
                allowed,
                "{rule:?} {verb} {resource}"
            );
        }
    }

    #[test]
    fn a_path_rule_matches_a_path_or_a_prefix() {
        let rule = Rule {
            verbs: vec!["get".into()],
            non_resource_urls: vec!["/healthz".into(), "/api/*".into()],
            ..Rule::default()
        };
        let get = |path: &str| {
            let target = Target::Path(path.into());
            rule.allows(&Attributes {
                user: User::default(),
                verb: "get".into(),
                target,
            })
        };
        assert!(get("/healthz") && get("/api/v1") && get("/api/"));
        assert!(!get("/healthz/x") && !get("/apis") && !get("/"));
    }

    #[test]
    fn what_is_not_held_is_named_in_its_smallest_parts() {
        let held = [
            rule(&["get", "list"], &[""], &["pods"], &[]),
            rule(&["*"], &[""], &["secrets"], &["a"]),
        ];
        assert!(not_covered(&held, &[rule(&["get"], &[""], &["pods"], &["x"])]).is_empty());
        let missing = not_covered(&held, &[rule(&["get", "delete"], &[""], &["pods"], &[])]);
        assert_eq!(missing, [rule(&["delete"], &[""], &["pods"], &[])]);
        assert_eq!(
            not_covered(&held, &[rule(&["get"], &[""], &["secrets"], &[])]).len(),
            1
        );
        assert!(not_covered(&held, &[rule(&["get"], &[""], &["secrets"], &["a"])]).is_empty());
        assert_eq!(
            not_covered(&held, &[rule(&["*"], &[""], &["pods"], &[])]).len(),
            1
        );
    }
}
