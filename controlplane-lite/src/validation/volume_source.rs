//! Sources of storage that pods and persistent volumes share, and paths in volumes.

use super::storage::driver_name;
use crate::field::{At, Errors, FieldError, Path};
use crate::names::{between, dns_label, dns_subdomain};
use serde_json::Value;

/// A second source beside the first.
pub(super) fn more_than_one(path: &Path) -> FieldError {
    FieldError::forbidden(path, "may not specify more than 1 volume type")
}

/// Whether no element of a path is `..`.
pub(super) fn no_backsteps(path: &str) -> bool {
    path.split('/').all(|element| element != "..")
}

/// A path without `..` elements.
pub(super) fn path_no_backsteps(at: &At<'_>, errs: &mut Errors) {
    if !no_backsteps(at.str()) {
        errs.push(at.invalid("must not contain '..'"));
    }
}

/// A path that stays below where it starts.
pub(super) fn local_descending(at: &At<'_>, errs: &mut Errors) {
    if at.str().starts_with('/') {
        errs.push(at.invalid("must be a relative path"));
    }
    path_no_backsteps(at, errs);
}

/// Such a path that does not begin with two dots either: those names are the kubelet's.
pub(super) fn local_path(at: &At<'_>, errs: &mut Errors) {
    local_descending(at, errs);
    if at.str().starts_with("..") && !at.str().starts_with("../") {
        errs.push(at.invalid("must not start with '..'"));
    }
}

/// Permissions of a file; absent ones pass.
pub(super) fn file_mode(at: &At<'_>, errs: &mut Errors) {
    if at.int().is_some_and(|mode| !(0..=0o777).contains(&mode)) {
        errs.push(at.invalid("must be a number between 0 and 0777 (octal), both inclusive"));
    }
}

fn required(at: &At<'_>, fields: &[&'static str], errs: &mut Errors) {
    for field in fields {
        let at = at.get(field);
        if at.is_empty() {
            errs.push(at.required(""));
        }
    }
}

/// A source by its field's name, with the rules that pods and persistent volumes have in common.
pub(super) fn source(kind: &str, at: &At<'_>, errs: &mut Errors) {
    match kind {
        "hostPath" => host_path(at, errs),
        "gitRepo" => {
            required(at, &["repository"], errs);
            local_descending(&at.get("directory"), errs);
        }
        "gcePersistentDisk" => partitioned(at, "pdName", errs),
        "awsElasticBlockStore" => partitioned(at, "volumeID", errs),
        "nfs" => {
            required(at, &["server", "path"], errs);
            let path = at.get("path");
            if !path.str().starts_with('/') {
                errs.push(path.invalid_str("must be an absolute path"));
            }
        }
        "iscsi" => iscsi(at, errs),
        "glusterfs" => required(at, &["endpoints", "path"], errs),
        "flocker" => flocker(at, errs),
        "persistentVolumeClaim" => required(at, &["claimName"], errs),
        "rbd" => required(at, &["monitors", "image"], errs),
        "cinder" => {
            required(at, &["volumeID"], errs);
            secret_name(at, errs);
        }
        "cephfs" => required(at, &["monitors"], errs),
        "quobyte" => quobyte(at, errs),
        "fc" => fibre_channel(at, errs),
        "flexVolume" => flex(at, errs),
        "azureFile" => required(at, &["secretName", "shareName"], errs),
        "vsphereVolume" => required(at, &["volumePath"], errs),
        "photonPersistentDisk" => required(at, &["pdID"], errs),
        "portworxVolume" => required(at, &["volumeID"], errs),
        "azureDisk" => azure_disk(at, errs),
        "storageos" => storage_os(at, errs),
        "scaleIO" => required(at, &["gateway", "system", "volumeName"], errs),
        "csi" => csi(at, errs),
        _ => {}
    }
}

fn host_path(at: &At<'_>, errs: &mut Errors) {
    const TYPES: &[&str] = &[
        "",
        "BlockDevice",
        "CharDevice",
        "Directory",
        "DirectoryOrCreate",
        "File",
        "FileOrCreate",
        "Socket",
    ];
    let path = at.get("path");
    if path.str().is_empty() {
        return errs.push(path.required(""));
    }
    path_no_backsteps(&path, errs);
    at.get("type").one_of_if_set(TYPES, errs);
}

fn partitioned(at: &At<'_>, id: &'static str, errs: &mut Errors) {
    required(at, &[id], errs);
    let partition = at.get("partition");
    if partition.int().is_some_and(|p| !(0..=255).contains(&p)) {
        errs.push(partition.invalid(between(1, 255)));
    }
}

/// Whether a name of an iSCSI node is in one of the three formats; `None` if it starts like none of them.
fn iscsi_name(text: &str) -> Option<bool> {
    let hex = |rest: &str, n: usize| rest.len() == n && rest.bytes().all(|b| b.is_ascii_alphanumeric());
    if text.starts_with("iqn") {
        let dated = text.get(4..11).is_some_and(|date| {
            date.bytes()
                .enumerate()
                .all(|(i, b)| if i == 4 { b == b'-' } else { b.is_ascii_digit() })
        });
        let rest = text.get(12..).unwrap_or("");
        let (authority, name) = rest.split_once(':').unwrap_or((rest, "-"));
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
        let suffix = !name.is_empty() && !name.contains([',', ';', '*', '&', '$', '|', ' ', '\t']);
        let dots = text.get(3..4) == Some(".") && text.get(11..12) == Some(".");
        return Some(dated && dots && !authority.is_empty() && authority.bytes().all(plain) && suffix);
    }
    if let Some(rest) = text.strip_prefix("eui") {
        return Some(hex(rest.get(1..).unwrap_or(""), 16));
    }
    text.strip_prefix("naa")
        .map(|rest| hex(rest.get(1..).unwrap_or(""), 32))
}

