//! The cluster's keys and certificates on disk, in kubeadm's layout and names.
//!
//! | file (under `/etc/kubernetes/pki`) | what |
//! |---|---|
//! | `ca.crt`, `ca.key` | the cluster's authority: signs all below, and kubelet certificates |
//! | `apiserver.crt`, `.key` | what the API server shows its clients |
//! | `apiserver-kubelet-client.crt`, `.key` | what the API server shows kubelets |
//! | `sa.key`, `sa.pub` | signs and checks service-account tokens |
//!
//! Invariants:
//! - what is there is used, never overwritten: a directory made by kubeadm works as it is (RSA keys included);
//! - a leaf is made anew only if it is missing, ends within [`RENEW_BEFORE_DAYS`], or lacks a name that the server
//!   must have, and only where the authority's key is here;
//! - private keys have mode 0600, and every file appears whole or not at all.
//!
//! Out of scope: which certificate requests are approved (a controller), and how TLS is served.

mod authority;
mod files;
pub mod kubeconfig;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rcgen::KeyPair;

pub use authority::{Authority, Leaf, Usage};

/// Validity of the authority.
const AUTHORITY_DAYS: i64 = 3650;
/// Validity of a leaf, as kubeadm's.
const LEAF_DAYS: i64 = 365;
/// A leaf with less than this left is replaced at start.
const RENEW_BEFORE_DAYS: i64 = 60;
/// The group whose members may do everything, whatever the role bindings say.
pub const MASTERS: &str = "system:masters";
/// kubeadm's group for administrators: bound to `cluster-admin`, so that it can be taken away.
pub const CLUSTER_ADMINS: &str = "kubeadm:cluster-admins";

/// Why keys or certificates cannot be used. All variants need a person: nothing is retried.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// A file cannot be read or written.
    #[error("{operation} {}", path.display())]
    File {
        /// `read`, `write` or `make the directory`.
        operation: &'static str,
        /// Which.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
    /// A file's content is not what its name says.
    #[error("{} is not a usable {expected}; restore it, or move it away to have a new one made", path.display())]
    Content {
        /// Which file.
        path: PathBuf,
        /// What it should hold.
        expected: &'static str,
    },
    /// A leaf must be made and the authority's key is not on this machine.
    #[error("{} is missing, and so is {}, the key that could sign it; copy one of them here", leaf.display(), key.display())]
    NoAuthorityKey {
        /// The certificate that is needed.
        leaf: PathBuf,
        /// Where the authority's key would be.
        key: PathBuf,
    },
    /// The crypto library refused.
    #[error("{0}")]
    Crypto(&'static str, #[source] rcgen::Error),
}

/// A certificate and its key, both PEM.
#[derive(Clone)]
pub struct Identity {
    /// The certificate (chain), PEM.
    pub certificate: String,
    /// The private key, PEM (PKCS#8, or PKCS#1 where kubeadm made it).
    pub key: String,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity")
            .field("certificate", &self.certificate)
            .finish_non_exhaustive()
    }
}

/// What the control plane needs to know to make its certificates.
#[derive(Debug, Clone)]
pub struct PkiConfig {
    /// Where the files lie: `/etc/kubernetes/pki`.
    pub directory: PathBuf,
    /// DNS names and addresses by which clients reach the API server, besides the standard ones.
    pub server_names: Vec<String>,
    /// First address of the service range: `kubernetes.default` has it.
    pub service_address: IpAddr,
    /// The cluster's DNS domain, `cluster.local`.
    pub domain: String,
}

/// The loaded keys of a control plane.
#[derive(Debug)]
pub struct Pki {
    /// The cluster's authority.
    pub authority: Authority,
    /// What the API server shows its clients.
    pub serving: Identity,
    /// What the API server shows kubelets; a member of [`CLUSTER_ADMINS`].
    pub kubelet_client: Identity,
    /// The service-account signing key, PEM.
    pub service_account_key: String,
    /// Its public half, PEM.
    pub service_account_public: String,
}

