//! What of the machine a pod can reach: namespaces, ports, files, kernel settings.

use serde_json::Value;

use super::Finding;
use crate::admission::pod_security::Version;
use crate::admission::pod_security::pod::{PodView, containers, name, plural, quoted};

/// Volume types that the restricted level allows.
const ALLOWED_VOLUMES: &[&str] = &[
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
];

/// Namespaced settings that do no harm, with the release from which each counts as such.
const ALLOWED_SYSCTLS: &[(&str, u32)] = &[
    ("kernel.shm_rmid_forced", 0),
    ("net.ipv4.ip_local_port_range", 0),
    ("net.ipv4.tcp_syncookies", 0),
    ("net.ipv4.ping_group_range", 0),
    ("net.ipv4.ip_unprivileged_port_start", 0),
    ("net.ipv4.ip_local_reserved_ports", 27),
    ("net.ipv4.tcp_keepalive_time", 29),
    ("net.ipv4.tcp_fin_timeout", 29),
    ("net.ipv4.tcp_keepalive_intvl", 29),
    ("net.ipv4.tcp_keepalive_probes", 29),
    ("net.ipv4.tcp_rmem", 32),
    ("net.ipv4.tcp_wmem", 32),
];

pub(super) fn host_namespaces(pod: &PodView<'_>, _: Version) -> Option<Finding> {
    let shared: Vec<String> = ["hostNetwork", "hostPID", "hostIPC"]
        .into_iter()
        .filter(|field| pod.spec[*field] == true)
        .map(|field| format!("{field}=true"))
        .collect();
    (!shared.is_empty()).then(|| Finding::new("host namespaces", shared.join(", ")))
}

pub(super) fn privileged(pod: &PodView<'_>, _: Version) -> Option<Finding> {
    let bad = pod.named(|c| c["securityContext"]["privileged"] == true);
    let detail = format!(
        "{} must not set securityContext.privileged=true",
        containers(&bad)
    );
    (!bad.is_empty()).then(|| Finding::new("privileged", detail))
}

pub(super) fn host_path_volumes(pod: &PodView<'_>, _: Version) -> Option<Finding> {
    let bad: Vec<&str> = volumes(pod)
        .filter(|v| !v["hostPath"].is_null())
        .map(name)
        .collect();
    let detail = format!("{} {}", plural(bad.len(), "volume"), quoted(&bad));
    (!bad.is_empty()).then(|| Finding::new("hostPath volumes", detail))
}

pub(super) fn host_ports(pod: &PodView<'_>, _: Version) -> Option<Finding> {
    let ports_of = |c: &Value| -> Vec<i64> {
        let ports = c["ports"].as_array().into_iter().flatten();
        ports
            .filter_map(|port| port["hostPort"].as_i64())
            .filter(|&port| port != 0)
            .collect()
    };
    let bad = pod.named(|c| !ports_of(c).is_empty());
    if bad.is_empty() {
        return None;
    }
    let ports: std::collections::BTreeSet<String> = pod
        .containers()
        .flat_map(ports_of)
        .map(|port| port.to_string())
        .collect();
    let list: Vec<&str> = ports.iter().map(String::as_str).collect();
    let verb = if bad.len() == 1 { "uses" } else { "use" };
    let word = plural(list.len(), "hostPort");
    let detail = format!("{} {verb} {word} {}", containers(&bad), list.join(", "));
    Some(Finding::new("hostPort", detail))
}

/// Probes and hooks with a `host` make the kubelet connect to an address of the pod's choice.
pub(super) fn host_probes(pod: &PodView<'_>, _: Version) -> Option<Finding> {
    let handlers = |c: &Value| -> Vec<Value> {
        let probes = ["livenessProbe", "readinessProbe", "startupProbe"]
            .into_iter()
            .map(|p| c[p].clone());
        let hooks = ["postStart", "preStop"]
            .into_iter()
            .map(|h| c["lifecycle"][h].clone());
        probes.chain(hooks).collect()
    };
    let hosts_of = |c: &Value| -> Vec<String> {
        handlers(c)
            .iter()
            .flat_map(|handler| {
                [
                    handler["httpGet"]["host"].clone(),
                    handler["tcpSocket"]["host"].clone(),
                ]
            })
            .filter_map(|host| host.as_str().map(str::to_owned))
            .filter(|host| !host.is_empty())
            .collect()
    };
    let bad = pod.named(|c| !hosts_of(c).is_empty());
    if bad.is_empty() {
        return None;
    }
    let hosts: std::collections::BTreeSet<String> = pod.containers().flat_map(hosts_of).collect();
    let list: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let verb = if bad.len() == 1 { "uses" } else { "use" };
    let word = plural(list.len(), "host");
    let detail = format!(
        "{} {verb} probe or lifecycle {word} {}",
        containers(&bad),
        quoted(&list)
    );
    Some(Finding::new("probe or lifecycle host", detail))
}

pub(super) fn sysctls(pod: &PodView<'_>, version: Version) -> Option<Finding> {
    let allowed = |wanted: &str| {
        ALLOWED_SYSCTLS
            .iter()
            .any(|&(name, since)| name == wanted && Version::Minor(since) <= version)
    };
    let set = pod.context()["sysctls"].as_array().into_iter().flatten();
    let bad: Vec<&str> = set.map(name).filter(|name| !allowed(name)).collect();
    let reason = format!("forbidden {}", plural(bad.len(), "sysctl"));
    (!bad.is_empty()).then(|| Finding::new(reason, bad.join(", ")))
}

pub(super) fn windows_host_process(pod: &PodView<'_>, _: Version) -> Option<Finding> {
    let host = |context: &Value| context["windowsOptions"]["hostProcess"] == true;
    let bad = pod.named(|c| host(&c["securityContext"]));
    let mut setters = Vec::new();
    if host(pod.context()) {
        setters.push("pod".to_owned());
    }
    if !bad.is_empty() {
        setters.push(containers(&bad));
    }
    let detail = format!(
        "{} must not set securityContext.windowsOptions.hostProcess=true",
        setters.join(" and ")
    );
    (!setters.is_empty()).then(|| Finding::new("hostProcess", detail))
}

pub(super) fn restricted_volumes(pod: &PodView<'_>, _: Version) -> Option<Finding> {
    let mut bad = Vec::new();
    let mut types = std::collections::BTreeSet::new();
    for volume in volumes(pod) {
        let kind = volume
            .as_object()
            .and_then(|v| v.keys().find(|key| *key != "name"));
        if let Some(kind) = kind.filter(|kind| !ALLOWED_VOLUMES.contains(&kind.as_str())) {
            bad.push(name(volume));
            types.insert(kind.as_str());
        }
    }
    if bad.is_empty() {
        return None;
    }
    let types: Vec<&str> = types.into_iter().collect();
    let verb = if bad.len() == 1 { "uses" } else { "use" };
    let detail = format!(
        "{} {} {verb} restricted volume {} {}",
        plural(bad.len(), "volume"),
        quoted(&bad),
        plural(types.len(), "type"),
        quoted(&types)
    );
    Some(Finding::new("restricted volume types", detail))
}

fn volumes<'a>(pod: &PodView<'a>) -> impl Iterator<Item = &'a Value> {
    pod.spec["volumes"].as_array().into_iter().flatten()
}
