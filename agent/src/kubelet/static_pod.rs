//! The identity of a pod that comes from a file.
//!
//! A static pod has no API server to name it, so its uid, name and namespace follow from the manifest, the
//! file and the node alone: after a restart of the node the same file gives the same uid, and the running
//! containers are found again. A changed manifest gives a new uid, hence a full restart of the pod.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use k8s_openapi::api::core::v1::{Pod, PodSpec, Toleration};
use k8s_openapi::jiff::Timestamp;
use sha2::{Digest, Sha256};

/// Annotation: the uid that follows from the manifest.
pub const CONFIG_HASH: &str = "kubernetes.io/config.hash";
/// Annotation: `file` or `api`.
pub const CONFIG_SOURCE: &str = "kubernetes.io/config.source";
/// Annotation: when this process first saw the pod.
pub const CONFIG_SEEN: &str = "kubernetes.io/config.seen";
/// Annotation on the mirror pod in the API; a static pod never carries it.
pub const CONFIG_MIRROR: &str = "kubernetes.io/config.mirror";

/// Gives `pod`, read from `source`, the identity that it has on `node_name`.
///
/// # Guarantees
/// The same manifest, source and node give the same uid, in any process. The uid has the reference's form
/// (32 hexadecimal digits) but is a truncated SHA-256 where the reference uses MD5: nothing compares the two,
/// because a uid belongs to the kubelet that made it. A uid that the manifest sets is kept.
#[must_use]
pub fn identify(mut pod: Pod, source: &str, node_name: &str, seen: Timestamp) -> Pod {
    let uid = match pod.metadata.uid.take().filter(|uid| !uid.is_empty()) {
        Some(uid) => uid,
        None => uid_of(&pod, source, node_name),
    };
    let meta = &mut pod.metadata;
    let suffix = format!("-{}", node_name.to_lowercase());
    let name = meta.name.take().unwrap_or_default();
    meta.name = Some(format!("{name}{suffix}"));
    if meta.namespace.as_deref().unwrap_or_default().is_empty() {
        meta.namespace = Some("default".into());
    }
    let annotations = meta.annotations.get_or_insert_with(BTreeMap::new);
    annotations.remove(CONFIG_MIRROR);
    annotations.insert(CONFIG_HASH.into(), uid.clone());
    annotations.insert(CONFIG_SOURCE.into(), "file".into());
    annotations.insert(CONFIG_SEEN.into(), seen.to_string());
    meta.uid = Some(uid);
    if let Some(spec) = &mut pod.spec {
        spec.node_name = Some(node_name.into());
        tolerate_every_eviction(spec);
    }
    pod.status = None;
    pod
}

/// A static pod stays on its node whatever taint the node gets: nobody could start it elsewhere.
fn tolerate_every_eviction(spec: &mut PodSpec) {
    let toleration = Toleration {
        effect: Some("NoExecute".into()),
        operator: Some("Exists".into()),
        ..Toleration::default()
    };
    let tolerations = spec.tolerations.get_or_insert_with(Vec::new);
    if !tolerations.contains(&toleration) {
        tolerations.push(toleration);
    }
}

fn uid_of(pod: &Pod, source: &str, node_name: &str) -> String {
    let mut hash = Sha256::new();
    // Serialisation of API types is deterministic: fields in order, maps sorted.
    let manifest = serde_json::to_vec(pod).unwrap_or_default();
    for part in [
        manifest.as_slice(),
        b"host:",
        node_name.as_bytes(),
        b"file:",
        source.as_bytes(),
    ] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize()
        .iter()
        .take(16)
        .fold(String::with_capacity(32), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(name: &str) -> Pod {
        serde_json::from_value(serde_json::json!({
            "metadata": {"name": name, "annotations": {CONFIG_MIRROR: "x"}},
            "spec": {"containers": [{"name": "c", "image": "i"}]}
        }))
        .expect("a pod")
    }

    fn named(pod: &Pod) -> (&str, &str, &str) {
        let meta = &pod.metadata;
        (
            meta.namespace.as_deref().unwrap_or_default(),
            meta.name.as_deref().unwrap_or_default(),
            meta.uid.as_deref().unwrap_or_default(),
        )
    }

    #[test]
    fn same_manifest_source_and_node_give_the_same_uid_at_any_time() {
        let early = identify(pod("a"), "/m/a.yaml", "Node1", Timestamp::UNIX_EPOCH);
        let late = identify(pod("a"), "/m/a.yaml", "Node1", Timestamp::MAX);
        assert_eq!(named(&early), named(&late));
        let (namespace, name, uid) = named(&early);
        assert_eq!((namespace, name, uid.len()), ("default", "a-node1", 32));
    }

    #[test]
    fn another_manifest_source_or_node_gives_another_uid() {
        let uid = |name: &str, source: &str, node: &str| {
            identify(pod(name), source, node, Timestamp::UNIX_EPOCH)
                .metadata
                .uid
        };
        let base = uid("a", "/m/a.yaml", "n");
        for other in [
            uid("b", "/m/a.yaml", "n"),
            uid("a", "/m/b.yaml", "n"),
            uid("a", "/m/a.yaml", "m"),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn annotations_name_the_source_and_never_a_mirror() {
        let pod = identify(pod("a"), "/m/a.yaml", "n", Timestamp::UNIX_EPOCH);
        let annotations = pod.metadata.annotations.expect("annotations");
        assert_eq!(annotations[CONFIG_SOURCE], "file");
        assert_eq!(Some(&annotations[CONFIG_HASH]), pod.metadata.uid.as_ref());
        assert!(!annotations.contains_key(CONFIG_MIRROR));
    }

    #[test]
    fn uid_written_in_the_manifest_is_kept() {
        let mut pod = pod("a");
        pod.metadata.uid = Some("mine".into());
        assert_eq!(
            identify(pod, "f", "n", Timestamp::UNIX_EPOCH)
                .metadata
                .uid
                .as_deref(),
            Some("mine")
        );
    }
}
