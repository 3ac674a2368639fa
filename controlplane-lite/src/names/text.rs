//! Checks of texts that are not names of objects: ports, keys of configuration, variables, headers, paths.

use super::{Messages, at_most, dns_label, dns_subdomain, qualified_name, regex_message};
use crate::field::{At, Errors};
use serde_json::Value;

/// A port's number.
pub fn port_number(port: i64) -> Messages {
    in_range(port, 1, 65535)
}

/// A number within bounds, both inclusive.
pub fn in_range(number: i64, low: i64, high: i64) -> Messages {
    if (low..=high).contains(&number) {
        Messages::new()
    } else {
        vec![super::between(low, high)]
    }
}

/// A user's or group's id.
pub fn unix_id(id: i64) -> Messages {
    in_range(id, 0, u32::MAX.into())
}

/// A port's name: RFC 6335, lower case only.
pub fn port_name(text: &str) -> Messages {
    let mut messages = Messages::new();
    if text.len() > 15 {
        messages.push(at_most(15));
    }
    if text.is_empty()
        || !text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    {
        messages.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)".into());
    }
    if !text.bytes().any(|b| b.is_ascii_lowercase()) {
        messages.push("must contain at least one letter (a-z)".into());
    }
    if text.contains("--") {
        messages.push("must not contain consecutive hyphens".into());
    }
    if text.starts_with('-') || text.ends_with('-') {
        messages.push("must not begin or end with a hyphen".into());
    }
    messages
}

/// A percentage as text: `25%`.
pub fn percent(text: &str) -> Messages {
    match text.strip_suffix('%') {
        Some(digits) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => Messages::new(),
        _ => vec![regex_message(
            "a valid percent string must be a numeric string followed by an ending '%'",
            "[0-9]+%",
            &["1%", "93%"],
        )],
    }
}

/// The name of an HTTP header.
pub fn http_header(text: &str) -> Messages {
    match !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        true => Messages::new(),
        false => vec![regex_message(
            "a valid HTTP header must consist of alphanumeric characters or '-'",
            "[-A-Za-z0-9]+",
            &["X-Header-Name"],
        )],
    }
}

/// The name of an environment variable in a container's `env`: printable ASCII other than `=` (KEP-4369).
pub fn env_name(text: &str) -> Messages {
    let mut messages = Messages::new();
    if text.is_empty() {
        messages.push("environment variable name must be non-empty".into());
    }
    if !text
        .bytes()
        .all(|b| (b == b' ' || b.is_ascii_graphic()) && b != b'=')
    {
        messages.push(
            "a valid environment variable name must consist only of printable ASCII characters other than '='".into(),
        );
    }
    messages
}

/// A C identifier.
pub fn c_identifier(text: &str) -> Messages {
    let first = text
        .bytes()
        .next()
        .is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    match first && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        true => Messages::new(),
        false => vec![regex_message(
            "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'",
            "[A-Za-z_][A-Za-z0-9_]*",
            &["my_name", "MY_NAME", "MyName"],
        )],
    }
}

/// A key of a ConfigMap or Secret.
pub fn config_key(text: &str) -> Messages {
    let mut messages = Messages::new();
    if text.len() > 253 {
        messages.push(at_most(253));
    }
    if text.is_empty()
        || !text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
    {
        messages.push(regex_message(
            "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
            "[-._a-zA-Z0-9]+",
            &["key.name", "KEY_NAME", "key-name"],
        ));
    }
    match text {
        "." | ".." => messages.push(format!("must not be '{text}'")),
        _ if text.starts_with("..") => messages.push("must not start with '..'".into()),
        _ => {}
    }
    messages
}

/// A fully qualified name of at least three segments, as conditions and signers use.
pub fn fully_qualified(at: &At<'_>, errs: &mut Errors) {
    let text = at.str();
    if text.is_empty() {
        return errs.push(at.required(""));
    }
    let wrong = dns_subdomain(text);
    if !wrong.is_empty() {
        errs.push(at.invalid(wrong.join(",")));
    } else if text.split('.').count() < 3 {
        errs.push(at.invalid("should be a domain with at least three segments separated by dots"));
    }
}

/// A path with a domain in front: `acme.io/foo`.
pub fn domain_prefixed_path(at: &At<'_>, errs: &mut Errors) {
    let text = at.str();
    if text.is_empty() {
        return errs.push(at.required(""));
    }
    let (host, path) = text.split_once('/').unwrap_or(("", ""));
    if host.is_empty() || path.is_empty() {
        return errs.push(at.invalid("must be a domain-prefixed path (such as \"acme.io/foo\")"));
    }
    errs.extend(dns_subdomain(host).into_iter().map(|m| at.invalid_as(host, m)));
    if !path
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"/-._~%!$&'()*+,;=:".contains(&b))
    {
        let message = regex_message("Invalid path", "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+", &[]);
        errs.push(at.invalid_as(path, message));
    }
}

/// A key with a domain in front: `acme.io/foo`.
pub fn domain_prefixed_key(at: &At<'_>, errs: &mut Errors) {
    let text = at.str();
    if text.is_empty() {
        return errs.push(at.required(""));
    }
    let wrong = qualified_name(text);
    if wrong.is_empty() && !text.contains('/') {
        errs.push(at.invalid("must be a domain-prefixed key (such as \"acme.io/foo\")"));
    }
    at.invalid_each(wrong, errs);
}

/// A name with at least two DNS labels; a dot may end it.
pub fn fully_qualified_domain(at: &At<'_>, errs: &mut Errors) {
    let text = at.str();
    if text.is_empty() {
        return errs.push(at.required(""));
    }
    let text = text.strip_suffix('.').unwrap_or(text);
    let wrong = dns_subdomain(text);
    if !wrong.is_empty() {
        errs.push(at.invalid_as(text, wrong.join(",")));
    } else if text.split('.').count() < 2 {
        errs.push(at.invalid_as(
            text,
            "should be a domain with at least two segments separated by dots",
        ));
    } else if let Some((label, wrong)) = text
        .split('.')
        .map(|l| (l, dns_label(l)))
        .find(|(_, wrong)| !wrong.is_empty())
    {
        errs.push(at.invalid_as(label, wrong.join(",")));
    }
}

/// An `IntOrString` that is a percentage or a non-negative number.
pub fn int_or_percent(at: &At<'_>, errs: &mut Errors) {
    match at.value {
        Value::String(text) => at.invalid_each(percent(text), errs),
        _ => at.non_negative(errs),
    }
}

/// A percentage above 100 %.
pub fn at_most_100_percent(at: &At<'_>, errs: &mut Errors) {
    let number = at.str().strip_suffix('%').and_then(|n| n.parse::<i64>().ok());
    if percent(at.str()).is_empty() && number.is_none_or(|n| n > 100) {
        errs.push(at.invalid("must not be greater than 100%"));
    }
}
