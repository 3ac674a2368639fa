//! What holds the processes of a pod in: capabilities, seccomp, AppArmor, SELinux, proc masks.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Finding;
use crate::admission::pod_security::Version;
use crate::admission::pod_security::pod::{PodView, containers, plural, quoted};

/// From this release on, Windows pods are spared what has no meaning there.
const WINDOWS_SINCE: Version = Version::Minor(25);
/// From this release on, a pod with a user namespace may unmask proc.
const USER_NAMESPACE_SINCE: Version = Version::Minor(35);

/// What containerd gives a container anyhow.
const DEFAULT_CAPABILITIES: &[&str] = &[
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

const APP_ARMOR_ANNOTATION: &str = "container.apparmor.security.beta.kubernetes.io/";

fn added(container: &Value) -> impl Iterator<Item = &str> {
    let list = container["securityContext"]["capabilities"]["add"].as_array();
    list.into_iter().flatten().filter_map(Value::as_str)
}

pub(super) fn capabilities_baseline(pod: &PodView<'_>, _: Version) -> Option<Finding> {
    let foreign = |c: &&str| !DEFAULT_CAPABILITIES.contains(c);
    let bad = pod.named(|c| added(c).any(|c| foreign(&c)));
    let which: BTreeSet<&str> = pod.containers().flat_map(added).filter(foreign).collect();
    let which: Vec<&str> = which.into_iter().collect();
    let detail = format!(
        "{} must not include {} in securityContext.capabilities.add",
        containers(&bad),
        quoted(&which)
    );
    (!bad.is_empty()).then(|| Finding::new("non-default capabilities", detail))
}

pub(super) fn capabilities_restricted(pod: &PodView<'_>, version: Version) -> Option<Finding> {
    if pod.is_windows() && version >= WINDOWS_SINCE {
        return None;
    }
    let drops_all = |c: &Value| {
        let drop = c["securityContext"]["capabilities"]["drop"].as_array();
        drop.into_iter().flatten().any(|d| d == "ALL")
    };
    let foreign = |c: &&str| *c != "NET_BIND_SERVICE";
    let keep = pod.named(|c| !drops_all(c));
    let add = pod.named(|c| added(c).any(|c| foreign(&c)));
    let mut details = Vec::new();
    if !keep.is_empty() {
        details.push(format!(
            "{} must set securityContext.capabilities.drop=[\"ALL\"]",
            containers(&keep)
        ));
    }
    if !add.is_empty() {
        let which: BTreeSet<&str> = pod.containers().flat_map(added).filter(foreign).collect();
        let which: Vec<&str> = which.into_iter().collect();
        details.push(format!(
            "{} must not include {} in securityContext.capabilities.add",
            containers(&add),
            quoted(&which)
        ));
    }
    (!details.is_empty()).then(|| Finding::new("unrestricted capabilities", details.join("; ")))
}

pub(super) fn proc_mount(pod: &PodView<'_>, version: Version) -> Option<Finding> {
    if pod.has_user_namespace() && version >= USER_NAMESPACE_SINCE {
        return None;
    }
    let own = |c: &'_ Value| -> Option<String> {
        let mount = c["securityContext"]["procMount"].as_str()?;
        (mount != "Default").then(|| mount.to_owned())
    };
    let bad = pod.named(|c| own(c).is_some());
    let which: BTreeSet<String> = pod.containers().filter_map(own).collect();
    let which: Vec<&str> = which.iter().map(String::as_str).collect();
    let detail = format!(
        "{} must not set securityContext.procMount to {}",
        containers(&bad),
        quoted(&which)
    );
    (!bad.is_empty()).then(|| Finding::new("procMount", detail))
}

pub(super) fn selinux(pod: &PodView<'_>, version: Version) -> Option<Finding> {
    let engine_allowed = version >= Version::Minor(31);
    let allowed = |kind: &str| {
        matches!(kind, "" | "container_t" | "container_init_t" | "container_kvm_t")
            || (engine_allowed && kind == "container_engine_t")
    };
    let text = |options: &'_ Value, field: &str| options[field].as_str().unwrap_or_default().to_owned();
    let bad = |options: &Value| {
        !allowed(&text(options, "type"))
            || !text(options, "user").is_empty()
            || !text(options, "role").is_empty()
    };
    let mut setters = Vec::new();
    let mut guilty: Vec<&Value> = Vec::new();
    let pod_wide = &pod.context()["seLinuxOptions"];
    if bad(pod_wide) {
        setters.push("pod".to_owned());
        guilty.push(pod_wide);
    }
    let names = pod.named(|c| bad(&c["securityContext"]["seLinuxOptions"]));
    if !names.is_empty() {
        setters.push(containers(&names));
        guilty.extend(
            pod.containers()
                .map(|c| &c["securityContext"]["seLinuxOptions"])
                .filter(|o| bad(o)),
        );
    }
    if setters.is_empty() {
        return None;
    }
    let types: BTreeSet<String> = guilty
        .iter()
        .map(|o| text(o, "type"))
        .filter(|t| !allowed(t))
        .collect();
    let types: Vec<&str> = types.iter().map(String::as_str).collect();
    let mut data = Vec::new();
    if !types.is_empty() {
        data.push(format!("{} {}", plural(types.len(), "type"), quoted(&types)));
    }
    for field in ["user", "role"] {
        if guilty.iter().any(|options| !text(options, field).is_empty()) {
            data.push(format!("{field} may not be set"));
        }
    }
    let detail = format!(
        "{} set forbidden securityContext.seLinuxOptions: {}",
        setters.join(" and "),
        data.join("; ")
    );
    Some(Finding::new("seLinuxOptions", detail))
}

