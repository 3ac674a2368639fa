//! Volumes of pods, persistent volumes and claims.

use super::pod::{field_refs, pull_policy};
use super::set::{Object, absent, amounts, each, empty, ensure, text, within};
use serde_json::{Value, json};

/// Mode of files from secrets, config maps and projections: 0644.
const FILE_MODE: i64 = 0o644;

/// A pod's volume.
pub(super) fn volume(volume: &mut Object) {
    if !volume
        .iter()
        .any(|(field, value)| field != "name" && !value.is_null())
    {
        volume.insert("emptyDir".into(), json!({}));
    }
    if let Some(image) = within(volume, "image") {
        let policy = pull_policy(text(image, "reference"));
        empty(image, "pullPolicy", policy);
    }
    for kind in ["secret", "configMap", "downwardAPI", "projected"] {
        if let Some(source) = within(volume, kind) {
            absent(source, "defaultMode", FILE_MODE);
            each(source, "items", field_refs);
            each(source, "sources", projection);
        }
    }
    if let Some(claim) = within(volume, "ephemeral").and_then(|e| within(e, "volumeClaimTemplate")) {
        ensure(claim, "metadata");
        if let Some(spec) = ensure(claim, "spec") {
            claim_spec(spec);
        }
    }
    source(volume);
}

fn projection(source: &mut Object) {
    if let Some(token) = within(source, "serviceAccountToken") {
        absent(token, "expirationSeconds", 3600);
    }
    if let Some(downward) = within(source, "downwardAPI") {
        each(downward, "items", field_refs);
    }
    if let Some(certificate) = within(source, "podCertificate") {
        absent(certificate, "maxExpirationSeconds", 86_400);
    }
}

/// Sources that pods and persistent volumes share.
fn source(holder: &mut Object) {
    if let Some(host) = within(holder, "hostPath") {
        absent(host, "type", "");
    }
    if let Some(iscsi) = within(holder, "iscsi") {
        empty(iscsi, "iscsiInterface", "default");
    }
    if let Some(rbd) = within(holder, "rbd") {
        empty(rbd, "pool", "rbd");
        empty(rbd, "user", "admin");
        empty(rbd, "keyring", "/etc/ceph/keyring");
    }
    if let Some(disk) = within(holder, "azureDisk") {
        absent(disk, "cachingMode", "ReadWrite");
        absent(disk, "kind", "Shared");
        absent(disk, "fsType", "ext4");
        absent(disk, "readOnly", false);
    }
    if let Some(scale) = within(holder, "scaleIO") {
        empty(scale, "storageMode", "ThinProvisioned");
        empty(scale, "fsType", "xfs");
    }
}

/// The spec of a claim, also within a template.
pub(super) fn claim_spec(spec: &mut Object) {
    absent(spec, "volumeMode", "Filesystem");
    if let Some(resources) = ensure(spec, "resources") {
        amounts(resources, "limits");
        amounts(resources, "requests");
    }
}

/// A claim of a stateful set: it reads back with kind and status phase.
pub(super) fn claim_template(claim: &mut Object) {
    empty(claim, "apiVersion", "v1");
    empty(claim, "kind", "PersistentVolumeClaim");
    ensure(claim, "metadata");
    persistent_volume_claim(claim);
}

/// A claim.
pub(super) fn persistent_volume_claim(claim: &mut Object) {
    if let Some(status) = ensure(claim, "status") {
        empty(status, "phase", "Pending");
    }
    if let Some(spec) = ensure(claim, "spec") {
        claim_spec(spec);
    }
}

/// A persistent volume.
pub(super) fn persistent_volume(object: &mut Object) {
    if let Some(status) = ensure(object, "status") {
        empty(status, "phase", "Pending");
    }
    let Some(spec) = ensure(object, "spec") else {
        return;
    };
    empty(spec, "persistentVolumeReclaimPolicy", "Retain");
    absent(spec, "volumeMode", "Filesystem");
    amounts(spec, "capacity");
    source(spec);
    if let Some(file) = within(spec, "azureFile") {
        file.retain(|field, value| field != "secretNamespace" || value != &Value::Null);
    }
}
