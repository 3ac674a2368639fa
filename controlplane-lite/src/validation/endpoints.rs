//! Endpoints and endpoint slices.

use super::Rules;
use super::service::ordinary_ip;
use crate::field::{At, Errors, FieldError};
use crate::names::net::{ip, parse_ip_sloppy};
use crate::names::text::{fully_qualified_domain, port_number};
use crate::names::{dns_label, dns_subdomain, label_value, qualified_name};

const PROTOCOLS: &[&str] = &["SCTP", "TCP", "UDP"];
/// Endpoints in one slice.
const SLICE_MAX: usize = 1000;
/// Ports of one slice.
const PORTS_MAX: usize = 20_000;

/// Rules for `Endpoints`.
pub(super) fn rules() -> Rules {
    Rules::new(endpoints)
        .again()
        .update(|new, _, errs| endpoints(new, errs))
}

fn endpoints(object: &At<'_>, errs: &mut Errors) {
    for subset in object.get("subsets").items() {
        let (ready, not_ready, ports) = (
            subset.get("addresses"),
            subset.get("notReadyAddresses"),
            subset.get("ports"),
        );
        if ready.is_empty() && not_ready.is_empty() {
            errs.push(subset.required("must specify `addresses` or `notReadyAddresses`"));
        }
        ready
            .items()
            .chain(not_ready.items())
            .for_each(|a| address(&a, errs));
        for port in ports.items() {
            let name = port.get("name");
            match name.str() {
                "" if ports.len() > 1 => errs.push(name.required("")),
                "" => {}
                text => name.invalid_each(dns_label(text), errs),
            }
            let number = port.int_of("port").unwrap_or(0);
            errs.extend(
                port_number(number)
                    .into_iter()
                    .map(|m| port.get("port").invalid_as(number, m)),
            );
            port.get("protocol").one_of(PROTOCOLS, errs);
            app_protocol(&port, errs);
        }
    }
}

fn app_protocol(port: &At<'_>, errs: &mut Errors) {
    let at = port.get("appProtocol");
    if at.present() {
        at.invalid_each(qualified_name(at.str()), errs);
    }
}

fn address(at: &At<'_>, errs: &mut Errors) {
    let (address, host, node) = (at.get("ip"), at.get("hostname"), at.get("nodeName"));
    ip(&address, errs);
    if !host.str().is_empty() {
        host.invalid_each(dns_label(host.str()), errs);
    }
    if node.present() {
        node.invalid_each(dns_subdomain(node.str()), errs);
    }
    ordinary_ip(&address, errs);
}

/// Rules for `EndpointSlice`.
pub(super) fn slice_rules() -> Rules {
    Rules::new(slice).again().update(|new, old, errs| {
        slice(new, errs);
        new.get("addressType")
            .immutable(old.get("addressType").value, errs);
    })
}

fn slice(slice: &At<'_>, errs: &mut Errors) {
    let kind = slice.get("addressType");
    kind.one_of(&["FQDN", "IPv4", "IPv6"], errs);
    let list = slice.get("endpoints");
    if list.len() > SLICE_MAX {
        errs.push(FieldError::too_many(&list.path, list.len(), SLICE_MAX));
    } else {
        list.items().for_each(|e| endpoint(&e, kind.str(), errs));
    }
    ports(&slice.get("ports"), errs);
}

fn endpoint(endpoint: &At<'_>, kind: &str, errs: &mut Errors) {
    let addresses = endpoint.get("addresses");
    if addresses.is_empty() {
        errs.push(addresses.required("must contain at least 1 address"));
    } else if addresses.len() > 100 {
        errs.push(FieldError::too_many(&addresses.path, addresses.len(), 100));
    }
    for address in addresses.items() {
        let parsed = parse_ip_sloppy(address.str());
        match kind {
            "IPv4" | "IPv6" => {
                if parsed.is_none_or(|ip| ip.is_ipv4() != (kind == "IPv4")) {
                    errs.push(address.invalid(format!("must be a valid {kind} address")));
                }
                ordinary_ip(&address, errs);
            }
            "FQDN" => fully_qualified_domain(&address, errs),
            _ => {}
        }
    }
    let node = endpoint.get("nodeName");
    if node.present() {
        node.invalid_each(dns_subdomain(node.str()), errs);
    }
    let topology = endpoint.get("deprecatedTopology");
    if topology.len() > 16 {
        errs.push(FieldError::too_many(&topology.path, topology.len(), 16));
    }
    super::selector::labels(&topology, errs);
    if topology.key("kubernetes.io/hostname").present() {
        errs.push(
            topology
                .key("kubernetes.io/hostname")
                .forbidden("must not be set; use `nodeName` instead"),
        );
    }
    let host = endpoint.get("hostname");
    if host.present() {
        host.invalid_each(dns_label(host.str()), errs);
    }
    hints(&endpoint.get("hints"), errs);
}

fn hints(hints: &At<'_>, errs: &mut Errors) {
    for (list, max) in [("forZones", 8), ("forNodes", 8)] {
        let list = hints.get(list);
        if list.len() > max {
            errs.push(FieldError::too_many(&list.path, list.len(), max));
            continue;
        }
        let mut seen = Vec::new();
        for hint in list.items() {
            let name = hint.get("name");
            if seen.contains(&name.str()) {
                errs.push(name.duplicate());
            } else if name.str().is_empty() {
                errs.push(name.required(""));
            } else {
                name.invalid_each(label_value(name.str()), errs);
            }
            seen.push(name.str());
        }
    }
}

fn ports(list: &At<'_>, errs: &mut Errors) {
    if list.len() > PORTS_MAX {
        return errs.push(FieldError::too_many(&list.path, list.len(), PORTS_MAX));
    }
    let mut names = Vec::new();
    for port in list.items() {
        let name = port.get("name");
        if !name.str().is_empty() {
            name.invalid_each(dns_label(name.str()), errs);
        }
        if names.contains(&name.str()) {
            errs.push(FieldError::duplicate(&name.path, &name.str().into()));
        }
        names.push(name.str());
        port.get("protocol").one_of(PROTOCOLS, errs);
        if let Some(number) = port.int_of("port") {
            errs.extend(
                port_number(number)
                    .into_iter()
                    .map(|m| port.get("port").invalid(m)),
            );
        }
        app_protocol(&port, errs);
    }
}
