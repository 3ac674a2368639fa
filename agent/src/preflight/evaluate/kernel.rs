//! Kernel version, features and control groups.

use super::super::facts::{CgroupVersion, Facts, Feature, Support};
use super::super::finding::Finding;

/// The oldest kernel whose behaviour the node counts on; kubeadm's limit too.
const OLDEST: (u32, u32) = (4, 19);
/// Older kernels cannot do all that the nftables service backend writes.
const OLDEST_FOR_NFTABLES: (u32, u32) = (5, 13);

/// Controllers without which a pod cannot be limited.
const NEEDED_CONTROLLERS: [&str; 4] = ["cpu", "cpuset", "memory", "pids"];

pub(super) fn evaluate(facts: &Facts) -> Vec<Finding> {
    let mut findings = vec![version(&facts.kernel_release)];
    findings.extend(FEATURES.iter().map(|row| feature(facts, row)));
    findings.extend(cgroups(facts));
    findings
}

fn version(release: &str) -> Finding {
    const ID: &str = "kernel.version";
    let mut numbers = release
        .split(|c: char| !c.is_ascii_digit())
        .map(|part| part.parse::<u32>().unwrap_or(0));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if version < OLDEST {
        let fix = "install a newer kernel of your distribution and reboot";
        Finding::failure(
            ID,
            format!("kernel {release} is older than {}.{}", OLDEST.0, OLDEST.1),
            fix,
        )
    } else if version < OLDEST_FOR_NFTABLES {
        let message =
            format!("kernel {release} is too old for the nftables service backend, which needs 5.13");
        Finding::warning(ID, message, "use the iptables backend, or a newer kernel")
    } else {
        Finding::ok(ID, format!("kernel {release}"))
    }
}

/// A feature's id, what it is for, how serious its absence is, and the module that brings it.
struct Row {
    feature: Feature,
    id: &'static str,
    what: &'static str,
    needed: bool,
    module: Option<&'static str>,
}

const fn row(
    feature: Feature,
    id: &'static str,
    what: &'static str,
    needed: bool,
    module: Option<&'static str>,
) -> Row {
    Row {
        feature,
        id,
        what,
        needed,
        module,
    }
}

const FEATURES: [Row; 10] = [
    row(
        Feature::Namespaces,
        "kernel.namespaces",
        "namespaces (mnt, pid, net, ipc, uts)",
        true,
        None,
    ),
    row(
        Feature::UserNamespaces,
        "kernel.user-namespaces",
        "user namespaces (hostUsers: false)",
        false,
        None,
    ),
    row(
        Feature::Overlayfs,
        "kernel.overlayfs",
        "overlay file system",
        true,
        Some("overlay"),
    ),
    row(
        Feature::Seccomp,
        "kernel.seccomp",
        "system call filters (seccomp)",
        false,
        None,
    ),
    row(
        Feature::Veth,
        "kernel.veth",
        "virtual Ethernet pairs (veth)",
        true,
        Some("veth"),
    ),
    row(
        Feature::Bridge,
        "kernel.bridge",
        "network bridge",
        true,
        Some("bridge"),
    ),
    row(
        Feature::Vxlan,
        "kernel.vxlan",
        "vxlan (network between nodes)",
        false,
        Some("vxlan"),
    ),
    row(
        Feature::Nftables,
        "kernel.nftables",
        "nftables",
        true,
        Some("nf_tables"),
    ),
    row(
        Feature::Conntrack,
        "kernel.conntrack",
        "connection tracking",
        true,
        Some("nf_conntrack"),
    ),
    row(
        Feature::BridgeNetfilter,
        "kernel.br-netfilter",
        "rules for bridged traffic",
        true,
        Some("br_netfilter"),
    ),
];

fn feature(facts: &Facts, row: &Row) -> Finding {
    let fix = match row.module {
        Some(module) => format!("modprobe {module} && echo {module} >> /etc/modules-load.d/agent.conf"),
        None => "use a kernel that is built with it; distributions' standard kernels are".to_owned(),
    };
    match facts
        .features
        .get(&row.feature)
        .copied()
        .unwrap_or(Support::Unknown)
    {
        Support::Present => Finding::ok(row.id, row.what),
        Support::Unknown => Finding::warning(
            row.id,
            format!("{}: not checked", row.what),
            "run the check as root",
        ),
        Support::Missing if row.needed => Finding::failure(row.id, format!("{} missing", row.what), fix),
        Support::Missing => Finding::warning(row.id, format!("{} missing", row.what), fix),
    }
}

fn cgroups(facts: &Facts) -> Vec<Finding> {
    const ID: &str = "kernel.cgroups";
    let findings = match facts.cgroups.version {
        CgroupVersion::None => {
            return vec![Finding::failure(
                ID,
                "no cgroup hierarchy is mounted",
                "mount -t cgroup2 cgroup2 /sys/fs/cgroup (systemd does this at boot)",
            )];
        }
        CgroupVersion::V1 => Finding::warning(
            ID,
            "cgroup version 1: works, without memory QoS, swap limits and pressure information",
            "boot with systemd.unified_cgroup_hierarchy=1 on the kernel command line",
        ),
        CgroupVersion::V2 => Finding::ok(ID, "cgroup version 2"),
    };
    let missing: Vec<&str> = NEEDED_CONTROLLERS
        .into_iter()
        .filter(|name| !facts.cgroups.controllers.contains(*name))
        .collect();
    let controllers = if missing.is_empty() {
        Finding::ok(
            "kernel.cgroup-controllers",
            format!("cgroup controllers {}", NEEDED_CONTROLLERS.join(", ")),
        )
    } else {
        let fix = match missing.contains(&"memory") {
            true => "add cgroup_enable=memory to the kernel command line and reboot",
            false => {
                "enable them in the root cgroup: echo '+cpu +cpuset +memory +pids' > \
                      /sys/fs/cgroup/cgroup.subtree_control"
            }
        };
        let message = format!("cgroup controllers missing: {}", missing.join(", "));
        Finding::failure("kernel.cgroup-controllers", message, fix)
    };
    vec![findings, controllers]
}
