//! The container runtime.

use super::super::facts::{CgroupVersion, Facts, Runtime, RuntimeTrouble};
use super::super::finding::Finding;

/// The oldest containerd that the node knows how to work with.
const OLDEST: (u32, u32) = (1, 6);
/// Older ones get no fixes any more.
const OLDEST_MAINTAINED: (u32, u32) = (2, 0);

const REACHABLE: &str = "runtime.reachable";

pub(super) fn evaluate(facts: &Facts) -> Vec<Finding> {
    let socket = facts.runtime.socket.display();
    match &facts.runtime.answer {
        None => vec![Finding::failure(
            REACHABLE,
            format!("{socket} was not asked"),
            "run the check again",
        )],
        Some(Err(trouble)) => vec![unreachable(facts, trouble)],
        Some(Ok(runtime)) => {
            let reached = Finding::ok(REACHABLE, format!("{} answers on {socket}", runtime.name));
            let mut findings = vec![reached, version(runtime)];
            findings.extend(conditions(runtime));
            findings.push(cgroup_driver(facts, runtime));
            findings.push(handlers(runtime));
            findings
        }
    }
}

fn unreachable(facts: &Facts, trouble: &RuntimeTrouble) -> Finding {
    let socket = facts.runtime.socket.display();
    let start = match (facts.runtime.installed, facts.systemd) {
        (true, true) => {
            "systemctl enable --now containerd; if it is elsewhere: --container-runtime-endpoint unix:///PATH"
        }
        (true, false) => {
            "start it: containerd > /var/log/containerd.log 2>&1 &   (if it is elsewhere: \
             --container-runtime-endpoint unix:///PATH)"
        }
        (false, _) => "apt-get install containerd runc (or your distribution's packages)",
    };
    match trouble {
        RuntimeTrouble::SocketMissing => Finding::failure(
            REACHABLE,
            format!("no container runtime: {socket} does not exist"),
            start,
        ),
        RuntimeTrouble::Refused => Finding::failure(
            REACHABLE,
            format!("nobody listens on {socket}: the container runtime has stopped"),
            "systemctl restart containerd; its log: journalctl -u containerd -e",
        ),
        RuntimeTrouble::Forbidden => Finding::failure(
            REACHABLE,
            format!("{socket} may not be used by this user"),
            "run as root: sudo agent check",
        ),
        RuntimeTrouble::CriDisabled(file) => cri_disabled(&socket.to_string(), file.as_deref()),
        RuntimeTrouble::Other(text) => Finding::failure(
            REACHABLE,
            format!("{socket} answers, but not as a container runtime: {text}"),
            "journalctl -u containerd -e",
        ),
    }
}

/// Docker's package of containerd switches CRI off.
fn cri_disabled(socket: &str, file: Option<&std::path::Path>) -> Finding {
    const ID: &str = "runtime.cri-enabled";
    match file {
        Some(file) => {
            let file = file.display();
            Finding::failure(
                ID,
                format!(
                    "containerd's CRI plugin is off: {file} has \"cri\" in disabled_plugins (Docker's package does that)"
                ),
                format!("sed -i '/^ *disabled_plugins/s/\"cri\"//' {file} && systemctl restart containerd"),
            )
        }
        None => Finding::failure(
            ID,
            format!("containerd answers on {socket}, but its CRI plugin does not"),
            "journalctl -u containerd | grep io.containerd.grpc.v1.cri   (says why the plugin did not load)",
        ),
    }
}

fn version(runtime: &Runtime) -> Finding {
    const ID: &str = "runtime.version";
    let text = format!("{} {}", runtime.name, runtime.version);
    if runtime.name != "containerd" {
        let message = format!("{text}: the node is tested with containerd");
        return Finding::warning(ID, message, "use containerd where something does not work");
    }
    let mut numbers = runtime
        .version
        .trim_start_matches('v')
        .split('.')
        .map(|part| part.parse::<u32>().ok());
    let (Some(Some(major)), Some(Some(minor))) = (numbers.next(), numbers.next()) else {
        return Finding::warning(
            ID,
            format!("{text}: version not understood"),
            "containerd --version",
        );
    };
    if (major, minor) < OLDEST {
        let message = format!("{text} is older than {}.{}", OLDEST.0, OLDEST.1);
        Finding::failure(ID, message, "upgrade containerd to 1.6 or later, best to 2.x")
    } else if (major, minor) < OLDEST_MAINTAINED {
        let message = format!("{text} works, and gets no fixes upstream any more");
        Finding::warning(
            ID,
            message,
            "upgrade to containerd 2.x when your distribution offers it",
        )
    } else {
        Finding::ok(ID, text)
    }
}

fn conditions(runtime: &Runtime) -> Vec<Finding> {
    if runtime.unmet.is_empty() {
        return vec![Finding::ok("runtime.conditions", "runtime and network are ready")];
    }
    runtime.unmet.iter().map(unmet).collect()
}

fn unmet((kind, reason, message): &(String, String, String)) -> Finding {
    let text = format!("{kind} is false: {reason} {message}");
    let text = text.trim_end().to_owned();
    if kind == "NetworkReady" {
        // Before the first start of the node there is no configuration yet.
        return Finding::warning(
            "runtime.conditions",
            text,
            "agent node writes the network configuration when it starts",
        );
    }
    Finding::failure("runtime.conditions", text, "journalctl -u containerd -e")
}

fn cgroup_driver(facts: &Facts, runtime: &Runtime) -> Finding {
    const ID: &str = "runtime.cgroup-driver";
    let unified = facts.cgroups.version == CgroupVersion::V2;
    match runtime.systemd_cgroups {
        None => Finding::ok(ID, "the runtime does not say who makes its cgroups"),
        Some(true) if !facts.systemd => Finding::failure(
            ID,
            "the runtime makes cgroups through systemd, which does not run here",
            "set SystemdCgroup = false in /etc/containerd/config.toml and restart containerd",
        ),
        Some(false) if facts.systemd && unified => Finding::warning(
            ID,
            "the runtime makes cgroups itself beside systemd: two managers of one hierarchy",
            "set SystemdCgroup = true in /etc/containerd/config.toml and restart containerd",
        ),
        Some(systemd) => Finding::ok(
            ID,
            format!("cgroup driver {}", if systemd { "systemd" } else { "cgroupfs" }),
        ),
    }
}

fn handlers(runtime: &Runtime) -> Finding {
    const ID: &str = "runtime.handlers";
    let names: Vec<&str> = runtime
        .handlers
        .iter()
        .map(|name| {
            if name.is_empty() {
                "(default)"
            } else {
                name.as_str()
            }
        })
        .collect();
    if names.is_empty() {
        return Finding::ok(ID, "the runtime does not list its handlers");
    }
    Finding::ok(ID, format!("runtime handlers: {}", names.join(", ")))
}
