//! Services. Addresses and ports that the client leaves to us are allocated after validation.

mod address;

pub(super) use address::ordinary_ip;

use self::address::{cluster_ips, kept};
use super::pod::port;
use super::{Rules, selector};
use crate::field::{At, ErrorKind, Errors, FieldError, Path};
use crate::names::net::{ip, parse_ip_sloppy};
use crate::names::text::port_number;
use crate::names::{dns_label, dns_subdomain, name_is_1035_label, qualified_name};
use serde_json::Value;

const BALANCER_ONLY: &str = "may only be used when `type` is 'LoadBalancer'";
const SOURCE_RANGES: &str = "service.beta.kubernetes.io/load-balancer-source-ranges";
const TOPOLOGY_HINTS: &str = "service.kubernetes.io/topology-aware-hints";
const TOPOLOGY_MODE: &str = "service.kubernetes.io/topology-mode";
/// Session affinity lasts a day at most.
const AFFINITY_MAX: i64 = 86_400;

/// Rules for `Service`.
pub(super) fn rules() -> Rules {
    Rules::new(service)
        .named(name_is_1035_label)
        .again()
        .update(update)
        .status(|new, _, errs| status(new, errs))
}

/// Whether the service has no address of its own.
fn is_headless(spec: &At<'_>) -> bool {
    let ips = spec.get("clusterIPs");
    ips.len() == 1 && ips.items().all(|ip| ip.str() == "None")
}

fn service(service: &At<'_>, errs: &mut Errors) {
    let spec = service.get("spec");
    let notes = service.at(&["metadata", "annotations"]);
    let (mode, hints) = (notes.key(TOPOLOGY_MODE), notes.key(TOPOLOGY_HINTS));
    if mode.present() && hints.present() && mode.str() != hints.str() {
        errs.push(mode.invalid(format!(
            "must match annotations[{TOPOLOGY_HINTS}] when both are specified"
        )));
    }
    let (kind, ports) = (spec.str_of("type"), spec.get("ports"));
    if ports.is_empty() && !is_headless(&spec) && kind != "ExternalName" {
        errs.push(ports.required(""));
    }
    by_type(&spec, errs);
    let mut names = Vec::new();
    ports
        .items()
        .for_each(|p| service_port(&p, ports.len() > 1, &mut names, errs));
    selector::labels(&spec.get("selector"), errs);
    affinity(&spec, errs);
    cluster_ips(&spec, errs);
    for address in spec.get("externalIPs").items() {
        let before = errs.len();
        ip(&address, errs);
        if errs.len() == before {
            ordinary_ip(&address, errs);
        }
    }
    spec.get("type")
        .one_of(&["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"], errs);
    node_ports(&ports, kind, errs);
    source_ranges(&spec, &notes, errs);
    balancer_fields(&spec, errs);
    traffic(&spec, errs);
}

fn by_type(spec: &At<'_>, errs: &mut Errors) {
    let ips = spec.get("clusterIPs");
    match spec.str_of("type") {
        kind @ ("LoadBalancer" | "NodePort") if is_headless(spec) => {
            let at = At::new(ips.path.index(0), &ips.value[0]);
            errs.push(at.invalid(format!("may not be set to 'None' for {kind} services")));
        }
        "ExternalName" => {
            const WHY: &str = "may not be set for ExternalName services";
            for field in ["clusterIPs", "ipFamilies"] {
                if !spec.get(field).is_empty() {
                    errs.push(spec.get(field).forbidden(WHY));
                }
            }
            if spec.has("ipFamilyPolicy") {
                errs.push(spec.get("ipFamilyPolicy").forbidden(WHY));
            }
            let at = spec.get("externalName");
            match at.str().strip_suffix('.').unwrap_or(at.str()) {
                "" => errs.push(at.required("")),
                name => errs.extend(dns_subdomain(name).into_iter().map(|m| at.invalid_as(name, m))),
            }
        }
        _ => {}
    }
}

