//! Makes sandboxes and containers, and refuses names that are taken.

use super::Behaviour;
use super::state::{Container, Sandbox, State, not_found};
use crate::v1;
use crate::v1::ContainerEventType;
use tokio::sync::watch;
use tonic::Status;

impl State {
    pub(super) fn add_sandbox(
        &mut self,
        config: v1::PodSandboxConfig,
        handler: String,
        now: i64,
    ) -> Result<String, Status> {
        let metadata = config
            .metadata
            .as_ref()
            .ok_or_else(|| Status::unknown("sandbox has no metadata"))?;
        let mut others = self.sandboxes.values();
        if let Some(held) = others.find(|sandbox| sandbox.status.metadata.as_ref() == Some(metadata)) {
            return Err(reserved("sandbox", &sandbox_name(metadata), &held.status.id));
        }
        let id = self.new_id();
        // One address for each sandbox, as long as there are fewer than 250.
        let ip = format!("10.244.0.{}", 1 + self.made % 250);
        let status = v1::PodSandboxStatus {
            id: id.clone(),
            created_at: now,
            runtime_handler: handler,
            ..sandbox_status(&config, ip)
        };
        self.sandboxes.insert(id.clone(), Sandbox { status, config });
        self.tell(&id, ContainerEventType::ContainerCreatedEvent, now);
        self.tell(&id, ContainerEventType::ContainerStartedEvent, now);
        Ok(id)
    }

    pub(super) fn add_container(
        &mut self,
        sandbox_id: &str,
        config: v1::ContainerConfig,
        now: i64,
    ) -> Result<String, Status> {
        self.check_free(sandbox_id, &config)?;
        let wanted = config.image.as_ref().map_or("", |spec| &spec.image);
        let image_id = self.image(wanted).map(|image| image.id.clone());
        let image_id = image_id.ok_or_else(|| not_found("image", wanted))?;
        let command: Vec<String> = config.command.iter().chain(&config.args).cloned().collect();
        let taught = self.taught.get(&command).cloned();
        let behaviour = taught.unwrap_or_else(|| Behaviour::of_command(&command));
        let log_path = log_path(&self.sandbox(sandbox_id)?.config.log_directory, &config.log_path);
        let id = self.new_id();
        let status = v1::ContainerStatus {
            id: id.clone(),
            created_at: now,
            log_path,
            ..container_status(config, image_id)
        };
        let (ended, _) = watch::channel(false);
        let container = Container {
            sandbox: sandbox_id.to_owned(),
            status,
            behaviour,
            ended,
        };
        self.containers.insert(id.clone(), container);
        self.tell(&id, ContainerEventType::ContainerCreatedEvent, now);
        Ok(id)
    }

    /// The sandbox runs, and has no container of the same name and attempt.
    fn check_free(&self, sandbox_id: &str, config: &v1::ContainerConfig) -> Result<(), Status> {
        let sandbox = self.sandbox(sandbox_id)?;
        if sandbox.status.state() != v1::PodSandboxState::SandboxReady {
            return Err(Status::not_found(
                "failed to get sandbox container task: no running task found",
            ));
        }
        let metadata = config
            .metadata
            .as_ref()
            .ok_or_else(|| Status::unknown("container has no metadata"))?;
        let mut beside = self
            .containers
            .values()
            .filter(|other| other.sandbox == sandbox_id);
        let Some(held) = beside.find(|other| other.status.metadata.as_ref() == Some(metadata)) else {
            return Ok(());
        };
        let pod = sandbox.status.metadata.clone().unwrap_or_default();
        let name = format!("{}_{}_{}", metadata.name, sandbox_name(&pod), metadata.attempt);
        Err(reserved("container", &name, &held.status.id))
    }
}

fn sandbox_status(config: &v1::PodSandboxConfig, ip: String) -> v1::PodSandboxStatus {
    let context = config
        .linux
        .as_ref()
        .and_then(|linux| linux.security_context.as_ref());
    let options = context.and_then(|context| context.namespace_options.clone());
    let on_host = options
        .as_ref()
        .is_some_and(|options| options.network() == v1::NamespaceMode::Node);
    let ip = if on_host { String::new() } else { ip };
    v1::PodSandboxStatus {
        metadata: config.metadata.clone(),
        state: v1::PodSandboxState::SandboxReady as i32,
        network: Some(v1::PodSandboxNetworkStatus {
            ip,
            additional_ips: Vec::new(),
        }),
        linux: Some(v1::LinuxPodSandboxStatus {
            namespaces: Some(v1::Namespace { options }),
        }),
        labels: config.labels.clone(),
        annotations: config.annotations.clone(),
        ..Default::default()
    }
}

fn container_status(config: v1::ContainerConfig, image_id: String) -> v1::ContainerStatus {
    v1::ContainerStatus {
        metadata: config.metadata,
        state: v1::ContainerState::ContainerCreated as i32,
        image: config.image,
        image_ref: image_id.clone(),
        image_id,
        labels: config.labels,
        annotations: config.annotations,
        mounts: config.mounts,
        ..Default::default()
    }
}

fn sandbox_name(pod: &v1::PodSandboxMetadata) -> String {
    format!("{}_{}_{}_{}", pod.name, pod.namespace, pod.uid, pod.attempt)
}

/// In containerd's words.
fn reserved(kind: &str, name: &str, holder: &str) -> Status {
    let name = format!("name {name:?}");
    Status::unknown(format!(
        "failed to reserve {kind} {name}: {name} is reserved for {holder:?}"
    ))
}

fn log_path(directory: &str, path: &str) -> String {
    if directory.is_empty() || path.is_empty() {
        return String::new();
    }
    std::path::Path::new(directory)
        .join(path)
        .to_string_lossy()
        .into_owned()
}
