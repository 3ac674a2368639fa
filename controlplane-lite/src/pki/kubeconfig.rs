//! The kubeconfig file: how a client finds the server, trusts it and shows itself.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use std::path::Path;

use super::{Identity, PkiError, files};

/// What a kubeconfig says.
#[derive(Debug)]
pub struct Kubeconfig<'a> {
    /// `https://host:6443`.
    pub server: &'a str,
    /// The cluster's authority, PEM.
    pub authority: &'a str,
    /// Name of the cluster entry, `kubernetes`.
    pub cluster: &'a str,
    /// Name of the user entry, `kubernetes-admin`.
    pub user: &'a str,
    /// Certificate and key of the user.
    pub identity: &'a Identity,
}

impl Kubeconfig<'_> {
    /// The file's text, in the form that kubeadm writes.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        let Self {
            server,
            cluster,
            user,
            ..
        } = self;
        format!(
            "apiVersion: v1\nkind: Config\nclusters:\n- cluster:\n    certificate-authority-data: {}\n    \
             server: {server}\n  name: {cluster}\ncontexts:\n- context:\n    cluster: {cluster}\n    user: {user}\n  \
             name: {user}@{cluster}\ncurrent-context: {user}@{cluster}\nusers:\n- name: {user}\n  user:\n    \
             client-certificate-data: {}\n    client-key-data: {}\n",
            STANDARD.encode(self.authority),
            STANDARD.encode(&self.identity.certificate),
            STANDARD.encode(&self.identity.key),
        )
    }

    /// Writes it with mode 0600, whole or not at all.
    ///
    /// # Errors
    /// [`PkiError::File`].
    pub fn write(&self, path: &Path) -> Result<(), PkiError> {
        if let Some(parent) = path.parent() {
            files::make_directory(parent)?;
        }
        files::write(path, &self.to_yaml(), files::SECRET)
    }
}
