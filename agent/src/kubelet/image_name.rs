//! Image names: the check that makes `InvalidImageName`, the default tag, and the default pull policy.
//!
//! The grammar is that of OCI distribution references: `[domain/]path[:tag][@digest]`.

use k8s_openapi::api::core::v1::Container;

/// Whether the runtime is asked to pull.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullPolicy {
    /// Before every start.
    Always,
    /// When the image is not there.
    IfNotPresent,
    /// Not at all.
    Never,
}

/// Why a text is no image name; the texts are the reference's. Bad input: only a new spec helps.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("couldn't parse image name {name:?}: {why}")]
pub struct ImageNameError {
    name: String,
    why: String,
}

/// The policy of `container`: as written, else Always for the tag `latest` and IfNotPresent for all others.
#[must_use]
pub fn pull_policy(container: &Container) -> PullPolicy {
    match container.image_pull_policy.as_deref() {
        Some("Always") => PullPolicy::Always,
        Some("IfNotPresent") => PullPolicy::IfNotPresent,
        Some("Never") => PullPolicy::Never,
        _ => match with_default_tag(container.image.as_deref().unwrap_or_default()) {
            Ok(name) if name.ends_with(":latest") => PullPolicy::Always,
            _ => PullPolicy::IfNotPresent,
        },
    }
}

/// `name` as the runtime gets it: with `:latest` where it has neither tag nor digest.
///
/// # Errors
/// The text is no image name.
pub fn with_default_tag(name: &str) -> Result<String, ImageNameError> {
    let fail = |why: String| ImageNameError {
        name: name.into(),
        why,
    };
    if name.len() == 64 && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(fail(format!(
            "invalid repository name ({name}), cannot specify 64-byte hexadecimal strings"
        )));
    }
    let (domain, remainder) = split_domain(name);
    let repository = remainder.split([':', '@']).next().unwrap_or_default();
    if repository.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err(fail(format!(
            "invalid reference format: repository name ({repository}) must be lowercase"
        )));
    }
    let (path_and_tag, digest) = match remainder.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (remainder, None),
    };
    let (path, tag) = match path_and_tag.split_once(':') {
        Some((path, tag)) => (path, Some(tag)),
        None => (path_and_tag, None),
    };
    let good = domain.is_none_or(is_domain)
        && path.split('/').all(is_path_component)
        && tag.is_none_or(is_tag)
        && digest.is_none_or(is_digest);
    if !good {
        return Err(fail("invalid reference format".into()));
    }
    Ok(match (tag, digest) {
        (None, None) => format!("{name}:latest"),
        _ => name.into(),
    })
}

/// A first part is a registry when it looks like a host: it has a dot or a port, is `localhost`, or has capitals.
fn split_domain(name: &str) -> (Option<&str>, &str) {
    match name.split_once('/') {
        Some((first, rest))
            if first.contains(['.', ':'])
                || first == "localhost"
                || first.bytes().any(|b| b.is_ascii_uppercase()) =>
        {
            (Some(first), rest)
        }
        _ => (None, name),
    }
}

fn is_domain(domain: &str) -> bool {
    let (host, port) = match domain.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (domain, None),
    };
    let good_host = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(v6) => !v6.is_empty() && v6.bytes().all(|b| b.is_ascii_hexdigit() || b == b':'),
        None => host.split('.').all(|part| {
            !part.is_empty()
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !part.starts_with('-')
                && !part.ends_with('-')
        }),
    };
    good_host && port.is_none_or(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()))
}

/// Lower-case letters and digits, joined by one dot, one or two underscores, or any number of hyphens.
fn is_path_component(part: &str) -> bool {
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = part.as_bytes();
    let (Some(&first), Some(&last)) = (bytes.first(), bytes.last()) else {
        return false;
    };
    alphanumeric(first)
        && alphanumeric(last)
        && bytes
            .split(|&b| alphanumeric(b))
            .all(|joint| matches!(joint, b"" | b"." | b"_" | b"__") || joint.iter().all(|&b| b == b'-'))
}

fn is_tag(tag: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    (1..=128).contains(&tag.len())
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|b| word(b) || matches!(b, b'.' | b'-'))
}

fn is_digest(digest: &str) -> bool {
    digest.split_once(':').is_some_and(|(algorithm, hex)| {
        algorithm
            .split(['-', '_', '+', '.'])
            .all(|part| part.starts_with(|c: char| c.is_ascii_alphabetic()))
            && hex.len() >= 32
            && hex.bytes().all(|b| b.is_ascii_hexdigit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_names_are_refused_in_the_references_words() {
        let cases = [
            ("UPPER//x", "invalid reference format"),
            (
                "a/Upper",
                "invalid reference format: repository name (a/Upper) must be lowercase",
            ),
            ("", "invalid reference format"),
            ("a:", "invalid reference format"),
            ("a b", "invalid reference format"),
            ("a..b", "invalid reference format"),
            ("a@sha256:12", "invalid reference format"),
            ("http://x/y", "invalid reference format"),
        ];
        for (name, why) in cases {
            let error = with_default_tag(name).expect_err(name);
            assert_eq!(
                error.to_string(),
                format!("couldn't parse image name {name:?}: {why}")
            );
        }
    }

    #[test]
    fn names_without_tag_and_digest_get_latest() {
        let digest = format!("a@sha256:{}", "0".repeat(64));
        let cases = [
            ("busybox", "busybox:latest"),
            ("busybox:1", "busybox:1"),
            ("localhost:1/none:1", "localhost:1/none:1"),
            ("localhost:5000/a/b", "localhost:5000/a/b:latest"),
            ("[::1]:5000/a__b/c--d", "[::1]:5000/a__b/c--d:latest"),
            (digest.as_str(), digest.as_str()),
        ];
        for (name, full) in cases {
            assert_eq!(with_default_tag(name).as_deref(), Ok(full));
        }
    }

    #[test]
    fn latest_is_pulled_always_and_other_tags_when_missing() {
        let policy = |image: &str, written: Option<&str>| {
            pull_policy(&Container {
                image: Some(image.into()),
                image_pull_policy: written.map(Into::into),
                ..Container::default()
            })
        };
        assert_eq!(policy("a", None), PullPolicy::Always);
        assert_eq!(policy("a:1", None), PullPolicy::IfNotPresent);
        assert_eq!(policy("a", Some("Never")), PullPolicy::Never);
    }
}
