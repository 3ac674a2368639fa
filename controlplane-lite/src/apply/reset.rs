//! Fields that a path can't write: a write that names them owns nothing there.

use super::set::FieldSet;

/// Kinds whose status path leaves the whole metadata alone, not only `spec`.
const STATUS_KEEPS_METADATA: [(&str, &str); 5] = [
    ("apiextensions.k8s.io", "CustomResourceDefinition"),
    ("flowcontrol.apiserver.k8s.io", "FlowSchema"),
    ("flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration"),
    ("resource.k8s.io", "ResourceClaim"),
    ("storage.k8s.io", "VolumeAttachment"),
];

/// The fields that a write to `subresource` (empty: the object itself) leaves alone, as the reference's
/// strategies strip them.
///
/// `group` and `kind` name the object; `has_status` says whether the resource has a status subresource.
pub fn reset_fields(group: &str, kind: &str, subresource: &str, has_status: bool) -> FieldSet {
    match (subresource, group, kind) {
        ("", ..) if has_status => FieldSet::of(&[&["status"]]),
        ("status", "", "Pod") => FieldSet::of(&[
            &["spec"],
            &["metadata", "deletionTimestamp"],
            &["metadata", "ownerReferences"],
        ]),
        ("status", "apps", "Deployment") => FieldSet::of(&[&["spec"], &["metadata", "labels"]]),
        ("status", "certificates.k8s.io", _) => FieldSet::of(&[&["spec"], &["status", "conditions"]]),
        ("status", ..) if STATUS_KEEPS_METADATA.contains(&(group, kind)) => {
            FieldSet::of(&[&["spec"], &["metadata"]])
        }
        ("status", ..) => FieldSet::of(&[&["spec"]]),
        ("approval", ..) => FieldSet::of(&[&["spec"], &["status", "certificate"]]),
        _ => FieldSet::default(),
    }
}
