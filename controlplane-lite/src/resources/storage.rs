//! storage.k8s.io/v1.

use serde_json::json;

use crate::resource::Resource;
use crate::table::volume;

/// The rows, by plural name.
pub fn rows() -> Vec<Resource> {
    let row = |kind, plural| Resource::new("storage.k8s.io", "v1", kind, plural);
    vec![
        row("CSIDriver", "csidrivers")
            .cluster()
            .table(volume::driver_columns(), volume::driver),
        row("CSINode", "csinodes")
            .cluster()
            .table(volume::csi_node_columns(), volume::csi_node),
        row("CSIStorageCapacity", "csistoragecapacities"),
        row("StorageClass", "storageclasses")
            .cluster()
            .short(&["sc"])
            .table(volume::storage_class_columns(), volume::class),
        row("VolumeAttachment", "volumeattachments")
            .cluster()
            .status()
            .starts_with(|_, _| Some(json!({"attached": false})))
            .table(volume::attachment_columns(), volume::attachment),
        row("VolumeAttributesClass", "volumeattributesclasses")
            .cluster()
            .short(&["vac"])
            .table(volume::attributes_class_columns(), volume::attributes_class),
    ]
}
