//! Persistent volumes and claims.

mod claim;

pub(super) use claim::{claim_rules, claim_spec};

use super::pod::node_selector;
use super::volume_source::{self, more_than_one, path_no_backsteps};
use super::{Rules, storage};
use crate::field::{At, Errors, FieldError, Path};
use crate::names::{dns_label, dns_subdomain, name_is_label};
use crate::quantity::Quantity;
use serde_json::{Map, Value};

const MODES: &[&str] = &[
    "ReadOnlyMany",
    "ReadWriteMany",
    "ReadWriteOnce",
    "ReadWriteOncePod",
];

/// Sources in the order in which the first of several wins, with the names under which their faults and a
/// second source are reported.
const SOURCES: &[(&str, &str, &str)] = &[
    ("hostPath", "hostPath", "hostPath"),
    ("gcePersistentDisk", "persistentDisk", "gcePersistentDisk"),
    (
        "awsElasticBlockStore",
        "awsElasticBlockStore",
        "awsElasticBlockStore",
    ),
    ("glusterfs", "glusterfs", "glusterfs"),
    ("flocker", "flocker", "flocker"),
    ("nfs", "nfs", "nfs"),
    ("rbd", "rbd", "rbd"),
    ("quobyte", "quobyte", "quobyte"),
    ("cephfs", "cephfs", "cephFS"),
    ("iscsi", "iscsi", "iscsi"),
    ("cinder", "cinder", "cinder"),
    ("fc", "fc", "fc"),
    ("flexVolume", "flexVolume", "flexVolume"),
    ("azureFile", "azureFile", "azureFile"),
    ("vsphereVolume", "vsphereVolume", "vsphereVolume"),
    (
        "photonPersistentDisk",
        "photonPersistentDisk",
        "photonPersistentDisk",
    ),
    ("portworxVolume", "portworxVolume", "portworxVolume"),
    ("azureDisk", "azureDisk", "azureDisk"),
    ("scaleIO", "scaleIO", "scaleIO"),
    ("local", "local", "local"),
    ("storageos", "storageos", "storageos"),
    ("csi", "csi", "csi"),
];

/// Rules for `PersistentVolume`.
pub(super) fn volume_rules() -> Rules {
    Rules::new(|volume, errs| volume_spec(&volume.get("spec"), errs))
        .cluster()
        .again()
        .update(volume_update)
}

fn access_modes(spec: &At<'_>, detail: &str, errs: &mut Errors) {
    let list = spec.get("accessModes");
    if list.is_empty() {
        errs.push(list.required(detail));
    }
    for mode in list.items().filter(|m| !MODES.contains(&m.str())) {
        errs.push(FieldError::not_supported(&list.path, mode.value, MODES));
    }
    let known = |m: &At<'_>| MODES.contains(&m.str());
    let exclusive = list.items().any(|m| m.str() == "ReadWriteOncePod");
    if exclusive && list.items().any(|m| known(&m) && m.str() != "ReadWriteOncePod") {
        errs.push(list.forbidden("may not use ReadWriteOncePod with other access modes"));
    }
}

/// The spec of a persistent volume.
pub(super) fn volume_spec(spec: &At<'_>, errs: &mut Errors) {
    access_modes(spec, "", errs);
    capacity(&spec.get("capacity"), errs);
    let policy = spec.get("persistentVolumeReclaimPolicy");
    policy.one_of_if_set(&["Delete", "Recycle", "Retain"], errs);
    let affinity = spec.get("nodeAffinity");
    if affinity.has("required") {
        node_selector(&affinity.get("required"), errs);
    } else if affinity.present() {
        errs.push(
            affinity
                .get("required")
                .required("must specify required node constraints"),
        );
    }
    sources(spec, errs);
    let host = spec.at(&["hostPath", "path"]).str();
    if !host.is_empty() && host.bytes().all(|b| b == b'/') && policy.str() == "Recycle" {
        errs.push(policy.forbidden("may not be 'recycle' for a hostPath mount of '/'"));
    }
    let class = spec.get("storageClassName");
    if !class.str().is_empty() {
        class.invalid_each(dns_subdomain(class.str()), errs);
    }
    spec.get("volumeMode")
        .one_of_if_set(&["Block", "Filesystem"], errs);
    let attributes = spec.get("volumeAttributesClassName");
    if attributes.present() {
        match attributes.str() {
            "" => errs.push(attributes.required("an empty string is disallowed")),
            text => attributes.invalid_each(dns_subdomain(text), errs),
        }
        if !spec.has("csi") {
            errs.push(
                spec.get("csi")
                    .required("has to be specified when using volumeAttributesClassName"),
            );
        }
    }
}

