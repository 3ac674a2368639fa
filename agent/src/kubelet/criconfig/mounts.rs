//! Where a container's mounts come from. Volumes are prepared by the executor before the sandbox is run.

use std::path::{Path, PathBuf};

use cri::v1::{Mount, MountPropagation};
use k8s_openapi::api::core::v1::{Container, Pod, Volume, VolumeMount};

use crate::kubelet::podspec;

/// Why a volume cannot be prepared or mounted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum VolumeError {
    /// Only a later version can: bad input for this one.
    #[error(
        "MountVolume.SetUp failed for volume \"{volume}\" : {kind} volumes are not supported by this version"
    )]
    Unsupported {
        /// Its name in the spec.
        volume: String,
        /// Its kind.
        kind: String,
    },
    /// The preparation failed; tried again.
    #[error("MountVolume.SetUp failed for volume \"{volume}\" : {why}")]
    Failed {
        /// Its name in the spec.
        volume: String,
        /// What went wrong.
        why: String,
    },
}

/// The directory of a pod under the kubelet's root.
pub(crate) fn pod_dir(root: &Path, uid: &str) -> PathBuf {
    root.join("pods").join(uid)
}

/// The directory on the host that `volume` is mounted from.
///
/// # Errors
/// The volume's kind comes with a later version.
pub(crate) fn host_path(root: &Path, uid: &str, volume: &Volume) -> Result<PathBuf, VolumeError> {
    if let Some(host) = &volume.host_path {
        return Ok(PathBuf::from(&host.path));
    }
    if volume.empty_dir.is_some() || kind(volume).is_none() {
        // A volume that names no kind is an emptyDir.
        return Ok(pod_dir(root, uid)
            .join("volumes/kubernetes.io~empty-dir")
            .join(&volume.name));
    }
    Err(VolumeError::Unsupported {
        volume: volume.name.clone(),
        kind: kind(volume).unwrap_or_default(),
    })
}

/// The field that says what `volume` is, other than its name.
fn kind(volume: &Volume) -> Option<String> {
    let value = serde_json::to_value(volume).ok()?;
    value.as_object()?.keys().find(|key| *key != "name").cloned()
}

/// Mounts of the volumes that `container` names.
///
/// # Errors
/// A mount names no volume, or wants what a later version brings.
pub(super) fn of_volumes(
    pod: &Pod,
    uid: &str,
    container: &Container,
    root: &Path,
) -> Result<Vec<Mount>, String> {
    let volumes = podspec::spec(pod).volumes.as_deref().unwrap_or_default();
    let mut mounts = Vec::new();
    for mount in container.volume_mounts.iter().flatten() {
        let volume = volumes.iter().find(|v| v.name == mount.name).ok_or_else(|| {
            format!(
                "cannot find volume \"{}\" to mount into container \"{}\"",
                mount.name, container.name
            )
        })?;
        if mount.sub_path.is_some() || mount.sub_path_expr.is_some() {
            return Err(format!(
                "subPath of volume mount \"{}\" is not supported by this version",
                mount.name
            ));
        }
        let host_path = host_path(root, uid, volume).map_err(|error| error.to_string())?;
        mounts.push(Mount {
            container_path: mount.mount_path.clone(),
            host_path: host_path.to_string_lossy().into_owned(),
            readonly: mount.read_only == Some(true),
            propagation: propagation(mount).into(),
            recursive_read_only: recursive(mount),
            ..Default::default()
        });
    }
    Ok(mounts)
}

fn propagation(mount: &VolumeMount) -> MountPropagation {
    match mount.mount_propagation.as_deref() {
        Some("Bidirectional") => MountPropagation::PropagationBidirectional,
        Some("HostToContainer") => MountPropagation::PropagationHostToContainer,
        _ => MountPropagation::PropagationPrivate,
    }
}

fn recursive(mount: &VolumeMount) -> bool {
    mount.read_only == Some(true) && mount.recursive_read_only.as_deref() == Some("Enabled")
}

/// Whether the container brings its own /etc/hosts.
pub(crate) fn mounts_hosts(container: &Container) -> bool {
    container
        .volume_mounts
        .iter()
        .flatten()
        .any(|m| m.mount_path == "/etc/hosts")
}

/// A mount of the file `from` at `to`, both absolute.
pub(super) fn file(from: &Path, to: &str) -> Mount {
    Mount {
        container_path: to.into(),
        host_path: from.to_string_lossy().into_owned(),
        ..Default::default()
    }
}
