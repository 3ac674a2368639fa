//! The node loop against the fake runtime, in paused time: faults at every call, and a kill at every moment.

mod faults;
mod kills;
mod lifecycle;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cri::fake::FakeRuntime;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use k8s_openapi::jiff::Timestamp;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::manifests::Source;

/// The fake's clock begins here (seconds since 1970).
const BEGINNING: i64 = 1_700_000_000;
/// Longer than any back-off or deadline of a call.
const LONG: Duration = Duration::from_secs(3600);

/// A fake runtime with the directories of one node.
struct World {
    fake: FakeRuntime,
    dir: TempDir,
    begun: Instant,
}

/// A running node loop; dropping it ends it as `kill -9` does.
struct Running {
    manifests: mpsc::Sender<ManifestEvent>,
    board: Arc<Board>,
    task: JoinHandle<Result<(), NodeError>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl World {
    fn new() -> Self {
        let fake = FakeRuntime::start();
        fake.add_image("busybox:1");
        Self {
            fake,
            dir: tempfile::tempdir().expect("a directory"),
            begun: Instant::now(),
        }
    }

    fn config(&self) -> NodeConfig {
        let at = |name: &str| self.dir.path().join(name);
        NodeConfig {
            root_dir: at("kubelet"),
            pod_log_dir: at("pods"),
            container_log_dir: at("containers"),
            cgroup_mount: at("cgroup"),
            status_socket: None,
            ..NodeConfig::standard("n")
        }
    }

    /// Starts the node with these manifests.
    async fn start(&self, manifests: &[(&str, Pod)]) -> Running {
        let (sender, receiver) = mpsc::channel(64);
        let board = Arc::new(Board::default());
        let wall = Timestamp::from_second(BEGINNING).expect("a time") + self.begun.elapsed();
        let edge = Edge {
            client: self.fake.client(),
            clock: Clock::paced(wall),
            board: board.clone(),
        };
        let task = tokio::spawn(run_with(self.config(), edge, receiver, CancellationToken::new()));
        let running = Running {
            manifests: sender,
            board,
            task,
        };
        for (source, pod) in manifests {
            running.set(source, pod).await;
        }
        running
            .manifests
            .send(ManifestEvent::Synced)
            .await
            .expect("the node listens");
        running
    }

    /// Containers of the runtime that run, as `name#attempt`.
    fn alive(&self) -> Vec<String> {
        let running = i32::from(cri::v1::ContainerState::ContainerRunning);
        self.named(|c| c.state == running)
    }

    /// Containers of the runtime in any state.
    fn all(&self) -> Vec<String> {
        self.named(|_| true)
    }

    fn named(&self, wanted: impl Fn(&cri::v1::ContainerStatus) -> bool) -> Vec<String> {
        let mut names: Vec<String> = self
            .fake
            .containers()
            .into_iter()
            .filter(wanted)
            .map(|c| c.metadata.unwrap_or_default())
            .map(|m| format!("{}#{}", m.name, m.attempt))
            .collect();
        names.sort();
        names
    }

    /// Ids of containers that run.
    fn alive_ids(&self) -> Vec<String> {
        let running = i32::from(cri::v1::ContainerState::ContainerRunning);
        self.fake
            .containers()
            .into_iter()
            .filter(|c| c.state == running)
            .map(|c| c.id)
            .collect()
    }

    fn count(&self, call: &str) -> usize {
        self.fake.calls().iter().filter(|c| c.name == call).count()
    }

    /// Neither the runtime nor the disk has anything of any pod.
    fn is_empty(&self) -> bool {
        let empty = |dir: &Path| std::fs::read_dir(dir).map_or(0, Iterator::count) == 0;
        self.fake.sandboxes().is_empty()
            && self.fake.containers().is_empty()
            && empty(&self.dir.path().join("kubelet/pods"))
            && empty(&self.dir.path().join("pods"))
            && empty(&self.dir.path().join("containers"))
    }
}

impl Running {
    async fn set(&self, source: &str, pod: &Pod) {
        let event = ManifestEvent::Set {
            source: Source::new(source),
            pod: Arc::new(pod.clone()),
        };
        self.manifests.send(event).await.expect("the node listens");
    }

    async fn remove(&self, source: &str) {
        let event = ManifestEvent::Removed {
            source: Source::new(source),
        };
        self.manifests.send(event).await.expect("the node listens");
    }

    fn pod(&self, name: &str) -> Option<Pod> {
        let wanted = format!("{name}-n");
        self.board
            .pods()
            .into_iter()
            .find(|p| p.metadata.name.as_deref() == Some(&wanted))
    }

    fn phase(&self, name: &str) -> String {
        self.pod(name).and_then(|p| p.status?.phase).unwrap_or_default()
    }

    fn container(&self, pod: &str, name: &str) -> ContainerStatus {
        let status = self.pod(pod).and_then(|p| p.status).unwrap_or_default();
        let lists = [status.container_statuses, status.init_container_statuses];
        lists
            .into_iter()
            .flatten()
            .flatten()
            .find(|c| c.name == name)
            .unwrap_or_default()
    }

    fn waiting(&self, pod: &str, name: &str) -> String {
        let state = self.container(pod, name).state;
        state.and_then(|s| s.waiting?.reason).unwrap_or_default()
    }

    fn is_running(&self, pod: &str) -> bool {
        let all = self
            .pod(pod)
            .and_then(|p| p.status?.container_statuses)
            .unwrap_or_default();
        !all.is_empty()
            && all
                .iter()
                .all(|c| c.state.as_ref().is_some_and(|s| s.running.is_some()))
    }
}

/// Waits in small steps of paused time; panics with `what` after an hour of it.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    let mut step = Duration::from_millis(20);
    while !holds() {
        assert!(begun.elapsed() < LONG, "{what}: not so after an hour");
        tokio::time::sleep(step).await;
        step = (step * 2).min(Duration::from_millis(320));
    }
}

/// A pod `name` whose container `c` runs `line`, with `spec` merged into its spec.
fn pod(name: &str, line: &str, spec: serde_json::Value) -> Pod {
    let mut object = serde_json::json!({
        "metadata": {"name": name},
        "spec": {
            "terminationGracePeriodSeconds": 5,
            "containers": [{"name": "c", "image": "busybox:1", "command": ["sh", "-c", line]}]
        }
    });
    if let (Some(into), serde_json::Value::Object(more)) = (object["spec"].as_object_mut(), spec) {
        into.extend(more);
    }
    serde_json::from_value(object).expect("a pod")
}

/// A pod that runs for ever, with an init container before it.
fn server(name: &str) -> Pod {
    let init = serde_json::json!({"initContainers": [
        {"name": "i", "image": "busybox:1", "command": ["sh", "-c", "exit 0"]}
    ]});
    pod(name, "while true; do :; done", init)
}
