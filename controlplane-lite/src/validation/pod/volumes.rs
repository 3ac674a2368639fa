//! Volumes of a pod.

use super::env;
use crate::field::{At, ErrorKind, Errors, FieldError};
use crate::names::{dns_label, name_is_subdomain};
use crate::quantity::Quantity;
use crate::validation::selector::selector;
use crate::validation::volume_source::{self, file_mode, local_path, more_than_one};
use crate::validation::{certificates, volume};
use serde_json::Value;
use std::collections::BTreeMap;

/// The valid volumes of a pod by name.
pub(super) type Volumes<'v> = BTreeMap<&'v str, At<'v>>;

/// Sources in the order in which the first of several wins, with the name under which its faults are reported
/// and under which a second source is refused.
const SOURCES: &[(&str, &str, &str)] = &[
    ("emptyDir", "emptyDir", "emptyDir"),
    ("hostPath", "hostPath", "hostPath"),
    ("gitRepo", "gitRepo", "gitRepo"),
    ("gcePersistentDisk", "persistentDisk", "gcePersistentDisk"),
    (
        "awsElasticBlockStore",
        "awsElasticBlockStore",
        "awsElasticBlockStore",
    ),
    ("secret", "secret", "secret"),
    ("nfs", "nfs", "nfs"),
    ("iscsi", "iscsi", "iscsi"),
    ("glusterfs", "glusterfs", "glusterfs"),
    ("flocker", "flocker", "flocker"),
    (
        "persistentVolumeClaim",
        "persistentVolumeClaim",
        "persistentVolumeClaim",
    ),
    ("rbd", "rbd", "rbd"),
    ("cinder", "cinder", "cinder"),
    ("cephfs", "cephfs", "cephFS"),
    ("quobyte", "quobyte", "quobyte"),
    ("downwardAPI", "downwardAPI", "downwarAPI"),
    ("fc", "fc", "fc"),
    ("flexVolume", "flexVolume", "flexVolume"),
    ("configMap", "configMap", "configMap"),
    ("azureFile", "azureFile", "azureFile"),
    ("vsphereVolume", "vsphereVolume", "vsphereVolume"),
    (
        "photonPersistentDisk",
        "photonPersistentDisk",
        "photonPersistentDisk",
    ),
    ("portworxVolume", "portworxVolume", "portworxVolume"),
    ("azureDisk", "azureDisk", "azureDisk"),
    ("storageos", "storageos", "storageos"),
    ("projected", "projected", "projected"),
    ("scaleIO", "scaleIO", "scaleIO"),
    ("csi", "csi", "csi"),
    ("ephemeral", "ephemeral", "ephemeral"),
    ("image", "image", "image"),
];

/// All volumes; `pod` is the pod's name, `None` in a template.
pub(super) fn volumes<'v>(list: &At<'v>, pod: Option<&str>, errs: &mut Errors) -> Volumes<'v> {
    let mut valid = Volumes::new();
    let pod = pod.filter(|p| !p.is_empty());
    let made: Vec<String> = pod
        .into_iter()
        .flat_map(|pod| {
            list.items()
                .filter(|v| v.has("ephemeral"))
                .map(move |v| format!("{pod}-{}", v.str_of("name")))
        })
        .collect();
    for volume in list.items() {
        let before = errs.len();
        source(&volume, pod, errs);
        let name = volume.get("name");
        match name.str() {
            "" => errs.push(name.required("")),
            text => name.invalid_each(dns_label(text), errs),
        }
        if valid.contains_key(name.str()) {
            errs.push(name.duplicate());
        }
        if errs.len() == before {
            valid.insert(name.str(), volume.clone());
        }
        let claim = volume.at(&["persistentVolumeClaim", "claimName"]);
        if made.iter().any(|m| m == claim.str()) {
            errs.push(claim.invalid("must not reference a PVC that gets created for an ephemeral volume"));
        }
    }
    valid
}

