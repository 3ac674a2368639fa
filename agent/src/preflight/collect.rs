//! From the machine to facts. Reads files below given roots, asks the kernel and the runtime, changes nothing.

mod clock;
mod features;
mod firewall;
mod host;
mod ports;
mod runtime;

use std::path::PathBuf;

use super::facts::Facts;

/// Where the machine is looked at. Tests give directories of their own.
#[derive(Debug, Clone)]
pub struct Roots {
    /// `/proc`.
    pub proc: PathBuf,
    /// `/sys`.
    pub sys: PathBuf,
    /// `/etc`.
    pub etc: PathBuf,
    /// `/run`.
    pub run: PathBuf,
    /// The directories of `PATH`.
    pub path: Vec<PathBuf>,
    /// The resolv.conf that pods get.
    pub resolv_conf: PathBuf,
    /// Directory of the network configurations.
    pub cni_conf_dir: PathBuf,
    /// Directories that the node fills, and what each holds.
    pub disks: Vec<(PathBuf, &'static str)>,
    /// Ports that the node listens on, and what for.
    pub ports: Vec<(u16, &'static str)>,
}

impl Roots {
    /// The standard places; `path` is the value of `PATH`.
    pub fn standard(path: &std::ffi::OsStr) -> Self {
        Self {
            proc: "/proc".into(),
            sys: "/sys".into(),
            etc: "/etc".into(),
            run: "/run".into(),
            path: std::env::split_paths(path).collect(),
            resolv_conf: "/etc/resolv.conf".into(),
            cni_conf_dir: "/etc/cni/net.d".into(),
            disks: vec![
                ("/var/lib/kubelet".into(), "pods"),
                ("/var/lib/containerd".into(), "images"),
                ("/var/log".into(), "logs"),
            ],
            ports: vec![
                (10250, "kubelet API"),
                (10248, "kubelet health"),
                (10249, "service proxy metrics"),
                (10256, "service proxy health"),
            ],
        }
    }
}

/// Looks at the machine and asks the runtime behind `client`.
///
/// Unreadable files and refused questions become absent facts; there is no error that would end the check.
pub async fn collect(roots: Roots, client: &cri::Client) -> Facts {
    let answer = runtime::ask(client, &roots).await;
    let machine = tokio::task::spawn_blocking(move || machine(&roots)).await;
    let mut facts = machine.unwrap_or_default();
    facts.runtime.socket = client.socket().to_owned();
    facts.runtime.answer = Some(answer);
    facts
}

fn machine(roots: &Roots) -> Facts {
    let mut facts = Facts {
        kernel_release: host::kernel_release(&roots.proc),
        sysctls: host::sysctls(&roots.proc),
        cgroups: host::cgroups(&roots.proc, &roots.sys),
        systemd: roots.run.join("systemd/system").is_dir(),
        swap: host::swap(&roots.proc),
        capabilities: host::capabilities(&roots.proc),
        clock_synchronised: clock::synchronised(),
        hostname: host::hostname(&roots.proc),
        disks: roots
            .disks
            .iter()
            .filter_map(|(path, holds)| host::disk(path, holds))
            .collect(),
        ports: ports::look(&roots.proc, &roots.ports),
        firewall: firewall::look(roots),
        nameservers: host::nameservers(&roots.resolv_conf),
        foreign_cni: host::foreign_cni(&roots.cni_conf_dir),
        ..Facts::default()
    };
    facts.features = features::look(&roots.proc);
    facts.runtime.installed = roots.path.iter().any(|dir| dir.join("containerd").is_file());
    facts
}

#[cfg(test)]
mod tests;
