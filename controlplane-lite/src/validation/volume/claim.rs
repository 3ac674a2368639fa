//! Persistent volume claims.

use super::access_modes;
use crate::field::{At, Errors, FieldError, Path};
use crate::names::{dns_label, dns_subdomain};
use crate::quantity::Quantity;
use crate::validation::pod::resources;
use crate::validation::{Rules, selector};
use serde_json::{Map, Value};

const BETA_CLASS: &str = "volume.beta.kubernetes.io/storage-class";

/// Rules for `PersistentVolumeClaim`.
pub(in crate::validation) fn claim_rules() -> Rules {
    Rules::new(|claim, errs| claim_spec(&claim.get("spec"), errs))
        .again()
        .update(claim_update)
        .status(claim_status)
}

/// The spec of a claim, also within a template.
pub(in crate::validation) fn claim_spec(spec: &At<'_>, errs: &mut Errors) {
    let list = spec.get("accessModes");
    if list.is_empty() {
        errs.push(list.required("at least 1 access mode is required"));
    }
    selector::selector(&spec.get("selector"), errs);
    if !list.is_empty() {
        access_modes(spec, "", errs);
    }
    let size = At::new(
        spec.path.child("resources").key("storage"),
        spec.at(&["resources", "requests"]).key("storage").value,
    );
    let amount = Quantity::of(Some(size.value));
    if !size.present() {
        errs.push(size.required(""));
    } else if amount <= Quantity::ZERO {
        errs.push(size.invalid_as(amount.to_string(), "must be greater than zero"));
    }
    let class = spec.get("storageClassName");
    if !class.str().is_empty() {
        class.invalid_each(dns_subdomain(class.str()), errs);
    }
    spec.get("volumeMode")
        .one_of_if_set(&["Block", "Filesystem"], errs);
    let (source, reference) = (spec.get("dataSource"), spec.get("dataSourceRef"));
    for at in [&source, &reference] {
        data_source(at, errs);
    }
    if source.present() && reference.present() {
        let same = ["apiGroup", "kind", "name"]
            .iter()
            .all(|f| source.get(f).value == reference.get(f).value);
        if !reference.str_of("namespace").is_empty() {
            let why = "may not be specified when dataSourceRef.namespace is specified";
            errs.push(spec.invalid_as(source.path.to_string(), why));
        } else if !same {
            errs.push(spec.invalid_as(source.path.to_string(), "must match dataSourceRef"));
        }
    }
    let attributes = spec.get("volumeAttributesClassName");
    if !attributes.str().is_empty() {
        attributes.invalid_each(dns_subdomain(attributes.str()), errs);
    }
}

fn data_source(at: &At<'_>, errs: &mut Errors) {
    if !at.present() {
        return;
    }
    for field in ["name", "kind"] {
        if at.str_of(field).is_empty() {
            errs.push(at.get(field).required(""));
        }
    }
    let (group, kind) = (at.get("apiGroup"), at.str_of("kind"));
    if group.str().is_empty() && kind != "PersistentVolumeClaim" {
        errs.push(at.invalid_as(
            kind,
            "must be 'PersistentVolumeClaim' when referencing the default apiGroup",
        ));
    } else if !group.str().is_empty() {
        group.invalid_each(dns_subdomain(group.str()), errs);
    }
    let namespace = at.get("namespace");
    if !namespace.str().is_empty() {
        namespace.invalid_each(dns_label(namespace.str()), errs);
    }
}

fn claim_update(new: &At<'_>, old: &At<'_>, errs: &mut Errors) {
    let (spec, old_spec) = (new.get("spec"), old.get("spec"));
    claim_spec(&spec, errs);
    let note = |claim: &At<'_>| {
        claim
            .at(&["metadata", "annotations"])
            .key(BETA_CLASS)
            .str()
            .to_owned()
    };
    if note(new) != note(old) {
        let at = At::new(
            new.at(&["metadata", "annotations"]).path.child(BETA_CLASS),
            new.value,
        );
        errs.push(at.invalid_as(note(new), "field is immutable"));
    }
    if munged(new, old) != *old_spec.value {
        errs.push(spec.forbidden("spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n"));
    }
    let size = |claim: &At<'_>| {
        Quantity::of(Some(
            claim.at(&["spec", "resources", "requests", "storage"]).value,
        ))
    };
    let have = Quantity::of(Some(old.at(&["status", "capacity", "storage"]).value));
    if size(new) < size(old) && size(new) <= have {
        let at = spec.at(&["resources", "requests", "storage"]);
        errs.push(at.forbidden("field can not be less than status.capacity"));
    }
    let mode = At::new(Path::of("volumeMode"), spec.get("volumeMode").value);
    mode.immutable(old_spec.get("volumeMode").value, errs);
    let class = spec.get("volumeAttributesClassName");
    if old_spec.has("volumeAttributesClassName") {
        let why = match (class.present(), class.str()) {
            (false, _) => "update from non-nil value to nil is forbidden",
            (true, "") if !old_spec.str_of("volumeAttributesClassName").is_empty() => {
                "update from non-nil value to an empty string is forbidden"
            }
            _ => return,
        };
        errs.push(class.forbidden(why));
    }
}

/// The new spec with the old values of what may change.
fn munged(new: &At<'_>, old: &At<'_>) -> Value {
    let (old_spec, mut copy) = (old.get("spec"), new.get("spec").value.clone());
    let Some(object) = copy.as_object_mut() else {
        return copy;
    };
    let restore = |object: &mut Map<String, Value>, field: &str| match old_spec.value.get(field) {
        Some(value) => object.insert(field.to_owned(), value.clone()),
        None => object.remove(field),
    };
    // A claim is bound to a volume, and given a class, once.
    if old_spec.str_of("volumeName").is_empty() {
        restore(object, "volumeName");
    }
    if !old_spec.has("storageClassName") {
        restore(object, "storageClassName");
    }
    if new.at(&["status", "phase"]).str() == "Bound" {
        let storage = old_spec.at(&["resources", "requests", "storage"]).value.clone();
        let requests = object
            .get_mut("resources")
            .and_then(|r| r.get_mut("requests"))
            .and_then(Value::as_object_mut);
        if let Some(requests) = requests {
            requests.insert("storage".into(), storage);
        }
        restore(object, "volumeAttributesClassName");
    }
    copy
}

fn claim_status(new: &At<'_>, _: &At<'_>, errs: &mut Errors) {
    if new.at(&["spec", "accessModes"]).is_empty() {
        errs.push(FieldError::required(&Path::of("Spec").child("accessModes"), ""));
    }
    for field in ["capacity", "allocatedResources"] {
        for (name, entry) in new.get("status").get(field).entries() {
            let amount = Quantity::of(Some(entry.value));
            if amount.is_negative() {
                errs.push(entry.invalid_as(amount.value(), "must be a valid resource quantity"));
            } else if field == "allocatedResources" {
                resources::any_name(&entry, name, errs);
            }
        }
    }
}