pub(super) fn app_armor(pod: &PodView<'_>, _: Version) -> Option<Finding> {
    let unconfined = |context: &Value| context["appArmorProfile"]["type"] == "Unconfined";
    let annotation_allowed =
        |value: &str| matches!(value, "" | "runtime/default") || value.starts_with("localhost/");
    let mut details = Vec::new();
    let mut setters = Vec::new();
    if unconfined(pod.context()) {
        setters.push("pod".to_owned());
    }
    let bad = pod.named(|c| unconfined(&c["securityContext"]));
    if !bad.is_empty() {
        setters.push(containers(&bad));
    }
    if !setters.is_empty() {
        details.push(format!(
            "{} must not set AppArmor profile type to \"Unconfined\"",
            setters.join(" and ")
        ));
    }
    let annotations = pod.metadata["annotations"].as_object().into_iter().flatten();
    let forbidden: Vec<String> = annotations
        .filter(|(key, _)| key.starts_with(APP_ARMOR_ANNOTATION))
        .filter_map(|(key, value)| value.as_str().map(|value| (key, value)))
        .filter(|(_, value)| !annotation_allowed(value))
        .map(|(key, value)| format!("{key}={value:?}"))
        .collect();
    let count = forbidden.len() + setters.len();
    if !forbidden.is_empty() {
        details.push(forbidden.join(", "));
    }
    let reason = format!("forbidden AppArmor {}", plural(count, "profile"));
    (!details.is_empty()).then(|| Finding::new(reason, details.join(", ")))
}

fn seccomp(context: &Value) -> Option<&str> {
    context["seccompProfile"]["type"].as_str()
}

pub(super) fn seccomp_baseline(pod: &PodView<'_>, _: Version) -> Option<Finding> {
    let bad = pod.named(|c| seccomp(&c["securityContext"]) == Some("Unconfined"));
    let mut setters = Vec::new();
    if seccomp(pod.context()) == Some("Unconfined") {
        setters.push("pod".to_owned());
    }
    if !bad.is_empty() {
        setters.push(containers(&bad));
    }
    let detail = format!(
        "{} must not set securityContext.seccompProfile.type to \"Unconfined\"",
        setters.join(" and ")
    );
    (!setters.is_empty()).then(|| Finding::new("seccompProfile", detail))
}

pub(super) fn seccomp_restricted(pod: &PodView<'_>, version: Version) -> Option<Finding> {
    if pod.is_windows() && version >= WINDOWS_SINCE {
        return None;
    }
    let good = |profile: &str| matches!(profile, "RuntimeDefault" | "Localhost");
    let pod_wide = seccomp(pod.context());
    let explicit = pod.named(|c| seccomp(&c["securityContext"]).is_some_and(|profile| !good(profile)));
    let implicit = pod.named(|c| seccomp(&c["securityContext"]).is_none() && !pod_wide.is_some_and(good));
    let mut setters = Vec::new();
    let mut which: BTreeSet<&str> = BTreeSet::new();
    if let Some(profile) = pod_wide.filter(|profile| !good(profile)) {
        setters.push("pod".to_owned());
        which.insert(profile);
    }
    if !explicit.is_empty() {
        setters.push(containers(&explicit));
        let own = pod.containers().filter_map(|c| seccomp(&c["securityContext"]));
        which.extend(own.filter(|profile| !good(profile)));
    }
    if !setters.is_empty() {
        let which: Vec<&str> = which.into_iter().collect();
        let detail = format!(
            "{} must not set securityContext.seccompProfile.type to {}",
            setters.join(" and "),
            quoted(&which)
        );
        return Some(Finding::new("seccompProfile", detail));
    }
    let detail = format!(
        "pod or {} must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\"",
        containers(&implicit)
    );
    (!implicit.is_empty()).then(|| Finding::new("seccompProfile", detail))
}
