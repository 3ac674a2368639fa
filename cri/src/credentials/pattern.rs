//! Registry keys as patterns: `host[:port][/path]`, `*` and `?` inside each part of the host.

/// A key of a credentials file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    text: String,
    host: Vec<String>,
    port: String,
    /// With its leading slash; empty for all paths.
    path: String,
}

impl Pattern {
    /// Reads a key. A scheme and the API's version (`/v1/`, `/v2/`), which `docker login` writes, say nothing.
    pub(super) fn parse(key: &str) -> Option<Self> {
        let rest = key
            .strip_prefix("https://")
            .or_else(|| key.strip_prefix("http://"))
            .unwrap_or(key);
        let (authority, path) = match rest.find('/') {
            Some(slash) => rest.split_at(slash),
            None => (rest, ""),
        };
        let path = path
            .strip_prefix("/v2/")
            .or_else(|| path.strip_prefix("/v1/"))
            .map_or_else(
                || path.to_owned(),
                |path| {
                    if path.is_empty() {
                        String::new()
                    } else {
                        format!("/{path}")
                    }
                },
            );
        let path = if path == "/" { String::new() } else { path };
        let (host, port) = split_port(authority);
        if host.is_empty() || authority.contains(['@', ' ']) {
            return None;
        }
        Some(Self {
            text: format!("{authority}{path}"),
            host: host.split('.').map(str::to_owned).collect(),
            port: port.to_owned(),
            path,
        })
    }

    /// The key without what says nothing.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whether a repository lies under it.
    pub(super) fn matches(&self, repository: &str) -> bool {
        let (authority, path) = match repository.find('/') {
            Some(slash) => repository.split_at(slash),
            None => (repository, ""),
        };
        let (host, port) = split_port(authority);
        let parts: Vec<&str> = host.split('.').collect();
        self.port == port
            && self.host.len() == parts.len()
            && self
                .host
                .iter()
                .zip(parts)
                .all(|(pattern, part)| glob(pattern.as_bytes(), part.as_bytes()))
            && path.starts_with(&self.path)
    }
}

fn split_port(authority: &str) -> (&str, &str) {
    authority.rsplit_once(':').unwrap_or((authority, ""))
}

/// `*` is any text, `?` any character.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => (0..=text.len()).any(|skipped| glob(rest, &text[skipped..])),
        Some((b'?', rest)) => !text.is_empty() && glob(rest, &text[1..]),
        Some((byte, rest)) => text.first() == Some(byte) && glob(rest, &text[1..]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_match_by_host_part_port_and_path_prefix() {
        let cases = [
            ("registry.example", "registry.example/a", true),
            ("https://registry.example/v1/", "registry.example/a", true),
            ("https://registry.example/v2/", "registry.example/a", true),
            ("http://registry.example/", "registry.example/a", true),
            ("registry.example", "other.example/a", false),
            ("*.example", "registry.example/a", true),
            ("*.example", "deep.registry.example/a", false),
            ("*.*.example", "deep.registry.example/a", true),
            ("reg*.example", "registry.example/a", true),
            ("registr?.example", "registry.example/a", true),
            ("registry.example:5000", "registry.example:5000/a", true),
            ("registry.example:5000", "registry.example/a", false),
            ("registry.example", "registry.example:5000/a", false),
            ("registry.example/team", "registry.example/team/app", true),
            // A prefix of characters, not of directories: so does the reference.
            ("registry.example/team", "registry.example/teams", true),
            ("registry.example/team", "registry.example/other", false),
            (
                "https://registry.example/v1/team",
                "registry.example/team/app",
                true,
            ),
        ];
        for (key, repository, expected) in cases {
            let pattern = Pattern::parse(key).unwrap();
            assert_eq!(pattern.matches(repository), expected, "{key} {repository}");
        }
        for key in ["", "/path", "a b", "user@host"] {
            assert_eq!(Pattern::parse(key), None, "{key}");
        }
    }
}
