//! Pods and pod templates.

mod affinity;
pub(super) mod binding;
mod container;
mod env;
mod lists;
mod mount;
mod placement;
mod probe;
pub(super) mod resources;
mod security;
mod spec;
mod status;
pub(super) mod update;
mod volumes;
mod windows;

pub(super) use affinity::node_selector;
pub(super) use placement::{taint_effect, tolerations};
pub(super) use probe::port;

use super::selector;
use super::{Rules, meta};
use crate::field::{At, Errors};
use crate::names::qualified_name;

/// Annotation of pods that mirror a static pod.
const MIRROR: &str = "kubernetes.io/config.mirror";
const APPARMOR_PREFIX: &str = "container.apparmor.security.beta.kubernetes.io/";
const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";

/// Rules for `Pod`.
pub(super) fn rules() -> Rules {
    Rules::new(create)
        .again()
        .update(update::main)
        .status(status::update)
}

/// Rules for `PodTemplate`.
pub(super) fn template_rules() -> Rules {
    Rules::new(|at, errs| template(&at.get("template"), errs))
        .update(|new, _, errs| template(&new.get("template"), errs))
}

fn create(pod: &At<'_>, errs: &mut Errors) {
    body(pod, errs);
    let spec = pod.get("spec");
    if !spec.get("ephemeralContainers").is_empty() {
        errs.push(
            spec.get("ephemeralContainers")
                .forbidden("cannot be set on create"),
        );
    }
    if !spec.str_of("nodeName").is_empty() && !spec.get("schedulingGates").is_empty() {
        errs.push(
            spec.get("nodeName")
                .forbidden("cannot be set until all schedulingGates have been cleared"),
        );
    }
    security::annotations_match(&pod.get("metadata"), &spec, errs);
}

/// Annotations and spec of a pod, on create and update.
fn body(pod: &At<'_>, errs: &mut Errors) {
    let (metadata, spec) = (pod.get("metadata"), pod.get("spec"));
    annotations(&metadata.get("annotations"), &spec, errs);
    spec::spec(&spec, Some(metadata.str_of("name")), errs);
    if spec.str_of("serviceAccountName").is_empty() {
        for volume in spec.get("volumes").items() {
            for source in volume
                .at(&["projected", "sources"])
                .items()
                .filter(|s| s.has("serviceAccountToken"))
            {
                let token = source.get("serviceAccountToken");
                errs.push(token.forbidden("must not be specified when serviceAccountName is not set"));
            }
        }
    }
    for field in ["containers", "initContainers"] {
        spec.get(field)
            .items()
            .for_each(|c| container::image_unpadded(&c, errs));
    }
}

/// A pod template.
pub(super) fn template(template: &At<'_>, errs: &mut Errors) {
    let (metadata, spec) = (template.get("metadata"), template.get("spec"));
    template_metadata(template, errs);
    spec::spec(&spec, None, errs);
    security::annotations_match(&metadata, &spec, errs);
    if !spec.get("ephemeralContainers").is_empty() {
        errs.push(
            spec.get("ephemeralContainers")
                .forbidden("ephemeral containers not allowed in pod template"),
        );
    }
}

/// Labels and annotations of a pod template, whose paths leave out `metadata`.
pub(super) fn template_metadata(template: &At<'_>, errs: &mut Errors) {
    let metadata = template.get("metadata");
    let labels = At::new(template.path.child("labels"), metadata.get("labels").value);
    let notes = At::new(
        template.path.child("annotations"),
        metadata.get("annotations").value,
    );
    selector::labels(&labels, errs);
    meta::annotations(&notes, errs);
    annotations(&notes, &template.get("spec"), errs);
}

/// The annotations that mean something in a pod.
fn annotations(notes: &At<'_>, spec: &At<'_>, errs: &mut Errors) {
    let mirror = notes.key(MIRROR);
    if mirror.present() && spec.str_of("nodeName").is_empty() {
        errs.push(mirror.invalid("must set spec.nodeName if mirror pod annotation is set"));
    }
    let cost = notes.key(DELETION_COST);
    if cost.present() && !is_cost(cost.str()) {
        errs.push(cost.invalid("must be a 32bit integer"));
    }
    security::seccomp_annotations(notes, errs);
    for (key, value) in notes.entries() {
        let Some(name) = key.strip_prefix(APPARMOR_PREFIX) else {
            continue;
        };
        if !lists::all(spec).any(|c| c.str_of("name") == name) {
            errs.push(value.invalid_as(name, "container not found"));
        }
        let profile = value.str();
        if !matches!(profile, "" | "runtime/default" | "unconfined") && !profile.starts_with("localhost/") {
            let quoted = crate::field::quote(profile);
            errs.push(value.invalid(format!("invalid AppArmor profile name: {quoted}")));
        }
    }
}

/// A 32-bit number without leading plus or zeros.
fn is_cost(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = !digits.starts_with('+') && (digits == "0" || !digits.starts_with('0'));
    plain && text.parse::<i32>().is_ok()
}

/// A qualified name at a field.
fn qualified(at: &At<'_>, errs: &mut Errors) {
    at.invalid_each(qualified_name(at.str()), errs);
}
