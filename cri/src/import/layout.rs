//! The documents of an OCI image layout and of Docker's older ones, as far as an import reads them.
//!
//! OCI image-spec 1.1: `image-layout.md`, `image-index.md`, `manifest.md`, `config.md`, `descriptor.md`.

use super::{Digest, ImportError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub(super) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(super) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(super) const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(super) const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
pub(super) const OCI_LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
pub(super) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
pub(super) const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// The whole name, as containerd's exporter and importer use it.
pub(super) const CONTAINERD_NAME: &str = "io.containerd.image.name";
/// A whole name or, in the spec's own sense, only a tag.
pub(super) const REF_NAME: &str = "org.opencontainers.image.ref.name";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    #[serde(default)]
    pub(super) media_type: String,
    pub(super) digest: String,
    pub(super) size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) platform: Option<PlatformField>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) annotations: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PlatformField {
    pub(super) os: String,
    pub(super) architecture: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) variant: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Index {
    #[serde(default)]
    pub(super) manifests: Vec<Descriptor>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Manifest {
    pub(super) schema_version: u32,
    #[serde(default)]
    pub(super) media_type: String,
    pub(super) config: Descriptor,
    #[serde(default)]
    pub(super) layers: Vec<Descriptor>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Config {
    #[serde(default)]
    pub(super) os: String,
    #[serde(default)]
    pub(super) architecture: String,
    #[serde(default)]
    pub(super) variant: String,
    #[serde(default)]
    pub(super) rootfs: RootFs,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct RootFs {
    #[serde(default)]
    pub(super) diff_ids: Vec<String>,
}

/// One image of `docker save`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SavedImage {
    pub(super) config: String,
    #[serde(default)]
    pub(super) repo_tags: Option<Vec<String>>,
    #[serde(default)]
    pub(super) layers: Vec<String>,
}

/// Reads the document at `path`.
pub(super) fn parse<'a, T: Deserialize<'a>>(path: &str, bytes: &'a [u8]) -> Result<T, ImportError> {
    serde_json::from_slice(bytes).map_err(|error| ImportError::Document {
        path: path.to_owned(),
        fault: error.to_string(),
    })
}

/// The digest a document at `path` names.
pub(super) fn digest(path: &str, text: &str) -> Result<Digest, ImportError> {
    Digest::parse(text).ok_or_else(|| ImportError::Document {
        path: path.to_owned(),
        fault: format!("{text:?} is not a sha256 digest"),
    })
}

impl Config {
    /// The diff ids, checked against the number of layers.
    pub(super) fn diff_ids(&self, path: &str, layers: usize) -> Result<Vec<Digest>, ImportError> {
        let ids = &self.rootfs.diff_ids;
        if ids.len() != layers {
            let fault = format!("{} diff ids for {layers} layers", ids.len());
            return Err(ImportError::Document {
                path: path.to_owned(),
                fault,
            });
        }
        ids.iter().map(|id| digest(path, id)).collect()
    }
}
