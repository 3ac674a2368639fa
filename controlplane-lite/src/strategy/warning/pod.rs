//! Warnings about pods and pod templates.

use super::{better_label, fraction};
use crate::field::{At, quote};
use crate::names::net::ip_warning;

const CRITICAL: &str = "scheduler.alpha.kubernetes.io/critical-pod";
const SECCOMP_POD: &str = "seccomp.security.alpha.kubernetes.io/pod";
const SECCOMP_CONTAINER: &str = "container.seccomp.security.alpha.kubernetes.io/";
const APPARMOR: &str = "container.apparmor.security.beta.kubernetes.io/";
const SECCOMP_TEXT: &str = "non-functional in v1.27+; use the \"seccompProfile\" field instead";

/// Kinds of volumes that are gone or going, with the name under which they are reported.
const DEPRECATED_VOLUMES: &[(&str, &str, &str)] = &[
    (
        "photonPersistentDisk",
        "photonPersistentDisk",
        "deprecated in v1.11, non-functional in v1.16+",
    ),
    ("gitRepo", "gitRepo", "deprecated in v1.11"),
    (
        "scaleIO",
        "scaleIO",
        "deprecated in v1.16, non-functional in v1.22+",
    ),
    (
        "flocker",
        "flocker",
        "deprecated in v1.22, non-functional in v1.25+",
    ),
    (
        "storageos",
        "storageOS",
        "deprecated in v1.22, non-functional in v1.25+",
    ),
    (
        "quobyte",
        "quobyte",
        "deprecated in v1.22, non-functional in v1.25+",
    ),
    (
        "glusterfs",
        "glusterfs",
        "deprecated in v1.25, non-functional in v1.26+",
    ),
    (
        "cephfs",
        "cephfs",
        "deprecated in v1.28, non-functional in v1.31+",
    ),
    ("rbd", "rbd", "deprecated in v1.28, non-functional in v1.31+"),
];

/// A pod, or the template of one.
pub(super) fn warnings(holder: &At<'_>, is_pod: bool, found: &mut Vec<String>) {
    let (notes, spec) = (holder.at(&["metadata", "annotations"]), holder.get("spec"));
    node_labels(&spec, found);
    for (key, text) in [
        (
            CRITICAL,
            "non-functional in v1.16+; use the \"priorityClassName\" field instead",
        ),
        (
            "security.alpha.kubernetes.io/sysctls",
            "non-functional in v1.11+; use the \"sysctls\" field instead",
        ),
        (
            "security.alpha.kubernetes.io/unsafe-sysctls",
            "non-functional in v1.11+; use the \"sysctls\" field instead",
        ),
    ] {
        if notes.key(key).present() {
            found.push(format!("{}: {text}", notes.key(key).path));
        }
    }
    spec.get("volumes").items().for_each(|v| volume(&v, found));
    repeated(&spec.get("hostAliases"), "ip", found);
    repeated(&spec.get("imagePullSecrets"), "name", found);
    for secret in spec
        .get("imagePullSecrets")
        .items()
        .filter(|s| s.str_of("name").is_empty())
    {
        found.push(format!("{}: invalid empty name \"\"", secret.get("name").path));
    }
    for name in ["memory", "ephemeral-storage"] {
        fraction(&spec.get("overhead").key(name), found);
    }
    if !spec.get("securityContext").has("seccompProfile") && notes.key(SECCOMP_POD).present() {
        found.push(format!("{}: {SECCOMP_TEXT}", notes.key(SECCOMP_POD).path));
    }
    let containers = || ["initContainers", "containers", "ephemeralContainers"].map(|l| spec.get(l).items());
    for container in containers().into_iter().flatten() {
        self::container(&container, &spec, &notes, is_pod, found);
    }
    ports(containers().into_iter().flatten(), found);
    let grace = spec.get("terminationGracePeriodSeconds");
    if grace.int().is_some_and(|s| s < 0) {
        found.push(format!(
            "{}: must be >= 0; negative values are invalid and will be treated as 1",
            grace.path
        ));
    }
    pod_selectors(&spec.get("affinity"), found);
    for at in spec.at(&["dnsConfig", "nameservers"]).items() {
        found.extend(ip_warning(&at.path, at.str()));
    }
    for alias in spec.get("hostAliases").items() {
        found.extend(ip_warning(&alias.get("ip").path, alias.str_of("ip")));
    }
}

