//! Addresses and networks.
//!
//! The reference accepts leading zeros in IPv4 octets in fields that existed before Go forbade them, and warns
//! of such non-standard forms; the parsing here does the same.

use crate::field::{At, Errors, Path, quote};
use std::net::{IpAddr, Ipv4Addr};

/// An address in the lenient form: IPv4 octets may have leading zeros.
pub fn parse_ip_sloppy(text: &str) -> Option<IpAddr> {
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Some(ip);
    }
    let octets: Vec<u8> = text.split('.').map(octet).collect::<Option<_>>()?;
    let octets: [u8; 4] = octets.try_into().ok()?;
    Some(IpAddr::V4(Ipv4Addr::from(octets)))
}

/// A decimal number below 256, of any number of digits.
fn octet(text: &str) -> Option<u8> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse::<u8>().ok()).flatten()
}

/// The address that a text stands for once an IPv4-mapped IPv6 form is unwrapped, as Go's `net.IP` does.
pub fn unmapped(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(ip, IpAddr::V4),
        IpAddr::V4(_) => ip,
    }
}

/// A network in the lenient form: the address as written and the prefix length.
pub fn parse_cidr_sloppy(text: &str) -> Option<(IpAddr, u8)> {
    let (ip, bits) = text.split_once('/')?;
    let ip = parse_ip_sloppy(ip)?;
    let plain = !bits.is_empty() && bits.bytes().all(|b| b.is_ascii_digit());
    let bits: u32 = if plain { bits.parse().ok()? } else { return None };
    let max = if ip.is_ipv4() { 32 } else { 128 };
    (bits <= max).then_some((ip, u8::try_from(bits).ok()?))
}

/// The network that contains `ip`: its address with the host bits cleared.
pub fn network(ip: IpAddr, bits: u8) -> IpAddr {
    match ip {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            IpAddr::V4((u32::from(v4) & mask).into())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            IpAddr::V6((u128::from(v6) & mask).into())
        }
    }
}

/// An address in any accepted form.
pub fn ip(at: &At<'_>, errs: &mut Errors) {
    if parse_ip_sloppy(at.str()).is_none() {
        errs.push(at.invalid_str("must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"));
    }
}

/// A network in any accepted form.
pub fn cidr(at: &At<'_>, errs: &mut Errors) {
    if parse_cidr_sloppy(at.str()).is_none() {
        errs.push(at.invalid_str("must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"));
    }
}

/// What to warn of in an accepted address: a form that will be refused one day, or that is not canonical.
pub fn ip_warning(path: &Path, text: &str) -> Option<String> {
    let sloppy = unmapped(parse_ip_sloppy(text)?);
    match text.parse::<IpAddr>() {
        Ok(strict) if unmapped(strict) == strict => {
            let canonical = strict.to_string();
            (strict.is_ipv6() && canonical != text).then(|| {
                let (text, canonical) = (quote(text), quote(&canonical));
                format!("{path}: IPv6 address {text} should be in RFC 5952 canonical format ({canonical})")
            })
        }
        _ => {
            let (text, better) = (quote(text), quote(&sloppy.to_string()));
            Some(format!(
                "{path}: non-standard IP address {text} will be considered invalid in a future Kubernetes release: use {better}"
            ))
        }
    }
}

/// What to warn of in an accepted network.
pub fn cidr_warnings(path: &Path, text: &str) -> Vec<String> {
    let Some((ip, bits)) = parse_cidr_sloppy(text) else {
        return Vec::new();
    };
    let net = format!("{}/{bits}", network(ip, bits));
    let mut warnings = Vec::new();
    if network(ip, bits) != ip {
        let one = format!("{ip}/{}", if ip.is_ipv4() { 32 } else { 128 });
        let (text, net, one) = (quote(text), quote(&net), quote(&one));
        warnings.push(format!(
            "{path}: CIDR value {text} is ambiguous in this context (should be {net} or {one}?)"
        ));
    }
    let strict = text.split_once('/').and_then(|(ip, _)| ip.parse::<IpAddr>().ok());
    if strict.is_none_or(|s| unmapped(s) != s)
        || text
            .split_once('/')
            .is_some_and(|(_, b)| b.len() > 1 && b.starts_with('0'))
    {
        let (text, net) = (quote(text), quote(&net));
        warnings.push(format!(
            "{path}: non-standard CIDR value {text} will be considered invalid in a future Kubernetes release: use {net}"
        ));
    } else if warnings.is_empty() && ip.is_ipv6() && net != text {
        let (text, net) = (quote(text), quote(&net));
        warnings.push(format!(
            "{path}: IPv6 CIDR value {text} should be in RFC 5952 canonical format ({net})"
        ));
    }
    warnings
}
