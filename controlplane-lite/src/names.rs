//! Checks of names, keys and other short texts, with the reference's messages.
//!
//! Every check answers the list of what is wrong with a text, empty when nothing is. The messages are part of
//! the API (apimachinery `util/validation` and `api/validate/content`, 1.36): people search for them. That is
//! also why some count in "characters" and some in "bytes", though all of them count bytes.
//!
//! Out of scope: where the text stands (see `field`), addresses and networks (see [`net`]), schedules (see
//! [`cron`]).

pub mod cron;
pub mod net;
pub mod text;

#[cfg(test)]
mod tests;

/// What is wrong with a text; empty when nothing is.
pub type Messages = Vec<String>;

/// A check of an object's name; the second argument says that the text is a `generateName` prefix, to which
/// characters are still appended.
pub type NameCheck = fn(&str, bool) -> Messages;

const LABEL_RE: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const SUBDOMAIN_RE: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
const QUALIFIED: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
const QUALIFIED_RE: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";

/// "must be no more than N characters".
fn at_most(max: usize) -> String {
    format!("must be no more than {max} characters")
}

/// "must be between LOW and HIGH, inclusive".
pub fn between(low: i64, high: i64) -> String {
    format!("must be between {low} and {high}, inclusive")
}

/// A message about a regular expression, with examples in the reference's peculiar punctuation.
pub fn regex_message(message: &str, regex: &str, examples: &[&str]) -> String {
    if examples.is_empty() {
        return format!("{message} (regex used for validation is '{regex}')");
    }
    let examples: Vec<String> = examples.iter().map(|e| format!("'{e}', ")).collect();
    format!(
        "{message} (e.g. {}regex used for validation is '{regex}')",
        examples.join(" or ")
    )
}

fn lower_alnum(b: u8) -> bool {
    b.is_ascii_lowercase() || b.is_ascii_digit()
}

/// Starts and ends with `edge`, and has only `edge` and `inner` between.
fn framed(text: &str, edge: fn(u8) -> bool, inner: &[u8]) -> bool {
    let bytes = text.as_bytes();
    match (bytes.first(), bytes.last()) {
        (Some(first), Some(last)) => {
            edge(*first) && edge(*last) && bytes.iter().all(|b| edge(*b) || inner.contains(b))
        }
        _ => false,
    }
}

fn is_subdomain(text: &str) -> bool {
    text.split('.').all(|label| framed(label, lower_alnum, b"-"))
}

/// An RFC 1123 label: `my-name`.
pub fn dns_label(text: &str) -> Messages {
    let mut messages = Messages::new();
    if text.len() > 63 {
        messages.push(at_most(63));
    }
    if !framed(text, lower_alnum, b"-") {
        messages.push(match is_subdomain(text) {
            true => "must not contain dots".to_owned(),
            false => regex_message(
                "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
                LABEL_RE,
                &["my-name", "123-abc"],
            ),
        });
    }
    messages
}

/// An RFC 1123 subdomain: `example.com`.
pub fn dns_subdomain(text: &str) -> Messages {
    let mut messages = Messages::new();
    if text.len() > 253 {
        messages.push(at_most(253));
    }
    if !is_subdomain(text) {
        messages.push(regex_message(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
            SUBDOMAIN_RE,
            &["example.com"],
        ));
    }
    messages
}

/// An RFC 1123 subdomain in which labels may contain and start with `_`, as resolvers' search paths do.
pub fn dns_subdomain_underscore(text: &str) -> Messages {
    let mut messages = Messages::new();
    if text.len() > 253 {
        messages.push(at_most(253));
    }
    let label = |l: &str| framed(l.strip_prefix('_').unwrap_or(l), lower_alnum, b"-_");
    if !text.split('.').all(label) {
        messages.push(regex_message(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character",
            "_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*",
            &["example.com"],
        ));
    }
    messages
}