fn node_labels(spec: &At<'_>, found: &mut Vec<String>) {
    for (key, at) in spec.get("nodeSelector").entries() {
        found.extend(better_label(key).map(|text| format!("{}: {text}", at.path)));
    }
    let affinity = spec.at(&["affinity", "nodeAffinity"]);
    let required = affinity.at(&[
        "requiredDuringSchedulingIgnoredDuringExecution",
        "nodeSelectorTerms",
    ]);
    let preferred = affinity.get("preferredDuringSchedulingIgnoredDuringExecution");
    for term in required
        .items()
        .chain(preferred.items().map(|p| p.get("preference")))
    {
        for key in term.get("matchExpressions").items().map(|e| e.get("key")) {
            found
                .extend(better_label(key.str()).map(|text| format!("{}: {} is {text}", key.path, key.str())));
        }
    }
    for constraint in spec.get("topologySpreadConstraints").items() {
        let key = constraint.get("topologyKey");
        found.extend(better_label(key.str()).map(|text| format!("{}: {} is {text}", key.path, key.str())));
        if !constraint.has("labelSelector") {
            let path = constraint.get("labelSelector").path;
            found.push(format!("{path}: a null labelSelector results in matching no pod"));
        }
    }
}

/// A term without a selector selects no pod.
fn pod_selectors(affinity: &At<'_>, found: &mut Vec<String>) {
    for sort in ["podAffinity", "podAntiAffinity"] {
        let sort = affinity.get(sort);
        let required = sort.get("requiredDuringSchedulingIgnoredDuringExecution").items();
        let preferred = sort
            .get("preferredDuringSchedulingIgnoredDuringExecution")
            .items();
        for term in required
            .chain(preferred.map(|p| p.get("podAffinityTerm")))
            .filter(|t| !t.has("labelSelector"))
        {
            let path = term.get("labelSelector").path;
            found.push(format!("{path}: a null labelSelector results in matching no pod"));
        }
    }
}

fn volume(volume: &At<'_>, found: &mut Vec<String>) {
    deprecated_volume(volume, found);
    let claim = volume.at(&["ephemeral", "volumeClaimTemplate", "spec"]);
    fraction(&claim.at(&["resources", "requests"]).key("storage"), found);
}

/// A volume of a pod or a persistent one, of a kind that is gone or going.
pub(super) fn deprecated_volume(holder: &At<'_>, found: &mut Vec<String>) {
    for (_, reported, state) in DEPRECATED_VOLUMES.iter().filter(|(f, ..)| holder.has(f)) {
        found.push(format!("{}: {state}", holder.path.child(*reported)));
    }
}

fn repeated(list: &At<'_>, field: &'static str, found: &mut Vec<String>) {
    let mut seen = Vec::new();
    for entry in list.items() {
        let at = entry.get(field);
        if seen.contains(&at.str()) {
            found.push(format!("{}: duplicate {field} {}", at.path, quote(at.str())));
        }
        seen.push(at.str());
    }
}

fn container(container: &At<'_>, spec: &At<'_>, notes: &At<'_>, is_pod: bool, found: &mut Vec<String>) {
    let (name, context) = (container.str_of("name"), container.get("securityContext"));
    let seccomp = notes.key(&format!("{SECCOMP_CONTAINER}{name}"));
    if !context.has("seccompProfile") && seccomp.present() {
        found.push(format!("{}: {SECCOMP_TEXT}", seccomp.path));
    }
    let armor = notes.key(&format!("{APPARMOR}{name}"));
    let has_field = context.has("appArmorProfile") || spec.get("securityContext").has("appArmorProfile");
    if !is_pod && !has_field && armor.present() {
        found.push(format!(
            "{}: deprecated since v1.30; use the \"appArmorProfile\" field instead",
            armor.path
        ));
    }
    for resource in ["memory", "ephemeral-storage"] {
        for list in ["limits", "requests"] {
            fraction(&container.at(&["resources", list]).key(resource), found);
        }
    }
    let mut names = Vec::new();
    for variable in container.get("env").items() {
        let name = variable.str_of("name");
        let (value, own) = (variable.str_of("value"), format!("$({name})"));
        // A value that builds on the earlier one is meant.
        let hides = variable.has("valueFrom") || value == own || !value.contains(&own);
        if names.contains(&name) && hides {
            let (at, name) = (&variable.path, quote(name));
            found.push(format!(
                "{at}: hides previous definition of {name}, which may be dropped when using apply"
            ));
        }
        names.push(name);
    }
}

/// Ports that are listed twice, in one container or in several.
fn ports<'v>(containers: impl Iterator<Item = At<'v>>, found: &mut Vec<String>) {
    let mut seen: Vec<At<'v>> = Vec::new();
    for port in containers.flat_map(|c| c.get("ports").items()) {
        let same = |other: &&At<'_>| {
            other.int_of("containerPort") == port.int_of("containerPort")
                && other.str_of("protocol") == port.str_of("protocol")
        };
        for other in seen.iter().filter(same) {
            let host = |p: &At<'_>| p.int_of("hostPort").unwrap_or(0);
            let (a, b) = (port.str_of("hostIP"), other.str_of("hostIP"));
            let text = if a == b && host(&port) == host(other) {
                "duplicate"
            } else if host(&port) == 0 || host(other) == 0 {
                "overlapping"
            } else if host(&port) == host(other) && a.is_empty() != b.is_empty() {
                "dangerously ambiguous"
            } else {
                continue;
            };
            found.push(format!(
                "{}: {text} port definition with {}",
                port.path, other.path
            ));
        }
        seen.push(port);
    }
}
