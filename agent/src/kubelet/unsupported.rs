//! Fields of a pod that this version does not act on. None is passed over in silence: a field whose absence
//! would weaken the pod's isolation or change what it runs on refuses the pod, the others are named in the log.

use k8s_openapi::api::core::v1::Pod;

use super::podspec;

/// Why `pod` must not run here; `None` when it may. A new spec or a later version helps.
#[must_use]
pub fn refused(pod: &Pod) -> Option<String> {
    let spec = podspec::spec(pod);
    let devices =
        podspec::containers(pod).any(|(_, c)| c.volume_devices.as_ref().is_some_and(|d| !d.is_empty()));
    let claims = spec
        .resource_claims
        .as_ref()
        .is_some_and(|claims| !claims.is_empty());
    let field = match spec.runtime_class_name.as_deref() {
        _ if spec.host_users == Some(false) => "hostUsers: false",
        Some(name) if !name.is_empty() => "runtimeClassName",
        _ if devices => "volumeDevices",
        _ if claims => "resourceClaims",
        _ => return None,
    };
    Some(format!("{field} is not supported by this version"))
}

/// Fields that have no effect yet.
#[must_use]
pub fn ignored(pod: &Pod) -> Vec<&'static str> {
    let any = |set: fn(&k8s_openapi::api::core::v1::Container) -> bool| {
        podspec::containers(pod).any(|(_, c)| set(c))
    };
    let spec = podspec::spec(pod);
    let checks = [
        ("livenessProbe", any(|c| c.liveness_probe.is_some())),
        ("readinessProbe", any(|c| c.readiness_probe.is_some())),
        ("startupProbe", any(|c| c.startup_probe.is_some())),
        ("lifecycle", any(|c| c.lifecycle.is_some())),
        ("restartPolicyRules", any(|c| c.restart_policy_rules.is_some())),
        (
            "ephemeralContainers",
            spec.ephemeral_containers
                .as_ref()
                .is_some_and(|list| !list.is_empty()),
        ),
        ("overhead", spec.overhead.is_some()),
        ("resources (of the pod)", spec.resources.is_some()),
    ];
    checks
        .into_iter()
        .filter(|(_, set)| *set)
        .map(|(field, _)| field)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(spec: &str) -> Pod {
        serde_json::from_str(&format!("{{\"spec\": {spec}}}")).expect("a pod")
    }

    #[test]
    fn isolation_that_cannot_be_given_refuses_the_pod() {
        let cases = [
            (
                r#"{"containers": [], "hostUsers": false}"#,
                Some("hostUsers: false"),
            ),
            (
                r#"{"containers": [], "runtimeClassName": "gvisor"}"#,
                Some("runtimeClassName"),
            ),
            (
                r#"{"containers": [{"name": "c", "volumeDevices": [{"name": "d", "devicePath": "/d"}]}]}"#,
                Some("volumeDevices"),
            ),
            (
                r#"{"containers": [], "resourceClaims": [{"name": "r"}]}"#,
                Some("resourceClaims"),
            ),
            (r#"{"containers": [], "hostUsers": true}"#, None),
        ];
        for (spec, field) in cases {
            let expected = field.map(|field| format!("{field} is not supported by this version"));
            assert_eq!(refused(&pod(spec)), expected, "{spec}");
        }
    }

    #[test]
    fn fields_without_effect_are_named() {
        let with = r#"{"containers": [{"name": "c", "livenessProbe": {}, "lifecycle": {}}]}"#;
        assert_eq!(ignored(&pod(with)), ["livenessProbe", "lifecycle"]);
        assert!(ignored(&pod(r#"{"containers": [{"name": "c"}]}"#)).is_empty());
    }
}