/// A subdomain under a wildcard: `*.example.com`.
pub fn wildcard_subdomain(text: &str) -> Messages {
    let mut messages = Messages::new();
    if text.len() > 253 {
        messages.push(at_most(253));
    }
    if !text.strip_prefix("*.").is_some_and(is_subdomain) {
        messages.push(regex_message(
            "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
            &format!("\\*\\.{SUBDOMAIN_RE}"),
            &["*.example.com"],
        ));
    }
    messages
}

/// A DNS-1035 label, which starts with a letter: the name of a service.
pub fn dns_1035_label(text: &str) -> Messages {
    let mut messages = Messages::new();
    if text.len() > 63 {
        messages.push(at_most(63));
    }
    if !framed(text, lower_alnum, b"-") || !text.as_bytes()[0].is_ascii_lowercase() {
        messages.push(regex_message(
            "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
            "[a-z]([-a-z0-9]*[a-z0-9])?",
            &["my-name", "abc-123"],
        ));
    }
    messages
}

/// A label key, also called a qualified name: `name` or `example.com/name`.
pub fn qualified_name(text: &str) -> Messages {
    let mut messages = Messages::new();
    let wrong = || regex_message(QUALIFIED, QUALIFIED_RE, &["MyName", "my.name", "123-abc"]);
    let name = match text.split_once('/') {
        None => text,
        Some((_, name)) if name.contains('/') => {
            let with_prefix = "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')";
            return vec![format!("a valid label key {} {with_prefix}", wrong())];
        }
        Some(("", name)) => {
            messages.push("prefix part must be non-empty".to_owned());
            name
        }
        Some((prefix, name)) => {
            messages.extend(
                dns_subdomain(prefix)
                    .into_iter()
                    .map(|m| format!("prefix part {m}")),
            );
            name
        }
    };
    if name.is_empty() {
        messages.push("name part must be non-empty".to_owned());
    } else if name.len() > 63 {
        messages.push("name part must be no more than 63 bytes".to_owned());
    }
    if !framed(name, |b| b.is_ascii_alphanumeric(), b"-_.") {
        messages.push(format!("name part {}", wrong()));
    }
    messages
}

/// A label's value: empty, or at most 63 bytes of letters, digits, `-`, `_` and `.`.
pub fn label_value(text: &str) -> Messages {
    let mut messages = Messages::new();
    if text.len() > 63 {
        messages.push("must be no more than 63 bytes".to_owned());
    }
    if !text.is_empty() && !framed(text, |b| b.is_ascii_alphanumeric(), b"-_.") {
        messages.push(regex_message(
            &format!(
                "a valid label must be an empty string or {}",
                &QUALIFIED["must ".len()..]
            ),
            &format!("({QUALIFIED_RE})?"),
            &["MyValue", "my_value", "12345"],
        ));
    }
    messages
}

/// A name that can stand as one segment of a URL path: RBAC objects use it.
pub fn path_segment(text: &str) -> Messages {
    match text {
        "." | ".." => vec![format!("may not be '{text}'")],
        _ => ["/", "%"]
            .iter()
            .filter(|bad| text.contains(**bad))
            .map(|bad| format!("may not contain '{bad}'"))
            .collect(),
    }
}

/// A trailing dash of a `generateName` prefix stands for the characters that follow.
fn mask_prefix(text: &str, prefix: bool) -> String {
    match text.strip_suffix('-') {
        Some(head) if prefix && text.len() > 1 => format!("{head}a"),
        _ => text.to_owned(),
    }
}

/// [`NameCheck`] for most objects.
pub fn name_is_subdomain(text: &str, prefix: bool) -> Messages {
    dns_subdomain(&mask_prefix(text, prefix))
}

/// [`NameCheck`] for namespaces.
pub fn name_is_label(text: &str, prefix: bool) -> Messages {
    dns_label(&mask_prefix(text, prefix))
}

/// [`NameCheck`] for services.
pub fn name_is_1035_label(text: &str, prefix: bool) -> Messages {
    dns_1035_label(&mask_prefix(text, prefix))
}

/// [`NameCheck`] for RBAC objects and component statuses.
pub fn name_is_path_segment(text: &str, prefix: bool) -> Messages {
    match (prefix, text) {
        (true, "." | "..") => Messages::new(),
        _ => path_segment(text),
    }
}
