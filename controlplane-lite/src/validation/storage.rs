//! Storage classes, CSI drivers and nodes, attachments, capacities.

use super::{Rules, selector, volume};
use crate::field::{At, Errors, FieldError};
use crate::names::{dns_subdomain, qualified_name};
use crate::quantity::Quantity;

/// Rules for the kinds of `storage.k8s.io`.
pub(super) fn rules(kind: &str) -> Option<Rules> {
    Some(match kind {
        "StorageClass" => Rules::new(class).cluster().update(class_update),
        "CSIDriver" => Rules::new(driver)
            .cluster()
            .named(driver_object_name)
            .update(|new, old, errs| {
                driver(new, errs);
                for field in ["attachRequired", "volumeLifecycleModes"] {
                    new.get("spec")
                        .get(field)
                        .immutable(old.get("spec").get(field).value, errs);
                }
            }),
        "CSINode" => Rules::new(csi_node).cluster().update(csi_node_update),
        "VolumeAttachment" => Rules::new(attachment)
            .cluster()
            .update(|new, old, errs| {
                attachment(new, errs);
                new.get("spec").immutable(old.get("spec").value, errs);
            })
            .status(|new, _, errs| attachment(new, errs)),
        "VolumeAttributesClass" => Rules::new(attributes_class).cluster().update(|new, old, errs| {
            for (field, why) in [
                ("driverName", "updates to driverName are forbidden."),
                ("parameters", "updates to parameters are forbidden."),
            ] {
                if new.get(field).value != old.get(field).value {
                    errs.push(new.get(field).forbidden(why));
                }
            }
        }),
        "CSIStorageCapacity" => Rules::new(capacity).update(|new, old, errs| {
            capacity(new, errs);
            for field in ["nodeTopology", "storageClassName"] {
                new.get(field).immutable(old.get(field).value, errs);
            }
        }),
        _ => return None,
    })
}

/// The name of a CSI driver at a field.
pub(super) fn driver_name(at: &At<'_>, errs: &mut Errors) {
    if at.str().is_empty() {
        errs.push(at.required(""));
    }
    if at.len() > 63 {
        errs.push(FieldError::too_long(&at.path, 63));
    }
    at.invalid_each(dns_subdomain(&at.str().to_lowercase()), errs);
}

fn driver_object_name(text: &str, _prefix: bool) -> Vec<String> {
    let mut messages = dns_subdomain(&text.to_lowercase());
    if text.len() > 63 {
        messages.insert(0, "must be no more than 63 characters".into());
    }
    messages
}

fn class(class: &At<'_>, errs: &mut Errors) {
    let provisioner = class.get("provisioner");
    match provisioner.str() {
        "" => errs.push(provisioner.required("")),
        text => provisioner.invalid_each(qualified_name(&text.to_lowercase()), errs),
    }
    parameters(&class.get("parameters"), errs);
    let policy = class.get("reclaimPolicy");
    if !policy.str().is_empty() && !matches!(policy.str(), "Delete" | "Retain") {
        errs.push(policy.unsupported(&["Delete", "Retain"]));
    }
    class
        .get("volumeBindingMode")
        .one_of(&["Immediate", "WaitForFirstConsumer"], errs);
    topologies(&class.get("allowedTopologies"), errs);
}

fn parameters(at: &At<'_>, errs: &mut Errors) {
    if at.len() > 512 {
        return errs.push(FieldError::too_long(&at.path, 512));
    }
    let mut size = 0;
    for (key, value) in at.entries() {
        if key.is_empty() {
            errs.push(at.invalid_as(key, "field can not be empty."));
        }
        size += key.len() + value.len();
    }
    if size > 256 << 10 {
        errs.push(FieldError::too_long(&at.path, 256 << 10));
    }
}

fn topologies(list: &At<'_>, errs: &mut Errors) {
    let mut seen = Vec::new();
    for term in list.items() {
        let mut keys = Vec::new();
        for expression in term.get("matchLabelExpressions").items() {
            let (key, values) = (expression.get("key"), expression.get("values"));
            if values.is_empty() {
                errs.push(values.required(""));
            }
            let mut unique = Vec::new();
            for value in values.items() {
                if unique.contains(&value.str()) {
                    errs.push(value.duplicate());
                }
                unique.push(value.str());
            }
            selector::label_name(&key, errs);
            if keys.contains(&key.str()) {
                errs.push(key.duplicate());
            }
            keys.push(key.str());
        }
        if seen.contains(&term.value) {
            let at = term.get("matchLabelExpressions");
            errs.push(FieldError::duplicate(&at.path, &"".into()));
        }
        seen.push(term.value);
    }
}

fn class_update(new: &At<'_>, old: &At<'_>, errs: &mut Errors) {
    for (field, why) in [
        ("parameters", "updates to parameters are forbidden."),
        ("provisioner", "updates to provisioner are forbidden."),
        ("reclaimPolicy", "updates to reclaimPolicy are forbidden."),
    ] {
        if new.get(field).value != old.get(field).value {
            errs.push(new.get(field).forbidden(why));
        }
    }
    new.get("volumeBindingMode")
        .immutable(old.get("volumeBindingMode").value, errs);
    topologies(&new.get("allowedTopologies"), errs);
}