fn service_port<'v>(at: &At<'v>, named: bool, names: &mut Vec<&'v str>, errs: &mut Errors) {
    let name = at.get("name");
    if named && name.str().is_empty() {
        errs.push(name.required(""));
    } else if !name.str().is_empty() {
        name.invalid_each(dns_label(name.str()), errs);
        if names.contains(&name.str()) {
            errs.push(name.duplicate());
        }
        names.push(name.str());
    }
    let number = at.int_of("port").unwrap_or(0);
    errs.extend(
        port_number(number)
            .into_iter()
            .map(|m| at.get("port").invalid_as(number, m)),
    );
    at.get("protocol").one_of(&["SCTP", "TCP", "UDP"], errs);
    port(&at.get("targetPort"), errs);
    let protocol = at.get("appProtocol");
    if protocol.present() {
        protocol.invalid_each(qualified_name(protocol.str()), errs);
    }
}

fn affinity(spec: &At<'_>, errs: &mut Errors) {
    let (kind, config) = (spec.get("sessionAffinity"), spec.get("sessionAffinityConfig"));
    kind.one_of(&["ClientIP", "None"], errs);
    match kind.str() {
        "ClientIP" => {
            let path = [
                config.clone(),
                config.get("clientIP"),
                config.at(&["clientIP", "timeoutSeconds"]),
            ];
            if let Some(absent) = path.iter().find(|at| !at.present()) {
                return errs.push(absent.required("when session affinity type is ClientIP"));
            }
            let seconds = &path[2];
            if seconds.int().is_some_and(|s| s <= 0 || s > AFFINITY_MAX) {
                errs.push(seconds.invalid(format!("must be greater than 0 and less than {AFFINITY_MAX}")));
            }
        }
        "None" if config.present() => {
            errs.push(config.forbidden("must not be set when session affinity is None"))
        }
        _ => {}
    }
}

fn node_ports(ports: &At<'_>, kind: &str, errs: &mut Errors) {
    let node_port = |port: &At<'_>| port.int_of("nodePort").filter(|n| *n != 0);
    if kind == "ClusterIP" {
        for port in ports.items().filter(|p| node_port(p).is_some()) {
            errs.push(
                port.get("nodePort")
                    .forbidden("may not be used when `type` is 'ClusterIP'"),
            );
        }
    }
    let mut taken = Vec::new();
    for port in ports.items() {
        let Some(number) = node_port(&port) else { continue };
        let key = (port.str_of("protocol"), number);
        if taken.contains(&key) {
            errs.push(port.get("nodePort").duplicate());
        }
        taken.push(key);
    }
    taken.clear();
    for port in ports.items() {
        let key = (port.str_of("protocol"), port.int_of("port").unwrap_or(0));
        if taken.contains(&key) {
            let (protocol, number) = key;
            let shown = format!(
                "{{\"Name\":\"\",\"Protocol\":\"{protocol}\",\"AppProtocol\":null,\"Port\":{number},\"TargetPort\":0,\"NodePort\":0}}"
            );
            errs.push(FieldError::with_shown(
                ErrorKind::Duplicate,
                &port.path,
                shown,
                "",
            ));
        }
        taken.push(key);
    }
}

fn source_ranges(spec: &At<'_>, notes: &At<'_>, errs: &mut Errors) {
    let balancer = spec.str_of("type") == "LoadBalancer";
    let check = |path: &Path, text: &str, errs: &mut Errors| {
        let text = Value::from(text.trim());
        crate::names::net::cidr(&At::new(path.clone(), &text), errs);
    };
    let ranges = spec.get("loadBalancerSourceRanges");
    let note = notes.key(SOURCE_RANGES);
    if !ranges.is_empty() {
        let path = spec.path.child("LoadBalancerSourceRanges");
        if !balancer {
            errs.push(FieldError::forbidden(&path, BALANCER_ONLY));
        }
        ranges
            .items()
            .enumerate()
            .for_each(|(i, range)| check(&path.index(i), range.str(), errs));
    } else if note.present() {
        if !balancer {
            errs.push(note.forbidden(BALANCER_ONLY));
        }
        if !note.str().trim().is_empty() {
            note.str()
                .split(',')
                .for_each(|range| check(&note.path, range, errs));
        }
    }
}

