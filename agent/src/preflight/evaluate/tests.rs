//! Tables: one flaw on an otherwise good machine, and the one finding that it causes.

mod good;

use super::super::facts::{CgroupVersion, Feature, Holder, Runtime, RuntimeTrouble, Support};
use super::super::finding::Status;
use super::*;
use good::good;

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

/// One change to a good machine, and the one finding that it causes: status, id, and a part of its fix.
type Row = (Change, Status, &'static str, &'static str);

fn each_causes_one_finding(table: Vec<Row>) {
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
fn flaws_of_the_kernel_are_one_finding_each() {
    use Status::{Failure, Warning};
    each_causes_one_finding(vec![
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
    ]);
}

#[test]
fn flaws_of_the_machine_are_one_finding_each() {
    use Status::{Failure, Warning};
    each_causes_one_finding(vec![
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
    ]);
}

#[test]
fn flaws_of_the_network_are_one_finding_each() {
    use Status::{Failure, Warning};
    each_causes_one_finding(vec![
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
    ]);
}

#[test]
fn flaws_of_the_runtime_are_one_finding_each() {
    use Status::{Failure, Warning};
    each_causes_one_finding(vec![
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
    ]);
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
