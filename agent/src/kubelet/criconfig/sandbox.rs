//! The configuration of a pod's sandbox.

use std::collections::HashMap;

use cri::v1::{LinuxPodSandboxConfig, PodSandboxConfig, PodSandboxMetadata, PortMapping, Protocol};
use k8s_openapi::api::core::v1::{ContainerPort, Pod};

use super::{NodeFacts, POD_NAME, POD_NAMESPACE, POD_UID, cgroup_parent, dns, resources, security};
use crate::kubelet::pod_id::PodId;
use crate::kubelet::podspec::{self, Kind};

/// Longest host name that the kernel's users take.
const LONGEST_HOSTNAME: usize = 63;

/// The sandbox configuration of attempt `attempt`.
pub(crate) fn sandbox(pod: &Pod, id: &PodId, attempt: u32, node: &NodeFacts) -> PodSandboxConfig {
    let spec = podspec::spec(pod);
    let mut labels: HashMap<String, String> = pod.metadata.labels.clone().into_iter().flatten().collect();
    labels.extend([
        (POD_NAME.to_owned(), id.name.to_string()),
        (POD_NAMESPACE.to_owned(), id.namespace.to_string()),
        (POD_UID.to_owned(), id.uid.to_string()),
    ]);
    let context = spec.security_context.as_ref();
    PodSandboxConfig {
        metadata: Some(PodSandboxMetadata {
            name: id.name.to_string(),
            uid: id.uid.to_string(),
            namespace: id.namespace.to_string(),
            attempt,
        }),
        hostname: hostname(pod, id, node),
        log_directory: node
            .config
            .pod_log_dir
            .join(id.log_dir_name())
            .to_string_lossy()
            .into_owned(),
        dns_config: Some(dns::settings(pod, &id.namespace, node)),
        port_mappings: ports(pod),
        labels,
        annotations: pod.metadata.annotations.clone().into_iter().flatten().collect(),
        linux: Some(LinuxPodSandboxConfig {
            cgroup_parent: cgroup_parent(&node.config, pod, id),
            security_context: Some(security::of_sandbox(pod)),
            sysctls: context
                .and_then(|c| c.sysctls.as_ref())
                .into_iter()
                .flatten()
                .map(|s| (s.name.clone(), s.value.clone()))
                .collect(),
            overhead: Some(Default::default()),
            resources: Some(resources::of_sandbox(pod)),
        }),
        windows: None,
    }
}

/// The pod's host name: its own, else its name; none on the host's network, which has one.
pub(crate) fn hostname(pod: &Pod, id: &PodId, node: &NodeFacts) -> String {
    let spec = podspec::spec(pod);
    if spec.host_network == Some(true) {
        return String::new();
    }
    let mut name = spec
        .hostname
        .clone()
        .filter(|h| !h.is_empty())
        .unwrap_or_else(|| id.name.to_string());
    name.truncate(LONGEST_HOSTNAME);
    let name = name.trim_end_matches(['-', '.']).to_owned();
    match (&spec.set_hostname_as_fqdn, domain(pod, id, node)) {
        (Some(true), Some(domain)) => format!("{name}.{domain}"),
        _ => name,
    }
}

/// The domain of a pod with a subdomain: `<subdomain>.<namespace>.svc.<cluster domain>`.
pub(crate) fn domain(pod: &Pod, id: &PodId, node: &NodeFacts) -> Option<String> {
    let subdomain = podspec::spec(pod)
        .subdomain
        .as_deref()
        .filter(|s| !s.is_empty())?;
    Some(format!(
        "{subdomain}.{}.svc.{}",
        id.namespace, node.config.cluster_domain
    ))
}

/// Every port that the containers name, each once.
fn ports(pod: &Pod) -> Vec<PortMapping> {
    let mut mappings: Vec<PortMapping> = Vec::new();
    for (_, container) in podspec::containers(pod).filter(|(kind, _)| *kind != Kind::Init) {
        for mapping in container.ports.iter().flatten().map(mapping) {
            if !mappings.contains(&mapping) {
                mappings.push(mapping);
            }
        }
    }
    mappings
}

fn mapping(port: &ContainerPort) -> PortMapping {
    let protocol = match port.protocol.as_deref() {
        Some("UDP") => Protocol::Udp,
        Some("SCTP") => Protocol::Sctp,
        _ => Protocol::Tcp,
    };
    PortMapping {
        protocol: protocol.into(),
        container_port: port.container_port,
        host_port: port.host_port.unwrap_or(0),
        host_ip: port.host_ip.clone().unwrap_or_default(),
    }
}
