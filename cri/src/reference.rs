//! Image references: `[domain/]path[:tag][@digest]`, with the defaults that every Kubernetes node applies.
//!
//! A name without a domain is Docker Hub's, one without a directory there is in `library/`, and one without
//! tag and digest means `latest`. Grammar: the distribution project's reference format.

use std::fmt;

/// Docker Hub's domain, and that of names without one.
pub const DEFAULT_DOMAIN: &str = "docker.io";

/// Why a text is not an image reference. The user's input is to be corrected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// Does not follow the grammar (the wording is what users know from other tools).
    #[error("invalid reference format")]
    Format,
    /// A repository's name must be in lower case.
    #[error("invalid reference format: repository name ({0}) must be lowercase")]
    UpperCase(String),
    /// Longer than 255 characters.
    #[error("repository name must not be more than 255 characters")]
    TooLong,
}

/// A whole reference, defaults filled in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference {
    /// `docker.io`, `registry.example:5000`.
    pub domain: String,
    /// `library/busybox`.
    pub path: String,
    /// `latest` where the text has neither tag nor digest.
    pub tag: Option<String>,
    /// `sha256:…`.
    pub digest: Option<String>,
}

impl Reference {
    /// Reads a reference and fills in the defaults.
    ///
    /// # Errors
    /// [`ReferenceError`], if it is none.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) if is_digest(digest) => (rest, Some(digest.to_owned())),
            Some(_) => return Err(ReferenceError::Format),
            None => (text, None),
        };
        let name_end = rest.rfind('/').map_or(0, |slash| slash + 1);
        let (name, tag) = match rest[name_end..].split_once(':') {
            Some((last, tag)) if is_tag(tag) => (&rest[..name_end + last.len()], Some(tag.to_owned())),
            Some(_) => return Err(ReferenceError::Format),
            None => (rest, None),
        };
        let (domain, path) = split_domain(name);
        check_path(&path)?;
        if !is_domain(domain) {
            return Err(ReferenceError::Format);
        }
        if domain.len() + 1 + path.len() > 255 {
            return Err(ReferenceError::TooLong);
        }
        let tag = tag.or_else(|| digest.is_none().then(|| "latest".to_owned()));
        Ok(Self {
            domain: domain.to_owned(),
            path,
            tag,
            digest,
        })
    }

    /// Domain and path: what a registry knows the image's repository by.
    #[must_use]
    pub fn repository(&self) -> String {
        format!("{}/{}", self.domain, self.path)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.domain, self.path)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

/// The first part is a domain only if it looks like one.
fn split_domain(name: &str) -> (&str, String) {
    if let Some((first, rest)) = name.split_once('/')
        && (first.contains(['.', ':']) || first == "localhost" || first.to_lowercase() != first)
    {
        let hub = first == DEFAULT_DOMAIN || first == "index.docker.io";
        return if hub {
            (DEFAULT_DOMAIN, in_library(rest))
        } else {
            (first, rest.to_owned())
        };
    }
    (DEFAULT_DOMAIN, in_library(name))
}

fn in_library(path: &str) -> String {
    if path.contains('/') || path.is_empty() {
        path.to_owned()
    } else {
        format!("library/{path}")
    }
}

fn check_path(path: &str) -> Result<(), ReferenceError> {
    if path.split('/').all(is_path_part) {
        return Ok(());
    }
    if path.split('/').all(|part| is_path_part(&part.to_lowercase())) {
        return Err(ReferenceError::UpperCase(path.to_owned()));
    }
    Err(ReferenceError::Format)
}

/// Lower-case words with `.`, `_`, `__` or any number of `-` between them.
fn is_path_part(part: &str) -> bool {
    let mut separator = String::new();
    let mut after_word = false;
    for c in part.chars() {
        if c.is_ascii_lowercase() || c.is_ascii_digit() {
            if !separator.is_empty() && !is_separator(&separator) {
                return false;
            }
            separator.clear();
            after_word = true;
        } else if after_word && matches!(c, '.' | '_' | '-') {
            separator.push(c);
        } else {
            return false;
        }
    }
    after_word && separator.is_empty()
}

fn is_separator(text: &str) -> bool {
    matches!(text, "." | "_" | "__") || text.chars().all(|c| c == '-')
}

fn is_domain(domain: &str) -> bool {
    let (host, port) = domain
        .split_once(':')
        .map_or((domain, None), |(host, port)| (host, Some(port)));
    let host_part = |part: &str| {
        !part.is_empty()
            && !part.starts_with('-')
            && !part.ends_with('-')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    host.split('.').all(host_part)
        && port.is_none_or(|port| !port.is_empty() && port.chars().all(|c| c.is_ascii_digit()))
}

fn is_tag(tag: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    tag.len() <= 128 && tag.starts_with(word) && tag.chars().all(|c| word(c) || matches!(c, '.' | '-'))
}

fn is_digest(digest: &str) -> bool {
    digest
        .strip_prefix("sha256:")
        .is_some_and(|hex| hex.len() == 64 && hex.chars().all(is_lower_hex))
        || digest
            .strip_prefix("sha512:")
            .is_some_and(|hex| hex.len() == 128 && hex.chars().all(is_lower_hex))
}

fn is_lower_hex(c: char) -> bool {
    c.is_ascii_digit() || ('a'..='f').contains(&c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_filled_in() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let cases = [
            ("busybox", "docker.io/library/busybox:latest".to_owned()),
            ("busybox:1.36", "docker.io/library/busybox:1.36".to_owned()),
            ("joe/app", "docker.io/joe/app:latest".to_owned()),
            (
                "index.docker.io/busybox",
                "docker.io/library/busybox:latest".to_owned(),
            ),
            ("localhost/app", "localhost/app:latest".to_owned()),
            (
                "registry.k8s.io/pause:3.6",
                "registry.k8s.io/pause:3.6".to_owned(),
            ),
            (
                "host:5000/a/b_c/d__e/f--g.h:T-1",
                "host:5000/a/b_c/d__e/f--g.h:T-1".to_owned(),
            ),
            (
                &format!("busybox@{digest}"),
                format!("docker.io/library/busybox@{digest}"),
            ),
            (&format!("a.b/c:1@{digest}"), format!("a.b/c:1@{digest}")),
        ];
        for (text, expected) in cases {
            assert_eq!(
                Reference::parse(text).map(|r| r.to_string()),
                Ok(expected),
                "{text}"
            );
        }
    }

    #[test]
    fn wrong_references_are_refused() {
        let long = format!("a/{}", "b".repeat(255));
        let cases = [
            ("", ReferenceError::Format),
            ("UPPER//x", ReferenceError::Format),
            ("Busybox", ReferenceError::UpperCase("library/Busybox".into())),
            ("a.b/", ReferenceError::Format),
            ("busybox:", ReferenceError::Format),
            ("busybox:-x", ReferenceError::Format),
            ("busybox@sha256:abc", ReferenceError::Format),
            ("a___b", ReferenceError::Format),
            ("-a", ReferenceError::Format),
            ("a b", ReferenceError::Format),
            ("host:port/x", ReferenceError::Format),
            (&long, ReferenceError::TooLong),
        ];
        for (text, expected) in cases {
            assert_eq!(Reference::parse(text), Err(expected), "{text}");
        }
    }
}
