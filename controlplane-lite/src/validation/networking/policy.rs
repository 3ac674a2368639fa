//! Network policies.

use crate::field::{At, Errors};
use crate::names::net::{cidr, network, parse_cidr_sloppy};
use crate::names::text::{port_name, port_number};
use crate::validation::Rules;
use crate::validation::selector::selector;
use serde_json::Value;

/// Rules for `NetworkPolicy`.
pub(super) fn rules() -> Rules {
    Rules::new(|policy, errs| spec(&policy.get("spec"), errs))
        .update(|new, _, errs| spec(&new.get("spec"), errs))
}

fn spec(spec: &At<'_>, errs: &mut Errors) {
    selector(&spec.get("podSelector"), errs);
    for (rules, peers) in [("ingress", "from"), ("egress", "to")] {
        for rule in spec.get(rules).items() {
            rule.get("ports").items().for_each(|p| port(&p, errs));
            rule.get(peers).items().for_each(|p| peer(&p, errs));
        }
    }
    let types = spec.get("policyTypes");
    if types.len() > 2 {
        return errs.push(types.invalid("may not specify more than two policyTypes"));
    }
    for kind in types.items().filter(|t| !matches!(t.str(), "Ingress" | "Egress")) {
        errs.push(kind.unsupported(&["Ingress", "Egress"]));
    }
}

fn port(at: &At<'_>, errs: &mut Errors) {
    let (protocol, port, end) = (at.get("protocol"), at.get("port"), at.get("endPort"));
    protocol.one_of_if_set(&["SCTP", "TCP", "UDP"], errs);
    match port.value {
        Value::Null => {
            if end.present() {
                errs.push(end.invalid("may not be specified when `port` is not specified"));
            }
        }
        Value::String(name) => {
            if end.present() {
                errs.push(end.invalid("may not be specified when `port` is non-numeric"));
            }
            port.invalid_each(port_name(name), errs);
        }
        number => {
            let number = number.as_i64().unwrap_or(0);
            errs.extend(port_number(number).into_iter().map(|m| port.invalid(m)));
            if let Some(last) = end.int() {
                if last < number {
                    errs.push(end.invalid("must be greater than or equal to `port`"));
                }
                errs.extend(port_number(last).into_iter().map(|m| end.invalid(m)));
            }
        }
    }
}

fn peer(at: &At<'_>, errs: &mut Errors) {
    let (pods, namespaces, block) = (
        at.get("podSelector"),
        at.get("namespaceSelector"),
        at.get("ipBlock"),
    );
    selector(&pods, errs);
    selector(&namespaces, errs);
    if block.present() {
        ip_block(&block, errs);
    }
    let selects = pods.present() || namespaces.present();
    if !selects && !block.present() {
        errs.push(at.required("must specify a peer"));
    } else if selects && block.present() {
        errs.push(at.forbidden("may not specify both ipBlock and another peer"));
    }
}

fn ip_block(block: &At<'_>, errs: &mut Errors) {
    let whole = block.get("cidr");
    if whole.str().is_empty() {
        return errs.push(whole.required(""));
    }
    cidr(&whole, errs);
    let Some((address, bits)) = parse_cidr_sloppy(whole.str()) else {
        return;
    };
    for part in block.get("except").items() {
        let Some((inner, inner_bits)) = parse_cidr_sloppy(part.str()) else {
            cidr(&part, errs);
            continue;
        };
        let within = inner.is_ipv4() == address.is_ipv4() && network(inner, bits) == network(address, bits);
        if !within || inner_bits <= bits {
            errs.push(part.invalid("must be a strict subset of `cidr`"));
        }
    }
}