fn capacity(at: &At<'_>, errs: &mut Errors) {
    if at.is_empty() {
        errs.push(at.required(""));
    }
    if !at.key("storage").present() || at.len() > 1 {
        errs.push(FieldError::not_supported(&at.path, at.value, &["storage"]));
    }
    for (_, entry) in at.entries() {
        let amount = Quantity::of(Some(entry.value));
        if amount.is_negative() {
            errs.push(entry.invalid_as(amount.value(), "must be a valid resource quantity"));
        }
        if amount <= Quantity::ZERO {
            errs.push(entry.invalid_as(amount.to_string(), "must be greater than zero"));
        }
    }
}

fn sources(spec: &At<'_>, errs: &mut Errors) {
    let mut found = false;
    for (field, reported, refused) in SOURCES {
        if !spec.has(field) {
            continue;
        }
        if found && *field != "flexVolume" {
            errs.push(more_than_one(&spec.path.child(*refused)));
            continue;
        }
        found = true;
        let at = At::new(spec.path.child(*reported), spec.get(field).value);
        match *field {
            "local" => local(&at, spec, errs),
            "csi" => csi(&at, errs),
            _ => volume_source::source(field, &at, errs),
        }
        namespaced_secret(field, &at, errs);
    }
    if !found {
        errs.push(spec.required("must specify a volume type"));
    }
}

fn local(at: &At<'_>, spec: &At<'_>, errs: &mut Errors) {
    let path = at.get("path");
    match path.str() {
        "" => errs.push(path.required("")),
        _ => path_no_backsteps(&path, errs),
    }
    if !spec.has("nodeAffinity") {
        errs.push(
            spec.get("nodeAffinity")
                .required("Local volume requires node affinity"),
        );
    }
}

/// Secrets of volumes lie in a namespace that must be named.
fn namespaced_secret(field: &str, at: &At<'_>, errs: &mut Errors) {
    let secret = at.get("secretRef");
    if matches!(field, "cinder" | "storageos") && secret.present() && secret.str_of("namespace").is_empty() {
        errs.push(secret.get("namespace").required(""));
    }
    if field == "iscsi" && secret.present() && secret.str_of("name").is_empty() {
        errs.push(secret.get("name").required(""));
    }
    let namespace = at.get("secretNamespace");
    if field == "azureFile" && namespace.present() && namespace.is_empty() {
        errs.push(namespace.required(""));
    }
    let endpoints = at.get("endpointsNamespace");
    if field == "glusterfs" && endpoints.present() {
        match endpoints.str() {
            "" => errs.push(
                endpoints.invalid("if the endpointnamespace is set, it must be a valid namespace name"),
            ),
            text => endpoints.invalid_each(name_is_label(text, false), errs),
        }
    }
}

fn csi(at: &At<'_>, errs: &mut Errors) {
    storage::driver_name(&at.get("driver"), errs);
    if at.str_of("volumeHandle").is_empty() {
        errs.push(at.get("volumeHandle").required(""));
    }
    for field in [
        "controllerPublishSecretRef",
        "controllerExpandSecretRef",
        "nodePublishSecretRef",
        "nodeExpandSecretRef",
    ] {
        let secret = at.get(field);
        if !secret.present() {
            continue;
        }
        let (name, namespace) = (secret.get("name"), secret.get("namespace"));
        match name.str() {
            "" => errs.push(name.required("")),
            text => name.invalid_each(dns_subdomain(text), errs),
        }
        match namespace.str() {
            "" => errs.push(namespace.required("")),
            text => namespace.invalid_each(dns_label(text), errs),
        }
    }
}

fn volume_update(new: &At<'_>, old: &At<'_>, errs: &mut Errors) {
    let (spec, old_spec) = (new.get("spec"), old.get("spec"));
    volume_spec(&spec, errs);
    let source = |spec: &At<'_>| -> Map<String, Value> {
        SOURCES
            .iter()
            .filter(|(f, ..)| spec.has(f))
            .map(|(f, ..)| ((*f).to_owned(), spec.get(f).value.clone()))
            .collect()
    };
    let (mut now, before) = (source(&spec), source(&old_spec));
    let late = "controllerExpandSecretRef";
    if old_spec.has("csi") && !old_spec.get("csi").has(late) {
        now.get_mut("csi")
            .and_then(Value::as_object_mut)
            .map(|csi| csi.remove(late));
    }
    if now != before {
        let at = spec.get("persistentvolumesource");
        errs.push(at.forbidden("spec.persistentvolumesource is immutable after creation\n"));
    }
    let field = |name: &'static str| At::new(Path::of(name), spec.get(name).value);
    field("volumeMode").immutable(old_spec.get("volumeMode").value, errs);
    if old_spec.has("nodeAffinity") && spec.get("nodeAffinity").value != old_spec.get("nodeAffinity").value {
        let why = "field is immutable, except for updating from beta label to GA";
        errs.push(field("nodeAffinity").invalid(why));
    }
    let class = "volumeAttributesClassName";
    if old_spec.has(class) && !spec.has(class) {
        errs.push(
            spec.get(class)
                .forbidden("update from non-nil value to nil is forbidden"),
        );
    }
}
