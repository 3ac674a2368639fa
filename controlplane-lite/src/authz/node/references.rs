//! What a pod or a volume refers to, as far as a kubelet must read it.

use serde_json::Value;

/// An object of a core/v1 resource.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Reference {
    resource: &'static str,
    namespace: String,
    name: String,
}

impl Reference {
    pub(super) fn new(resource: &str, namespace: &str, name: &str) -> Self {
        let resource = match resource {
            "secrets" => "secrets",
            "configmaps" => "configmaps",
            "persistentvolumeclaims" => "persistentvolumeclaims",
            _ => "serviceaccounts",
        };
        Self {
            resource,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }
}

/// Everything that running a pod needs.
pub(super) fn of_pod(pod: &Value) -> impl Iterator<Item = Reference> {
    let namespace = text(&pod["metadata"], "namespace");
    let spec = &pod["spec"];
    let mut found: Vec<(&str, String)> = Vec::new();
    let mut add = |resource: &'static str, name: &str| {
        if !name.is_empty() {
            found.push((resource, name.to_owned()));
        }
    };
    add("serviceaccounts", text(spec, "serviceAccountName"));
    for secret in list(spec, "imagePullSecrets") {
        add("secrets", text(secret, "name"));
    }
    for field in ["initContainers", "containers", "ephemeralContainers"] {
        for container in list(spec, field) {
            of_container(container, &mut add);
        }
    }
    for volume in list(spec, "volumes") {
        of_pod_volume(volume, text(&pod["metadata"], "name"), &mut add);
    }
    let namespace = namespace.to_owned();
    found
        .into_iter()
        .map(move |(resource, name)| Reference::new(resource, &namespace, &name))
}

fn of_container(container: &Value, add: &mut impl FnMut(&'static str, &str)) {
    for variable in list(container, "env") {
        let source = &variable["valueFrom"];
        add("secrets", text(&source["secretKeyRef"], "name"));
        add("configmaps", text(&source["configMapKeyRef"], "name"));
    }
    for source in list(container, "envFrom") {
        add("secrets", text(&source["secretRef"], "name"));
        add("configmaps", text(&source["configMapRef"], "name"));
    }
}

fn of_pod_volume(volume: &Value, pod: &str, add: &mut impl FnMut(&'static str, &str)) {
    add("secrets", text(&volume["secret"], "secretName"));
    add("configmaps", text(&volume["configMap"], "name"));
    add(
        "persistentvolumeclaims",
        text(&volume["persistentVolumeClaim"], "claimName"),
    );
    if volume["ephemeral"].is_object() {
        add(
            "persistentvolumeclaims",
            &format!("{pod}-{}", text(volume, "name")),
        );
    }
    for source in list(&volume["projected"], "sources") {
        add("secrets", text(&source["secret"], "name"));
        add("configmaps", text(&source["configMap"], "name"));
    }
    // Drivers inside the pod's volume name their secret under one of two keys.
    for driver in volume.as_object().into_iter().flatten().map(|(_, driver)| driver) {
        add("secrets", text(&driver["secretRef"], "name"));
        add("secrets", text(&driver["nodePublishSecretRef"], "name"));
    }
}

/// Secrets that mounting a persistent volume needs.
pub(super) fn of_volume(volume: &Value) -> impl Iterator<Item = Reference> {
    let csi = &volume["spec"]["csi"];
    let keys = [
        "nodeStageSecretRef",
        "nodePublishSecretRef",
        "nodeExpandSecretRef",
    ];
    keys.into_iter().filter_map(|key| {
        let reference = csi.get(key)?;
        Some(Reference::new(
            "secrets",
            text(reference, "namespace"),
            text(reference, "name"),
        ))
    })
}

fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object[field].as_str().unwrap_or_default()
}

fn list<'a>(object: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    object[field].as_array().into_iter().flatten()
}
