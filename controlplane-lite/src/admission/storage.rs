//! DefaultStorageClass and StorageObjectInUseProtection.

use serde_json::{Value, json};

use super::{Cluster, list_mut, text};

/// Marks the class that claims without one get.
const DEFAULT: &str = "storageclass.kubernetes.io/is-default-class";
/// The same, before it was stable.
const DEFAULT_BETA: &str = "storageclass.beta.kubernetes.io/is-default-class";
/// Holds a claim while pods use it.
pub const CLAIM_PROTECTION: &str = "kubernetes.io/pvc-protection";
/// Holds a volume while it is bound.
pub const VOLUME_PROTECTION: &str = "kubernetes.io/pv-protection";

/// Gives a new claim that names no class the default one: the newest, then the first by name. A class named as the
/// empty string means none.
pub fn set_default_class(cluster: &dyn Cluster, claim: &mut Value) {
    let Some(spec) = claim.get_mut("spec").filter(|spec| spec.is_object()) else {
        return;
    };
    let beta = "volume.beta.kubernetes.io/storage-class";
    if !spec["storageClassName"].is_null() {
        return;
    }
    let mut classes = cluster.list("storageclasses", "");
    classes.retain(is_default);
    classes.sort_by(|a, b| {
        let key = |class: &Value| text(&class["metadata"], "creationTimestamp").to_owned();
        let name = |class: &Value| text(&class["metadata"], "name").to_owned();
        key(b).cmp(&key(a)).then_with(|| name(a).cmp(&name(b)))
    });
    let named_by_annotation = !claim["metadata"]["annotations"][beta].is_null();
    if let Some(class) = classes.first().filter(|_| !named_by_annotation) {
        claim["spec"]["storageClassName"] = class["metadata"]["name"].clone();
    }
}

/// Adds the finalizer that keeps a claim or a volume while it is in use.
pub fn protect(object: &mut Value, finalizer: &str) {
    let Some(finalizers) = object
        .get_mut("metadata")
        .and_then(|meta| list_mut(meta, "finalizers"))
    else {
        return;
    };
    if !finalizers.iter().any(|own| own == finalizer) {
        finalizers.push(json!(finalizer));
    }
}

fn is_default(class: &Value) -> bool {
    let annotations = &class["metadata"]["annotations"];
    annotations[DEFAULT] == "true" || annotations[DEFAULT_BETA] == "true"
}

#[cfg(test)]
mod tests {
    use super::super::test_cluster::Objects;
    use super::*;

    fn class(name: &str, created: &str, default: &str) -> (&'static str, Value) {
        let meta = json!({"name": name, "creationTimestamp": created, "annotations": {DEFAULT: default}});
        ("storageclasses", json!({ "metadata": meta }))
    }

    fn chosen(spec: Value) -> Value {
        let cluster = Objects(vec![
            class("old", "2026-01-01T00:00:00Z", "true"),
            class("new", "2026-02-01T00:00:00Z", "true"),
            class("other", "2026-03-01T00:00:00Z", "false"),
        ]);
        let mut claim = json!({"metadata": {"name": "c"}, "spec": spec});
        set_default_class(&cluster, &mut claim);
        claim["spec"]["storageClassName"].clone()
    }

    #[test]
    fn the_newest_default_class_is_taken_where_none_is_named() {
        assert_eq!(chosen(json!({})), "new");
        assert_eq!(chosen(json!({"storageClassName": "old"})), "old");
        assert_eq!(chosen(json!({"storageClassName": ""})), "");
    }

    #[test]
    fn protection_is_added_once() {
        let mut claim = json!({"metadata": {"finalizers": ["x"]}});
        protect(&mut claim, CLAIM_PROTECTION);
        protect(&mut claim, CLAIM_PROTECTION);
        assert_eq!(claim["metadata"]["finalizers"], json!(["x", CLAIM_PROTECTION]));
    }
}
