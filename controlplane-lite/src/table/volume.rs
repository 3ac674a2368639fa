//! Columns and cells of volumes, claims and storage.k8s.io.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::format::{age, at, items, or, text};
use crate::resource::Column;
use crate::table::{column, name, wide};

const UNSET: &str = "<unset>";

/// Columns of volumes.
pub fn volume_columns() -> Vec<Column> {
    vec![
        name(),
        column(
            "Capacity",
            "string",
            "@io.k8s.api.core.v1.PersistentVolumeSpec.capacity",
        ),
        column(
            "Access Modes",
            "string",
            "@io.k8s.api.core.v1.PersistentVolumeSpec.accessModes",
        ),
        column(
            "Reclaim Policy",
            "string",
            "@io.k8s.api.core.v1.PersistentVolumeSpec.persistentVolumeReclaimPolicy",
        ),
        column("Status", "string", "@io.k8s.api.core.v1.PersistentVolume.status"),
        column(
            "Claim",
            "string",
            "@io.k8s.api.core.v1.PersistentVolumeSpec.claimRef",
        ),
        column("StorageClass", "string", "StorageClass of the pv"),
        column(
            "VolumeAttributesClass",
            "string",
            "VolumeAttributesClass of the pv",
        ),
        column(
            "Reason",
            "string",
            "@io.k8s.api.core.v1.PersistentVolumeStatus.reason",
        ),
        super::age(),
        wide(
            "VolumeMode",
            "string",
            "@io.k8s.api.core.v1.PersistentVolumeSpec.volumeMode",
        ),
    ]
}

/// Cells of a volume.
pub fn volume(object: &Value, now: Timestamp) -> Vec<Value> {
    let claim = match at(object, "spec.claimRef") {
        Value::Null => String::new(),
        r => format!("{}/{}", text(r, "namespace"), text(r, "name")),
    };
    vec![
        object["metadata"]["name"].clone(),
        json!(text(object, "spec.capacity.storage")),
        json!(access_modes(at(object, "spec.accessModes"))),
        json!(text(object, "spec.persistentVolumeReclaimPolicy")),
        json!(phase(object)),
        json!(claim),
        json!(storage_class(object)),
        json!(or(text(object, "spec.volumeAttributesClassName"), UNSET)),
        json!(text(object, "status.reason")),
        json!(age(object, now)),
        json!(or(text(object, "spec.volumeMode"), UNSET)),
    ]
}

/// Columns of claims.
pub fn claim_columns() -> Vec<Column> {
    vec![
        name(),
        column(
            "Status",
            "string",
            "@io.k8s.api.core.v1.PersistentVolumeClaim.status",
        ),
        column(
            "Volume",
            "string",
            "@io.k8s.api.core.v1.PersistentVolumeClaimSpec.volumeName",
        ),
        column(
            "Capacity",
            "string",
            "@io.k8s.api.core.v1.PersistentVolumeClaimStatus.capacity",
        ),
        column(
            "Access Modes",
            "string",
            "@io.k8s.api.core.v1.PersistentVolumeClaimStatus.accessModes",
        ),
        column("StorageClass", "string", "StorageClass of the pvc"),
        column(
            "VolumeAttributesClass",
            "string",
            "VolumeAttributesClass of the pvc",
        ),
        super::age(),
        wide(
            "VolumeMode",
            "string",
            "@io.k8s.api.core.v1.PersistentVolumeClaimSpec.volumeMode",
        ),
    ]
}

/// Cells of a claim; capacity and access modes are those of the volume once it is bound.
pub fn claim(object: &Value, now: Timestamp) -> Vec<Value> {
    let bound = !text(object, "spec.volumeName").is_empty();
    let modes = if bound {
        access_modes(at(object, "status.accessModes"))
    } else {
        String::new()
    };
    let capacity = if bound {
        text(object, "status.capacity.storage")
    } else {
        ""
    };
    vec![
        object["metadata"]["name"].clone(),
        json!(phase(object)),
        json!(text(object, "spec.volumeName")),
        json!(capacity),
        json!(modes),
        json!(storage_class(object)),
        json!(or(text(object, "spec.volumeAttributesClassName"), UNSET)),
        json!(age(object, now)),
        json!(or(text(object, "spec.volumeMode"), UNSET)),
    ]
}

fn phase(object: &Value) -> &str {
    match at(object, "metadata.deletionTimestamp") {
        Value::Null => text(object, "status.phase"),
        _ => "Terminating",
    }
}

/// The annotation of old clusters goes before the field.
fn storage_class(object: &Value) -> &str {
    let annotation = object["metadata"]["annotations"]["volume.beta.kubernetes.io/storage-class"].as_str();
    annotation.unwrap_or_else(|| text(object, "spec.storageClassName"))
}

fn access_modes(modes: &Value) -> String {
    let order = [
        ("ReadWriteOnce", "RWO"),
        ("ReadOnlyMany", "ROX"),
        ("ReadWriteMany", "RWX"),
        ("ReadWriteOncePod", "RWOP"),
    ];
    let has = |mode: &str| modes.as_array().is_some_and(|all| all.iter().any(|m| m == mode));
    order
        .iter()
        .filter(|(mode, _)| has(mode))
        .map(|(_, short)| *short)
        .collect::<Vec<_>>()
        .join(",")
}

