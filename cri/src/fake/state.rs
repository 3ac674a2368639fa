//! What the fake runtime knows. No IO, no waiting; the time comes in.

use super::{Behaviour, RecordedCall, Registry};
use crate::import::Digest;
use crate::reference::Reference;
use crate::v1;
use std::collections::{BTreeMap, HashMap};
use tokio::sync::{mpsc, watch};
use tonic::Status;
use v1::{ContainerEventResponse, ContainerEventType};

/// A sandbox.
#[derive(Debug)]
pub(super) struct Sandbox {
    pub(super) status: v1::PodSandboxStatus,
    pub(super) config: v1::PodSandboxConfig,
}

/// A container.
#[derive(Debug)]
pub(super) struct Container {
    pub(super) sandbox: String,
    pub(super) status: v1::ContainerStatus,
    pub(super) behaviour: Behaviour,
    /// Turns `true` when it has ended.
    pub(super) ended: watch::Sender<bool>,
}

type Listener = mpsc::UnboundedSender<Result<ContainerEventResponse, Status>>;

/// Everything.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) sandboxes: BTreeMap<String, Sandbox>,
    pub(super) containers: BTreeMap<String, Container>,
    pub(super) images: BTreeMap<String, v1::Image>,
    pub(super) registry: HashMap<String, Registry>,
    pub(super) taught: HashMap<Vec<String>, Behaviour>,
    pub(super) calls: Vec<RecordedCall>,
    pub(super) listeners: Vec<Listener>,
    pub(super) stats: HashMap<String, v1::ContainerStats>,
    pub(super) pod_cidr: String,
    pub(super) made: u64,
}

impl State {
    pub(super) fn new_id(&mut self) -> String {
        self.made += 1;
        Digest::of(format!("fake {}", self.made).as_bytes())
            .hex()
            .to_owned()
    }

    /// The container runs from now on; answers what it does.
    pub(super) fn start(&mut self, id: &str, now: i64) -> Result<Behaviour, Status> {
        let container = self.container_mut(id)?;
        let state = container.status.state();
        if state != v1::ContainerState::ContainerCreated {
            return Err(Status::unknown(format!(
                "container is in {} state",
                state.as_str_name()
            )));
        }
        container.status.state = v1::ContainerState::ContainerRunning as i32;
        container.status.started_at = now;
        let behaviour = container.behaviour.clone();
        self.tell(id, ContainerEventType::ContainerStartedEvent, now);
        Ok(behaviour)
    }

    /// The container has ended; nothing if it had before.
    pub(super) fn finish(&mut self, id: &str, exit_code: i32, reason: &str, now: i64) {
        let Some(container) = self.containers.get_mut(id) else {
            return;
        };
        if container.status.state() == v1::ContainerState::ContainerExited {
            return;
        }
        container.status.state = v1::ContainerState::ContainerExited as i32;
        container.status.exit_code = exit_code;
        container.status.finished_at = now;
        container.status.reason = reason.to_owned();
        container.ended.send_replace(true);
        self.tell(id, ContainerEventType::ContainerStoppedEvent, now);
    }

    pub(super) fn remove_container(&mut self, id: &str, now: i64) {
        if self.containers.contains_key(id) {
            self.tell(id, ContainerEventType::ContainerDeletedEvent, now);
            self.containers.remove(id);
        }
    }

    /// The sandbox is not ready any more; nothing if it was not before.
    pub(super) fn stop_sandbox(&mut self, id: &str, now: i64) {
        let Some(sandbox) = self.sandboxes.get_mut(id) else {
            return;
        };
        if sandbox.status.state() == v1::PodSandboxState::SandboxReady {
            sandbox.status.state = v1::PodSandboxState::SandboxNotready as i32;
            self.tell(id, ContainerEventType::ContainerStoppedEvent, now);
        }
    }

    pub(super) fn remove_sandbox(&mut self, id: &str, now: i64) {
        if self.sandboxes.contains_key(id) {
            self.tell(id, ContainerEventType::ContainerDeletedEvent, now);
            self.sandboxes.remove(id);
        }
    }

    pub(super) fn containers_of(&self, sandbox: &str) -> Vec<String> {
        let of_sandbox = self
            .containers
            .iter()
            .filter(|(_, container)| container.sandbox == sandbox);
        of_sandbox.map(|(id, _)| id.clone()).collect()
    }

    pub(super) fn sandbox(&self, id: &str) -> Result<&Sandbox, Status> {
        self.sandboxes.get(id).ok_or_else(|| not_found("sandbox", id))
    }

    pub(super) fn container(&self, id: &str) -> Result<&Container, Status> {
        self.containers.get(id).ok_or_else(|| not_found("container", id))
    }

    fn container_mut(&mut self, id: &str) -> Result<&mut Container, Status> {
        self.containers
            .get_mut(id)
            .ok_or_else(|| not_found("container", id))
    }

    pub(super) fn add_image(&mut self, name: &str) -> String {
        let name = Reference::parse(name).map_or_else(|_| name.to_owned(), |reference| reference.to_string());
        let id = Digest::of(name.as_bytes()).to_string();
        let image = v1::Image {
            id: id.clone(),
            repo_tags: vec![name],
            size: 1 << 20,
            ..Default::default()
        };
        self.images.insert(id.clone(), image);
        id
    }

    /// The image that a name or an id means.
    pub(super) fn image(&self, wanted: &str) -> Option<&v1::Image> {
        let name = Reference::parse(wanted)
            .map(|reference| reference.to_string())
            .unwrap_or_default();
        self.images
            .values()
            .find(|image| image.id == wanted || image.repo_tags.contains(&name))
    }

    /// Tells the listeners; those that are gone are forgotten.
    pub(super) fn tell(&mut self, id: &str, kind: ContainerEventType, now: i64) {
        let sandbox_id = self
            .containers
            .get(id)
            .map_or(id, |container| container.sandbox.as_str());
        let containers = self
            .containers
            .values()
            .filter(|container| container.sandbox == sandbox_id);
        let event = ContainerEventResponse {
            container_id: id.to_owned(),
            container_event_type: kind as i32,
            created_at: now,
            pod_sandbox_status: self
                .sandboxes
                .get(sandbox_id)
                .map(|sandbox| sandbox.status.clone()),
            containers_statuses: containers.map(|container| container.status.clone()).collect(),
        };
        self.listeners
            .retain(|listener| listener.send(Ok(event.clone())).is_ok());
    }

    /// Wakes everything that waits for a container, so that its task ends.
    pub(super) fn end_all(&mut self) {
        for container in self.containers.values() {
            container.ended.send_replace(true);
        }
        self.listeners.clear();
    }
}

pub(super) fn not_found(kind: &str, id: &str) -> Status {
    Status::not_found(format!(
        "an error occurred when try to find {kind} {id:?}: not found"
    ))
}
