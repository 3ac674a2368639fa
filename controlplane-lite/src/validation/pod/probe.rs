//! Probes and lifecycle hooks.

use super::spec::Context;
use crate::field::{At, Errors};
use crate::names::text::{http_header, port_name, port_number};
use serde_json::Value;

/// Handlers in the order in which the first of several wins.
const HANDLERS: &[&str] = &["exec", "httpGet", "tcpSocket", "grpc", "sleep"];

/// All probes of a container.
pub(super) fn probes(container: &At<'_>, context: &Context<'_, '_>, errs: &mut Errors) {
    for (field, readiness) in [
        ("livenessProbe", false),
        ("readinessProbe", true),
        ("startupProbe", false),
    ] {
        if container.has(field) {
            probe(&container.get(field), readiness, context, errs);
        }
    }
}

fn probe(probe: &At<'_>, readiness: bool, context: &Context<'_, '_>, errs: &mut Errors) {
    handler(probe, context, errs);
    for field in [
        "initialDelaySeconds",
        "timeoutSeconds",
        "periodSeconds",
        "successThreshold",
        "failureThreshold",
    ] {
        probe.get(field).non_negative(errs);
    }
    let grace = probe.get("terminationGracePeriodSeconds");
    if grace.int().is_some_and(|g| g <= 0) {
        errs.push(grace.invalid("must be greater than 0"));
    }
    if readiness && grace.present() {
        errs.push(grace.invalid("must not be set for readinessProbes"));
    }
    let success = probe.get("successThreshold");
    if !readiness && success.int() != Some(1) {
        errs.push(success.invalid_as(success.int().unwrap_or(0), "must be 1"));
    }
}

/// Hooks after the start and before the stop, and the signal that stops.
pub(super) fn lifecycle(container: &At<'_>, context: &Context<'_, '_>, errs: &mut Errors) {
    let lifecycle = container.get("lifecycle");
    for hook in ["postStart", "preStop"] {
        if lifecycle.has(hook) {
            handler(&lifecycle.get(hook), context, errs);
        }
    }
    if lifecycle.has("stopSignal") && context.spec.at(&["os", "name"]).str().is_empty() {
        let why = "may not be set for containers with empty `spec.os.name`";
        errs.push(lifecycle.get("stopSignal").forbidden(why));
    }
}

fn handler(holder: &At<'_>, context: &Context<'_, '_>, errs: &mut Errors) {
    let mut found = false;
    for name in HANDLERS {
        let at = holder.get(name);
        if !at.present() {
            continue;
        }
        if found {
            errs.push(at.forbidden("may not specify more than 1 handler type"));
            continue;
        }
        found = true;
        match *name {
            "exec" if at.get("command").is_empty() => errs.push(at.get("command").required("")),
            "exec" => {}
            "httpGet" => http_get(&at, errs),
            "sleep" => sleep(&at, context, errs),
            _ => port(&at.get("port"), errs),
        }
    }
    if !found {
        errs.push(holder.required("must specify a handler type"));
    }
}

fn http_get(at: &At<'_>, errs: &mut Errors) {
    if at.str_of("path").is_empty() {
        errs.push(at.get("path").required(""));
    }
    port(&at.get("port"), errs);
    let scheme = at.get("scheme");
    if !matches!(scheme.str(), "HTTP" | "HTTPS") {
        errs.push(scheme.unsupported(&["HTTP", "HTTPS"]));
    }
    let headers = at.get("httpHeaders");
    for header in headers.items() {
        let name = header.str_of("name");
        errs.extend(http_header(name).into_iter().map(|m| headers.invalid_as(name, m)));
    }
}

fn sleep(at: &At<'_>, context: &Context<'_, '_>, errs: &mut Errors) {
    let seconds = at.int_of("seconds").unwrap_or(0);
    let grace = context.spec.int_of("terminationGracePeriodSeconds");
    if let Some(grace) = grace.filter(|g| seconds < 0 || seconds > *g) {
        let why = format!("must be non-negative and less than terminationGracePeriodSeconds ({grace})");
        errs.push(at.invalid_as(seconds, why));
    }
}

/// A port by number or by name.
pub(in crate::validation) fn port(at: &At<'_>, errs: &mut Errors) {
    match at.value {
        Value::String(name) => at.invalid_each(port_name(name), errs),
        number => {
            let number = number.as_i64().unwrap_or(0);
            errs.extend(port_number(number).into_iter().map(|m| at.invalid_as(number, m)));
        }
    }
}