/// Columns of storage classes.
pub fn storage_class_columns() -> Vec<Column> {
    vec![
        name(),
        column(
            "Provisioner",
            "string",
            "@io.k8s.api.storage.v1.StorageClass.provisioner",
        ),
        column(
            "ReclaimPolicy",
            "string",
            "@io.k8s.api.storage.v1.StorageClass.reclaimPolicy",
        ),
        column(
            "VolumeBindingMode",
            "string",
            "@io.k8s.api.storage.v1.StorageClass.volumeBindingMode",
        ),
        column(
            "AllowVolumeExpansion",
            "string",
            "@io.k8s.api.storage.v1.StorageClass.allowVolumeExpansion",
        ),
        super::age(),
    ]
}

/// Cells of a storage class; the default one is marked.
pub fn class(object: &Value, now: Timestamp) -> Vec<Value> {
    vec![
        json!(marked_name(object, "storageclass.kubernetes.io/is-default-class")),
        json!(text(object, "provisioner")),
        json!(or(text(object, "reclaimPolicy"), "Delete")),
        json!(or(text(object, "volumeBindingMode"), "Immediate")),
        json!(object["allowVolumeExpansion"] == true),
        json!(age(object, now)),
    ]
}

fn marked_name(object: &Value, annotation: &str) -> String {
    let default = object["metadata"]["annotations"][annotation] == "true";
    format!(
        "{}{}",
        text(object, "metadata.name"),
        if default { " (default)" } else { "" }
    )
}

/// Columns of CSI drivers.
pub fn driver_columns() -> Vec<Column> {
    vec![
        name(),
        column(
            "AttachRequired",
            "boolean",
            "@io.k8s.api.storage.v1.CSIDriverSpec.attachRequired",
        ),
        column(
            "PodInfoOnMount",
            "boolean",
            "@io.k8s.api.storage.v1.CSIDriverSpec.podInfoOnMount",
        ),
        column(
            "StorageCapacity",
            "boolean",
            "@io.k8s.api.storage.v1.CSIDriverSpec.storageCapacity",
        ),
        column(
            "TokenRequests",
            "string",
            "@io.k8s.api.storage.v1.CSIDriverSpec.tokenRequests",
        ),
        column(
            "RequiresRepublish",
            "boolean",
            "@io.k8s.api.storage.v1.CSIDriverSpec.requiresRepublish",
        ),
        column(
            "Modes",
            "string",
            "@io.k8s.api.storage.v1.CSIDriverSpec.volumeLifecycleModes",
        ),
        super::age(),
    ]
}

/// Cells of a CSI driver.
pub fn driver(object: &Value, now: Timestamp) -> Vec<Value> {
    let flag = |path, absent| at(object, path).as_bool().unwrap_or(absent);
    let audiences: Vec<&str> = items(object, "spec.tokenRequests")
        .iter()
        .map(|t| text(t, "audience"))
        .collect();
    let modes: Vec<&str> = items(object, "spec.volumeLifecycleModes")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    vec![
        object["metadata"]["name"].clone(),
        json!(flag("spec.attachRequired", true)),
        json!(flag("spec.podInfoOnMount", false)),
        json!(flag("spec.storageCapacity", false)),
        json!(or(&audiences.join(","), UNSET)),
        json!(flag("spec.requiresRepublish", false)),
        json!(or(&modes.join(","), "<none>")),
        json!(age(object, now)),
    ]
}

/// Columns of CSI nodes.
pub fn csi_node_columns() -> Vec<Column> {
    vec![
        name(),
        column(
            "Drivers",
            "integer",
            "Drivers indicates the number of CSI drivers registered on the node",
        ),
        super::age(),
    ]
}

/// Cells of a CSI node.
pub fn csi_node(object: &Value, now: Timestamp) -> Vec<Value> {
    vec![
        object["metadata"]["name"].clone(),
        json!(items(object, "spec.drivers").len()),
        json!(age(object, now)),
    ]
}

/// Columns of volume attachments.
pub fn attachment_columns() -> Vec<Column> {
    let attacher = column(
        "Attacher",
        "string",
        "@io.k8s.api.storage.v1.VolumeAttachmentSpec.attacher",
    );
    vec![
        name(),
        Column {
            format: "name".into(),
            ..attacher
        },
        column(
            "PV",
            "string",
            "@io.k8s.api.storage.v1.VolumeAttachmentSource.persistentVolumeName",
        ),
        column(
            "Node",
            "string",
            "@io.k8s.api.storage.v1.VolumeAttachmentSpec.nodeName",
        ),
        column(
            "Attached",
            "boolean",
            "@io.k8s.api.storage.v1.VolumeAttachmentStatus.attached",
        ),
        super::age(),
    ]
}

/// Cells of a volume attachment.
pub fn attachment(object: &Value, now: Timestamp) -> Vec<Value> {
    vec![
        object["metadata"]["name"].clone(),
        json!(text(object, "spec.attacher")),
        json!(text(object, "spec.source.persistentVolumeName")),
        json!(text(object, "spec.nodeName")),
        json!(at(object, "status.attached") == &Value::Bool(true)),
        json!(age(object, now)),
    ]
}

/// Columns of volume attributes classes.
pub fn attributes_class_columns() -> Vec<Column> {
    vec![
        name(),
        column(
            "DriverName",
            "string",
            "@io.k8s.api.storage.v1.VolumeAttributesClass.driverName",
        ),
        super::age(),
    ]
}

/// Cells of a volume attributes class; the default one is marked.
pub fn attributes_class(object: &Value, now: Timestamp) -> Vec<Value> {
    vec![
        json!(marked_name(
            object,
            "volumeattributesclass.kubernetes.io/is-default-class"
        )),
        json!(text(object, "driverName")),
        json!(age(object, now)),
    ]
}