fn balancer_fields(spec: &At<'_>, errs: &mut Errors) {
    let balancer = spec.str_of("type") == "LoadBalancer";
    let allocate = spec.get("allocateLoadBalancerNodePorts");
    if !balancer && allocate.present() {
        errs.push(allocate.forbidden(BALANCER_ONLY));
    }
    if balancer && !allocate.present() {
        errs.push(FieldError::required(
            &Path::of("allocateLoadBalancerNodePorts"),
            "",
        ));
    }
    let class = spec.get("loadBalancerClass");
    if balancer && class.present() {
        class.invalid_each(qualified_name(class.str()), errs);
    } else if class.present() {
        errs.push(class.forbidden(BALANCER_ONLY));
    }
}

fn traffic(spec: &At<'_>, errs: &mut Errors) {
    let kind = spec.str_of("type");
    let external = spec.get("externalTrafficPolicy");
    let reachable = matches!(kind, "LoadBalancer" | "NodePort")
        || (kind == "ClusterIP" && !spec.get("externalIPs").is_empty());
    if reachable {
        external.one_of(&["Cluster", "Local"], errs);
    } else if !external.str().is_empty() {
        errs.push(external.invalid("may only be set for externally-accessible services"));
    }
    let port = spec.get("healthCheckNodePort");
    let number = port.int().unwrap_or(0);
    if kind == "LoadBalancer" && external.str() == "Local" {
        // Its allocation follows, so that none given is no fault.
        if number != 0 {
            errs.extend(port_number(number).into_iter().map(|m| port.invalid(m)));
        }
    } else if number != 0 {
        let why = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
        errs.push(port.invalid(why));
    }
    let internal = spec.get("internalTrafficPolicy");
    if !internal.present() && matches!(kind, "NodePort" | "LoadBalancer" | "ClusterIP") {
        errs.push(internal.required(""));
    }
    internal.one_of_if_set(&["Cluster", "Local"], errs);
    spec.get("trafficDistribution")
        .one_of_if_set(&["PreferClose", "PreferSameZone", "PreferSameNode"], errs);
}

fn update(new: &At<'_>, old: &At<'_>, errs: &mut Errors) {
    let (spec, old_spec) = (new.get("spec"), old.get("spec"));
    let external = |s: &At<'_>| s.str_of("type") == "ExternalName";
    let (headless, was_headless) = (is_headless(&spec), is_headless(&old_spec));
    if !external(&spec) && !external(&old_spec) {
        if !(headless && was_headless) {
            kept(&spec, &old_spec, "clusterIPs", errs);
        }
        if !headless && !was_headless {
            kept(&spec, &old_spec, "ipFamilies", errs);
        }
    }
    let balancers = spec.str_of("type") == "LoadBalancer" && old_spec.str_of("type") == "LoadBalancer";
    if balancers {
        let class = spec.get("loadBalancerClass");
        if class.value != old_spec.get("loadBalancerClass").value {
            errs.push(class.invalid("may not change once set"));
        }
        let local = |s: &At<'_>| s.str_of("externalTrafficPolicy") == "Local";
        let port = spec.get("healthCheckNodePort");
        if local(&spec) && local(&old_spec) && port.value != old_spec.get("healthCheckNodePort").value {
            errs.push(port.forbidden("field is immutable"));
        }
    }
    service(new, errs);
}

fn status(service: &At<'_>, errs: &mut Errors) {
    let ingress = service.at(&["status", "loadBalancer", "ingress"]);
    if service.at(&["spec", "type"]).str() != "LoadBalancer" && !ingress.is_empty() {
        return errs.push(ingress.forbidden("may only be used when `spec.type` is 'LoadBalancer'"));
    }
    for entry in ingress.items() {
        let (address, mode) = (entry.get("ip"), entry.get("ipMode"));
        if !address.str().is_empty() {
            ip(&address, errs);
        }
        match (mode.present(), address.str().is_empty()) {
            (false, false) => errs.push(mode.required("must be specified when `ip` is set")),
            (true, true) => errs.push(mode.forbidden("may not be specified when `ip` is not set")),
            _ => mode.one_of_if_set(&["Proxy", "VIP"], errs),
        }
        balancer_host(&entry.get("hostname"), errs);
    }
}

/// The host name of a load balancer, if it has one.
pub(super) fn balancer_host(at: &At<'_>, errs: &mut Errors) {
    if at.str().is_empty() {
        return;
    }
    at.invalid_each(dns_subdomain(at.str()), errs);
    if parse_ip_sloppy(at.str()).is_some() {
        errs.push(at.invalid("must be a DNS name, not an IP address"));
    }
}
