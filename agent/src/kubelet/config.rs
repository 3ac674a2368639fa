//! What a node has to be told before it starts. Everything that tests want elsewhere is an input here.

use std::net::IpAddr;
use std::path::PathBuf;

/// Settings of one node process; paths are absolute.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// Name of this node: the suffix of static pods' names, and what `spec.nodeName` says.
    pub node_name: String,
    /// Socket of the CRI runtime, as a path or with `unix://` in front.
    pub runtime_endpoint: String,
    /// The kubelet's own files: `/var/lib/kubelet`.
    pub root_dir: PathBuf,
    /// Pod logs: `/var/log/pods`.
    pub pod_log_dir: PathBuf,
    /// Links with one name per container, which log collectors follow: `/var/log/containers`.
    pub container_log_dir: PathBuf,
    /// Where the cgroup hierarchy is mounted: `/sys/fs/cgroup`.
    pub cgroup_mount: PathBuf,
    /// Parent of every pod's cgroup, inside the hierarchy: `/kubepods`.
    pub cgroup_root: String,
    /// resolv.conf for pods with DNS policy `Default`, and for all others while there is no cluster DNS.
    pub resolv_conf: PathBuf,
    /// Addresses of the cluster's DNS service; empty on a standalone node.
    pub cluster_dns: Vec<IpAddr>,
    /// The cluster's domain: `cluster.local`.
    pub cluster_domain: String,
    /// Address reported as `status.hostIP`; `None` leaves the field out.
    pub node_ip: Option<IpAddr>,
    /// Unix socket that answers `GET /pods` and `GET /healthz`; `None` serves nothing.
    pub status_socket: Option<PathBuf>,
}

impl NodeConfig {
    /// The standard places of a Kubernetes node, for the node `node_name`.
    #[must_use]
    pub fn standard(node_name: impl Into<String>) -> Self {
        Self {
            node_name: node_name.into(),
            runtime_endpoint: "/run/containerd/containerd.sock".into(),
            root_dir: "/var/lib/kubelet".into(),
            pod_log_dir: "/var/log/pods".into(),
            container_log_dir: "/var/log/containers".into(),
            cgroup_mount: "/sys/fs/cgroup".into(),
            cgroup_root: "/kubepods".into(),
            resolv_conf: "/etc/resolv.conf".into(),
            cluster_dns: Vec::new(),
            cluster_domain: "cluster.local".into(),
            node_ip: None,
            status_socket: Some("/run/agent/node.sock".into()),
        }
    }
}
