//! Events, in both of the groups that serve them.

use super::Rules;
use crate::field::{At, Errors};
use crate::names::{dns_subdomain, name_is_path_segment, qualified_name};

/// Rules for `Event`. Its name may be anything: clients make them from object names and times.
pub(super) fn rules() -> Rules {
    Rules::new(event)
        .named(name_is_path_segment)
        .update(|new, old, errs| {
            event(new, errs);
            if is_new_form(new) {
                unchanged(new, old, errs);
            }
        })
}

fn is_new_form(event: &At<'_>) -> bool {
    event.str_of("apiVersion").starts_with("events.k8s.io")
}

fn event(event: &At<'_>, errs: &mut Errors) {
    let namespace = event.at(&["metadata", "namespace"]);
    let new_form = is_new_form(event);
    let object = event.get(if new_form { "regarding" } else { "involvedObject" });
    let about = At::new(
        event.get("involvedObject").path.child("namespace"),
        object.get("namespace").value,
    );
    let modern = event.has("eventTime");
    let agrees = match (about.str(), namespace.str()) {
        ("", "default") => true,
        ("", "kube-system") => modern,
        ("", own) => own.is_empty() && !modern,
        (about, own) => modern || about == own,
    };
    if !agrees {
        errs.push(about.invalid_str("does not match event.namespace"));
    }
    if modern {
        reporting(event, new_form, errs);
    }
    let at = event.get("namespace");
    errs.extend(
        dns_subdomain(namespace.str())
            .into_iter()
            .map(|m| at.invalid_as(namespace.str(), m)),
    );
    if new_form {
        new_form_only(event, errs);
    }
}

/// What an event with a time must say of its reporter.
fn reporting(event: &At<'_>, new_form: bool, errs: &mut Errors) {
    let controller = event.get(if new_form {
        "reportingController"
    } else {
        "reportingComponent"
    });
    if controller.str().is_empty() {
        errs.push(controller.required(""));
    }
    controller.invalid_each(qualified_name(controller.str()), errs);
    for field in ["reportingInstance", "action", "reason"] {
        let at = event.get(field);
        if at.str().is_empty() {
            errs.push(at.required(""));
        } else if at.len() > 128 {
            errs.push(at.invalid_as("", "can have at most 128 characters"));
        }
    }
    let note = event.get(if new_form { "note" } else { "message" });
    if note.len() > 1024 {
        errs.push(
            event
                .get("message")
                .invalid_as("", "can have at most 1024 characters"),
        );
    }
}

fn new_form_only(event: &At<'_>, errs: &mut Errors) {
    series(event, errs);
    if !event.has("eventTime") {
        errs.push(event.get("eventTime").required(""));
    }
    let kind = event.get("type");
    if !matches!(kind.str(), "Normal" | "Warning") {
        errs.push(kind.invalid_as("", format!("has invalid value: {}", kind.str())));
    }
    let deprecated = [
        ("deprecatedFirstTimestamp", "firstTimestamp"),
        ("deprecatedLastTimestamp", "lastTimestamp"),
        ("deprecatedCount", "count"),
    ];
    for (field, reported) in deprecated {
        let at = event.get(field);
        if at.present() && at.int() != Some(0) {
            errs.push(event.get(reported).invalid_as("", "needs to be unset"));
        }
    }
    let source = event.get("deprecatedSource");
    if ["component", "host"].iter().any(|f| !source.str_of(f).is_empty()) {
        errs.push(event.get("source").invalid_as("", "needs to be unset"));
    }
}

fn series(event: &At<'_>, errs: &mut Errors) {
    let series = event.get("series");
    if !series.present() {
        return;
    }
    if series.int_of("count").unwrap_or(0) < 2 {
        errs.push(series.get("count").invalid_as("", "should be at least 2"));
    }
    if !series.has("lastObservedTime") {
        errs.push(series.get("lastObservedTime").required(""));
    }
}

/// Only the series of an event grows.
fn unchanged(new: &At<'_>, old: &At<'_>, errs: &mut Errors) {
    let fields = [
        ("regarding", "involvedObject"),
        ("reason", "reason"),
        ("note", "message"),
        ("deprecatedSource", "source"),
        ("deprecatedFirstTimestamp", "firstTimestamp"),
        ("deprecatedLastTimestamp", "lastTimestamp"),
        ("deprecatedCount", "count"),
        ("type", "type"),
        ("action", "action"),
        ("related", "related"),
        ("reportingController", "reportingController"),
        ("reportingInstance", "reportingInstance"),
    ];
    for (field, reported) in fields {
        let at = At::new(new.get(reported).path, new.get(field).value);
        at.immutable(old.get(field).value, errs);
    }
    if new.get("eventTime").value != old.get("eventTime").value {
        new.get("eventTime").immutable(old.get("eventTime").value, errs);
    }
}
