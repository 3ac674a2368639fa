//! Mounts and block devices of a container.

use super::spec::Context;
use crate::field::{At, Errors};
use crate::validation::volume_source::{local_descending, no_backsteps};

/// `volumeMounts` of a container.
pub(super) fn mounts(container: &At<'_>, context: &Context<'_, '_>, errs: &mut Errors) {
    let list = container.get("volumeMounts");
    let devices = container.get("volumeDevices");
    let mut points = Vec::new();
    for mount in list.items() {
        let (name, path) = (mount.get("name"), mount.get("mountPath"));
        if name.str().is_empty() {
            errs.push(name.required(""));
        }
        let volume = context.volumes.get(name.str());
        if volume.is_none() {
            errs.push(name.not_found());
        }
        if path.str().is_empty() {
            errs.push(path.required(""));
        }
        if points.contains(&path.str()) {
            errs.push(path.invalid("must be unique"));
        }
        points.push(path.str());
        if devices.items().any(|d| d.str_of("name") == name.str()) {
            errs.push(name.invalid("must not already exist in volumeDevices"));
        }
        if devices.items().any(|d| d.str_of("devicePath") == path.str()) {
            errs.push(path.invalid("must not already exist as a path in volumeDevices"));
        }
        sub_paths(&mount, &list, errs);
        propagation(&mount, &list, container, errs);
        recursive_read_only(&mount, &list, errs);
    }
}

/// Some faults of one mount are reported at the list of all.
fn at_list<'v>(mount: &At<'v>, list: &At<'v>, field: &'static str) -> At<'v> {
    At::new(list.path.child(field), mount.get(field).value)
}

fn sub_paths(mount: &At<'_>, list: &At<'_>, errs: &mut Errors) {
    let (path, expression) = (mount.get("subPath"), mount.get("subPathExpr"));
    if !path.str().is_empty() {
        local_descending(&at_list(mount, list, "subPath"), errs);
    }
    if !expression.str().is_empty() {
        if !path.str().is_empty() {
            errs.push(expression.invalid("subPathExpr and subPath are mutually exclusive"));
        }
        local_descending(&at_list(mount, list, "subPathExpr"), errs);
    }
}

fn propagation(mount: &At<'_>, list: &At<'_>, container: &At<'_>, errs: &mut Errors) {
    let at = at_list(mount, list, "mountPropagation");
    at.one_of_if_set(&["Bidirectional", "HostToContainer", "None"], errs);
    if at.str() == "Bidirectional" && !container.get("securityContext").flag("privileged") {
        errs.push(at.forbidden("Bidirectional mount propagation is available only to privileged containers"));
    }
}

fn recursive_read_only(mount: &At<'_>, list: &At<'_>, errs: &mut Errors) {
    let at = at_list(mount, list, "recursiveReadOnly");
    if !at.present() {
        return;
    }
    match at.str() {
        "Disabled" => {}
        "Enabled" | "IfPossible" => {
            if !mount.flag("readOnly") {
                errs.push(at.forbidden("may only be specified when readOnly is true"));
            }
            if !matches!(mount.str_of("mountPropagation"), "" | "None") {
                errs.push(
                    at.forbidden("may only be specified when mountPropagation is None or not specified"),
                );
            }
        }
        _ => errs.push(at.unsupported(&["Disabled", "Enabled", "IfPossible"])),
    }
}

/// `volumeDevices` of a container.
pub(super) fn devices(container: &At<'_>, context: &Context<'_, '_>, errs: &mut Errors) {
    let mounts = container.get("volumeMounts");
    let (mut names, mut paths) = (Vec::new(), Vec::new());
    for device in container.get("volumeDevices").items() {
        let (name, path) = (device.get("name"), device.get("devicePath"));
        let volume = context.volumes.get(name.str());
        if name.str().is_empty() {
            errs.push(name.required(""));
        }
        if names.contains(&name.str()) {
            errs.push(name.invalid("must be unique"));
        }
        match volume {
            None => errs.push(name.not_found()),
            Some(v) if !v.has("persistentVolumeClaim") && !v.has("ephemeral") => errs.push(name.invalid(
                "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode",
            )),
            Some(_) => {}
        }
        if path.str().is_empty() {
            errs.push(path.required(""));
        }
        if paths.contains(&path.str()) {
            errs.push(path.invalid("must be unique"));
        }
        if no_backsteps(path.str()) {
            paths.push(path.str());
        } else {
            errs.push(path.invalid("can not contain backsteps ('..')"));
        }
        if mounts.items().any(|m| m.str_of("name") == name.str()) {
            errs.push(name.invalid("must not already exist in volumeMounts"));
        }
        if mounts.items().any(|m| m.str_of("mountPath") == path.str()) {
            errs.push(path.invalid("must not already exist as a path in volumeMounts"));
        }
        if !name.str().is_empty() {
            names.push(name.str());
        }
    }
}
