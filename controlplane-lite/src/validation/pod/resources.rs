//! Requests and limits: names of resources, amounts, claims.

use crate::field::{At, ErrorKind, Errors, FieldError};
use crate::names::{dns_label, dns_subdomain, qualified_name};
use crate::quantity::Quantity;
use crate::quantity::pod::container_total;
use serde_json::Value;

const DEFAULT_DOMAIN: &str = "kubernetes.io/";

/// Whether a resource is the node's own: no domain, or the project's.
fn is_native(name: &str) -> bool {
    !name.contains('/') || name.contains(DEFAULT_DOMAIN)
}

/// Whether more of a resource may be requested than there is.
pub(in crate::validation) fn may_overcommit(name: &str) -> bool {
    is_native(name) && !is_hugepages(name)
}

/// Whether a resource is huge pages of some size.
pub(in crate::validation) fn is_hugepages(name: &str) -> bool {
    name.starts_with("hugepages-")
}

/// Whether amounts of a resource are whole: objects that are counted, and devices.
fn is_whole(name: &str) -> bool {
    const COUNTED: &[&str] = &[
        "pods",
        "services",
        "replicationcontrollers",
        "resourcequotas",
        "secrets",
        "configmaps",
        "persistentvolumeclaims",
        "services.nodeports",
        "services.loadbalancers",
    ];
    COUNTED.contains(&name) || is_extended(name)
}

fn is_extended(name: &str) -> bool {
    !is_native(name)
        && !name.starts_with("requests.")
        && qualified_name(&format!("requests.{name}")).is_empty()
}

const CONTAINER: &[&str] = &["cpu", "memory", "ephemeral-storage"];
const QUOTA: &[&str] = &[
    "cpu",
    "memory",
    "ephemeral-storage",
    "requests.cpu",
    "requests.memory",
    "requests.storage",
    "requests.ephemeral-storage",
    "limits.cpu",
    "limits.memory",
    "limits.ephemeral-storage",
    "pods",
    "resourcequotas",
    "services",
    "replicationcontrollers",
    "secrets",
    "persistentvolumeclaims",
    "configmaps",
    "services.nodeports",
    "services.loadbalancers",
];

/// Whether a name without domain is one that quotas know.
pub(in crate::validation) fn is_quota_name(name: &str) -> bool {
    QUOTA.contains(&name)
        || is_hugepages(name)
        || name.starts_with("requests.hugepages-")
        || name.starts_with("count/")
}

/// The name of any resource, at a map's entry.
pub(in crate::validation) fn any_name(at: &At<'_>, name: &str, errs: &mut Errors) -> bool {
    let wrong = qualified_name(name);
    let standard = CONTAINER.contains(&name) || is_quota_name(name) || name == "storage";
    if wrong.is_empty() && !name.contains('/') && !standard {
        errs.push(at.invalid_as(name, "must be a standard resource type or fully qualified"));
    }
    let valid = wrong.is_empty();
    errs.extend(wrong.into_iter().map(|m| at.invalid_as(name, m)));
    valid
}

/// The name of a container's resource.
pub(in crate::validation) fn container_name(at: &At<'_>, name: &str, errs: &mut Errors) {
    any_name(at, name, errs);
    if !name.contains('/') {
        if !CONTAINER.contains(&name) && !is_hugepages(name) {
            errs.push(at.invalid_as(name, "must be a standard resource for containers"));
        }
    } else if !is_native(name) && !is_extended(name) {
        errs.push(at.invalid_as(name, "doesn't follow extended resource name standard"));
    }
}

/// The amount of a resource: not negative, and whole where it must be.
pub(in crate::validation) fn amount(at: &At<'_>, name: &str, errs: &mut Errors) -> Quantity {
    let amount = Quantity::of(Some(at.value));
    if amount.is_negative() {
        errs.push(at.invalid_as(amount.to_string(), "must be greater than or equal to 0"));
    }
    if is_whole(name) && !amount.is_whole() {
        errs.push(at.invalid_as(amount.to_string(), "must be an integer"));
    }
    amount
}

