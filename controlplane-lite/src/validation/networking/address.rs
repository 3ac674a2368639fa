//! `IPAddress` and `ServiceCIDR`: which service has which address, and the ranges to take them from.

use crate::field::{At, Errors, FieldError};
use crate::names::net::{cidr, network, parse_cidr_sloppy};
use crate::names::{Messages, dns_label, dns_subdomain, path_segment};
use crate::validation::{Rules, meta};
use std::net::IpAddr;

/// Rules for `IPAddress`.
pub(super) fn rules() -> Rules {
    Rules::new(address)
        .cluster()
        .named(canonical_ip)
        .update(|new, old, errs| {
            new.at(&["spec", "parentRef"])
                .immutable(old.at(&["spec", "parentRef"]).value, errs);
            address(new, errs);
        })
}

fn canonical_ip(text: &str, _prefix: bool) -> Messages {
    match text.parse::<IpAddr>() {
        Ok(ip) if ip.to_string() == text => Messages::new(),
        Ok(ip) => vec![format!("must be in canonical form (\"{ip}\")")],
        Err(_) => vec!["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)".into()],
    }
}

fn address(address: &At<'_>, errs: &mut Errors) {
    let parent = address.at(&["spec", "parentRef"]);
    if !parent.present() {
        return errs.push(parent.required(""));
    }
    let (group, namespace) = (parent.get("group"), parent.get("namespace"));
    if !group.str().is_empty() {
        group.invalid_each(dns_subdomain(group.str()), errs);
    }
    for field in ["resource", "name"] {
        let at = parent.get(field);
        match at.str() {
            "" => errs.push(at.required("")),
            text => at.invalid_each(path_segment(text), errs),
        }
    }
    if !namespace.str().is_empty() {
        namespace.invalid_each(dns_label(namespace.str()), errs);
    }
}

/// Rules for `ServiceCIDR`.
pub(super) fn range_rules() -> Rules {
    Rules::new(range)
        .cluster()
        .update(range_update)
        .status(|new, _, errs| meta::conditions(&new.at(&["status", "conditions"]), errs))
}

fn range(range: &At<'_>, errs: &mut Errors) {
    let list = range.at(&["spec", "cidrs"]);
    if list.is_empty() {
        return errs.push(list.required("at least one CIDR required"));
    }
    if list.len() > 2 {
        return errs.push(list.invalid("may only hold up to 2 values"));
    }
    let families: Vec<bool> = list
        .items()
        .filter_map(|c| parse_cidr_sloppy(c.str()))
        .map(|(ip, _)| ip.is_ipv4())
        .collect();
    if families.len() == 2 && families[0] == families[1] {
        errs.push(list.invalid(
            "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/96",
        ));
    }
    for one in list.items() {
        cidr(&one, errs);
        if let Some((ip, bits)) = parse_cidr_sloppy(one.str()) {
            let canonical = format!("{}/{bits}", network(ip, bits));
            if canonical != one.str() {
                errs.push(one.invalid(format!("must be in canonical form (\"{canonical}\")")));
            }
        }
    }
}

/// A range may get a second family, and lose it.
fn range_update(new: &At<'_>, old: &At<'_>, errs: &mut Errors) {
    let (now, before) = (new.at(&["spec", "cidrs"]), old.at(&["spec", "cidrs"]));
    if now.value == before.value {
        return;
    }
    range(new, errs);
    if now.len() == 2 && before.len() == 1 {
        let first = now.items().next();
        if first.is_some_and(|f| f.value != &before.value[0]) {
            errs.push(now.invalid("when adding a second CIDR, the first must not change"));
        }
    } else {
        errs.push(FieldError::invalid(&now.path, now.value, "field is immutable"));
    }
}
