//! A machine on which all is well: every test changes one thing about it.

use std::path::PathBuf;

use super::super::super::facts::{
    CgroupVersion, Cgroups, Disk, Facts, Feature, Firewall, Port, Runtime, RuntimeFacts, Support,
};

const FEATURES: [Feature; 10] = [
    Feature::Namespaces,
    Feature::UserNamespaces,
    Feature::Overlayfs,
    Feature::Veth,
    Feature::Bridge,
    Feature::Vxlan,
    Feature::Nftables,
    Feature::BridgeNetfilter,
    Feature::Conntrack,
    Feature::Seccomp,
];

/// A machine on which all is well.
pub(super) fn good() -> Facts {
    let sysctl = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    Facts {
        kernel_release: "6.1.0-18-amd64".to_owned(),
        features: FEATURES
            .into_iter()
            .map(|feature| (feature, Support::Present))
            .collect(),
        sysctls: [
            ("net.ipv4.ip_forward", "1\n"),
            ("net.bridge.bridge-nf-call-iptables", "1"),
            ("net.ipv4.conf.all.rp_filter", "2"),
            ("net.ipv4.conf.default.rp_filter", "0"),
            ("fs.inotify.max_user_instances", "8192"),
            ("fs.inotify.max_user_watches", "524288"),
            ("kernel.pid_max", "4194304"),
        ]
        .map(sysctl)
        .into(),
        cgroups: Cgroups {
            version: CgroupVersion::V2,
            controllers: ["cpu", "cpuset", "memory", "pids", "io"]
                .map(str::to_owned)
                .into(),
        },
        systemd: true,
        capabilities: u64::MAX,
        clock_synchronised: Some(true),
        hostname: "Node-1.example.org".to_owned(),
        disks: vec![Disk {
            path: PathBuf::from("/var/lib"),
            holds: "pods",
            size: 100 << 30,
            free: 50 << 30,
            free_inodes_percent: 90,
        }],
        ports: vec![Port {
            number: 10250,
            purpose: "kubelet API",
            taken: None,
        }],
        firewall: Firewall {
            nft_tables: Some(Vec::new()),
            ..Default::default()
        },
        nameservers: vec!["192.0.2.1".parse().expect("address")],
        runtime: RuntimeFacts {
            socket: PathBuf::from("/run/containerd/containerd.sock"),
            installed: true,
            answer: Some(Ok(Runtime {
                name: "containerd".to_owned(),
                version: "v2.0.5".to_owned(),
                systemd_cgroups: Some(true),
                handlers: vec![String::new(), "runc".to_owned()],
                ..Runtime::default()
            })),
        },
        ..Facts::default()
    }
}
