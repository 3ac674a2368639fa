//! Who the processes of a pod are.

use serde_json::Value;

use super::Finding;
use crate::admission::pod_security::Version;
use crate::admission::pod_security::pod::{PodView, containers};

/// From this release on, Windows pods are spared what has no meaning there.
const WINDOWS_SINCE: Version = Version::Minor(25);
/// From this release on, a pod with a user namespace may be root inside.
const USER_NAMESPACE_SINCE: Version = Version::Minor(35);

pub(super) fn privilege_escalation(pod: &PodView<'_>, version: Version) -> Option<Finding> {
    if pod.is_windows() && version >= WINDOWS_SINCE {
        return None;
    }
    let bad = pod.named(|c| c["securityContext"]["allowPrivilegeEscalation"] != false);
    let detail = format!(
        "{} must set securityContext.allowPrivilegeEscalation=false",
        containers(&bad)
    );
    (!bad.is_empty()).then(|| Finding::new("allowPrivilegeEscalation != false", detail))
}

pub(super) fn run_as_non_root(pod: &PodView<'_>, version: Version) -> Option<Finding> {
    if pod.has_user_namespace() && version >= USER_NAMESPACE_SINCE {
        return None;
    }
    let own = |c: &Value| c["securityContext"]["runAsNonRoot"].as_bool();
    let pod_wide = pod.context()["runAsNonRoot"].as_bool();
    let explicit = pod.named(|c| own(c) == Some(false));
    let implicit = pod.named(|c| own(c).is_none() && pod_wide.is_none());
    let mut setters = Vec::new();
    // A pod-wide false matters only where some container does not say otherwise.
    if pod_wide == Some(false) && pod.containers().any(|c| own(c).is_none()) {
        setters.push("pod".to_owned());
    }
    if !explicit.is_empty() {
        setters.push(containers(&explicit));
    }
    let reason = "runAsNonRoot != true";
    if !setters.is_empty() {
        let detail = format!(
            "{} must not set securityContext.runAsNonRoot=false",
            setters.join(" and ")
        );
        return Some(Finding::new(reason, detail));
    }
    let detail = format!(
        "pod or {} must set securityContext.runAsNonRoot=true",
        containers(&implicit)
    );
    (!implicit.is_empty()).then(|| Finding::new(reason, detail))
}

pub(super) fn run_as_user(pod: &PodView<'_>, version: Version) -> Option<Finding> {
    if pod.has_user_namespace() && version >= USER_NAMESPACE_SINCE {
        return None;
    }
    let bad = pod.named(|c| c["securityContext"]["runAsUser"] == 0);
    let mut setters = Vec::new();
    if pod.context()["runAsUser"] == 0 {
        setters.push("pod".to_owned());
    }
    if !bad.is_empty() {
        setters.push(containers(&bad));
    }
    let detail = format!("{} must not set runAsUser=0", setters.join(" and "));
    (!setters.is_empty()).then(|| Finding::new("runAsUser=0", detail))
}
