//! Images that the node brings itself: the pause image under the names by which the runtime looks for it.
//!
//! Purpose: no pod's start waits for a registry. The runtime makes a sandbox from the image that *its* configuration
//! names; that name is found out and, where no such image is present, given to our own.
//!
//! Invariants: an image that is present is never replaced.
//!
//! Out of scope: pulling and removing pods' images (pod workers).

mod pause_names;

use std::time::SystemTime;

use cri::Client;
use cri::import::{ArchiveSource, DEFAULT_SNAPSHOTTER, ImportError, ImportOptions};

pub use pause_names::{missing_sandbox_image, sandbox_images};

use crate::pause;

/// Why the pause image could not be provided.
#[derive(Debug, thiserror::Error)]
pub enum PauseError {
    /// The runtime failed a call; try again.
    #[error("look for the pause image")]
    Look(#[source] cri::Error),
    /// The import failed; try again.
    #[error("import the pause image")]
    Import(#[source] ImportError),
    /// Our own archive is at fault, which a test rules out.
    #[error("make the pause image")]
    Archive(#[source] cri::oci_archive::ArchiveError),
}

/// What the runtime's configuration says about images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSettings {
    /// Names under which the runtime may look for the sandbox image.
    pub sandbox_images: Vec<String>,
    /// Where images are unpacked.
    pub snapshotter: String,
}

/// Asks the runtime for its settings. `config_file` is the text of containerd's configuration, which containerd 2
/// has to be read from because its status does not tell.
///
/// # Errors
/// When the runtime does not answer.
pub async fn settings(client: &Client, config_file: Option<&str>) -> Result<ImageSettings, cri::Error> {
    let status = client.status(true).await?;
    let info = status
        .info
        .get("config")
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    Ok(ImageSettings {
        sandbox_images: sandbox_images(&info, config_file),
        snapshotter: snapshotter(&info, config_file),
    })
}

/// Imports the pause image under its own name and every one of the runtime's names that no image has, and returns
/// the names that were given.
///
/// # Errors
/// [`PauseError`]; nothing half imported is left.
pub async fn provide_pause(
    client: &Client,
    settings: &ImageSettings,
    now: SystemTime,
) -> Result<Vec<String>, PauseError> {
    let own = [pause::IMAGE.to_owned()];
    let mut missing = Vec::new();
    for name in own.iter().chain(&settings.sandbox_images) {
        if client
            .image_status(name)
            .await
            .map_err(PauseError::Look)?
            .is_none()
        {
            missing.push(name.clone());
        }
    }
    if missing.is_empty() {
        return Ok(missing);
    }
    let archive = pause::archive(&missing).map_err(PauseError::Archive)?;
    let options = ImportOptions {
        snapshotter: settings.snapshotter.clone(),
        pinned: true,
        ..ImportOptions::at(now)
    };
    let source = ArchiveSource::Bytes("pause image", archive.into());
    client.import(source, options).await.map_err(PauseError::Import)?;
    Ok(missing)
}

/// Gives the pause image the name that a failed `RunPodSandbox` was looking for; returns the names that were given.
///
/// # Errors
/// As [`provide_pause`].
pub async fn provide_pause_as(
    client: &Client,
    name: &str,
    now: SystemTime,
) -> Result<Vec<String>, PauseError> {
    let known = settings(client, None).await.map_err(PauseError::Look)?;
    let settings = ImageSettings {
        sandbox_images: vec![name.to_owned()],
        ..known
    };
    provide_pause(client, &settings, now).await
}

/// containerd 1.x tells its snapshotter, containerd 2 has it in its file; else it is the default.
fn snapshotter(info: &serde_json::Value, config_file: Option<&str>) -> String {
    let told = info["containerd"]["snapshotter"].as_str().map(str::to_owned);
    let written = || config_file.and_then(|text| pause_names::setting(text, "snapshotter"));
    told.or_else(written)
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| DEFAULT_SNAPSHOTTER.to_owned())
}