fn source(volume: &At<'_>, pod: Option<&str>, errs: &mut Errors) {
    let mut found = false;
    for (field, reported, refused) in SOURCES {
        if !volume.has(field) {
            continue;
        }
        if found {
            errs.push(more_than_one(&volume.path.child(*refused)));
            continue;
        }
        found = true;
        let at = At::new(volume.path.child(*reported), volume.get(field).value);
        match *field {
            "ephemeral" => ephemeral(&at, volume, pod, errs),
            "projected" => projected(&at, errs),
            "secret" => keys(&at, "secretName", errs),
            "configMap" => keys(&at, "name", errs),
            "downwardAPI" => {
                file_mode(&at.get("defaultMode"), errs);
                at.get("items")
                    .items()
                    .for_each(|file| env::downward_file(&file, &at.path, errs));
            }
            "emptyDir" => {
                let size = at.get("sizeLimit");
                if Quantity::of(Some(size.value)).is_negative() {
                    errs.push(size.forbidden("SizeLimit field must be a valid resource quantity"));
                }
            }
            "image" => {
                if pod.is_some() && at.str_of("reference").is_empty() {
                    errs.push(at.get("reference").required(""));
                }
                at.get("pullPolicy")
                    .one_of(&["Always", "IfNotPresent", "Never"], errs);
            }
            _ => volume_source::source(field, &at, errs),
        }
    }
    let iscsi = volume.get("iscsi");
    if iscsi.has("initiatorName") && volume.str_of("name").len() + 1 + iscsi.str_of("targetPortal").len() > 64
    {
        let why = "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.";
        errs.push(volume.get("name").invalid(why));
    }
    if !found {
        errs.push(volume.required("must specify a volume type"));
    }
}

/// A secret or config map as a volume.
fn keys(at: &At<'_>, name: &'static str, errs: &mut Errors) {
    if at.str_of(name).is_empty() {
        errs.push(at.get(name).required(""));
    }
    file_mode(&at.get("defaultMode"), errs);
    at.get("items").items().for_each(|item| key_to_path(&item, errs));
}

fn key_to_path(item: &At<'_>, errs: &mut Errors) {
    for field in ["key", "path"] {
        if item.str_of(field).is_empty() {
            errs.push(item.get(field).required(""));
        }
    }
    local_path(&item.get("path"), errs);
    file_mode(&item.get("mode"), errs);
}

fn ephemeral(at: &At<'_>, volume: &At<'_>, pod: Option<&str>, errs: &mut Errors) {
    let template = at.get("volumeClaimTemplate");
    if template.present() {
        super::meta::template(&template.get("metadata"), errs);
        volume::claim_spec(&template.get("spec"), errs);
    } else {
        errs.push(template.required(""));
    }
    let name = volume.str_of("name");
    if let Some(pod) = pod.filter(|_| !name.is_empty()) {
        let claim = format!("{pod}-{name}");
        for message in name_is_subdomain(&claim, false) {
            errs.push(
                volume
                    .get("name")
                    .invalid(format!("PVC name \"{claim}\": {message}")),
            );
        }
    }
}

fn projected(at: &At<'_>, errs: &mut Errors) {
    file_mode(&at.get("defaultMode"), errs);
    let mut paths: Vec<&str> = Vec::new();
    for source in at.get("sources").items() {
        for (field, shows_name) in [("secret", true), ("configMap", true), ("downwardAPI", false)] {
            let projection = source.get(field);
            if shows_name && projection.present() && projection.str_of("name").is_empty() {
                errs.push(projection.get("name").required(""));
            }
            for item in projection.get("items").items() {
                match shows_name {
                    true => key_to_path(&item, errs),
                    false => env::downward_file(&item, &projection.path, errs),
                }
                let path = item.str_of("path");
                if paths.contains(&path) {
                    let shown = if shows_name {
                        projection.str_of("name")
                    } else {
                        path
                    };
                    errs.push(at.invalid_as(shown, "conflicting duplicate paths"));
                } else if !path.is_empty() {
                    paths.push(path);
                }
            }
        }
        token(&source.get("serviceAccountToken"), at, errs);
        trust_bundle(&source.get("clusterTrustBundle"), at, &mut paths, errs);
        pod_certificate(&source.get("podCertificate"), at, &mut paths, errs);
        let kinds = source
            .object()
            .map_or(0, |o| o.values().filter(|v| !v.is_null()).count());
        if kinds > 1 {
            errs.push(source.forbidden("may not specify more than 1 volume type per source"));
        }
    }
}

