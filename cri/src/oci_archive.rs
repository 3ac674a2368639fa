//! Writes small container images as OCI image-layout archives, byte for byte the same for the same input.
//!
//! Purpose: images that come from the program itself (the pause container) or that are made on the spot
//! (tests, samples) without a registry, a builder or a compressor.
//!
//! Invariants: times are zero, owners are numeric, entries are written in the order given and parent
//! directories are added where they are missing, so equal input gives equal digests on every machine.
//! Layers are stored uncompressed, which makes a layer's digest equal to its diff id.
//!
//! Out of scope: reading archives (that is image import), images with several platforms, compression.
//!
//! Format: OCI image-spec 1.1 (`image-layout.md`, `manifest.md`, `config.md`). The names of the image go into
//! the index as `io.containerd.image.name`, the annotation that containerd's importer reads.

mod layer;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;
use sha2::{Digest, Sha256};

pub use layer::Layer;

/// Media type of an image index.
pub const MEDIA_TYPE_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Media type of an image manifest.
pub const MEDIA_TYPE_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Media type of an image configuration.
pub const MEDIA_TYPE_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// Media type of an uncompressed layer.
pub const MEDIA_TYPE_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// Index annotation with the full reference under which containerd stores an image.
const ANNOTATION_CONTAINERD_NAME: &str = "io.containerd.image.name";
/// Index annotation with the tag, which other tools (skopeo, podman) read.
const ANNOTATION_REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The creation time of every image: a fixed one keeps digests stable.
const CREATED: &str = "1970-01-01T00:00:00Z";

/// Why an archive could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// Writing to the output failed; retrying needs a new output.
    #[error("write OCI archive")]
    Write(#[source] io::Error),
    /// A layer entry cannot be stored (a path that is empty, absolute after cleaning or climbs out).
    #[error("layer entry {path:?}: {reason}")]
    Entry {
        /// The path as given.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The image has no name, so no importer could store it.
    #[error("image has no name")]
    NoName,
}

/// Operating system and processor that an image is for, in the image-spec's (Go's) words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform {
    /// Operating system, `linux` for all images of ours.
    pub os: String,
    /// Processor, such as `amd64` or `arm64`.
    pub architecture: String,
}

impl Platform {
    /// The platform that this program was compiled for.
    pub fn current() -> Self {
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        Self {
            os: "linux".to_owned(),
            architecture: architecture.to_owned(),
        }
    }
}

/// How a container of the image runs; the `config` object of the image-spec. Empty fields are left out.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct RunConfig {
    /// User, as `name`, `uid` or `uid:gid`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// Ports such as `8080/tcp` that the image documents.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub exposed_ports: BTreeMap<String, Empty>,
    /// Environment as `NAME=value`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// Program and its fixed arguments.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entrypoint: Vec<String>,
    /// Default arguments.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cmd: Vec<String>,
    /// Paths that are volumes.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub volumes: BTreeMap<String, Empty>,
    /// Directory in which the program starts.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub working_dir: String,
    /// Labels of the image.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Signal that asks the program to end, such as `SIGQUIT`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub stop_signal: String,
}

/// The empty object that image-spec uses as the value of its sets.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Empty {}

/// One image to write.
///
/// ```
/// use cri::oci_archive::{Image, Layer, Platform, RunConfig};
/// let image = Image {
///     names: vec!["agent.local/hello:1".to_owned()],
///     platform: Platform::current(),
///     config: RunConfig { entrypoint: vec!["/hello".to_owned()], ..RunConfig::default() },
///     layers: vec![Layer::new().file("hello", 0o755, &b"..."[..])],
/// };
/// let mut archive = Vec::new();
/// let digests = image.write_to(&mut archive)?;
/// assert!(digests.manifest.starts_with("sha256:"));
/// # Ok::<(), cri::oci_archive::ArchiveError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Image {
    /// Full references (`host/path:tag`); at least one. Short Docker names are not expanded.
    pub names: Vec<String>,
    /// What the image is for.
    pub platform: Platform,
    /// How its containers run.
    pub config: RunConfig,
    /// Its files, lowest layer first.
    pub layers: Vec<Layer>,
}

/// What identifies a written image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digests {
    /// Digest of the manifest: what `name@sha256:…` refers to.
    pub manifest: String,
    /// Digest of the configuration: the image id that CRI reports.
    pub config: String,
}

/// A reference to a blob.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: &'static str,
    digest: String,
    size: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<BTreeMap<&'static str, String>>,
}

/// A blob with its descriptor.
struct Blob {
    descriptor: Descriptor,
    bytes: Vec<u8>,
}

impl Blob {
    fn new(media_type: &'static str, bytes: Vec<u8>) -> Self {
        let digest = sha256_digest(&bytes);
        let descriptor = Descriptor {
            media_type,
            digest,
            size: bytes.len(),
            annotations: None,
        };
        Self { descriptor, bytes }
    }

