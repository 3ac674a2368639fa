//! The configuration of a control plane, under the reference's flag names.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use ipnet::Ipv4Net;

use crate::serve::limits::Limits;
use crate::store::EtcdOptions;

/// What `agent control-plane` is started with. The defaults are those of the reference where it has them.
#[derive(Debug, Clone)]
pub struct Config {
    /// `--bind-address`.
    pub bind_address: IpAddr,
    /// `--secure-port`; 0 lets the system choose.
    pub secure_port: u16,
    /// `--advertise-address`: what other machines reach this server by.
    pub advertise_address: Option<IpAddr>,
    /// `--data-dir`: where the embedded store keeps its file.
    pub data_dir: PathBuf,
    /// `--cert-dir`: keys and certificates, made if missing.
    pub cert_dir: PathBuf,
    /// Where the administrator's kubeconfig is written.
    pub admin_kubeconfig: Option<PathBuf>,
    /// `--etcd-servers` and the files that go with it: an external store instead of the embedded one.
    pub etcd: Option<EtcdOptions>,
    /// `--service-cluster-ip-range`.
    pub service_cluster_ip_range: Ipv4Net,
    /// `--service-node-port-range`.
    pub service_node_port_range: RangeInclusive<u16>,
    /// Names and addresses that the serving certificate must hold besides the standard ones.
    pub server_names: Vec<String>,
    /// DNS domain of the cluster.
    pub cluster_domain: String,
    /// Who vouches for kubelets.
    pub kubelet_authority: KubeletAuthority,
    /// Bounds.
    pub limits: Limits,
}

/// `--kubelet-certificate-authority`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KubeletAuthority {
    /// The cluster's own authority.
    Cluster,
    /// The authorities of this PEM file.
    File(PathBuf),
    /// Nobody: for kubelets with certificates that they made themselves.
    Unchecked,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            bind_address: IpAddr::from([0, 0, 0, 0]),
            secure_port: 6443,
            advertise_address: None,
            data_dir: "/var/lib/agent/control-plane".into(),
            cert_dir: "/etc/kubernetes/pki".into(),
            admin_kubeconfig: Some("/etc/kubernetes/admin.conf".into()),
            etcd: None,
            service_cluster_ip_range: Ipv4Net::new_assert([10, 96, 0, 0].into(), 12),
            service_node_port_range: 30000..=32767,
            server_names: Vec::new(),
            cluster_domain: "cluster.local".into(),
            kubelet_authority: KubeletAuthority::Cluster,
            limits: Limits::default(),
        }
    }
}