fn iscsi(at: &At<'_>, errs: &mut Errors) {
    required(at, &["targetPortal"], errs);
    let iqn = at.get("iqn");
    if iqn.str().is_empty() {
        errs.push(iqn.required(""));
    } else {
        initiator(&iqn, errs);
    }
    let lun = at.get("lun");
    if lun.int().is_some_and(|n| !(0..=255).contains(&n)) {
        errs.push(lun.invalid(between(0, 255)));
    }
    if (at.flag("chapAuthDiscovery") || at.flag("chapAuthSession")) && !at.has("secretRef") {
        errs.push(at.get("secretRef").required(""));
    }
    let name = at.get("initiatorName");
    if name.present() {
        initiator(&At::new(at.path.child("initiatorname"), name.value), errs);
    }
}

fn initiator(at: &At<'_>, errs: &mut Errors) {
    match iscsi_name(at.str()) {
        None => errs.push(at.invalid("must be valid format starting with iqn, eui, or naa")),
        Some(false) => errs.push(at.invalid("must be valid format")),
        Some(true) => {}
    }
}

fn flocker(at: &At<'_>, errs: &mut Errors) {
    let name = at.get("datasetName");
    match (name.str().is_empty(), at.str_of("datasetUUID").is_empty()) {
        (true, true) => errs.push(at.required("one of datasetName and datasetUUID is required")),
        (false, false) => {
            errs.push(at.invalid_as(
                "resource",
                "datasetName and datasetUUID can not be specified simultaneously",
            ));
        }
        _ => {}
    }
    if name.str().contains('/') {
        errs.push(name.invalid("must not contain '/'"));
    }
}

fn secret_name(at: &At<'_>, errs: &mut Errors) {
    if at.has("secretRef") {
        required(&at.get("secretRef"), &["name"], errs);
    }
}

fn quobyte(at: &At<'_>, errs: &mut Errors) {
    const PAIRS: &str = "must be a host:port pair or multiple pairs separated by commas";
    let registry = at.get("registry");
    if registry.str().is_empty() {
        errs.push(registry.required(PAIRS));
    } else if at.str_of("tenant").len() >= 65 {
        errs.push(
            at.get("tenant")
                .required("must be a UUID and may not exceed a length of 64 characters"),
        );
    } else {
        for _ in registry
            .str()
            .split(',')
            .filter(|pair| pair.matches(':').count() != 1)
        {
            errs.push(registry.invalid(PAIRS));
        }
    }
    required(at, &["volume"], errs);
}

fn fibre_channel(at: &At<'_>, errs: &mut Errors) {
    let (names, ids) = (at.get("targetWWNs"), at.get("wwids"));
    match (names.is_empty(), ids.is_empty()) {
        (true, true) => errs.push(names.required("must specify either targetWWNs or wwids, but not both")),
        (false, false) => {
            errs.push(names.invalid("targetWWNs and wwids can not be specified simultaneously"))
        }
        _ => {}
    }
    if names.is_empty() {
        return;
    }
    let lun = at.get("lun");
    match lun.int() {
        None => errs.push(lun.required("lun is required if targetWWNs is specified")),
        Some(n) if !(0..=255).contains(&n) => errs.push(lun.invalid(between(0, 255))),
        Some(_) => {}
    }
}

fn flex(at: &At<'_>, errs: &mut Errors) {
    required(at, &["driver"], errs);
    for (key, option) in at.get("options").entries() {
        let domain = format!(".{}", key.split('/').next().unwrap_or("").to_lowercase());
        if domain.ends_with(".kubernetes.io") || domain.ends_with(".k8s.io") {
            errs.push(option.invalid_as(key, "kubernetes.io and k8s.io namespaces are reserved"));
        }
    }
}

fn azure_disk(at: &At<'_>, errs: &mut Errors) {
    required(at, &["diskName", "diskURI"], errs);
    at.get("cachingMode")
        .one_of_if_set(&["None", "ReadOnly", "ReadWrite"], errs);
    let (kind, uri) = (at.get("kind"), at.get("diskURI"));
    kind.one_of_if_set(&["Dedicated", "Managed", "Shared"], errs);
    let (prefix, form) = match kind.str() {
        "" => return,
        "Managed" => (
            "/subscriptions/",
            "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}",
        ),
        _ => (
            "https://",
            "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd",
        ),
    };
    if !uri.str().starts_with(prefix) {
        errs.push(FieldError::not_supported(
            &uri.path,
            &Value::from(uri.str()),
            &[form],
        ));
    }
}

fn storage_os(at: &At<'_>, errs: &mut Errors) {
    let (name, namespace) = (at.get("volumeName"), at.get("volumeNamespace"));
    match name.str() {
        "" => errs.push(name.required("")),
        text => name.invalid_each(dns_label(text), errs),
    }
    if !namespace.str().is_empty() {
        namespace.invalid_each(dns_label(namespace.str()), errs);
    }
    secret_name(at, errs);
}

fn csi(at: &At<'_>, errs: &mut Errors) {
    driver_name(&at.get("driver"), errs);
    let secret = at.get("nodePublishSecretRef");
    if !secret.present() {
        return;
    }
    match secret.str_of("name") {
        "" => errs.push(secret.get("name").required("")),
        name => errs.extend(
            dns_subdomain(name)
                .into_iter()
                .map(|m| at.get("name").invalid_as(name, m)),
        ),
    }
}
