//! Containers of all three sorts.

use super::spec::Context;
use super::{env, mount, probe, resources, security};
use crate::field::{At, ErrorKind, Errors, FieldError};
use crate::names::dns_label;
use crate::names::text::{port_name, port_number};
use crate::quantity::pod::is_sidecar;
use serde_json::{Value, json};

const INIT_ONLY: &str = "may not be set for init containers without restartPolicy=Always";
const EPHEMERAL: &str = "cannot be set for an Ephemeral Container";
const PROTOCOLS: &[&str] = &["SCTP", "TCP", "UDP"];
const PROBES: &[&str] = &["livenessProbe", "readinessProbe", "startupProbe"];

/// The regular containers.
pub(super) fn containers(context: &Context<'_, '_>, errs: &mut Errors) {
    let list = context.spec.get("containers");
    if list.is_empty() {
        return errs.push(list.required(""));
    }
    let mut names = Vec::new();
    for container in list.items() {
        common(&container, context, errs);
        unique_name(&container, &mut names, errs);
        probe::lifecycle(&container, context, errs);
        probe::probes(&container, context, errs);
        restart_policy(&container, errs);
    }
    host_port_conflicts(&list, list.items(), errs);
}

fn unique_name<'v>(container: &At<'v>, names: &mut Vec<&'v str>, errs: &mut Errors) {
    let name = container.get("name");
    if names.contains(&name.str()) {
        errs.push(name.duplicate());
    } else {
        names.push(name.str());
    }
}

/// KEP-5307: own restart rules of a container.
fn restart_policy(container: &At<'_>, errs: &mut Errors) {
    let (policy, rules) = (
        container.get("restartPolicy"),
        container.get("restartPolicyRules"),
    );
    policy.one_of_if_set(&["Always", "Never", "OnFailure"], errs);
    if rules.is_empty() {
        return;
    }
    if !policy.present() {
        errs.push(policy.required("must specify `restartPolicy` when `restartPolicyRules` is specified"));
    }
    if rules.len() > 20 {
        errs.push(FieldError::too_many(&rules.path, rules.len(), 20));
    }
    for rule in rules.items() {
        rule.get("action")
            .one_of(&["Restart", "RestartAllContainers"], errs);
        let codes = rule.get("exitCodes");
        if !codes.present() {
            errs.push(codes.required("must be specified"));
            continue;
        }
        codes.get("operator").one_of(&["In", "NotIn"], errs);
        let values = codes.get("values");
        if values.is_empty() {
            errs.push(values.required("must have at least one value"));
        } else if values.len() > 255 {
            errs.push(FieldError::too_many(&values.path, values.len(), 255));
        }
    }
}

/// The init containers, sidecars among them.
pub(super) fn init_containers(context: &Context<'_, '_>, errs: &mut Errors) {
    let list = context.spec.get("initContainers");
    let mut names: Vec<&str> = context
        .spec
        .get("containers")
        .items()
        .map(|c| c.str_of("name"))
        .collect();
    for container in list.items() {
        common(&container, context, errs);
        restart_policy(&container, errs);
        unique_name(&container, &mut names, errs);
        names.retain(|n| !n.is_empty());
        // Each one runs alone, so that only its own ports can collide.
        host_port_conflicts(
            &list,
            std::iter::once(At::new(list.path.index(0), container.value)),
            errs,
        );
        if is_sidecar(container.value) {
            probe::lifecycle(&container, context, errs);
            probe::probes(&container, context, errs);
        } else {
            for field in ["lifecycle"].iter().chain(PROBES).filter(|f| container.has(f)) {
                errs.push(container.get(field).forbidden(INIT_ONLY));
            }
        }
    }
}

/// The ephemeral containers: names that are free, and few fields.
pub(super) fn ephemeral_containers(context: &Context<'_, '_>, errs: &mut Errors) {
    let names_in = |field| {
        context
            .spec
            .get(field)
            .items()
            .map(|c| c.str_of("name"))
            .collect::<Vec<_>>()
    };
    let targets = [names_in("containers"), names_in("initContainers")].concat();
    let mut names = targets.clone();
    for container in context.spec.get("ephemeralContainers").items() {
        common(&container, context, errs);
        image_unpadded(&container, errs);
        unique_name(&container, &mut names, errs);
        let target = container.get("targetContainerName");
        if !target.str().is_empty() && !targets.contains(&target.str()) {
            errs.push(target.not_found());
        }
        only_allowed(&container, errs);
        for mount in container.get("volumeMounts").items() {
            for field in ["subPath", "subPathExpr"] {
                if !mount.str_of(field).is_empty() {
                    errs.push(mount.get(field).forbidden(EPHEMERAL));
                }
            }
        }
    }
}