fn driver(driver: &At<'_>, errs: &mut Errors) {
    let spec = driver.get("spec");
    for field in [
        "attachRequired",
        "podInfoOnMount",
        "storageCapacity",
        "seLinuxMount",
    ] {
        if !spec.has(field) {
            errs.push(spec.get(field).required(""));
        }
    }
    spec.get("fsGroupPolicy")
        .one_of(&["ReadWriteOnceWithFSType", "File", "None"], errs);
    let mut audiences = Vec::new();
    for request in spec.get("tokenRequests").items() {
        let audience = request.get("audience");
        if audiences.contains(&audience.str()) {
            errs.push(FieldError::duplicate(&audience.path, &audience.str().into()));
        }
        audiences.push(audience.str());
        let seconds = request.get("expirationSeconds");
        if seconds.int().is_some_and(|s| s < 600) {
            errs.push(seconds.invalid("may not specify a duration less than 10 minutes"));
        }
        if seconds.int().is_some_and(|s| s > 1 << 32) {
            errs.push(seconds.invalid("may not specify a duration larger than 2^32 seconds"));
        }
    }
    let modes = spec.get("volumeLifecycleModes");
    for mode in modes
        .items()
        .filter(|m| !matches!(m.str(), "Persistent" | "Ephemeral"))
    {
        let at = At::new(modes.path.clone(), mode.value);
        errs.push(at.unsupported(&["Persistent", "Ephemeral"]));
    }
    let update = spec.get("nodeAllocatableUpdatePeriodSeconds");
    if update.int().is_some_and(|s| s < 10) {
        errs.push(update.invalid("must be greater than or equal to 10 seconds"));
    }
}

fn csi_node(node: &At<'_>, errs: &mut Errors) {
    let mut names = Vec::new();
    for driver in node.at(&["spec", "drivers"]).items() {
        let (name, id) = (driver.get("name"), driver.get("nodeID"));
        driver_name(&name, errs);
        if names.contains(&name.str()) {
            errs.push(name.duplicate());
        }
        names.push(name.str());
        match id.len() {
            0 => errs.push(id.required("")),
            n if n > 256 => errs.push(id.invalid("must be 256 characters or less")),
            _ => {}
        }
        let mut keys = Vec::new();
        for key in driver.get("topologyKeys").items() {
            if key.str().is_empty() {
                errs.push(key.required(""));
            }
            if keys.contains(&key.str()) {
                errs.push(key.duplicate());
            }
            keys.push(key.str());
            key.invalid_each(qualified_name(key.str()), errs);
        }
        driver.at(&["allocatable", "count"]).non_negative(errs);
    }
}

/// A driver is registered anew, not changed.
fn csi_node_update(new: &At<'_>, old: &At<'_>, errs: &mut Errors) {
    csi_node(new, errs);
    let list = new.at(&["spec", "drivers"]);
    for before in old.at(&["spec", "drivers"]).items() {
        let now = list.items().find(|d| d.str_of("name") == before.str_of("name"));
        if let Some(now) = now
            && ["nodeID", "topologyKeys"]
                .iter()
                .any(|f| now.get(f).value != before.get(f).value)
        {
            errs.push(At::new(list.path.clone(), now.value).invalid("field is immutable"));
        }
    }
}

fn attachment(attachment: &At<'_>, errs: &mut Errors) {
    let spec = attachment.get("spec");
    driver_name(&spec.get("attacher"), errs);
    let (name, inline) = (
        spec.at(&["source", "persistentVolumeName"]),
        spec.at(&["source", "inlineVolumeSpec"]),
    );
    let source = spec.get("source");
    match (name.present(), inline.present()) {
        (false, false) => {
            errs.push(
                source.required("must specify exactly one of inlineVolumeSpec and persistentVolumeName"),
            );
        }
        (true, true) => {
            errs.push(
                source.forbidden("must specify exactly one of inlineVolumeSpec and persistentVolumeName"),
            );
        }
        (true, false) => match name.str() {
            "" => errs.push(name.required("must specify non empty persistentVolumeName")),
            text => name.invalid_each(dns_subdomain(text), errs),
        },
        (false, true) => volume::volume_spec(&inline, errs),
    }
    let node = spec.get("nodeName");
    node.invalid_each(dns_subdomain(node.str()), errs);
}

fn attributes_class(class: &At<'_>, errs: &mut Errors) {
    driver_name(&class.get("driverName"), errs);
    let at = class.get("parameters");
    if at.is_empty() {
        errs.push(at.required("must contain at least one key/value pair"));
    } else {
        parameters(&at, errs);
    }
}

fn capacity(object: &At<'_>, errs: &mut Errors) {
    let class = object.get("storageClassName");
    class.invalid_each(dns_subdomain(class.str()), errs);
    selector::selector(&object.get("nodeTopology"), errs);
    for field in ["capacity", "maximumVolumeSize"] {
        let at = object.get(field);
        let amount = Quantity::of(Some(at.value));
        if amount.is_negative() {
            errs.push(at.invalid_as(amount.to_string(), "must be greater than or equal to 0"));
        }
    }
}
