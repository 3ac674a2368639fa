//! Which labels a kubelet may put on its Node: those that nobody schedules sensitive work by.

use serde_json::{Map, Value};

/// Labels of Kubernetes' own domains that kubelets set.
const ALLOWED: &[&str] = &[
    "beta.kubernetes.io/arch",
    "beta.kubernetes.io/instance-type",
    "beta.kubernetes.io/os",
    "failure-domain.beta.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "failure-domain.kubernetes.io/region",
    "failure-domain.kubernetes.io/zone",
    "kubernetes.io/arch",
    "kubernetes.io/hostname",
    "kubernetes.io/instance-type",
    "kubernetes.io/os",
    "node.kubernetes.io/instance-type",
    "node.kubernetes.io/windows-build",
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
];

/// Domains that are the kubelet's.
const ALLOWED_DOMAINS: &[&str] = &["kubelet.kubernetes.io", "node.kubernetes.io"];
/// The domain that is kept from kubelets, for isolation by label.
const RESTRICTED_DOMAIN: &str = "node-restriction.kubernetes.io";

/// Keys that a kubelet may not set, sorted.
pub(super) fn forbidden(labels: &Value) -> Vec<String> {
    let keys = labels.as_object().into_iter().flatten().map(|(key, _)| key);
    let mut bad: Vec<String> = keys.filter(|key| !is_allowed(key)).cloned().collect();
    bad.sort();
    bad
}

/// Labels that were added, changed or taken away.
pub(super) fn changed(new: &Value, old: &Value) -> Value {
    let map = |labels: &Value| labels.as_object().cloned().unwrap_or_default();
    let (new, old) = (map(new), map(old));
    let differs = |key: &String| new.get(key) != old.get(key);
    let all = new.keys().chain(old.keys()).filter(|key| differs(key));
    Value::Object(all.map(|key| (key.clone(), Value::Null)).collect::<Map<_, _>>())
}

fn is_allowed(key: &str) -> bool {
    let Some((domain, _)) = key.split_once('/') else {
        return true;
    };
    let within = |parent: &str| domain == parent || domain.ends_with(&format!(".{parent}"));
    if within(RESTRICTED_DOMAIN) {
        return false;
    }
    let reserved = within("kubernetes.io") || within("k8s.io");
    !reserved || ALLOWED.contains(&key) || ALLOWED_DOMAINS.iter().any(|own| within(own))
}
