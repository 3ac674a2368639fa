//! Pods and pod templates.
//!
//! A few defaults belong to a pod and not to a template (requests from limits, service links, host ports), so
//! that a template reads back as it was written.

use super::core::one_and_all;
use super::set::{Object, absent, amounts, each, empty, ensure, fill_from, has, text, within};
use super::volume;
use crate::quantity::pod::{Amounts, container_total};
use serde_json::{Value, json};

/// `Always` for an image with the tag `latest` or none, `IfNotPresent` for any other.
pub fn pull_policy(image: &str) -> &'static str {
    let (name, digest) = image
        .split_once('@')
        .map_or((image, false), |(name, _)| (name, true));
    let last = name.rsplit('/').next().unwrap_or("");
    match last.split_once(':') {
        Some((_, "latest")) => "Always",
        Some(_) => "IfNotPresent",
        None if digest || !parses(name) => "IfNotPresent",
        None => "Always",
    }
}

/// Whether an image's name without tag is one: otherwise the reference finds no tag in it.
fn parses(name: &str) -> bool {
    !name.is_empty()
        && name.split('/').skip(usize::from(name.contains('/'))).all(|part| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
        })
}

/// A pod.
pub(super) fn pod(object: &mut Object) {
    if let Some(status) = within(object, "status") {
        one_and_all(status, "podIP", "podIPs", |ip| json!({"ip": ip}));
    }
    let Some(spec) = ensure(object, "spec") else {
        return;
    };
    pod_spec(spec);
    for field in ["containers", "initContainers"] {
        each(spec, field, |container| {
            if let Some(resources) = within(container, "resources") {
                fill_from(resources, "requests", "limits");
            }
        });
    }
    pod_level_requests(spec);
    absent(spec, "enableServiceLinks", true);
    if spec.get("hostNetwork") == Some(&Value::Bool(true)) {
        for field in ["containers", "initContainers"] {
            each(spec, field, |container| each(container, "ports", host_port));
        }
    }
}

fn host_port(port: &mut Object) {
    if let Some(number) = port.get("containerPort").cloned() {
        empty(port, "hostPort", number);
    }
}

/// KEP-2837: with pod-level limits, requests default to what the containers ask for, else to the limits.
fn pod_level_requests(spec: &mut Object) {
    let known = |name: &str| matches!(name, "cpu" | "memory") || name.starts_with("hugepages-");
    let limits = spec
        .get("resources")
        .and_then(|r| r.get("limits"))
        .and_then(Value::as_object);
    let Some(limits) = limits.filter(|l| !l.is_empty()).cloned() else {
        return;
    };
    let from_containers: Amounts = container_total(&Value::Object(spec.clone()), "requests");
    let Some(requests) = within(spec, "resources").and_then(|r| ensure(r, "requests")) else {
        return;
    };
    for (name, amount) in from_containers
        .iter()
        .filter(|(n, _)| matches!(n.as_str(), "cpu" | "memory"))
    {
        requests
            .entry(name.clone())
            .or_insert_with(|| amount.to_string().into());
    }
    for (name, amount) in limits.into_iter().filter(|(name, _)| known(name)) {
        requests.entry(name).or_insert(amount);
    }
}

/// A PodTemplate object.
pub(super) fn pod_template(object: &mut Object) {
    template(object, "template");
}

/// The pod template at `field`.
pub(super) fn template(object: &mut Object, field: &str) {
    if let Some(template) = ensure(object, field) {
        ensure(template, "metadata");
        if let Some(spec) = ensure(template, "spec") {
            pod_spec(spec);
        }
    }
}

fn pod_spec(spec: &mut Object) {
    empty(spec, "dnsPolicy", "ClusterFirst");
    empty(spec, "restartPolicy", "Always");
    absent(spec, "securityContext", json!({}));
    absent(spec, "terminationGracePeriodSeconds", 30);
    empty(spec, "schedulerName", "default-scheduler");
    account_alias(spec);
    each(spec, "volumes", volume::volume);
    for field in ["initContainers", "containers", "ephemeralContainers"] {
        each(spec, field, container);
    }
    amounts(spec, "overhead");
    if let Some(resources) = within(spec, "resources") {
        amounts(resources, "limits");
        amounts(resources, "requests");
    }
}

/// `serviceAccount` is the old name of `serviceAccountName`; both are always written.
fn account_alias(spec: &mut Object) {
    let account = match text(spec, "serviceAccountName") {
        "" => text(spec, "serviceAccount").to_owned(),
        name => name.to_owned(),
    };
    if !account.is_empty() {
        spec.insert("serviceAccountName".into(), account.clone().into());
        spec.insert("serviceAccount".into(), account.into());
    }
}

fn container(container: &mut Object) {
    let policy = pull_policy(text(container, "image"));
    empty(container, "imagePullPolicy", policy);
    empty(container, "terminationMessagePath", "/dev/termination-log");
    empty(container, "terminationMessagePolicy", "File");
    if let Some(resources) = ensure(container, "resources") {
        amounts(resources, "limits");
        amounts(resources, "requests");
    }
    each(container, "ports", |port| empty(port, "protocol", "TCP"));
    each(container, "env", |variable| {
        if let Some(from) = within(variable, "valueFrom") {
            field_refs(from);
        }
    });
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(probe) = within(container, name) {
            self::probe(probe);
        }
    }
    for hook in ["postStart", "preStop"] {
        if let Some(http) = within(container, "lifecycle")
            .and_then(|l| within(l, hook))
            .and_then(|h| within(h, "httpGet"))
        {
            http_get(http);
        }
    }
}

/// `fieldRef` and `resourceFieldRef` of a variable or a downward API file.
pub(super) fn field_refs(holder: &mut Object) {
    if let Some(field) = within(holder, "fieldRef") {
        empty(field, "apiVersion", "v1");
    }
    if let Some(resource) = within(holder, "resourceFieldRef") {
        absent(resource, "divisor", "0");
    }
    if let Some(file) = within(holder, "fileKeyRef") {
        absent(file, "optional", false);
    }
}

fn probe(probe: &mut Object) {
    for (field, value) in [
        ("timeoutSeconds", 1),
        ("periodSeconds", 10),
        ("successThreshold", 1),
        ("failureThreshold", 3),
    ] {
        empty(probe, field, value);
    }
    if let Some(http) = within(probe, "httpGet") {
        http_get(http);
    }
    if let Some(grpc) = within(probe, "grpc") {
        absent(grpc, "service", "");
    }
}

fn http_get(action: &mut Object) {
    empty(action, "path", "/");
    empty(action, "scheme", "HTTP");
}

/// The labels of the template at `field`, if there are any.
pub(super) fn template_labels(spec: &Object, field: &str) -> Option<Value> {
    let labels = spec.get(field)?.get("metadata")?.get("labels")?;
    labels
        .as_object()
        .is_some_and(|l| !l.is_empty())
        .then(|| labels.clone())
}

/// Whether the object has an entry at `field`.
pub(super) fn has_entries(object: &Object, field: &str) -> bool {
    has(object, field) && object[field].as_object().is_some_and(|o| !o.is_empty())
}
