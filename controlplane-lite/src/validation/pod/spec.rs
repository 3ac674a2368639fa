//! The spec of a pod, alone or in a template.

use super::{affinity, container, placement, resources, security, volumes, windows};
use crate::field::{At, Errors};
use crate::names::net::ip;
use crate::names::{dns_label, dns_subdomain, dns_subdomain_underscore, text};

/// What the rules of containers need to know of their pod.
pub(super) struct Context<'a, 'v> {
    /// The pod's spec.
    pub spec: &'a At<'v>,
    /// The pod's name; `None` in a template.
    pub pod: Option<&'v str>,
    /// Valid volumes by name.
    pub volumes: volumes::Volumes<'v>,
    /// Whether the pod uses the host's user namespace.
    pub host_users: bool,
}

/// A pod's spec; `pod` is the pod's name, `None` in a template.
pub(super) fn spec<'v>(spec: &At<'v>, pod: Option<&'v str>, errs: &mut Errors) {
    if !spec.has("terminationGracePeriodSeconds") {
        errs.push(spec.get("terminationGracePeriodSeconds").required(""));
    }
    let volumes = volumes::volumes(&spec.get("volumes"), pod, errs);
    let host_users = spec.get("hostUsers").value != &serde_json::Value::Bool(false);
    let context = Context {
        spec,
        pod,
        volumes,
        host_users,
    };
    resources::pod_claims(&spec.get("resourceClaims"), errs);
    container::containers(&context, errs);
    container::init_containers(&context, errs);
    container::ephemeral_containers(&context, errs);
    if spec.has("resources") {
        resources::pod_level(spec, errs);
    }
    host_network_ports(&context, errs);
    spec.get("restartPolicy")
        .one_of(&["Always", "OnFailure", "Never"], errs);
    spec.get("dnsPolicy").one_of(
        &["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"],
        errs,
    );
    super::selector::labels(&spec.get("nodeSelector"), errs);
    security::pod(spec, errs);
    affinity::affinity(&spec.get("affinity"), errs);
    dns(spec, errs);
    for gate in spec.get("readinessGates").items() {
        super::qualified(&gate.get("conditionType"), errs);
    }
    placement::scheduling_gates(&spec.get("schedulingGates"), errs);
    placement::topology_spread(&spec.get("topologySpreadConstraints"), errs);
    windows::host_process(spec, errs);
    if !host_users {
        host_user_conflicts(spec, errs);
    }
    names(spec, errs);
    windows::os(spec, errs);
}

fn host_user_conflicts(spec: &At<'_>, errs: &mut Errors) {
    for (flag, field) in [
        ("hostNetwork", "hostNetwork"),
        ("hostPID", "HostPID"),
        ("hostIPC", "HostIPC"),
    ] {
        if spec.flag(flag) {
            errs.push(spec.get(field).forbidden("when `pod.Spec.HostUsers` is false"));
        }
    }
}

fn host_network_ports(context: &Context<'_, '_>, errs: &mut Errors) {
    if !context.spec.flag("hostNetwork") {
        return;
    }
    for container in context.spec.get("containers").items() {
        for port in container.get("ports").items() {
            let host = port.int_of("hostPort").unwrap_or(0);
            let same = host == port.int_of("containerPort").unwrap_or(0);
            if !same && (context.pod.is_some() || host != 0) {
                let why = "must match `containerPort` when `hostNetwork` is true";
                errs.push(port.get("hostPort").invalid_as(host, why));
            }
        }
    }
}

/// Names, deadlines, tolerations and aliases, in the reference's order.
fn names(spec: &At<'_>, errs: &mut Errors) {
    let subdomain = |field: &'static str, errs: &mut Errors| {
        let at = spec.get(field);
        if !at.str().is_empty() {
            at.invalid_each(dns_subdomain(at.str()), errs);
        }
    };
    let label = |field: &'static str, errs: &mut Errors| {
        let at = spec.get(field);
        if !at.str().is_empty() {
            at.invalid_each(dns_label(at.str()), errs);
        }
    };
    subdomain("serviceAccountName", errs);
    subdomain("nodeName", errs);
    let deadline = spec.get("activeDeadlineSeconds");
    if let Some(seconds) = deadline.int() {
        let wrong = text::in_range(seconds, 1, i32::MAX.into());
        errs.extend(wrong.into_iter().map(|m| deadline.invalid(m)));
    }
    label("hostname", errs);
    label("subdomain", errs);
    if spec.has("hostnameOverride") {
        hostname_override(spec, errs);
    }
    placement::tolerations(&spec.get("tolerations"), errs);
    for alias in spec.get("hostAliases").items() {
        ip(&alias.get("ip"), errs);
        alias
            .get("hostnames")
            .items()
            .for_each(|h| h.invalid_each(dns_subdomain(h.str()), errs));
    }
    subdomain("priorityClassName", errs);
    let runtime = spec.get("runtimeClassName");
    if runtime.present() {
        runtime.invalid_each(dns_subdomain(runtime.str()), errs);
    }
    if spec.has("preemptionPolicy") {
        spec.get("preemptionPolicy")
            .one_of(&["PreemptLowerPriority", "Never"], errs);
    }
    if spec.has("overhead") {
        resources::overhead(&spec.get("overhead"), errs);
    }
}

/// KEP-4762: a hostname of its own for a pod that does not share the host's network.
fn hostname_override(spec: &At<'_>, errs: &mut Errors) {
    let at = spec.get("hostnameOverride");
    if spec.flag("hostNetwork") {
        errs.push(at.forbidden("may not be specified when hostNetwork is true"));
    }
    if spec.flag("setHostnameAsFQDN") {
        errs.push(at.forbidden("may not be specified when setHostnameAsFQDN is true"));
    }
    if at.len() > 64 {
        errs.push(crate::field::FieldError::too_long(&at.path, 64));
    }
    at.invalid_each(dns_subdomain(at.str()), errs);
}

fn dns(spec: &At<'_>, errs: &mut Errors) {
    let config = spec.get("dnsConfig");
    let servers = config.get("nameservers");
    if spec.str_of("dnsPolicy") == "None" {
        if !config.present() {
            return errs.push(config.required("must provide `dnsConfig` when `dnsPolicy` is None"));
        }
        if servers.is_empty() {
            let why = "must provide at least one DNS nameserver when `dnsPolicy` is None";
            return errs.push(servers.required(why));
        }
    }
    if servers.len() > 3 {
        errs.push(servers.invalid("must not have more than 3 nameservers"));
    }
    servers.items().for_each(|server| ip(&server, errs));
    let searches = config.get("searches");
    if searches.len() > 32 {
        errs.push(searches.invalid("must not have more than 32 search paths"));
    }
    let total: usize = searches.items().map(|s| s.len() + 1).sum();
    if total > 2048 + 1 {
        errs.push(
            searches.invalid("must not have more than 2048 characters (including spaces) in the search list"),
        );
    }
    for search in searches.items().filter(|s| s.str() != ".") {
        let name = search.str().strip_suffix('.').unwrap_or(search.str());
        errs.extend(
            dns_subdomain_underscore(name)
                .into_iter()
                .map(|m| search.invalid_as(name, m)),
        );
    }
    for option in config
        .get("options")
        .items()
        .filter(|o| o.str_of("name").is_empty())
    {
        errs.push(option.required("must not be empty"));
    }
}
