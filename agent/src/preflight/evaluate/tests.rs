use std::path::PathBuf;

use super::super::facts::{
    CgroupVersion, Cgroups, Disk, Feature, Holder, Port, Runtime, RuntimeFacts, RuntimeTrouble, Support,
};
use super::super::finding::Status;
use super::*;

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
fn good() -> Facts {
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
        firewall: super::super::facts::Firewall {
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

fn runtime(change: impl FnOnce(&mut Runtime)) -> impl FnOnce(&mut Facts) {
    move |facts| {
        if let Some(Ok(runtime)) = &mut facts.runtime.answer {
            change(runtime);
        }
    }
}

fn trouble(trouble: RuntimeTrouble) -> impl FnOnce(&mut Facts) {
    move |facts| facts.runtime.answer = Some(Err(trouble))
}

fn set(name: &str, value: &str) -> impl FnOnce(&mut Facts) {
    move |facts| {
        facts.sysctls.insert(name.to_owned(), value.to_owned());
    }
}

fn lacks(feature: Feature) -> impl FnOnce(&mut Facts) {
    move |facts| {
        facts.features.insert(feature, Support::Missing);
    }
}

fn taken(name: &str) -> impl FnOnce(&mut Facts) {
    let holder = Holder {
        pid: Some(42),
        name: Some(name.to_owned()),
    };
    move |facts| facts.ports[0].taken = Some(holder)
}

#[test]
fn a_good_machine_has_nothing_to_fix() {
    let bad: Vec<_> = evaluate(&good())
        .into_iter()
        .filter(|finding| finding.status != Status::Ok)
        .collect();
    assert_eq!(bad, []);
}

type Change = Box<dyn FnOnce(&mut Facts)>;

/// Applies one change to a good machine and returns the findings that are not ok.
fn after(change: Change) -> Vec<Finding> {
    let mut facts = good();
    change(&mut facts);
    evaluate(&facts)
        .into_iter()
        .filter(|finding| finding.status != Status::Ok)
        .collect()
}

#[test]
fn each_flaw_is_one_finding_with_its_fix() {
    use Status::{Failure, Warning};
    let table: Vec<(Change, Status, &str, &str)> = vec![
        (
            Box::new(|f| f.kernel_release = "4.18.0".into()),
            Failure,
            "kernel.version",
            "newer kernel",
        ),
        (
            Box::new(|f| f.kernel_release = "5.4.0-1".into()),
            Warning,
            "kernel.version",
            "iptables backend",
        ),
        (
            Box::new(lacks(Feature::Overlayfs)),
            Failure,
            "kernel.overlayfs",
            "modprobe overlay",
        ),
        (
            Box::new(lacks(Feature::Vxlan)),
            Warning,
            "kernel.vxlan",
            "modprobe vxlan",
        ),
        (
            Box::new(lacks(Feature::Seccomp)),
            Warning,
            "kernel.seccomp",
            "kernel",
        ),
        (
            Box::new(|f| f.cgroups.version = CgroupVersion::None),
            Failure,
            "kernel.cgroups",
            "mount -t cgroup2",
        ),
        (
            Box::new(|f| f.cgroups.version = CgroupVersion::V1),
            Warning,
            "kernel.cgroups",
            "unified_cgroup_hierarchy",
        ),
        (
            Box::new(|f| {
                f.cgroups.controllers.remove("memory");
            }),
            Failure,
            "kernel.cgroup-controllers",
            "cgroup_enable=memory",
        ),
        (
            Box::new(|f| f.capabilities = 0),
            Failure,
            "machine.privileges",
            "sudo",
        ),
        (
            Box::new(|f| f.capabilities &= !(1 << 24)),
            Warning,
            "machine.privileges",
            "restrict_oom_score_adj",
        ),
        (
            Box::new(|f| f.swap = vec!["/dev/sda2".into()]),
            Warning,
            "machine.swap",
            "swapoff -a",
        ),
        (
            Box::new(|f| f.disks[0].free = 9 << 30),
            Warning,
            "machine.disk",
            "free space",
        ),
        (
            Box::new(|f| f.disks[0].free = 9 << 20),
            Failure,
            "machine.disk",
            "free space",
        ),
        (
            Box::new(|f| f.disks[0].free_inodes_percent = 3),
            Warning,
            "machine.disk",
            "free space",
        ),
        (
            Box::new(|f| f.clock_synchronised = Some(false)),
            Warning,
            "machine.clock",
            "timedatectl set-ntp true",
        ),
        (
            Box::new(|f| f.hostname = "my_host".into()),
            Failure,
            "machine.hostname",
            "hostnamectl",
        ),
        (
            Box::new(|f| f.hostname = "localhost".into()),
            Warning,
            "machine.hostname",
            "--node-name",
        ),
        (
            Box::new(set("kernel.pid_max", "4096")),
            Warning,
            "machine.pid-max",
            "sysctl --system",
        ),
        (
            Box::new(set("fs.inotify.max_user_instances", "10")),
            Warning,
            "machine.inotify",
            "max_user_watches=524288",
        ),
        (
            Box::new(set("net.ipv4.ip_forward", "0")),
            Warning,
            "network.ip-forward",
            "net.ipv4.ip_forward=1",
        ),
        (
            Box::new(set("net.bridge.bridge-nf-call-iptables", "0")),
            Warning,
            "network.bridge-nf-call-iptables",
            "bridge-nf-call-ip6tables=1",
        ),
        (
            Box::new(set("net.ipv4.conf.all.rp_filter", "1")),
            Warning,
            "network.rp-filter",
            "conf.all.rp_filter=2",
        ),
        (
            Box::new(|f| f.firewall.firewalld = true),
            Warning,
            "network.firewall",
            "firewall-cmd",
        ),
        (
            Box::new(|f| f.firewall.ufw = true),
            Warning,
            "network.firewall",
            "ufw default allow routed",
        ),
        (
            Box::new(|f| {
                f.firewall.legacy_tables = vec!["nat".into()];
                f.firewall.nft_tables = Some(vec!["ip filter".into()]);
            }),
            Warning,
            "network.iptables",
            "update-alternatives",
        ),
        (
            Box::new(|f| f.nameservers = vec!["127.0.0.53".parse().expect("address")]),
            Warning,
            "network.resolver",
            "--resolv-conf",
        ),
        (
            Box::new(|f| f.nameservers.clear()),
            Warning,
            "network.resolver",
            "nameserver ADDRESS",
        ),
        (
            Box::new(taken("kubelet")),
            Failure,
            "network.port",
            "systemctl disable --now kubelet",
        ),
        (Box::new(taken("nginx")), Failure, "network.port", "ps -fp 42"),
        (
            Box::new(trouble(RuntimeTrouble::SocketMissing)),
            Failure,
            "runtime.reachable",
            "systemctl enable --now containerd",
        ),
        (
            Box::new(trouble(RuntimeTrouble::Refused)),
            Failure,
            "runtime.reachable",
            "journalctl",
        ),
        (
            Box::new(trouble(RuntimeTrouble::Forbidden)),
            Failure,
            "runtime.reachable",
            "sudo",
        ),
        (
            Box::new(trouble(RuntimeTrouble::CriDisabled(Some(
                "/etc/containerd/config.toml".into(),
            )))),
            Failure,
            "runtime.cri-enabled",
            "sed -i '/^ *disabled_plugins/s/\"cri\"//' /etc/containerd/config.toml && systemctl restart containerd",
        ),
        (
            Box::new(trouble(RuntimeTrouble::CriDisabled(None))),
            Failure,
            "runtime.cri-enabled",
            "journalctl",
        ),
        (
            Box::new(runtime(|r| r.version = "1.5.9".into())),
            Failure,
            "runtime.version",
            "upgrade containerd",
        ),
        (
            Box::new(runtime(|r| r.version = "1.6.20~ds1".into())),
            Warning,
            "runtime.version",
            "2.x",
        ),
        (
            Box::new(runtime(|r| {
                r.unmet = vec![("NetworkReady".into(), "NetworkPluginNotReady".into(), "x".into())]
            })),
            Warning,
            "runtime.conditions",
            "when it starts",
        ),
        (
            Box::new(runtime(|r| {
                r.unmet = vec![("RuntimeReady".into(), "Down".into(), String::new())]
            })),
            Failure,
            "runtime.conditions",
            "journalctl",
        ),
        (
            Box::new(runtime(|r| r.systemd_cgroups = Some(false))),
            Warning,
            "runtime.cgroup-driver",
            "SystemdCgroup = true",
        ),
        (
            Box::new(|f| f.systemd = false),
            Failure,
            "runtime.cgroup-driver",
            "SystemdCgroup = false",
        ),
    ];
    for (row, (change, status, id, fix)) in table.into_iter().enumerate() {
        let findings = after(change);
        let [finding] = findings.as_slice() else {
            panic!("row {row}, {id}: {findings:#?}")
        };
        assert_eq!((finding.status, finding.id), (status, id), "row {row}");
        assert!(
            finding.fix.as_ref().is_some_and(|text| text.contains(fix)),
            "row {row}, {id}: {finding:#?}"
        );
    }
}

#[test]
fn the_nodes_own_ports_and_foreign_networks_are_well() {
    for change in [
        Box::new(taken("agent")) as Change,
        Box::new(|f| f.foreign_cni = vec!["10-calico.conflist".into()]),
        Box::new(|f| f.firewall.legacy_tables = vec!["nat".into()]),
    ] {
        assert_eq!(after(change), []);
    }
}

#[test]
fn without_an_installed_runtime_the_fix_is_to_install_one() {
    let mut facts = good();
    facts.runtime.answer = Some(Err(RuntimeTrouble::SocketMissing));
    facts.runtime.installed = false;
    let finding = evaluate(&facts)
        .into_iter()
        .find(|finding| finding.id == "runtime.reachable")
        .expect("finding");
    assert!(
        finding
            .fix
            .is_some_and(|fix| fix.contains("apt-get install containerd runc"))
    );
}
