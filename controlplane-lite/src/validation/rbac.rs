//! Roles and bindings.

use super::{Rules, selector};
use crate::field::{At, ErrorKind, Errors, FieldError, quote};
use crate::names::{name_is_path_segment, name_is_subdomain, path_segment};
use serde_json::Value;

const GROUP: &str = "rbac.authorization.k8s.io";

/// Rules for the kinds of `rbac.authorization.k8s.io`.
pub(super) fn rules(kind: &str) -> Option<Rules> {
    let rules = match kind {
        "Role" => Rules::new(|role, errs| policy_rules(role, true, errs))
            .update(|new, _, errs| policy_rules(new, true, errs)),
        "ClusterRole" => Rules::new(cluster_role)
            .cluster()
            .update(|new, _, errs| cluster_role(new, errs)),
        "RoleBinding" => Rules::new(|b, errs| binding(b, true, errs)).update(|new, old, errs| {
            binding(new, true, errs);
            fixed_role(new, old, errs);
        }),
        "ClusterRoleBinding" => {
            Rules::new(|b, errs| binding(b, false, errs))
                .cluster()
                .update(|new, old, errs| {
                    binding(new, false, errs);
                    fixed_role(new, old, errs);
                })
        }
        _ => return None,
    };
    Some(rules.named(name_is_path_segment).again())
}

fn policy_rules(role: &At<'_>, namespaced: bool, errs: &mut Errors) {
    for rule in role.get("rules").items() {
        let need = |field: &'static str, why: &str, errs: &mut Errors| {
            if rule.get(field).is_empty() {
                errs.push(rule.get(field).required(why));
            }
        };
        need("verbs", "verbs must contain at least one value", errs);
        let urls = rule.get("nonResourceURLs");
        if !urls.is_empty() {
            if namespaced {
                errs.push(urls.invalid("namespaced rules cannot apply to non-resource URLs"));
            }
            if ["apiGroups", "resources", "resourceNames"]
                .iter()
                .any(|f| !rule.get(f).is_empty())
            {
                errs.push(urls.invalid("rules cannot apply to both regular resources and non-resource URLs"));
            }
            continue;
        }
        need(
            "apiGroups",
            "resource rules must supply at least one api group",
            errs,
        );
        need(
            "resources",
            "resource rules must supply at least one resource",
            errs,
        );
    }
}

fn cluster_role(role: &At<'_>, errs: &mut Errors) {
    policy_rules(role, false, errs);
    let aggregation = role.get("aggregationRule");
    if !aggregation.present() {
        return;
    }
    let selectors = aggregation.get("clusterRoleSelectors");
    if selectors.is_empty() {
        let why = "at least one clusterRoleSelector required if aggregationRule is non-nil";
        errs.push(selectors.required(why));
    }
    selectors.items().for_each(|s| selector::selector(&s, errs));
}

fn binding(binding: &At<'_>, namespaced: bool, errs: &mut Errors) {
    let role = binding.get("roleRef");
    let (group, kind, name) = (role.get("apiGroup"), role.get("kind"), role.get("name"));
    if group.str() != GROUP {
        errs.push(group.unsupported(&[GROUP]));
    }
    let kinds: &[&str] = if namespaced {
        &["Role", "ClusterRole"]
    } else {
        &["ClusterRole"]
    };
    if !kinds.contains(&kind.str()) {
        errs.push(kind.unsupported(kinds));
    }
    match name.str() {
        "" => errs.push(name.required("")),
        text => name.invalid_each(path_segment(text), errs),
    }
    binding
        .get("subjects")
        .items()
        .for_each(|s| subject(&s, namespaced, errs));
}

fn subject(at: &At<'_>, namespaced: bool, errs: &mut Errors) {
    let (name, group, kind) = (at.get("name"), at.get("apiGroup"), at.get("kind"));
    if name.str().is_empty() {
        errs.push(name.required(""));
    }
    match kind.str() {
        "ServiceAccount" => {
            if !name.str().is_empty() {
                name.invalid_each(name_is_subdomain(name.str(), false), errs);
            }
            if !group.str().is_empty() {
                errs.push(group.unsupported(&[""]));
            }
            if !namespaced && at.str_of("namespace").is_empty() {
                errs.push(at.get("namespace").required(""));
            }
        }
        "User" | "Group" => {
            if group.str() != GROUP {
                errs.push(group.unsupported(&[GROUP]));
            }
        }
        _ => errs.push(kind.unsupported(&["ServiceAccount", "User", "Group"])),
    }
}

/// The role of a binding is fixed: who wants another deletes the binding.
fn fixed_role(new: &At<'_>, old: &At<'_>, errs: &mut Errors) {
    let role = new.get("roleRef");
    if role.value != old.get("roleRef").value {
        let text = |field| quote(role.value.get(field).and_then(Value::as_str).unwrap_or(""));
        let shown = format!(
            "{{\"APIGroup\":{},\"Kind\":{},\"Name\":{}}}",
            text("apiGroup"),
            text("kind"),
            text("name")
        );
        errs.push(FieldError::with_shown(
            ErrorKind::Invalid,
            &role.path,
            shown,
            "cannot change roleRef",
        ));
    }
}
