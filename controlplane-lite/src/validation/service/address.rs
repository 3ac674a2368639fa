//! Addresses of services and endpoints.

use super::is_headless;
use crate::field::{At, Errors};
use crate::names::net::{ip, parse_ip_sloppy};
use std::net::IpAddr;

fn family(text: &str) -> Option<&'static str> {
    parse_ip_sloppy(text).map(|ip| if ip.is_ipv4() { "IPv4" } else { "IPv6" })
}

pub(super) fn cluster_ips(spec: &At<'_>, errs: &mut Errors) {
    if spec.str_of("type") == "ExternalName" {
        return;
    }
    let (ips, families) = (spec.get("clusterIPs"), spec.get("ipFamilies"));
    let first = ips.items().next().map_or("", |ip| ip.str());
    match (spec.str_of("clusterIP"), ips.len()) {
        ("", 0) => {}
        ("", _) => errs.push(ips.invalid("must be empty when `clusterIP` is not specified")),
        (_, 0) => errs.push(ips.required("")),
        (ip, _) if ip != first => errs.push(ips.invalid("first value must match `clusterIP`")),
        _ => {}
    }
    let mut seen = Vec::new();
    for family in families.items() {
        if !matches!(family.str(), "IPv4" | "IPv6") {
            errs.push(family.unsupported(&["IPv4", "IPv6"]));
        }
        if seen.contains(&family.str()) {
            errs.push(family.duplicate());
        }
        seen.push(family.str());
    }
    spec.get("ipFamilyPolicy")
        .one_of_if_set(&["PreferDualStack", "RequireDualStack", "SingleStack"], errs);
    let before = errs.len();
    for (index, address) in ips.items().enumerate() {
        match (index, address.str()) {
            (0, "None") if ips.len() > 1 => errs.push(ips.invalid("'None' must be the first and only value")),
            (0, "None") => {}
            _ => ip(&address, errs),
        }
    }
    let malformed = errs.len() > before;
    if ips.len() > 2 {
        errs.push(ips.invalid("may only hold up to 2 values"));
    }
    if malformed {
        return;
    }
    let of = |wanted: &str| ips.items().any(|ip| family(ip.str()) == Some(wanted));
    if ips.len() > 1 && !(of("IPv4") && of("IPv6")) {
        errs.push(ips.invalid("may specify no more than one IP for each IP family"));
    }
    if is_headless(spec) {
        return;
    }
    for (index, (address, wanted)) in ips.items().zip(families.items()).enumerate() {
        let wanted = wanted.str();
        if matches!(wanted, "IPv4" | "IPv6") && family(address.str()) != Some(wanted) {
            let why = format!("expected an {wanted} value as indicated by `ipFamilies[{index}]`");
            errs.push(address.invalid(why));
        }
    }
}

/// Addresses of endpoints and external ones: no loopback, no link-local.
pub(in crate::validation) fn ordinary_ip(at: &At<'_>, errs: &mut Errors) {
    let text = at.str();
    let Some(address) = parse_ip_sloppy(text) else {
        return errs.push(at.invalid_str("must be a valid IP address"));
    };
    if address.is_unspecified() {
        errs.push(at.invalid(format!("may not be unspecified ({text})")));
    }
    if address.is_loopback() {
        errs.push(at.invalid("may not be in the loopback range (127.0.0.0/8, ::1/128)"));
    }
    let (link_local, link_multicast) = match address {
        IpAddr::V4(v4) => (v4.is_link_local(), v4.octets()[..3] == [224, 0, 0]),
        IpAddr::V6(v6) => (v6.is_unicast_link_local(), v6.segments()[0] & 0xff0f == 0xff02),
    };
    if link_local {
        errs.push(at.invalid("may not be in the link-local range (169.254.0.0/16, fe80::/10)"));
    }
    if link_multicast {
        errs.push(at.invalid("may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"));
    }
}

/// The primary address or family stays; the secondary comes and goes with the policy.
pub(super) fn kept(spec: &At<'_>, old: &At<'_>, field: &'static str, errs: &mut Errors) {
    let one = if field == "clusterIPs" {
        "clusterIP"
    } else {
        "ipFamily"
    };
    let (now, was) = (spec.get(field), old.get(field));
    let first = At::new(now.path.index(0), now.value);
    let changed = || {
        now.items()
            .zip(was.items())
            .next()
            .is_some_and(|(n, w)| n.value != w.value)
    };
    if now.len() == was.len() {
        for (index, (n, w)) in now.items().zip(was.items()).enumerate() {
            if n.value != w.value {
                let index = if field == "clusterIPs" { index } else { 0 };
                errs.push(At::new(now.path.index(index), now.value).invalid("may not change once set"));
            }
        }
        return;
    }
    if now.len() < was.len() && spec.get("clusterIPs").is_empty() {
        errs.push(first.invalid(format!("primary {one} can not be unset")));
    }
    if changed() {
        errs.push(first.invalid("may not change once set"));
    }
    let policy = spec.get("ipFamilyPolicy");
    if now.len() < was.len() && now.len() == 1 && policy.str() != "SingleStack" {
        let why = format!("must be set to 'SingleStack' when releasing the secondary {one}");
        errs.push(policy.invalid(why));
    }
}