fn token(at: &At<'_>, projected: &At<'_>, errs: &mut Errors) {
    if !at.present() {
        return;
    }
    let seconds = at.get("expirationSeconds");
    let number = seconds.int().unwrap_or(0);
    if number < 600 {
        errs.push(seconds.invalid("may not specify a duration less than 10 minutes"));
    }
    if number > 1 << 32 {
        errs.push(seconds.invalid("may not specify a duration larger than 2^32 seconds"));
    }
    let path = At::new(projected.path.child("path"), at.get("path").value);
    match path.str() {
        "" => errs.push(path.required("")),
        _ => local_path(&path, errs),
    }
}

fn trust_bundle<'v>(at: &At<'v>, projected: &At<'_>, paths: &mut Vec<&'v str>, errs: &mut Errors) {
    if !at.present() {
        return;
    }
    let (name, signer) = (at.get("name"), at.get("signerName"));
    match (name.present(), signer.present()) {
        (true, true) => errs.push(at.invalid("only one of name and signerName may be used")),
        (true, false) => {
            if name.str().is_empty() {
                errs.push(name.required("must be a valid object name"));
            }
            if at.has("labelSelector") {
                let why = "labelSelector must be unset if name is specified";
                errs.push(at.get("labelSelector").invalid(why));
            }
        }
        (false, true) => {
            if signer.str().is_empty() {
                errs.push(signer.required("must be a valid signer name"));
            }
            certificates::signer_name(&signer, errs);
            selector(&at.get("labelSelector"), errs);
        }
        (false, false) => errs.push(at.required("either name or signerName must be specified")),
    }
    own_path(&at.get("path"), projected, paths, errs);
}

/// The path of a file that a source writes; no two may be the same.
fn own_path<'v>(path: &At<'v>, projected: &At<'_>, paths: &mut Vec<&'v str>, errs: &mut Errors) {
    if path.str().is_empty() {
        errs.push(path.required(""));
    }
    local_path(path, errs);
    if paths.contains(&path.str()) {
        errs.push(projected.invalid_as(path.str(), "conflicting duplicate paths"));
    } else {
        paths.push(path.str());
    }
}

/// KEP-4317: a certificate for the pod.
fn pod_certificate<'v>(at: &At<'v>, projected: &At<'_>, paths: &mut Vec<&'v str>, errs: &mut Errors) {
    const KEYS: &[&str] = &[
        "ECDSAP256",
        "ECDSAP384",
        "ECDSAP521",
        "ED25519",
        "RSA3072",
        "RSA4096",
    ];
    if !at.present() {
        return;
    }
    certificates::signer_name(&at.get("signerName"), errs);
    let key = at.get("keyType");
    if !KEYS.contains(&key.str()) {
        errs.push(FieldError::not_supported(
            &key.path,
            &Value::from(key.str()),
            KEYS,
        ));
    }
    let seconds = at.get("maxExpirationSeconds");
    if let Some(number) = seconds.int() {
        if number < 3600 {
            errs.push(seconds.error(
                ErrorKind::Invalid,
                "if provided, maxExpirationSeconds must be >= 3600",
            ));
        }
        if number > 91 * 86_400 {
            errs.push(seconds.error(
                ErrorKind::Invalid,
                "if provided, maxExpirationSeconds must be <= 7862400",
            ));
        }
    }
    let given: Vec<&str> = ["credentialBundlePath", "keyPath", "certificateChainPath"]
        .into_iter()
        .filter(|f| at.has(f))
        .collect();
    if given.is_empty() {
        let why = "specify at least one of credentialBundlePath, keyPath, and certificateChainPath";
        errs.push(at.required(why));
    }
    for field in given {
        let path = match field {
            "keyPath" => at.get("keyPath"),
            "certificateChainPath" => at.get("certificateChainPath"),
            _ => at.get("credentialBundlePath"),
        };
        own_path(&path, projected, paths, errs);
    }
}