type NameRule = fn(&At<'_>, &str, &mut Errors);

/// `resources` of a container; `claims` are those of its pod.
pub(super) fn container(resources: &At<'_>, claims: &At<'_>, errs: &mut Errors) {
    requirements(resources, container_name, errs);
    claim_names(&resources.get("claims"), claims, errs);
}

/// `overhead` of a pod: checked like limits, reported under `limits`.
pub(super) fn overhead(at: &At<'_>, errs: &mut Errors) {
    let limits = At::new(at.path.child("limits"), at.value);
    for (name, entry) in limits.entries() {
        container_name(&entry, name, errs);
        amount(&entry, name, errs);
        huge_page_multiple(&entry, name, errs);
    }
}

fn huge_page_multiple(at: &At<'_>, name: &str, errs: &mut Errors) {
    let Some(size) = name.strip_prefix("hugepages-") else {
        return;
    };
    let amount = Quantity::of(Some(at.value));
    let size = Quantity::parse(size).map_or(0, |q| q.value());
    if size <= 0 || amount.value() % size != 0 {
        let why = format!("{amount} is not positive integer multiple of {name}");
        errs.push(at.invalid_as(amount.to_string(), why));
    }
}

fn requirements(resources: &At<'_>, name_rule: NameRule, errs: &mut Errors) {
    let (limits, requests) = (resources.get("limits"), resources.get("requests"));
    let mut compute = false;
    let mut huge = false;
    for (name, entry) in limits.entries() {
        name_rule(&entry, name, errs);
        amount(&entry, name, errs);
        huge_page_multiple(&entry, name, errs);
        compute |= matches!(name, "cpu" | "memory");
        huge |= is_hugepages(name);
    }
    for (name, entry) in requests.entries() {
        name_rule(&entry, name, errs);
        let request = amount(&entry, name, errs);
        let limit = limits.key(name);
        if limit.present() {
            let limit = Quantity::of(Some(limit.value));
            let relation = if request != limit && !may_overcommit(name) {
                Some("must be equal to")
            } else {
                (request > limit).then_some("must be less than or equal to")
            };
            if let Some(relation) = relation {
                let why = format!("{relation} {name} limit of {limit}");
                errs.push(requests.invalid_as(request.to_string(), why));
            }
        } else if !may_overcommit(name) {
            errs.push(limits.required("Limit must be set for non overcommitable resources"));
        }
        huge_page_multiple(&entry, name, errs);
        compute |= matches!(name, "cpu" | "memory");
        huge |= is_hugepages(name);
    }
    if huge && !compute {
        errs.push(resources.forbidden("HugePages require cpu or memory"));
    }
}

fn claim_names(list: &At<'_>, pod_claims: &At<'_>, errs: &mut Errors) {
    let mut known: Vec<&str> = pod_claims
        .items()
        .map(|c| c.str_of("name"))
        .filter(|n| !n.is_empty())
        .collect();
    known.sort_unstable();
    let mut seen: Vec<String> = Vec::new();
    for claim in list.items() {
        let (name, request) = (claim.str_of("name"), claim.str_of("request"));
        if name.is_empty() {
            errs.push(claim.required(""));
            continue;
        }
        let key = if request.is_empty() {
            name.to_owned()
        } else {
            format!("{name}/{request}")
        };
        if !request.is_empty() && !seen.iter().any(|s| s == name) {
            claim.get("request").invalid_each(dns_label(request), errs);
        }
        let overlaps = seen.iter().any(|s| s == name || *s == key)
            || (request.is_empty() && seen.iter().any(|s| s.split('/').next() == Some(name)));
        if overlaps {
            errs.push(FieldError::duplicate(&claim.path, &Value::from(key.clone())));
        }
        seen.push(key);
        if !known.contains(&name) {
            let choice = if known.is_empty() {
                " which is empty".to_owned()
            } else {
                format!(": {}", known.join(", "))
            };
            let why = format!("must be one of the names in pod.spec.resourceClaims{choice}");
            errs.push(FieldError::new(
                ErrorKind::NotFound,
                &claim.path,
                &Value::from(name),
                why,
            ));
        }
    }
}

/// `resourceClaims` of a pod.
pub(super) fn pod_claims(list: &At<'_>, errs: &mut Errors) {
    let mut names = Vec::new();
    for claim in list.items() {
        let name = claim.get("name");
        if name.str().is_empty() {
            errs.push(name.required(""));
        } else if names.contains(&name.str()) {
            errs.push(name.duplicate());
        } else {
            name.invalid_each(dns_label(name.str()), errs);
            names.push(name.str());
        }
        let sources = ["resourceClaimName", "resourceClaimTemplateName"];
        match sources.iter().filter(|f| claim.has(f)).count() {
            0 => errs
                .push(claim.invalid("must specify one of: `resourceClaimName`, `resourceClaimTemplateName`")),
            1 => {}
            _ => errs.push(claim.invalid(
                "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified",
            )),
        }
        for source in sources.into_iter().filter(|f| claim.has(f)) {
            claim
                .get(source)
                .invalid_each(dns_subdomain(claim.str_of(source)), errs);
        }
    }
}

/// KEP-2837: resources of the pod as a whole.
pub(super) fn pod_level(spec: &At<'_>, errs: &mut Errors) {
    let resources = spec.get("resources");
    if resources.has("claims") {
        errs.push(
            resources
                .get("claims")
                .forbidden("claims cannot be set for Resources at pod-level"),
        );
    }
    requirements(&resources, pod_level_name, errs);
    let (requests, limits) = (resources.get("requests"), resources.get("limits"));
    for (name, total) in container_total(spec.value, "requests") {
        let request = requests.key(&name);
        let pod = Quantity::of(Some(request.value));
        if total > pod {
            let why = format!("must be greater than or equal to aggregate container requests of {total}");
            errs.push(request.invalid_as(pod.to_string(), why));
        }
    }
    for (index, container) in spec.get("containers").items().enumerate() {
        for (name, limit) in container.at(&["resources", "limits"]).entries() {
            let (own, pod) = (
                Quantity::of(Some(limit.value)),
                Quantity::of(Some(limits.key(name).value)),
            );
            if limits.key(name).present() && own > pod {
                let path = resources
                    .path
                    .child("containers")
                    .index(index)
                    .key(name)
                    .child("limits");
                let why = format!("must be less than or equal to pod limits of {pod}");
                errs.push(FieldError::invalid(&path, &Value::from(own.to_string()), why));
            }
        }
    }
}

fn pod_level_name(at: &At<'_>, name: &str, errs: &mut Errors) {
    let before = errs.len();
    any_name(at, name, errs);
    if errs.len() == before && !matches!(name, "cpu" | "memory") && !is_hugepages(name) {
        errs.push(FieldError::not_supported(
            &at.path,
            &Value::from(name),
            &["cpu", "hugepages-", "memory"],
        ));
    }
}
