//! Stateful sets.

use super::{always_running, is_zero, required_selector, selects_template, shown_strategy};
use crate::field::{At, ErrorKind, Errors, FieldError};
use crate::names::dns_1035_label;
use crate::names::text::{at_most_100_percent, int_or_percent};
use crate::validation::pod::{template, template_metadata};
use crate::validation::volume;
use serde_json::json;

pub(super) fn stateful_set(spec: &At<'_>, errs: &mut Errors) {
    let policy = spec.get("podManagementPolicy");
    match policy.str() {
        "" => errs.push(policy.required("")),
        "OrderedReady" | "Parallel" => {}
        _ => errs.push(policy.invalid("must be 'OrderedReady' or 'Parallel'")),
    }
    stateful_strategy(&spec.get("updateStrategy"), errs);
    let retention = spec.get("persistentVolumeClaimRetentionPolicy");
    for field in ["whenDeleted", "whenScaled"] {
        let at = retention.get(field);
        if retention.present() && !matches!(at.str(), "Retain" | "Delete") {
            errs.push(at.unsupported(&["Retain", "Delete"]));
        }
    }
    spec.get("replicas").non_negative(errs);
    spec.get("minReadySeconds").non_negative(errs);
    let start = At::new(
        spec.path.child("ordinals.start"),
        spec.at(&["ordinals", "start"]).value,
    );
    start.non_negative(errs);
    required_selector(spec, "statefulset", errs);
    let service = spec.get("serviceName");
    if !service.str().is_empty() {
        service.invalid_each(dns_1035_label(service.str()), errs);
    }
    if selects_template(spec, errs) {
        stateful_template(spec, errs);
    } else {
        errs.push(spec.get("selector").invalid(""));
    }
    always_running(spec, "StatefulSet", errs);
}

fn stateful_strategy(strategy: &At<'_>, errs: &mut Errors) {
    let rolling = strategy.get("rollingUpdate");
    match strategy.str_of("type") {
        "" => errs.push(strategy.required("")),
        "OnDelete" if rolling.present() => {
            errs.push(rolling.invalid("only allowed for updateStrategy 'RollingUpdate'"));
        }
        "OnDelete" => {}
        "RollingUpdate" => {
            rolling.get("partition").non_negative(errs);
            let unavailable = rolling.get("maxUnavailable");
            if unavailable.present() {
                int_or_percent(&unavailable, errs);
                if is_zero(unavailable.value) {
                    errs.push(unavailable.invalid("cannot be 0"));
                }
                at_most_100_percent(&unavailable, errs);
            }
        }
        _ => errs.push(FieldError::with_shown(
            ErrorKind::Invalid,
            &strategy.path,
            shown_strategy(strategy),
            "must be 'RollingUpdate' or 'OnDelete'",
        )),
    }
}

/// The template is validated with a volume for each claim template, and the claims' specs by themselves.
fn stateful_template(spec: &At<'_>, errs: &mut Errors) {
    let given = spec.get("template");
    let claims = spec.get("volumeClaimTemplates");
    let mut value = given.value.clone();
    if !claims.is_empty() && value["spec"].is_object() {
        let mut volumes = value["spec"]["volumes"].as_array().cloned().unwrap_or_default();
        for claim in claims.items() {
            let name = claim.at(&["metadata", "name"]).str();
            volumes.retain(|v| v["name"] != name);
            volumes.push(json!({"name": name, "persistentVolumeClaim": {"claimName": name}}));
        }
        value["spec"]["volumes"] = volumes.into();
    }
    let at = At::new(given.path, &value);
    if value["spec"].is_object() {
        template(&at, errs);
    } else {
        template_metadata(&at, errs);
    }
    for claim in claims.items() {
        volume::claim_spec(&claim.get("spec"), errs);
    }
}

pub(super) fn stateful_set_update(new: &At<'_>, old: &At<'_>, errs: &mut Errors) {
    stateful_set(&new.get("spec"), errs);
    const FREE: &[&str] = &[
        "replicas",
        "template",
        "updateStrategy",
        "minReadySeconds",
        "ordinals",
        "revisionHistoryLimit",
        "persistentVolumeClaimRetentionPolicy",
    ];
    let fixed = |object: &At<'_>| {
        let mut spec = object.get("spec").object().cloned().unwrap_or_default();
        spec.retain(|field, _| !FREE.contains(&field.as_str()));
        spec
    };
    if fixed(new) != fixed(old) {
        let why = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
        errs.push(new.get("spec").forbidden(why));
    }
}
