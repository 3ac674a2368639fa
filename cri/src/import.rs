//! Image archives into containerd, without a registry.
//!
//! # Expected flow
//! [`Client::import`] reads the archive twice: once to see what is in it and to plan, once to stream the
//! blobs that the plan needs. Then layers are unpacked, and only then names are given.
//!
//! # Guarantees
//! - An archive is taken whole or not at all: names appear after every blob has been checked against its
//!   digest and every layer unpacked. What a failed import wrote is garbage that containerd collects.
//! - Nothing is collected half way: a lease holds everything until the names do.
//! - When the call returns, CRI lists the images.
//!
//! # Caveats
//! Of an archive for several platforms only the one asked for is stored, under its manifest's digest.
//!
//! # Formats
//! OCI image layout (image-spec 1.1) and `docker save` (`manifest.json`), plain or gzip-compressed.
//!
//! # Layers
//! `archive` reads tar, `plan` and its parts decide without IO, `store` and `unpack` act on containerd.

mod archive;
mod choose;
mod digest;
mod docker;
mod error;
mod feed;
mod layout;
mod lease;
mod plan;
mod store;
mod unpack;

use crate::Client;
pub use archive::ArchiveSource;
pub use digest::Digest;
pub use error::ImportError;
use lease::Lease;
use plan::{ImagePlan, Wanted};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use store::Store;

pub use crate::oci_archive::Platform;

/// The snapshotter of a containerd that is not configured otherwise.
pub const DEFAULT_SNAPSHOTTER: &str = "overlayfs";

/// How to import.
#[derive(Debug, Clone)]
pub struct ImportOptions {
    /// The name to give, in place of the archive's own. Needed if that has none.
    pub name: Option<String>,
    /// Which platform's image to take from an archive with several.
    pub platform: Platform,
    /// Where to unpack: must be the one CRI uses ([`crate::RuntimeInfo::snapshotter`]).
    pub snapshotter: String,
    /// Protect the images from removal by the kubelet's clean-up (containerd 1.7 and newer heed it).
    pub pinned: bool,
    /// The time now: leases of an import that died expire by it.
    pub now: SystemTime,
}

impl ImportOptions {
    /// All names and this machine's platform.
    #[must_use]
    pub fn at(now: SystemTime) -> Self {
        Self {
            name: None,
            platform: Platform::current(),
            snapshotter: DEFAULT_SNAPSHOTTER.to_owned(),
            pinned: false,
            now,
        }
    }
}

/// An image that was imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedImage {
    /// Its id for CRI: the digest of its configuration.
    pub id: Digest,
    /// The digest of its manifest.
    pub manifest: Digest,
    /// The names it has now.
    pub names: Vec<String>,
}

/// How long CRI may take to see an image that containerd has.
const VISIBLE_WITHIN: Duration = Duration::from_secs(10);

impl Client {
    /// Imports all images of an archive. See the module's guarantees.
    ///
    /// # Errors
    /// [`ImportError`]: the archive is at fault, or containerd failed. Nothing is left behind that has a name.
    pub async fn import(
        &self,
        source: ArchiveSource,
        options: ImportOptions,
    ) -> Result<Vec<ImportedImage>, ImportError> {
        let source = Arc::new(source);
        let contents = archive::scan(source.clone()).await?;
        let wanted = Wanted {
            name: options.name.clone(),
            platform: options.platform.clone(),
        };
        let plans = plan::plan(&contents, &wanted)?;
        let lease = Lease::create(self, options.now).await?;
        let store = Store::new(self, &lease);
        let result = write(&store, source, &plans, &options).await;
        // On failure this lets go of all that was written; on success the images hold it.
        lease.end().await;
        result?;
        let mut imported = Vec::new();
        for plan in plans {
            self.await_image(&plan).await?;
            imported.push(plan.into_imported());
        }
        Ok(imported)
    }

    /// CRI's own list follows containerd's by an event: wait until it shows the image.
    async fn await_image(&self, plan: &ImagePlan) -> Result<(), ImportError> {
        let id = plan.config.digest.to_string();
        let look = async {
            let mut wait = Duration::from_millis(1);
            for name in &plan.names {
                while self.image_status(name).await?.is_none_or(|image| image.id != id) {
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(Duration::from_millis(100));
                }
            }
            Ok(())
        };
        match tokio::time::timeout(VISIBLE_WITHIN, look).await {
            Ok(seen) => seen,
            Err(_) => Err(ImportError::NotVisible {
                name: plan.names.join(", "),
                after: VISIBLE_WITHIN,
            }),
        }
    }
}

async fn write(
    store: &Store<'_>,
    source: Arc<ArchiveSource>,
    plans: &[ImagePlan],
    options: &ImportOptions,
) -> Result<(), ImportError> {
    let mut blobs = BTreeMap::new();
    for plan in plans {
        for blob in plan.blobs_in_archive() {
            blobs.insert(blob.path.clone(), blob.clone());
        }
    }
    feed::stream_blobs(store, source, blobs).await?;
    for plan in plans {
        store.put(&plan.config, &plan.config_bytes).await?;
        store.put(&plan.manifest, &plan.manifest_bytes).await?;
        unpack::unpack(store, &options.snapshotter, plan).await?;
        store
            .label(&plan.config.digest, plan.config_labels(&options.snapshotter))
            .await?;
        store.label(&plan.manifest.digest, plan.manifest_labels()).await?;
    }
    // Names last: from here on the images can be seen.
    for plan in plans {
        store.name(plan, options.pinned).await?;
    }
    Ok(())
}
