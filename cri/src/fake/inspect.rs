//! Lists, filters and stats.

use super::state::{Container, Sandbox, State};
use crate::v1;
use std::collections::HashMap;

impl State {
    pub(super) fn list_sandboxes(&self, filter: Option<v1::PodSandboxFilter>) -> Vec<v1::PodSandbox> {
        let filter = filter.unwrap_or_default();
        let passes = |sandbox: &&Sandbox| {
            let status = &sandbox.status;
            status.id.starts_with(&filter.id)
                && filter
                    .state
                    .as_ref()
                    .is_none_or(|wanted| wanted.state == status.state)
                && has_labels(&status.labels, &filter.label_selector)
        };
        self.sandboxes
            .values()
            .filter(passes)
            .map(listed_sandbox)
            .collect()
    }

    pub(super) fn list_containers(&self, filter: Option<v1::ContainerFilter>) -> Vec<v1::Container> {
        let filter = filter.unwrap_or_default();
        let passes = |container: &&Container| {
            let status = &container.status;
            status.id.starts_with(&filter.id)
                && container.sandbox.starts_with(&filter.pod_sandbox_id)
                && filter
                    .state
                    .as_ref()
                    .is_none_or(|wanted| wanted.state == status.state)
                && has_labels(&status.labels, &filter.label_selector)
        };
        self.containers
            .values()
            .filter(passes)
            .map(listed_container)
            .collect()
    }

    /// What running containers use: what a test said ([`super::FakeRuntime::set_stats`]), else next to nothing.
    pub(super) fn list_stats(
        &self,
        filter: Option<v1::ContainerStatsFilter>,
        now: i64,
    ) -> Vec<v1::ContainerStats> {
        let filter = filter.unwrap_or_default();
        let passes = |container: &&Container| {
            let status = &container.status;
            status.state() == v1::ContainerState::ContainerRunning
                && status.id.starts_with(&filter.id)
                && container.sandbox.starts_with(&filter.pod_sandbox_id)
                && has_labels(&status.labels, &filter.label_selector)
        };
        self.containers
            .values()
            .filter(passes)
            .map(|container| self.stats(container, now))
            .collect()
    }

    fn stats(&self, container: &Container, now: i64) -> v1::ContainerStats {
        let status = &container.status;
        let some = |value| Some(v1::UInt64Value { value });
        let cpu = v1::CpuUsage {
            timestamp: now,
            usage_core_nano_seconds: some(1_000_000),
            ..Default::default()
        };
        let memory = v1::MemoryUsage {
            timestamp: now,
            working_set_bytes: some(1 << 20),
            ..Default::default()
        };
        let layer = v1::FilesystemUsage {
            timestamp: now,
            used_bytes: some(4096),
            ..Default::default()
        };
        let said = self
            .stats
            .get(&status.id)
            .cloned()
            .unwrap_or_else(|| v1::ContainerStats {
                cpu: Some(cpu),
                memory: Some(memory),
                writable_layer: Some(layer),
                ..Default::default()
            });
        let attributes = v1::ContainerAttributes {
            id: status.id.clone(),
            metadata: status.metadata.clone(),
            labels: status.labels.clone(),
            annotations: status.annotations.clone(),
        };
        v1::ContainerStats {
            attributes: Some(attributes),
            ..said
        }
    }

    /// What sandboxes use: the list of their containers' use.
    pub(super) fn list_sandbox_stats(
        &self,
        filter: Option<v1::PodSandboxStatsFilter>,
        now: i64,
    ) -> Vec<v1::PodSandboxStats> {
        let filter = filter.unwrap_or_default();
        let passes = |sandbox: &&Sandbox| {
            sandbox.status.id.starts_with(&filter.id)
                && sandbox.status.state() == v1::PodSandboxState::SandboxReady
                && has_labels(&sandbox.status.labels, &filter.label_selector)
        };
        let stats = |sandbox: &Sandbox| {
            let status = sandbox.status.clone();
            let of_sandbox = v1::ContainerStatsFilter {
                pod_sandbox_id: status.id.clone(),
                ..Default::default()
            };
            let containers = self.list_stats(Some(of_sandbox), now);
            let attributes = v1::PodSandboxAttributes {
                id: status.id,
                metadata: status.metadata,
                labels: status.labels,
                annotations: status.annotations,
            };
            let linux = v1::LinuxPodSandboxStats {
                containers,
                ..Default::default()
            };
            v1::PodSandboxStats {
                attributes: Some(attributes),
                linux: Some(linux),
                windows: None,
            }
        };
        self.sandboxes.values().filter(passes).map(stats).collect()
    }
}

/// The runtime's own conditions.
pub(super) fn conditions(network_ready: bool) -> Vec<v1::RuntimeCondition> {
    let condition = |kind: &str, status: bool, reason: &str, message: &str| v1::RuntimeCondition {
        r#type: kind.to_owned(),
        status,
        reason: reason.to_owned(),
        message: message.to_owned(),
    };
    let network = if network_ready {
        condition("NetworkReady", true, "", "")
    } else {
        condition(
            "NetworkReady",
            false,
            "NetworkPluginNotReady",
            "cni plugin not initialized",
        )
    };
    vec![condition("RuntimeReady", true, "", ""), network]
}

fn has_labels(labels: &HashMap<String, String>, wanted: &HashMap<String, String>) -> bool {
    wanted.iter().all(|(key, value)| labels.get(key) == Some(value))
}

fn listed_sandbox(sandbox: &Sandbox) -> v1::PodSandbox {
    let status = sandbox.status.clone();
    v1::PodSandbox {
        id: status.id,
        metadata: status.metadata,
        state: status.state,
        created_at: status.created_at,
        labels: status.labels,
        annotations: status.annotations,
        runtime_handler: status.runtime_handler,
    }
}

fn listed_container(container: &Container) -> v1::Container {
    let status = container.status.clone();
    v1::Container {
        id: status.id,
        pod_sandbox_id: container.sandbox.clone(),
        metadata: status.metadata,
        image: status.image,
        image_ref: status.image_ref,
        state: status.state,
        created_at: status.created_at,
        labels: status.labels,
        annotations: status.annotations,
        image_id: status.image_id,
    }
}
