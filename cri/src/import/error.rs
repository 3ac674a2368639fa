//! Why an import failed.

use super::Digest;
use std::io;
use std::time::Duration;

/// An import that failed. Groups: the archive is at fault (do not try again), it could not be read, or
/// containerd failed (try again).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The archive cannot be opened or read. Also what a tar that is cut off says.
    #[error("read image archive {archive}")]
    Read {
        /// The archive.
        archive: String,
        /// Why.
        source: io::Error,
    },

    /// An entry's path is absolute or climbs out with `..`, or there twice. Such an archive is refused.
    #[error("image archive entry {path:?} {fault}")]
    Entry {
        /// The path as the archive has it.
        path: String,
        /// What is wrong with it.
        fault: &'static str,
    },

    /// There is neither an OCI layout nor a `docker save` manifest inside.
    #[error("no image archive: it has neither index.json (OCI layout) nor manifest.json (docker save)")]
    NoImage,

    /// A document of the archive does not parse, or does not say what it must.
    #[error("image archive: {path}: {fault}")]
    Document {
        /// Its path.
        path: String,
        /// What is wrong, with the place where that is known.
        fault: String,
    },

    /// A file that the archive's own documents name is not in it.
    #[error("image archive: {needed_by} names {path}, which is not in the archive")]
    MissingBlob {
        /// The file.
        path: String,
        /// The document that names it.
        needed_by: String,
    },

    /// A file's content is not what its digest says: the archive is damaged or was tampered with.
    #[error("image archive: {path} should have digest {expected} but has {actual}")]
    DigestMismatch {
        /// The file.
        path: String,
        /// What it should be.
        expected: Digest,
        /// What it is.
        actual: Digest,
    },

    /// A file's size is not what its descriptor says.
    #[error("image archive: {path} should have {expected} bytes but has {actual}")]
    SizeMismatch {
        /// The file.
        path: String,
        /// What it should be.
        expected: u64,
        /// What it is.
        actual: u64,
    },

    /// A layer unpacks to something else than the image's configuration says.
    #[error(
        "image archive: layer {layer} unpacks to {actual}, but the image's configuration says {expected}"
    )]
    LayerMismatch {
        /// The layer's digest.
        layer: Digest,
        /// The diff id of the configuration.
        expected: Digest,
        /// What came out.
        actual: String,
    },

    /// The archive has no image for the platform.
    #[error("image archive has no image for {wanted}, only for {found}")]
    NoPlatform {
        /// What was asked for.
        wanted: String,
        /// What there is.
        found: String,
    },

    /// The archive does not name its image. Give a name.
    #[error("the image in the archive has no name; give one")]
    NoName,

    /// A name was given, and the archive has more than one image.
    #[error("the archive has {count} images, so one name cannot stand for all of them")]
    ManyImages {
        /// How many.
        count: usize,
    },

    /// A name is not an image reference.
    #[error("image name {name:?}")]
    Name {
        /// The name.
        name: String,
        /// Why.
        source: crate::reference::ReferenceError,
    },

    /// containerd has the image, but CRI does not show it.
    #[error("image {name} is imported, but the runtime's CRI plugin does not list it after {} s", after.as_secs())]
    NotVisible {
        /// The image's names.
        name: String,
        /// How long we waited.
        after: Duration,
    },

    /// containerd failed. See [`crate::Error`] for what to do.
    #[error(transparent)]
    Runtime(#[from] crate::Error),
}
