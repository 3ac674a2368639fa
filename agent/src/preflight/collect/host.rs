//! Facts that are read from files.

use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;
use std::path::Path;

use super::super::facts::{CgroupVersion, Cgroups, Disk};

/// The sysctls that the check judges.
const SYSCTLS: [&str; 7] = [
    "net.ipv4.ip_forward",
    "net.bridge.bridge-nf-call-iptables",
    "net.ipv4.conf.all.rp_filter",
    "net.ipv4.conf.default.rp_filter",
    "fs.inotify.max_user_instances",
    "fs.inotify.max_user_watches",
    "kernel.pid_max",
];

fn text(path: impl AsRef<Path>) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

pub(super) fn kernel_release(proc: &Path) -> String {
    text(proc.join("sys/kernel/osrelease")).trim().to_owned()
}

pub(super) fn hostname(proc: &Path) -> String {
    text(proc.join("sys/kernel/hostname")).trim().to_owned()
}

pub(super) fn sysctls(proc: &Path) -> BTreeMap<String, String> {
    let read = |name: &str| {
        let value = fs::read_to_string(proc.join("sys").join(name.replace('.', "/"))).ok()?;
        Some((name.to_owned(), value.trim().to_owned()))
    };
    SYSCTLS.into_iter().filter_map(read).collect()
}

/// Version 2 if its hierarchy is mounted where tools look for it, else version 1 if that has controllers.
pub(super) fn cgroups(proc: &Path, sys: &Path) -> Cgroups {
    if let Ok(controllers) = fs::read_to_string(sys.join("fs/cgroup/cgroup.controllers")) {
        let controllers = controllers.split_whitespace().map(str::to_owned).collect();
        return Cgroups {
            version: CgroupVersion::V2,
            controllers,
        };
    }
    // Columns: name, hierarchy, number of cgroups, enabled. Hierarchy 0 means "not mounted as version 1".
    let controllers: Vec<String> = text(proc.join("cgroups"))
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let columns: Vec<&str> = line.split_whitespace().collect();
            match columns[..] {
                [name, hierarchy, _, "1"] if hierarchy != "0" => Some(name.to_owned()),
                _ => None,
            }
        })
        .collect();
    let version = if controllers.is_empty() {
        CgroupVersion::None
    } else {
        CgroupVersion::V1
    };
    Cgroups {
        version,
        controllers: controllers.into_iter().collect(),
    }
}

pub(super) fn swap(proc: &Path) -> Vec<String> {
    let first = |line: &str| line.split_whitespace().next().map(str::to_owned);
    text(proc.join("swaps"))
        .lines()
        .skip(1)
        .filter_map(first)
        .collect()
}

pub(super) fn capabilities(proc: &Path) -> u64 {
    let status = text(proc.join("self/status"));
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    line.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok())
        .unwrap_or(0)
}

/// The file system of `path`, or of its nearest parent that exists; `None` if that cannot be told.
pub(super) fn disk(path: &Path, holds: &'static str) -> Option<Disk> {
    let path = path.ancestors().find(|path| path.exists())?;
    let found = nix::sys::statvfs::statvfs(path).ok()?;
    let block = found.fragment_size();
    let free_inodes_percent = (found.files_available() * 100)
        .checked_div(found.files())
        .unwrap_or(100);
    Some(Disk {
        path: path.to_owned(),
        holds,
        size: found.blocks() * block,
        free: found.blocks_available() * block,
        free_inodes_percent,
    })
}

pub(super) fn nameservers(resolv_conf: &Path) -> Vec<IpAddr> {
    let address = |line: &str| {
        let mut words = line.split_whitespace();
        (words.next() == Some("nameserver"))
            .then(|| words.next()?.parse().ok())
            .flatten()
    };
    text(resolv_conf).lines().filter_map(address).collect()
}

/// Configurations that containerd would use and the node did not write.
pub(super) fn foreign_cni(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| {
            [".conf", ".conflist", ".json"]
                .iter()
                .any(|ending| name.ends_with(ending))
        })
        .filter(|name| name != cni::install::CONFLIST)
        .collect();
    names.sort();
    names
}
