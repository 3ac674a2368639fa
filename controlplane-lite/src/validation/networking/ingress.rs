//! Ingresses and ingress classes.

use crate::field::{At, Errors, FieldError};
use crate::names::net::{ip, parse_ip_sloppy};
use crate::names::text::{domain_prefixed_path, port_name, port_number};
use crate::names::{dns_1035_label, dns_label, dns_subdomain, path_segment, wildcard_subdomain};
use crate::validation::Rules;
use crate::validation::service::balancer_host;

const CLASS: &str = "kubernetes.io/ingress.class";

/// Rules for `Ingress`.
pub(super) fn rules() -> Rules {
    Rules::new(|ingress, errs| {
        let (note, class) = (
            ingress.at(&["metadata", "annotations"]).key(CLASS),
            ingress.at(&["spec", "ingressClassName"]),
        );
        if note.present() && class.present() && note.str() != class.str() {
            let at = At::new(ingress.get("annotations").path.child(CLASS), note.value);
            errs.push(at.invalid("must match `ingressClassName` when both are specified"));
        }
        spec(&ingress.get("spec"), errs);
    })
    .update(|new, _, errs| spec(&new.get("spec"), errs))
    .status(|new, _, errs| status(new, errs))
}

fn spec(spec: &At<'_>, errs: &mut Errors) {
    let (rules, backend) = (spec.get("rules"), spec.get("defaultBackend"));
    if rules.is_empty() && !backend.present() {
        errs.push(
            At::new(spec.path.clone(), rules.value)
                .invalid("either `defaultBackend` or `rules` must be specified"),
        );
    }
    if backend.present() {
        self::backend(&backend, errs);
    }
    for rule in rules.items() {
        let host = rule.get("host");
        if !host.str().is_empty() {
            if parse_ip_sloppy(host.str()).is_some() {
                errs.push(host.invalid("must be a DNS name, not an IP address"));
            }
            host_name(&host, errs);
        }
        if rule.has("http") {
            let paths = rule.at(&["http", "paths"]);
            if paths.is_empty() {
                errs.push(paths.required(""));
            }
            paths.items().for_each(|p| path(&p, errs));
        }
    }
    for tls in spec.get("tls").items() {
        tls.get("hosts").items().for_each(|host| host_name(&host, errs));
        let secret = tls.get("secretName");
        if !secret.str().is_empty() {
            secret.invalid_each(dns_subdomain(secret.str()), errs);
        }
    }
    let class = spec.get("ingressClassName");
    if class.present() {
        class.invalid_each(dns_subdomain(class.str()), errs);
    }
}

fn host_name(at: &At<'_>, errs: &mut Errors) {
    let check = if at.str().contains('*') {
        wildcard_subdomain
    } else {
        dns_subdomain
    };
    at.invalid_each(check(at.str()), errs);
}

fn path(at: &At<'_>, errs: &mut Errors) {
    let (kind, path) = (at.get("pathType"), at.get("path"));
    if !kind.present() {
        return errs.push(kind.required("pathType must be specified"));
    }
    let text = path.str();
    match kind.str() {
        "Exact" | "Prefix" => {
            if !text.starts_with('/') {
                errs.push(path.invalid_str("must be an absolute path"));
            }
            for part in ["//", "/./", "/../", "%2f", "%2F"]
                .iter()
                .filter(|p| text.contains(**p))
            {
                errs.push(path.invalid(format!("must not contain '{part}'")));
            }
            for end in ["/..", "/."].iter().filter(|e| text.ends_with(**e)) {
                errs.push(path.invalid(format!("cannot end with '{end}'")));
            }
        }
        "ImplementationSpecific" => {
            if !text.is_empty() && !text.starts_with('/') {
                errs.push(path.invalid("must be an absolute path"));
            }
        }
        _ => errs.push(kind.unsupported(&["Exact", "ImplementationSpecific", "Prefix"])),
    }
    backend(&at.get("backend"), errs);
}

fn backend(at: &At<'_>, errs: &mut Errors) {
    match (at.has("resource"), at.has("service")) {
        (true, true) => errs.push(at.invalid_as("", "cannot set both resource and service backends")),
        (true, false) => reference(&at.get("resource"), errs),
        (false, true) => service(at, errs),
        (false, false) => errs.push(at.invalid_as("", "resource or service backend is required")),
    }
}

fn service(at: &At<'_>, errs: &mut Errors) {
    let name = at.at(&["service", "name"]);
    match name.str() {
        "" => errs.push(name.required("")),
        text => name.invalid_each(dns_1035_label(text), errs),
    }
    let port = at.at(&["service", "port"]);
    let (text, number) = (port.get("name"), port.get("number"));
    match (text.str(), number.int().unwrap_or(0)) {
        ("", 0) => errs.push(at.required("port name or number is required")),
        ("", n) => errs.extend(port_number(n).into_iter().map(|m| number.invalid(m))),
        (name, 0) => text.invalid_each(port_name(name), errs),
        _ => errs.push(at.invalid_as("", "cannot set both port name & port number")),
    }
}

/// A reference to an object by group, kind and name.
fn reference(at: &At<'_>, errs: &mut Errors) {
    let group = at.get("apiGroup");
    if group.present() {
        group.invalid_each(dns_subdomain(group.str()), errs);
    }
    for (field, why) in [("kind", "kind is required"), ("name", "name is required")] {
        let at = at.get(field);
        match at.str() {
            "" => errs.push(at.required(why)),
            text => at.invalid_each(path_segment(text), errs),
        }
    }
}

fn status(ingress: &At<'_>, errs: &mut Errors) {
    for entry in ingress.at(&["status", "loadBalancer", "ingress"]).items() {
        let address = entry.get("ip");
        if !address.str().is_empty() {
            ip(&address, errs);
        }
        balancer_host(&entry.get("hostname"), errs);
    }
}

/// Rules for `IngressClass`.
pub(super) fn class_rules() -> Rules {
    Rules::new(|class, errs| class_spec(&class.get("spec"), errs))
        .cluster()
        .update(|new, old, errs| {
            new.at(&["spec", "controller"])
                .immutable(old.at(&["spec", "controller"]).value, errs);
            class_spec(&new.get("spec"), errs);
        })
}

fn class_spec(spec: &At<'_>, errs: &mut Errors) {
    let controller = spec.get("controller");
    if controller.len() > 250 {
        errs.push(FieldError::too_long(&controller.path, 250));
    }
    domain_prefixed_path(&controller, errs);
    let parameters = spec.get("parameters");
    if !parameters.present() {
        return;
    }
    reference(&parameters, errs);
    let (scope, namespace) = (parameters.get("scope"), parameters.get("namespace"));
    scope.one_of(&["Cluster", "Namespace"], errs);
    match (scope.str(), namespace.present()) {
        ("Namespace", false) => errs.push(namespace.required("`parameters.scope` is set to 'Namespace'")),
        ("Namespace", true) => namespace.invalid_each(dns_label(namespace.str()), errs),
        ("Cluster", true) => errs.push(namespace.forbidden("`parameters.scope` is set to 'Cluster'")),
        _ => {}
    }
}