fn only_allowed(container: &At<'_>, errs: &mut Errors) {
    const DENIED: &[&str] = &[
        "ports",
        "resources",
        "resizePolicy",
        "restartPolicy",
        "restartPolicyRules",
        "livenessProbe",
        "readinessProbe",
        "startupProbe",
        "lifecycle",
    ];
    for field in DENIED {
        let at = container.get(field);
        let empty = at.value == &json!({}) || at.value == &json!([]);
        if at.present() && !empty {
            errs.push(at.forbidden(EPHEMERAL));
        }
    }
}

/// Rules for every container.
fn common(container: &At<'_>, context: &Context<'_, '_>, errs: &mut Errors) {
    let name = container.get("name");
    match name.str() {
        "" => errs.push(name.required("")),
        text => name.invalid_each(dns_label(text), errs),
    }
    if container.str_of("image").is_empty() {
        errs.push(container.get("image").required(""));
    }
    container
        .get("terminationMessagePolicy")
        .one_of(&["File", "FallbackToLogsOnError"], errs);
    ports(&container.get("ports"), errs);
    env::env(&container.get("env"), context, errs);
    env::env_from(&container.get("envFrom"), errs);
    mount::mounts(container, context, errs);
    mount::devices(container, context, errs);
    container
        .get("imagePullPolicy")
        .one_of(&["Always", "IfNotPresent", "Never"], errs);
    let claims = context.spec.get("resourceClaims");
    resources::container(&container.get("resources"), &claims, errs);
    resize_policy(container, context, errs);
    security::container(&container.get("securityContext"), context.host_users, errs);
}

/// An image without white space around it: for pods, not for templates.
pub(super) fn image_unpadded(container: &At<'_>, errs: &mut Errors) {
    let image = container.get("image");
    if image.str().trim() != image.str() {
        errs.push(image.invalid("must not have leading or trailing whitespace"));
    }
}

fn ports(list: &At<'_>, errs: &mut Errors) {
    let mut names = Vec::new();
    for port in list.items() {
        let name = port.get("name");
        if !name.str().is_empty() {
            let wrong = port_name(name.str());
            if wrong.is_empty() && names.contains(&name.str()) {
                errs.push(name.duplicate());
            }
            name.invalid_each(wrong, errs);
            names.push(name.str());
        }
        let number = port.get("containerPort");
        match number.int().unwrap_or(0) {
            0 => errs.push(number.required("")),
            n => errs.extend(port_number(n).into_iter().map(|m| number.invalid(m))),
        }
        let host = port.get("hostPort");
        if let Some(n) = host.int().filter(|n| *n != 0) {
            errs.extend(port_number(n).into_iter().map(|m| host.invalid(m)));
        }
        port.get("protocol").one_of(PROTOCOLS, errs);
    }
}

/// Host ports that are taken twice; `containers` are numbered from the list's start.
fn host_port_conflicts<'v>(list: &At<'v>, containers: impl Iterator<Item = At<'v>>, errs: &mut Errors) {
    let mut taken: Vec<String> = Vec::new();
    for (index, container) in containers.enumerate() {
        let container = At::new(list.path.index(index), container.value);
        for port in container.get("ports").items() {
            let Some(host) = port.int_of("hostPort").filter(|n| *n != 0) else {
                continue;
            };
            let key = format!("{}/{}/{host}", port.str_of("protocol"), port.str_of("hostIP"));
            if taken.contains(&key) {
                errs.push(FieldError::duplicate(
                    &port.get("hostPort").path,
                    &Value::from(key),
                ));
            } else {
                taken.push(key);
            }
        }
    }
}

fn resize_policy(container: &At<'_>, context: &Context<'_, '_>, errs: &mut Errors) {
    let list = container.get("resizePolicy");
    let never = context.spec.str_of("restartPolicy") == "Never";
    let mut seen = Vec::new();
    for policy in list.items() {
        let resource = policy.str_of("resourceName");
        if seen.contains(&resource) {
            errs.push(FieldError::duplicate(&policy.path, &Value::from(resource)));
        }
        seen.push(resource);
        // Faults of the entries are reported at the list.
        let named = |field| At::new(list.path.clone(), policy.get(field).value);
        named("resourceName").one_of(&["cpu", "memory"], errs);
        named("restartPolicy").one_of(&["NotRequired", "RestartContainer"], errs);
        if never && policy.str_of("restartPolicy") != "NotRequired" {
            let why = "must be 'NotRequired' when `restartPolicy` is 'Never'";
            errs.push(named("restartPolicy").error(ErrorKind::Invalid, why));
        }
    }
}
