//! Persistent volumes and claims.

use serde_json::{Value, json};

/// A new volume is pending since it exists.
pub(super) fn create(volume: &mut Value) {
    if volume["status"]["phase"].as_str().unwrap_or("").is_empty() {
        volume["status"]["phase"] = "Pending".into();
    }
    let since = volume["metadata"]["creationTimestamp"].clone();
    if !since.is_null() {
        volume["status"]["lastPhaseTransitionTime"] = since;
    }
}

/// A volume that gets a claim changes its phase through its status; the class of attributes stays with the driver.
pub(super) fn update(new: &mut Value, old: &Value) {
    super::keep(new, old, "status");
}

/// `dataSource` and `dataSourceRef` name the same object; what only one says, the other repeats.
pub(super) fn data_source(claim: &mut Value) {
    let Some(spec) = claim.get_mut("spec").filter(|s| s.is_object()) else {
        return;
    };
    let (source, reference) = (spec["dataSource"].clone(), spec["dataSourceRef"].clone());
    match (source.is_object(), reference.is_object()) {
        (true, false) => spec["dataSourceRef"] = source,
        (false, true) if reference["namespace"].as_str().unwrap_or("").is_empty() => {
            let known = |group: &Value, kind: &Value| {
                (group.is_null() || group == "") && kind == "PersistentVolumeClaim"
                    || (group == "snapshot.storage.k8s.io" && kind == "VolumeSnapshot")
            };
            if known(&reference["apiGroup"], &reference["kind"]) {
                let mut copy = json!({"kind": reference["kind"], "name": reference["name"]});
                if !reference["apiGroup"].is_null() {
                    copy["apiGroup"] = reference["apiGroup"].clone();
                }
                spec["dataSource"] = copy;
            }
        }
        _ => {}
    }
    if let Some(map) = spec.as_object_mut() {
        map.retain(|field, value| {
            !matches!(field.as_str(), "dataSource" | "dataSourceRef") || !value.is_null()
        });
    }
}
