//! What a pod from a file may not refer to: objects that only an API server could give it.
//!
//! The reference refuses such pods as well (KEP-5359, on by default since 1.34): a static pod starts before and
//! without the API.

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec, Volume};

/// The fields that refer to API objects, with the reason why they are refused.
pub(super) fn check(pod: &Pod) -> Vec<(String, String)> {
    let Some(spec) = &pod.spec else { return Vec::new() };
    let mut found = Vec::new();
    pod_references(spec, &mut found);
    for (index, volume) in spec.volumes.iter().flatten().enumerate() {
        volume_references(volume, &format!("spec.volumes[{index}]"), &mut found);
    }
    let init = spec.init_containers.as_deref().unwrap_or_default();
    for (list, containers) in [
        ("initContainers", init),
        ("containers", spec.containers.as_slice()),
    ] {
        for (index, container) in containers.iter().enumerate() {
            container_references(container, &format!("spec.{list}[{index}]"), &mut found);
        }
    }
    found
        .into_iter()
        .map(|(field, what)| (field, refusal(what)))
        .collect()
}

fn refusal(what: &str) -> String {
    format!("Forbidden: static pods may not reference {what}; a pod from a file runs without an API server")
}

type Found = Vec<(String, &'static str)>;

fn pod_references(spec: &PodSpec, found: &mut Found) {
    let account = |name: &Option<String>| name.as_ref().is_some_and(|name| !name.is_empty());
    if account(&spec.service_account_name) {
        found.push(("spec.serviceAccountName".to_owned(), "serviceaccounts"));
    }
    if account(&spec.service_account) {
        found.push(("spec.serviceAccount".to_owned(), "serviceaccounts"));
    }
    for index in 0..spec.image_pull_secrets.as_ref().map_or(0, Vec::len) {
        found.push((format!("spec.imagePullSecrets[{index}]"), "secrets"));
    }
    for index in 0..spec.resource_claims.as_ref().map_or(0, Vec::len) {
        found.push((format!("spec.resourceClaims[{index}]"), "resourceclaims"));
    }
}

fn volume_references(volume: &Volume, path: &str, found: &mut Found) {
    let kinds = [
        ("secret", volume.secret.is_some(), "secrets"),
        ("configMap", volume.config_map.is_some(), "configmaps"),
        (
            "persistentVolumeClaim",
            volume.persistent_volume_claim.is_some(),
            "persistentvolumeclaims",
        ),
        ("ephemeral", volume.ephemeral.is_some(), "persistentvolumeclaims"),
    ];
    for (field, present, what) in kinds {
        if present {
            found.push((format!("{path}.{field}"), what));
        }
    }
    let sources = volume
        .projected
        .as_ref()
        .and_then(|projected| projected.sources.as_deref())
        .unwrap_or_default();
    for (index, source) in sources.iter().enumerate() {
        let kinds = [
            ("secret", source.secret.is_some(), "secrets"),
            ("configMap", source.config_map.is_some(), "configmaps"),
            (
                "serviceAccountToken",
                source.service_account_token.is_some(),
                "serviceaccounts",
            ),
            (
                "clusterTrustBundle",
                source.cluster_trust_bundle.is_some(),
                "clustertrustbundles",
            ),
            (
                "podCertificate",
                source.pod_certificate.is_some(),
                "podcertificaterequests",
            ),
        ];
        for (field, present, what) in kinds {
            if present {
                found.push((format!("{path}.projected.sources[{index}].{field}"), what));
            }
        }
    }
}

fn container_references(container: &Container, path: &str, found: &mut Found) {
    for (index, env) in container.env.iter().flatten().enumerate() {
        let Some(source) = &env.value_from else { continue };
        if source.secret_key_ref.is_some() {
            found.push((format!("{path}.env[{index}].valueFrom.secretKeyRef"), "secrets"));
        }
        if source.config_map_key_ref.is_some() {
            found.push((
                format!("{path}.env[{index}].valueFrom.configMapKeyRef"),
                "configmaps",
            ));
        }
    }
    for (index, source) in container.env_from.iter().flatten().enumerate() {
        if source.secret_ref.is_some() {
            found.push((format!("{path}.envFrom[{index}].secretRef"), "secrets"));
        }
        if source.config_map_ref.is_some() {
            found.push((format!("{path}.envFrom[{index}].configMapRef"), "configmaps"));
        }
    }
}
