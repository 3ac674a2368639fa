//! What the cases work with.

use super::Program;
use crate::events::{EventSettings, EventStream, RuntimeEvent};
use crate::{Client, v1};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// How long an event or a state may take to show itself.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// A runtime to test, and names nobody else uses.
#[derive(Debug)]
pub struct World {
    /// The client under test.
    pub client: Client,
    /// An image the runtime has; see the assumptions of [`crate::contract`].
    pub image: String,
    /// Where logs go, in the runtime's own view.
    pub logs: PathBuf,
    /// The same directory in this process's view.
    pub logs_here: PathBuf,
    next: AtomicU32,
}

/// A sandbox of a case.
#[derive(Debug, Clone)]
pub(super) struct Pod {
    pub(super) id: String,
    pub(super) config: v1::PodSandboxConfig,
}

impl World {
    /// A world without pods yet.
    pub fn new(client: Client, image: &str, logs: &Path, logs_here: &Path) -> Self {
        Self {
            client,
            image: image.to_owned(),
            logs: logs.to_owned(),
            logs_here: logs_here.to_owned(),
            next: AtomicU32::new(0),
        }
    }

    /// A sandbox's configuration with a name of its own.
    pub(super) fn pod_config(&self) -> v1::PodSandboxConfig {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (name, uid) = (format!("pod-{number}"), format!("uid-{number}"));
        let namespaces = v1::NamespaceOption {
            network: v1::NamespaceMode::Node as i32,
            pid: v1::NamespaceMode::Container as i32,
            ..Default::default()
        };
        let security = v1::LinuxSandboxSecurityContext {
            namespace_options: Some(namespaces),
            ..Default::default()
        };
        v1::PodSandboxConfig {
            log_directory: self.logs.join(&name).to_string_lossy().into_owned(),
            labels: HashMap::from([
                ("io.kubernetes.pod.name".to_owned(), name.clone()),
                ("io.kubernetes.pod.uid".to_owned(), uid.clone()),
            ]),
            metadata: Some(v1::PodSandboxMetadata {
                name,
                uid,
                namespace: "contract".to_owned(),
                attempt: 0,
            }),
            linux: Some(v1::LinuxPodSandboxConfig {
                security_context: Some(security),
                ..Default::default()
            }),
            ..Default::default()
        }
    }

    pub(super) async fn run_pod(&self) -> Pod {
        self.run_pod_with(self.pod_config()).await
    }

    pub(super) async fn run_pod_with(&self, config: v1::PodSandboxConfig) -> Pod {
        std::fs::create_dir_all(self.logs_here.join(pod_name(&config))).expect("make the log directory");
        let id = self
            .client
            .run_pod_sandbox(config.clone(), "")
            .await
            .expect("a sandbox runs");
        Pod { id, config }
    }

    pub(super) fn container_config(&self, pod: &Pod, name: &str, program: &Program) -> v1::ContainerConfig {
        let mut labels = pod.config.labels.clone();
        labels.insert("io.kubernetes.container.name".to_owned(), name.to_owned());
        v1::ContainerConfig {
            metadata: Some(v1::ContainerMetadata {
                name: name.to_owned(),
                attempt: 0,
            }),
            image: Some(v1::ImageSpec {
                image: self.image.clone(),
                ..Default::default()
            }),
            command: program.command(),
            labels,
            log_path: format!("{name}.log"),
            linux: Some(v1::LinuxContainerConfig::default()),
            ..Default::default()
        }
    }

    pub(super) async fn create(&self, pod: &Pod, name: &str, program: &Program) -> String {
        let config = self.container_config(pod, name, program);
        let created = self
            .client
            .create_container(&pod.id, config, pod.config.clone())
            .await;
        created.expect("a container is created")
    }

    pub(super) async fn start(&self, pod: &Pod, name: &str, program: &Program) -> String {
        let id = self.create(pod, name, program).await;
        self.client
            .start_container(&id)
            .await
            .expect("a container starts");
        id
    }

    pub(super) async fn remove(&self, pod: &Pod) {
        self.client
            .stop_pod_sandbox(&pod.id)
            .await
            .expect("a sandbox stops");
        self.client
            .remove_pod_sandbox(&pod.id)
            .await
            .expect("a sandbox is removed");
    }

    /// The log file of a container, in this process's view.
    pub(super) fn log(&self, pod: &Pod, name: &str) -> PathBuf {
        self.logs_here
            .join(pod_name(&pod.config))
            .join(format!("{name}.log"))
    }

    /// The log of a container once it has `lines` lines: the runtime writes it beside us.
    pub(super) async fn await_log(&self, pod: &Pod, name: &str, lines: usize) -> String {
        let path = self.log(pod, name);
        let begun = tokio::time::Instant::now();
        loop {
            let log = std::fs::read_to_string(&path).unwrap_or_default();
            if log.lines().count() >= lines {
                return log;
            }
            assert!(begun.elapsed() < PATIENCE, "{} has {log:?} only", path.display());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until the container's status is what `wanted` accepts.
    pub(super) async fn status(
        &self,
        id: &str,
        what: &str,
        wanted: impl Fn(&v1::ContainerStatus) -> bool,
    ) -> v1::ContainerStatus {
        let look = async {
            loop {
                let status = self
                    .client
                    .container_status(id)
                    .await
                    .expect("a status is answered");
                if wanted(&status) {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let seen = tokio::time::timeout(PATIENCE, look).await;
        seen.unwrap_or_else(|_| panic!("container {id} is not {what} within {PATIENCE:?}"))
    }

    pub(super) async fn exited(&self, id: &str) -> v1::ContainerStatus {
        self.status(id, "exited", |status| {
            status.state() == v1::ContainerState::ContainerExited
        })
        .await
    }

    /// An event stream that has begun: its first gap is read.
    pub(super) async fn events(&self) -> EventStream {
        let mut events = self.client.events(EventSettings::default());
        let first = next_event(&mut events).await;
        assert!(
            matches!(first, RuntimeEvent::Gap { .. }),
            "a stream begins with a gap, not {first:?}"
        );
        events
    }
}

fn pod_name(config: &v1::PodSandboxConfig) -> &str {
    config.metadata.as_ref().map_or("", |metadata| &metadata.name)
}

pub(super) async fn next_event(events: &mut EventStream) -> RuntimeEvent {
    let event = tokio::time::timeout(PATIENCE, events.next()).await;
    event
        .expect("an event comes in time")
        .expect("the stream goes on")
}
