//! Log directories, and the links under one directory that log collectors follow.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::kubelet::config::NodeConfig;
use crate::kubelet::pod_id::PodId;

/// Longest file name less the suffix.
const LONGEST_NAME: usize = 251;

/// The pod's log directory.
pub(super) fn pod_dir(config: &NodeConfig, id: &PodId) -> PathBuf {
    config.pod_log_dir.join(id.log_dir_name())
}

/// Makes a container's log directory.
pub(super) fn prepare(config: &NodeConfig, id: &PodId, container: &str) -> Result<(), String> {
    let dir = pod_dir(config, id).join(container);
    fs::create_dir_all(&dir).map_err(|error| format!("make the log directory {}: {error}", dir.display()))
}

fn log_file(config: &NodeConfig, id: &PodId, container: &str, attempt: u32) -> PathBuf {
    pod_dir(config, id).join(container).join(format!("{attempt}.log"))
}

/// `<pod>_<namespace>_<container>-<container id>.log`, the name that collectors take apart.
fn link_path(config: &NodeConfig, id: &PodId, container: &str, container_id: &str) -> PathBuf {
    let mut name = format!("{}_{}_{container}-{container_id}", id.name, id.namespace);
    name.truncate(LONGEST_NAME);
    config.container_log_dir.join(format!("{name}.log"))
}

/// Links a container's log file; a link that is there is right, as the id is part of its name.
pub(super) fn link(
    config: &NodeConfig,
    id: &PodId,
    container: &str,
    container_id: &str,
    attempt: u32,
) -> Result<(), String> {
    let link = link_path(config, id, container, container_id);
    let target = log_file(config, id, container, attempt);
    let made = std::os::unix::fs::symlink(&target, &link).or_else(|error| match error.kind() {
        ErrorKind::NotFound => {
            fs::create_dir_all(&config.container_log_dir)?;
            std::os::unix::fs::symlink(&target, &link)
        }
        _ => Err(error),
    });
    match made {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(format!("{}: {error}", link.display())),
        _ => Ok(()),
    }
}

/// Removes the log of one container with its link; what is not there is removed.
pub(super) fn remove(config: &NodeConfig, id: &PodId, container: &str, container_id: &str, attempt: u32) {
    let _ = fs::remove_file(log_file(config, id, container, attempt));
    let _ = fs::remove_file(link_path(config, id, container, container_id));
}

/// Removes every link whose target lies in `dir`.
pub(super) fn remove_links_into(container_log_dir: &Path, dir: &Path) {
    let Ok(entries) = fs::read_dir(container_log_dir) else {
        return;
    };
    for entry in entries.flatten() {
        if fs::read_link(entry.path()).is_ok_and(|target| target.starts_with(dir)) {
            let _ = fs::remove_file(entry.path());
        }
    }
}
