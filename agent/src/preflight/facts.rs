//! What is known about the machine. Plain data: collected on one side, judged on the other.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::PathBuf;

/// Everything that [`super::evaluate()`] looks at.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// `uname -r`.
    pub kernel_release: String,
    /// Kernel features by name.
    pub features: BTreeMap<Feature, Support>,
    /// Sysctls by name; those that the kernel does not have are absent.
    pub sysctls: BTreeMap<String, String>,
    /// Control groups.
    pub cgroups: Cgroups,
    /// Whether process 1 is systemd.
    pub systemd: bool,
    /// Active swap devices and files.
    pub swap: Vec<String>,
    /// The effective capabilities of this process as the kernel's bit set.
    pub capabilities: u64,
    /// Whether the kernel's clock is disciplined by a time service; `None` if that cannot be told.
    pub clock_synchronised: Option<bool>,
    /// The machine's name.
    pub hostname: String,
    /// File systems that a node fills.
    pub disks: Vec<Disk>,
    /// Ports that the node will listen on.
    pub ports: Vec<Port>,
    /// Who else writes packet filter rules.
    pub firewall: Firewall,
    /// Nameservers of the machine's resolv.conf.
    pub nameservers: Vec<IpAddr>,
    /// Network configurations in the CNI directory that are not the node's own.
    pub foreign_cni: Vec<String>,
    /// The container runtime.
    pub runtime: RuntimeFacts,
}

/// Kernel features that pods and services need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Feature {
    /// Mount, process, network, IPC and host name namespaces.
    Namespaces,
    /// User namespaces, for `hostUsers: false`.
    UserNamespaces,
    /// The overlay file system.
    Overlayfs,
    /// Pairs of virtual Ethernet devices.
    Veth,
    /// The software bridge.
    Bridge,
    /// The overlay between nodes.
    Vxlan,
    /// nftables.
    Nftables,
    /// Bridged traffic that passes packet filter rules.
    BridgeNetfilter,
    /// Connection tracking.
    Conntrack,
    /// System call filters.
    Seccomp,
}

/// Whether a feature is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// It works.
    Present,
    /// The kernel refused it or does not have it.
    Missing,
    /// It could not be tried, for want of privileges.
    Unknown,
}

/// Which cgroup hierarchy the machine has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CgroupVersion {
    /// None is mounted.
    #[default]
    None,
    /// Version 1, perhaps with an empty version 2 hierarchy beside it.
    V1,
    /// Version 2.
    V2,
}

/// Control groups.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cgroups {
    /// The hierarchy that has the controllers.
    pub version: CgroupVersion,
    /// Controllers that are enabled.
    pub controllers: BTreeSet<String>,
}

/// A file system that the node fills. Sizes in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// The directory that was asked about, or its nearest parent that exists.
    pub path: PathBuf,
    /// What it holds, such as "images".
    pub holds: &'static str,
    /// Size of the file system.
    pub size: u64,
    /// Bytes that are free to the node.
    pub free: u64,
    /// Share of inodes that is free, in percent; 100 for file systems without a fixed number.
    pub free_inodes_percent: u64,
}

/// A port that the node will listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// TCP port.
    pub number: u16,
    /// What listens there, such as "kubelet API".
    pub purpose: &'static str,
    /// Who has it now.
    pub taken: Option<Holder>,
}

/// The process behind a port.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holder {
    /// Process id, when the process could be found.
    pub pid: Option<u32>,
    /// The process's name, when it could be found.
    pub name: Option<String>,
}

/// Who else writes packet filter rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Firewall {
    /// firewalld runs.
    pub firewalld: bool,
    /// ufw is enabled.
    pub ufw: bool,
    /// Tables of the old iptables interface that are loaded.
    pub legacy_tables: Vec<String>,
    /// Tables of nftables as `family name`; `None` if they could not be listed.
    pub nft_tables: Option<Vec<String>>,
}

/// The container runtime.
#[derive(Debug, Clone, Default)]
pub struct RuntimeFacts {
    /// The socket that was asked.
    pub socket: PathBuf,
    /// Whether a `containerd` program is installed.
    pub installed: bool,
    /// What the runtime said, or why it said nothing.
    pub answer: Option<Result<Runtime, RuntimeTrouble>>,
}

/// A runtime that answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Runtime {
    /// Its name, such as `containerd`.
    pub name: String,
    /// Its version, such as `v2.0.1` or `1.6.20~ds1`.
    pub version: String,
    /// Conditions that are not true: type, reason and message.
    pub unmet: Vec<(String, String, String)>,
    /// Whether it makes cgroups through systemd; `None` if it does not say.
    pub systemd_cgroups: Option<bool>,
    /// Names of its runtime handlers; the default one is the empty name.
    pub handlers: Vec<String>,
}

/// Why a runtime does not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuntimeTrouble {
    /// There is no such socket.
    SocketMissing,
    /// Nobody listens on the socket.
    Refused,
    /// This user may not use the socket.
    Forbidden,
    /// It listens but its CRI plugin is off; the file that says so, if one was found.
    CriDisabled(Option<PathBuf>),
    /// Anything else, in the error's words.
    Other(String),
}
