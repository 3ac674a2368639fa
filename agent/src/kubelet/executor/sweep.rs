//! Directories of pods that neither anybody wants nor the runtime knows: left when the node was killed in the
//! middle of a clean-up.

use std::collections::HashSet;
use std::fs;

use super::{files, logs, volumes};
use crate::kubelet::config::NodeConfig;

/// Removes the directories, logs and cgroups of every pod whose uid is not in `known`. Gives their uids.
///
/// What cannot be removed stays for the next start; a mount that is busy is never forced.
pub(crate) fn sweep(config: &NodeConfig, known: &HashSet<String>) -> Vec<String> {
    let mut swept = Vec::new();
    let pods = fs::read_dir(config.root_dir.join("pods"))
        .into_iter()
        .flatten()
        .flatten();
    for dir in pods {
        let uid = dir.file_name().to_string_lossy().into_owned();
        if known.contains(&uid) || volumes::unmount_below(&dir.path()).is_err() {
            continue;
        }
        let _ = fs::remove_dir_all(dir.path());
        files::remove_cgroups(config, &uid);
        swept.push(uid);
    }
    let log_dirs = fs::read_dir(&config.pod_log_dir).into_iter().flatten().flatten();
    for dir in log_dirs {
        let name = dir.file_name().to_string_lossy().into_owned();
        let parts: Vec<&str> = name.split('_').collect();
        // <namespace>_<name>_<uid>; anything else is not ours.
        if let [_, _, uid] = parts[..]
            && !known.contains(uid)
        {
            logs::remove_links_into(&config.container_log_dir, &dir.path());
            let _ = fs::remove_dir_all(dir.path());
            swept.push(uid.to_owned());
        }
    }
    swept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_directories_of_unknown_pods_are_removed() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut config = NodeConfig::standard("n");
        config.root_dir = dir.path().join("kubelet");
        config.pod_log_dir = dir.path().join("logs");
        config.container_log_dir = dir.path().join("links");
        config.cgroup_mount = dir.path().join("cgroup");
        for path in [
            "kubelet/pods/old",
            "kubelet/pods/new",
            "logs/ns_p_old/c",
            "logs/ns_p_new",
            "logs/other",
            "links",
        ] {
            fs::create_dir_all(dir.path().join(path)).expect("made");
        }
        let link = config.container_log_dir.join("p_ns_c-1.log");
        std::os::unix::fs::symlink(config.pod_log_dir.join("ns_p_old/c/0.log"), &link).expect("linked");
        let swept = sweep(&config, &HashSet::from(["new".to_owned()]));
        assert_eq!(swept, ["old", "old"]);
        let left = |path: &str| dir.path().join(path).exists();
        assert!(left("kubelet/pods/new") && left("logs/ns_p_new") && left("logs/other"));
        assert!(!left("kubelet/pods/old") && !left("logs/ns_p_old") && fs::symlink_metadata(link).is_err());
    }
}