impl Pki {
    /// Loads the directory, making what is missing. The same call on the result changes nothing.
    ///
    /// # Errors
    /// See [`PkiError`]; nothing that existed has been changed then.
    pub fn ensure(config: &PkiConfig, now: Timestamp) -> Result<Self, PkiError> {
        let place = |name: &str| config.directory.join(name);
        files::make_directory(&config.directory)?;
        let authority = Authority::ensure(&place("ca.crt"), &place("ca.key"), now)?;
        let serving = ensure_leaf(
            &authority,
            &place("apiserver"),
            &Leaf {
                common_name: "kube-apiserver".into(),
                organization: None,
                names: serving_names(config),
                usage: Usage::Server,
            },
            now,
        )?;
        let kubelet_client = ensure_leaf(
            &authority,
            &place("apiserver-kubelet-client"),
            &Leaf::client("kube-apiserver-kubelet-client", Some(CLUSTER_ADMINS)),
            now,
        )?;
        let (service_account_key, service_account_public) =
            ensure_key_pair(&place("sa.key"), &place("sa.pub"))?;
        Ok(Self {
            authority,
            serving,
            kubelet_client,
            service_account_key,
            service_account_public,
        })
    }

    /// A new client certificate for a user and its group, valid for a year.
    ///
    /// # Errors
    /// [`PkiError::NoAuthorityKey`] where the authority's key is not on this machine.
    pub fn client(&self, user: &str, group: Option<&str>, now: Timestamp) -> Result<Identity, PkiError> {
        self.authority.issue(&Leaf::client(user, group), LEAF_DAYS, now)
    }
}

/// Names that clients inside the cluster use, then those of this machine.
fn serving_names(config: &PkiConfig) -> Vec<String> {
    let standard = [
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "localhost",
    ];
    let mut names: Vec<String> = standard.iter().map(|&name| name.to_owned()).collect();
    names.push(format!("kubernetes.default.svc.{}", config.domain));
    names.extend([
        config.service_address.to_string(),
        "127.0.0.1".into(),
        "::1".into(),
    ]);
    names.extend(config.server_names.iter().cloned());
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names
}

fn ensure_leaf(
    authority: &Authority,
    stem: &Path,
    leaf: &Leaf,
    now: Timestamp,
) -> Result<Identity, PkiError> {
    let (certificate_path, key_path) = (stem.with_extension("crt"), stem.with_extension("key"));
    if let (Some(certificate), Some(key)) = (files::read(&certificate_path)?, files::read(&key_path)?) {
        let fresh =
            authority::serves(&certificate, leaf, now, RENEW_BEFORE_DAYS).ok_or(PkiError::Content {
                path: certificate_path.clone(),
                expected: "certificate",
            })?;
        // Without the key nothing better can be made: an old certificate is better than none.
        if fresh || !authority.can_sign() {
            return Ok(Identity { certificate, key });
        }
    }
    if !authority.can_sign() {
        return Err(PkiError::NoAuthorityKey {
            leaf: certificate_path,
            key: authority.key_path().to_owned(),
        });
    }
    let identity = authority.issue(leaf, LEAF_DAYS, now)?;
    files::write(&key_path, &identity.key, files::SECRET)?;
    files::write(&certificate_path, &identity.certificate, files::PUBLIC)?;
    Ok(identity)
}

fn ensure_key_pair(private: &Path, public: &Path) -> Result<(String, String), PkiError> {
    let key = match files::read(private)? {
        Some(key) => key,
        None => {
            let key = authority::new_key()?.serialize_pem();
            files::write(private, &key, files::SECRET)?;
            key
        }
    };
    if let Some(public) = files::read(public)? {
        return Ok((key, public));
    }
    let pair = KeyPair::from_pem(&key).map_err(|_| PkiError::Content {
        path: private.to_owned(),
        expected: "private key",
    })?;
    let text = pair.public_key_pem();
    files::write(public, &text, files::PUBLIC)?;
    Ok((key, text))
}
