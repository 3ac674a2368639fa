//! What the runtime is told: sandbox and container configurations, as the reference kubelet writes them.
//!
//! Purpose: pure functions from a pod's spec and facts about the node to CRI messages. The files and mounts
//! that they name are prepared by the executor.
//!
//! Invariant: for the pods of `tests/reference/pods.json` the configurations equal the reference's, but for
//! the differences listed in `criconfig/tests.rs` with their reasons.

mod container;
pub(crate) mod dns;
mod env;
mod mounts;
mod resources;
mod sandbox;
mod security;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use k8s_openapi::api::core::v1::Pod;

use super::config::NodeConfig;
use super::pod_id::PodId;
use super::podspec::{self, Qos};

pub(crate) use container::{ContainerInput, container};
pub(crate) use mounts::{VolumeError, host_path, pod_dir};
pub(crate) use sandbox::{domain, hostname, sandbox};

/// Label: name of the container in the spec.
pub(crate) const CONTAINER_NAME: &str = "io.kubernetes.container.name";
/// Label: the pod's name.
pub(crate) const POD_NAME: &str = "io.kubernetes.pod.name";
/// Label: the pod's namespace.
pub(crate) const POD_NAMESPACE: &str = "io.kubernetes.pod.namespace";
/// Label: the pod's uid.
pub(crate) const POD_UID: &str = "io.kubernetes.pod.uid";
/// Annotation: hash of the spec's container.
pub(crate) const HASH: &str = "io.kubernetes.container.hash";
/// Annotation: attempt.
pub(crate) const RESTART_COUNT: &str = "io.kubernetes.container.restartCount";
/// Annotation: file in the container that holds its last words.
pub(crate) const MESSAGE_PATH: &str = "io.kubernetes.container.terminationMessagePath";
/// Annotation: where the last words come from.
pub(crate) const MESSAGE_POLICY: &str = "io.kubernetes.container.terminationMessagePolicy";
/// Annotation: the pod's grace in seconds.
pub(crate) const GRACE: &str = "io.kubernetes.pod.terminationGracePeriod";
/// Annotation: the container's ports as JSON.
pub(crate) const PORTS: &str = "io.kubernetes.container.ports";

/// What the configurations need to know about the node.
#[derive(Clone, Debug)]
pub(crate) struct NodeFacts {
    /// The node's settings.
    pub(crate) config: NodeConfig,
    /// CPUs that pods may use, in thousandths.
    pub(crate) cpu_milli: i64,
    /// Memory of the machine in bytes.
    pub(crate) memory: i64,
    /// Sizes of huge pages in the runtime's spelling: `2MB`, `1GB`.
    pub(crate) hugepages: Vec<String>,
    /// The node's resolv.conf.
    pub(crate) resolv_conf: dns::ResolvConf,
}

impl NodeFacts {
    fn node_ip(&self) -> Option<IpAddr> {
        self.config.node_ip
    }
}

/// The pod's cgroup in the hierarchy, under the class of service that it has.
#[must_use]
pub(crate) fn cgroup_parent(config: &NodeConfig, pod: &Pod, id: &PodId) -> String {
    let root = config.cgroup_root.trim_end_matches('/');
    match podspec::qos(pod) {
        Qos::Guaranteed => format!("{root}/pod{}", id.uid),
        Qos::Burstable => format!("{root}/burstable/pod{}", id.uid),
        Qos::BestEffort => format!("{root}/besteffort/pod{}", id.uid),
    }
}