    fn json(media_type: &'static str, value: &serde_json::Value) -> Self {
        Self::new(media_type, value.to_string().into_bytes())
    }
}

impl Image {
    /// Writes the archive (an uncompressed tar) and returns the image's digests.
    ///
    /// # Errors
    /// [`ArchiveError::NoName`] and [`ArchiveError::Entry`] before anything is written,
    /// [`ArchiveError::Write`] when the output fails.
    pub fn write_to(&self, output: impl Write) -> Result<Digests, ArchiveError> {
        if self.names.is_empty() {
            return Err(ArchiveError::NoName);
        }
        let mut blobs = Vec::with_capacity(self.layers.len() + 2);
        for layer in &self.layers {
            blobs.push(Blob::new(MEDIA_TYPE_LAYER, layer.to_tar()?));
        }
        let config = Blob::json(MEDIA_TYPE_CONFIG, &self.config_json(&blobs));
        let manifest = Blob::json(MEDIA_TYPE_MANIFEST, &manifest_json(&config.descriptor, &blobs));
        let digests = Digests {
            manifest: manifest.descriptor.digest.clone(),
            config: config.descriptor.digest.clone(),
        };
        let index = self.index_json(&manifest.descriptor);
        blobs.push(config);
        blobs.push(manifest);
        write_layout(output, &index, &blobs).map_err(ArchiveError::Write)?;
        Ok(digests)
    }

    fn config_json(&self, layers: &[Blob]) -> serde_json::Value {
        let diff_ids: Vec<&str> = layers
            .iter()
            .map(|layer| layer.descriptor.digest.as_str())
            .collect();
        serde_json::json!({
            "created": CREATED,
            "architecture": self.platform.architecture,
            "os": self.platform.os,
            "config": self.config,
            "rootfs": { "type": "layers", "diff_ids": diff_ids },
        })
    }

    /// One index entry per name: an importer stores each as an image of its own.
    fn index_json(&self, manifest: &Descriptor) -> serde_json::Value {
        let entries: Vec<Descriptor> = self
            .names
            .iter()
            .map(|name| {
                let mut annotations = BTreeMap::from([(ANNOTATION_CONTAINERD_NAME, name.clone())]);
                if let Some(tag) = tag_of(name) {
                    annotations.insert(ANNOTATION_REF_NAME, tag.to_owned());
                }
                Descriptor {
                    annotations: Some(annotations),
                    ..manifest.clone()
                }
            })
            .collect();
        serde_json::json!({ "schemaVersion": 2, "mediaType": MEDIA_TYPE_INDEX, "manifests": entries })
    }
}

fn manifest_json(config: &Descriptor, layers: &[Blob]) -> serde_json::Value {
    let layers: Vec<&Descriptor> = layers.iter().map(|layer| &layer.descriptor).collect();
    serde_json::json!({
        "schemaVersion": 2,
        "mediaType": MEDIA_TYPE_MANIFEST,
        "config": config,
        "layers": layers,
    })
}

/// The tag of a reference; a colon before the last slash is a port.
fn tag_of(name: &str) -> Option<&str> {
    let last = name.rsplit('/').next().unwrap_or(name);
    let last = last.split('@').next().unwrap_or(last);
    last.split_once(':').map(|(_, tag)| tag)
}

fn write_layout(output: impl Write, index: &serde_json::Value, blobs: &[Blob]) -> io::Result<()> {
    let mut tar = tar::Builder::new(output);
    for directory in ["blobs/", "blobs/sha256/"] {
        layer::append(&mut tar, directory, tar::EntryType::Directory, 0o755, &[])?;
    }
    let mut written = std::collections::BTreeSet::new();
    for blob in blobs {
        let hex = blob.descriptor.digest.trim_start_matches("sha256:");
        // Two equal layers are one blob.
        if written.insert(hex) {
            layer::append(
                &mut tar,
                &format!("blobs/sha256/{hex}"),
                tar::EntryType::Regular,
                0o644,
                &blob.bytes,
            )?;
        }
    }
    let index = index.to_string();
    layer::append(
        &mut tar,
        "index.json",
        tar::EntryType::Regular,
        0o644,
        index.as_bytes(),
    )?;
    let version = br#"{"imageLayoutVersion":"1.0.0"}"#;
    layer::append(&mut tar, "oci-layout", tar::EntryType::Regular, 0o644, version)?;
    tar.into_inner()?.flush()
}

fn sha256_digest(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut digest = String::from("sha256:");
    for byte in Sha256::digest(bytes) {
        // Writing to a String cannot fail.
        let _ = write!(digest, "{byte:02x}");
    }
    digest
}
