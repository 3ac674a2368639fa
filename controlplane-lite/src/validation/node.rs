//! Nodes.

use super::pod::{resources, taint_effect};
use super::{Rules, selector};
use crate::field::{At, ErrorKind, Errors, FieldError, show_struct};
use crate::names::label_value;
use crate::names::net::{cidr, parse_cidr_sloppy};

/// Rules for `Node`.
pub(super) fn rules() -> Rules {
    Rules::new(create).cluster().update(update).status(update)
}

fn create(node: &At<'_>, errs: &mut Errors) {
    taints(node, errs);
    amounts(node, errs);
    pod_cidrs(&node.at(&["spec", "podCIDRs"]), errs);
}

/// Taints; the reference reports them below the metadata.
fn taints(node: &At<'_>, errs: &mut Errors) {
    let list = At::new(
        node.get("metadata").path.child("taints"),
        node.at(&["spec", "taints"]).value,
    );
    let mut seen = Vec::new();
    for taint in list.items() {
        selector::label_name(&taint.get("key"), errs);
        let value = taint.get("value");
        let wrong = label_value(value.str());
        if !wrong.is_empty() {
            errs.push(value.invalid(wrong.join(";")));
        }
        taint_effect(&taint.get("effect"), errs);
        let key = (taint.str_of("key"), taint.str_of("effect"));
        if seen.contains(&key) {
            errs.push(taint.error(
                ErrorKind::Duplicate,
                "taints must be unique by key and effect pair",
            ));
        }
        seen.push(key);
    }
}

fn amounts(node: &At<'_>, errs: &mut Errors) {
    for field in ["capacity", "allocatable"] {
        let list = node.get("status").get(field);
        for (name, value) in list.entries() {
            let at = At::new(list.path.child(name.to_owned()), value.value);
            resources::amount(&at, name, errs);
        }
    }
}

fn pod_cidrs(list: &At<'_>, errs: &mut Errors) {
    list.items().for_each(|range| cidr(&range, errs));
    if list.len() < 2 {
        return;
    }
    let families: Vec<bool> = list
        .items()
        .filter_map(|r| parse_cidr_sloppy(r.str()))
        .map(|(ip, _)| ip.is_ipv4())
        .collect();
    if !(families.contains(&true) && families.contains(&false)) || list.len() > 2 {
        errs.push(list.invalid("may specify no more than one CIDR for each IP family"));
    }
    let mut seen = Vec::new();
    for range in list.items() {
        if seen.contains(&range.str()) {
            errs.push(range.duplicate());
        }
        seen.push(range.str());
    }
}

fn update(new: &At<'_>, old: &At<'_>, errs: &mut Errors) {
    amounts(new, errs);
    let mut seen = Vec::new();
    for address in new.at(&["status", "addresses"]).items() {
        if seen.contains(&address.value) {
            let shown = show_struct(
                address.value,
                &[("Type", "type", "\"\""), ("Address", "address", "\"\"")],
            );
            errs.push(FieldError::with_shown(
                ErrorKind::Duplicate,
                &address.path,
                shown,
                "",
            ));
        }
        seen.push(address.value);
    }
    let (spec, old_spec) = (new.get("spec"), old.get("spec"));
    let (ranges, before) = (spec.get("podCIDRs"), old_spec.get("podCIDRs"));
    if !before.is_empty() && ranges.value != before.value {
        let why = "node updates may not change podCIDR except from \"\" to valid";
        errs.push(ranges.forbidden(why));
    }
    let provider = old_spec.str_of("providerID");
    if !provider.is_empty() && provider != spec.str_of("providerID") {
        let why = "node updates may not change providerID except from \"\" to valid";
        errs.push(spec.get("providerID").forbidden(why));
    }
    taints(new, errs);
    if spec.str_of("externalID") != old_spec.str_of("externalID") {
        errs.push(FieldError::forbidden(
            &spec.get("externalID").path,
            "may not be updated",
        ));
    }
}
