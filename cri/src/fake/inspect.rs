//! Lists and filters.

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
