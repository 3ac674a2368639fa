//! Privileges, memory, disks, clock and name of the machine.

use super::super::facts::{CgroupVersion, Disk, Facts};
use super::super::finding::Finding;

/// Bits of the kernel's capability set (include/uapi/linux/capability.h).
const CAP_NET_ADMIN: u64 = 1 << 12;
const CAP_SYS_ADMIN: u64 = 1 << 21;
const CAP_SYS_RESOURCE: u64 = 1 << 24;

/// Below this share of free space or inodes the kubelet begins to evict pods (its default `nodefs.available`).
const EVICTION_PERCENT: u64 = 10;
/// With less free space than this a node cannot hold a usual image.
const LEAST_FREE: u64 = 1 << 30;

pub(super) fn evaluate(facts: &Facts) -> Vec<Finding> {
    let mut findings = vec![privileges(facts.capabilities), swap(facts)];
    findings.extend(facts.disks.iter().map(disk));
    findings.push(clock(facts.clock_synchronised));
    findings.push(hostname(&facts.hostname));
    findings.push(process_ids(facts));
    findings.push(inotify(facts));
    findings
}

fn privileges(capabilities: u64) -> Finding {
    const ID: &str = "machine.privileges";
    if capabilities & CAP_SYS_ADMIN == 0 || capabilities & CAP_NET_ADMIN == 0 {
        let message = "the privileges of a node are missing (CAP_SYS_ADMIN, CAP_NET_ADMIN)";
        return Finding::failure(ID, message, "run as root: sudo agent check");
    }
    if capabilities & CAP_SYS_RESOURCE == 0 {
        return Finding::warning(
            ID,
            "CAP_SYS_RESOURCE is absent: processes keep their oom_score_adj, so under memory pressure the kernel may \
             choose a more important one",
            "grant the capability; where that cannot be, set restrict_oom_score_adj = true in containerd's config",
        );
    }
    Finding::ok(ID, "privileges of a node")
}

fn swap(facts: &Facts) -> Finding {
    const ID: &str = "machine.swap";
    if facts.swap.is_empty() {
        return Finding::ok(ID, "no swap");
    }
    let limits = match facts.cgroups.version {
        CgroupVersion::V2 => "pods do not use it unless the node is configured to",
        _ => "cgroup version 1 cannot keep pods from using it beyond their memory limits",
    };
    let message = format!("swap is on ({}): {limits}", facts.swap.join(", "));
    Finding::warning(
        ID,
        message,
        "swapoff -a, and remove the swap lines from /etc/fstab",
    )
}

fn disk(disk: &Disk) -> Finding {
    const ID: &str = "machine.disk";
    let percent = (disk.free * 100).checked_div(disk.size).unwrap_or(100);
    let place = format!("{} ({})", disk.path.display(), disk.holds);
    let free = format!("{} free, {percent} %", size(disk.free));
    let fix = "free space there, or move the directory to a larger file system";
    if disk.free < LEAST_FREE {
        Finding::failure(ID, format!("{place}: {free}: too little to start"), fix)
    } else if percent < EVICTION_PERCENT {
        Finding::warning(
            ID,
            format!("{place}: {free}: below {EVICTION_PERCENT} % pods are evicted"),
            fix,
        )
    } else if disk.free_inodes_percent < EVICTION_PERCENT {
        Finding::warning(
            ID,
            format!(
                "{place}: only {} % of the inodes are free",
                disk.free_inodes_percent
            ),
            fix,
        )
    } else {
        Finding::ok(ID, format!("{place}: {free}"))
    }
}

/// Bytes for people, in binary units.
fn size(bytes: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20)];
    let (unit, factor) = UNITS
        .into_iter()
        .find(|(_, factor)| bytes >= *factor)
        .unwrap_or(("MiB", 1 << 20));
    let tenths = bytes.saturating_mul(10) / factor;
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

fn clock(synchronised: Option<bool>) -> Finding {
    const ID: &str = "machine.clock";
    match synchronised {
        Some(true) => Finding::ok(ID, "clock is synchronised"),
        Some(false) => Finding::warning(
            ID,
            "clock is not synchronised: certificates and tokens of a cluster may look expired or not yet valid",
            "apt-get install systemd-timesyncd && timedatectl set-ntp true (or chrony)",
        ),
        None => Finding::warning(
            ID,
            "cannot tell whether the clock is synchronised",
            "timedatectl status",
        ),
    }
}

fn hostname(name: &str) -> Finding {
    const ID: &str = "machine.hostname";
    let lower = name.to_lowercase();
    let fix =
        "hostnamectl set-hostname NAME, or start the node with --node-name NAME (letters, digits, - and .)";
    if !is_dns_subdomain(&lower) {
        Finding::failure(ID, format!("host name {name:?} cannot be a node's name"), fix)
    } else if lower == "localhost" {
        Finding::warning(
            ID,
            "host name is \"localhost\": another node may have the same",
            fix,
        )
    } else {
        Finding::ok(ID, format!("node name {lower:?}"))
    }
}

/// RFC 1123: parts of letters, digits and inner dashes, joined by dots, 253 characters at most.
fn is_dns_subdomain(name: &str) -> bool {
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let part = |part: &str| {
        part.starts_with(edge)
            && part.ends_with(edge)
            && part.chars().all(|c| edge(c) || c == '-')
            && part.len() <= 63
    };
    name.len() <= 253 && name.split('.').all(part)
}

fn number(facts: &Facts, sysctl: &str) -> Option<u64> {
    facts.sysctls.get(sysctl)?.trim().parse().ok()
}

fn process_ids(facts: &Facts) -> Finding {
    const ID: &str = "machine.pid-max";
    match number(facts, "kernel.pid_max") {
        Some(max) if max < 32_768 => Finding::warning(
            ID,
            format!("kernel.pid_max is {max}: 110 pods need more processes"),
            persist("kernel.pid_max=4194304"),
        ),
        Some(max) => Finding::ok(ID, format!("kernel.pid_max is {max}")),
        None => Finding::warning(ID, "kernel.pid_max cannot be read", "sysctl kernel.pid_max"),
    }
}

fn inotify(facts: &Facts) -> Finding {
    const ID: &str = "machine.inotify";
    let instances = number(facts, "fs.inotify.max_user_instances");
    let watches = number(facts, "fs.inotify.max_user_watches");
    match (instances, watches) {
        (Some(instances), Some(watches)) if instances >= 128 && watches >= 8192 => Finding::ok(
            ID,
            format!("inotify limits: {instances} instances, {watches} watches"),
        ),
        (Some(instances), Some(watches)) => Finding::warning(
            ID,
            format!("inotify limits are low: {instances} instances, {watches} watches; pods share them"),
            persist("fs.inotify.max_user_instances=8192 fs.inotify.max_user_watches=524288"),
        ),
        _ => Finding::warning(ID, "inotify limits cannot be read", "sysctl fs.inotify"),
    }
}

/// The command that sets sysctls now and at every boot.
pub(super) fn persist(settings: &str) -> String {
    let lines = settings.replace(' ', "\\n");
    format!("printf '{lines}\\n' >> /etc/sysctl.d/90-agent.conf && sysctl --system")
}
