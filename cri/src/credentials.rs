//! Registry credentials, found by the image's repository.
//!
//! # Sources
//! Docker's `config.json` (`{"auths": {…}}`, also a Secret of type `kubernetes.io/dockerconfigjson`) and the
//! older `.dockercfg` (the inner map alone; `kubernetes.io/dockercfg`).
//!
//! # Guarantees
//! Matching is the reference kubelet's, so that a configuration means the same here: the host part by part
//! with `*` and `?` inside a part, the same port, the path as a prefix, more specific keys first, and Docker
//! Hub under its old key `index.docker.io`. Credentials are never printed.
//!
//! # Out of scope
//! Credential helpers, which the reference does not run either.

mod pattern;

use crate::v1::AuthConfig;
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use pattern::Pattern;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Takes padded and unpadded text: both are found in the field.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
/// The key under which `docker login` without a server stores Docker Hub's credentials.
const DOCKER_HUB: &str = "index.docker.io";

/// Why credentials could not be read. The file or Secret has to be corrected. Says nothing of its content.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// It is no JSON, or of another form. (serde's own text could quote a secret.)
    #[error("registry credentials: not of the expected form at line {line}, column {column}")]
    Form {
        /// Where.
        line: usize,
        /// Where.
        column: usize,
    },
    /// An entry's `auth` is not the base64 of `user:password`.
    #[error("registry credentials: `auth` of {registry} is not the base64 form of \"user:password\"")]
    Auth {
        /// The entry's key.
        registry: String,
    },
}

/// Credentials of several sources, to be asked by image.
#[derive(Debug, Clone, Default)]
pub struct Keyring {
    /// By key, most specific (longest, alphabetically last) first.
    entries: BTreeMap<std::cmp::Reverse<String>, (Pattern, Vec<AuthConfig>)>,
}

#[derive(Deserialize)]
struct DockerConfig {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    auth: String,
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    identitytoken: String,
    #[serde(default)]
    registrytoken: String,
}

impl Keyring {
    /// A keyring without credentials.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether nothing was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds the entries of a `config.json`.
    ///
    /// # Errors
    /// [`CredentialsError`]; then nothing was added.
    pub fn add_docker_config_json(&mut self, json: &[u8]) -> Result<(), CredentialsError> {
        let config: DockerConfig = parse(json)?;
        self.add(config.auths)
    }

    /// Adds the entries of a `.dockercfg`.
    ///
    /// # Errors
    /// [`CredentialsError`]; then nothing was added.
    pub fn add_dockercfg(&mut self, json: &[u8]) -> Result<(), CredentialsError> {
        self.add(parse(json)?)
    }

    fn add(&mut self, entries: BTreeMap<String, Entry>) -> Result<(), CredentialsError> {
        let read = |(key, entry): (String, Entry)| credentials(&key, entry).map(|auth| (key, auth));
        let entries: Vec<(String, AuthConfig)> = entries.into_iter().map(read).collect::<Result<_, _>>()?;
        for (key, auth) in entries {
            let Some(pattern) = Pattern::parse(&key) else {
                // One strange key must not take the others away.
                tracing::debug!(
                    key,
                    "registry credentials under a key that is no registry are not used"
                );
                continue;
            };
            let key = std::cmp::Reverse(pattern.text().to_owned());
            let (_, known) = self.entries.entry(key).or_insert((pattern, Vec::new()));
            if !known.contains(&auth) {
                known.push(auth);
            }
        }
        Ok(())
    }

    /// The credentials to try for a repository (`docker.io/library/busybox`), best first. Empty: try without.
    #[must_use]
    pub fn lookup(&self, repository: &str) -> Vec<AuthConfig> {
        let matching = self
            .entries
            .values()
            .filter(|(pattern, _)| pattern.matches(repository));
        let mut found: Vec<AuthConfig> = Vec::new();
        for auth in matching.flat_map(|(_, auths)| auths) {
            if !found.contains(auth) {
                found.push(auth.clone());
            }
        }
        if found.is_empty() && is_docker_hub(repository) {
            let hub = self.entries.get(&std::cmp::Reverse(DOCKER_HUB.to_owned()));
            found.extend(hub.into_iter().flat_map(|(_, auths)| auths).cloned());
        }
        found
    }
}

fn is_docker_hub(repository: &str) -> bool {
    match repository.split_once('/') {
        None => !repository.is_empty(),
        Some(("docker.io" | DOCKER_HUB, _)) => true,
        Some((first, _)) => !first.is_empty() && !first.contains(['.', ':']),
    }
}

fn parse<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, CredentialsError> {
    serde_json::from_slice(json).map_err(|error| CredentialsError::Form {
        line: error.line(),
        column: error.column(),
    })
}

fn credentials(registry: &str, entry: Entry) -> Result<AuthConfig, CredentialsError> {
    let (username, password) = if entry.auth.is_empty() {
        (entry.username, entry.password)
    } else {
        decode(&entry.auth).ok_or_else(|| CredentialsError::Auth {
            registry: registry.to_owned(),
        })?
    };
    // The server's address stays empty: runtimes compare it with the host they talk to, which a pattern is not.
    Ok(AuthConfig {
        username,
        password,
        identity_token: entry.identitytoken,
        registry_token: entry.registrytoken,
        ..Default::default()
    })
}

/// `user:password`; a password may have colons, and old tools fill the end up with zero bytes.
fn decode(auth: &str) -> Option<(String, String)> {
    let bytes = BASE64.decode(auth.trim()).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.trim_matches('\0').to_owned()))
}

#[cfg(test)]
mod tests;
