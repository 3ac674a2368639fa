//! The pod's own directory under the kubelet's root: hosts file, last words, volumes; and its removal.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::Pod;

use super::{logs, volumes};
use crate::kubelet::config::NodeConfig;
use crate::kubelet::criconfig::{self, NodeFacts};
use crate::kubelet::pod_id::PodId;
use crate::kubelet::podspec;

/// First line of a hosts file that the node writes.
const HOSTS_HEAD: &str = "# Kubernetes-managed hosts file.\n";
/// The same on the host's network.
const HOSTS_HEAD_HOST: &str = "# Kubernetes-managed hosts file (host network).\n";
/// What every hosts file begins with.
const HOSTS_LOCAL: &str = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\n\
                           fe00::0\tip6-mcastprefix\nfe00::1\tip6-allnodes\nfe00::2\tip6-allrouters\n";

/// The pod's directory.
pub(super) fn pod_dir(config: &NodeConfig, id: &PodId) -> PathBuf {
    criconfig::pod_dir(&config.root_dir, id.uid.as_str())
}

fn named(path: &Path, what: &str) -> impl Fn(std::io::Error) -> String {
    let text = format!("{what} {}", path.display());
    move |error| format!("{text}: {error}")
}

/// Makes the pod's directories. Others may not look into them.
pub(super) fn prepare(config: &NodeConfig, id: &PodId) -> Result<(), String> {
    let dir = pod_dir(config, id);
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o750);
    for part in ["volumes", "plugins", "containers"] {
        let path = dir.join(part);
        builder.create(&path).map_err(named(&path, "make"))?;
    }
    let logs = logs::pod_dir(config, id);
    fs::create_dir_all(&logs).map_err(named(&logs, "make"))
}

/// Writes the pod's hosts file, unless it says the same already, and gives its path.
///
/// It is written in place, not replaced: containers have mounted the file itself.
pub(super) fn write_hosts(
    pod: &Pod,
    id: &PodId,
    ips: &[String],
    node: &NodeFacts,
) -> Result<PathBuf, String> {
    let path = pod_dir(&node.config, id).join("etc-hosts");
    let text = hosts(pod, id, ips, node);
    if fs::read(&path).is_ok_and(|there| there == text.as_bytes()) {
        return Ok(path);
    }
    fs::write(&path, text).map_err(named(&path, "write"))?;
    fs::set_permissions(&path, Permissions::from_mode(0o644)).map_err(named(&path, "write"))?;
    Ok(path)
}

fn hosts(pod: &Pod, id: &PodId, ips: &[String], node: &NodeFacts) -> String {
    let spec = podspec::spec(pod);
    let mut text = String::new();
    if spec.host_network == Some(true) {
        text.push_str(HOSTS_HEAD_HOST);
        text.push_str(&fs::read_to_string("/etc/hosts").unwrap_or_else(|_| HOSTS_LOCAL.into()));
    } else {
        text.push_str(HOSTS_HEAD);
        text.push_str(HOSTS_LOCAL);
        let hostname = criconfig::hostname(pod, id, node);
        for ip in ips {
            match criconfig::domain(pod, id, node) {
                Some(domain) if !hostname.ends_with(&domain) => {
                    text.push_str(&format!("{ip}\t{hostname}.{domain}\t{hostname}\n"));
                }
                _ => text.push_str(&format!("{ip}\t{hostname}\n")),
            }
        }
    }
    if let Some(aliases) = spec.host_aliases.as_deref().filter(|a| !a.is_empty()) {
        text.push_str("\n# Entries added by HostAliases.\n");
        for alias in aliases {
            let names = alias.hostnames.as_deref().unwrap_or_default().join("\t");
            text.push_str(&format!("{}\t{names}\n", alias.ip));
        }
    }
    text
}

/// Makes the file that takes a container's last words; each attempt gets its own.
pub(super) fn new_message_file(config: &NodeConfig, id: &PodId, container: &str) -> Result<PathBuf, String> {
    let dir = pod_dir(config, id).join("containers").join(container);
    DirBuilder::new()
        .recursive(true)
        .mode(0o750)
        .create(&dir)
        .map_err(named(&dir, "make"))?;
    let path = dir.join(format!("{:08x}", fastrand::u32(..)));
    File::options()
        .write(true)
        .create_new(true)
        .custom_flags(libc::O_NOFOLLOW)
        .open(&path)
        .and_then(|file| file.set_permissions(Permissions::from_mode(0o666)))
        .map_err(named(&path, "make"))?;
    Ok(path)
}

/// Removes everything that the node made for a pod of which the runtime has nothing left. May be repeated.
pub(super) fn clean_up(config: &NodeConfig, id: &PodId) -> Result<(), String> {
    let dir = pod_dir(config, id);
    volumes::unmount_below(&dir)?;
    remove_dir(&dir)?;
    let log_dir = logs::pod_dir(config, id);
    logs::remove_links_into(&config.container_log_dir, &log_dir);
    remove_dir(&log_dir)?;
    remove_cgroups(config, id.uid.as_str());
    Ok(())
}

fn remove_dir(dir: &Path) -> Result<(), String> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(named(dir, "remove")(error)),
        _ => Ok(()),
    }
}

/// Removes the pod's cgroups, in every hierarchy and class of service. The runtime made them and leaves the
/// parents of its containers behind. A cgroup with processes refuses, which is right.
pub(super) fn remove_cgroups(config: &NodeConfig, uid: &str) {
    let root = config.cgroup_root.trim_matches('/');
    let hierarchies = fs::read_dir(&config.cgroup_mount)
        .into_iter()
        .flatten()
        .flatten()
        .map(|e| e.path());
    for hierarchy in std::iter::once(config.cgroup_mount.clone()).chain(hierarchies) {
        for class in ["", "burstable", "besteffort"] {
            remove_cgroup(&hierarchy.join(root).join(class).join(format!("pod{uid}")));
        }
    }
}

fn remove_cgroup(path: &Path) {
    let Ok(entries) = fs::read_dir(path) else {
        return;
    };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_cgroup(&entry.path());
        }
    }
    let _ = fs::remove_dir(path);
}
