//! What a pod worker hears: wishes, observations, results of its actions, and time passing.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;

use super::model::{Exit, Image, Made};

/// One thing that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// The wish changed: another spec, same uid.
    Desired(Arc<Pod>),
    /// Nobody wants the pod any more.
    Delete {
        /// Grace that the deletion asks for; the pod's own when `None`.
        grace: Option<Duration>,
    },
    /// The runtime said that something happened to this container or sandbox.
    Runtime {
        /// Its id.
        id: String,
        /// What happened.
        what: RuntimeChange,
    },
    /// All that a list of the runtime shows of this pod; compared, and looked into when it differs.
    Listed(Listing),
    /// Answer to `Action::Look`.
    Looked(Result<Observed, String>),
    /// Answer to `Action::Inspect`: `None` when the runtime no longer has the container.
    Inspected {
        /// Id that was asked for.
        id: String,
        /// What it is.
        result: Result<Option<SeenContainer>, String>,
    },
    /// Answer to any other action.
    Done(Completion),
    /// A time that was waited for has come.
    Wake,
}

/// What the runtime reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuntimeChange {
    /// A container or sandbox process runs.
    Started,
    /// It ended.
    Exited,
    /// It was removed.
    Deleted,
}

/// What a list of the runtime shows of one pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Sandboxes: id and whether they are ready.
    pub sandboxes: Vec<(String, bool)>,
    /// Containers: id and state.
    pub containers: Vec<(String, ListedState)>,
}

/// State of a container in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListedState {
    /// Made, never started.
    Created,
    /// Runs.
    Running,
    /// Ended.
    Exited,
    /// The runtime does not know.
    Unknown,
}

/// Everything that the runtime has of one pod, in detail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// Its sandboxes, in any order.
    pub sandboxes: Vec<SeenSandbox>,
    /// Its containers, in any order.
    pub containers: Vec<SeenContainer>,
}

/// A sandbox as the runtime shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenSandbox {
    /// Id.
    pub id: String,
    /// Attempt in its name.
    pub attempt: u32,
    /// Whether it is ready.
    pub ready: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// The pod's addresses.
    pub ips: Vec<String>,
}

/// A container as the runtime shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenContainer {
    /// Name in the spec.
    pub name: String,
    /// Attempt in its name.
    pub attempt: u32,
    /// Id, sandbox, image.
    pub made: Made,
    /// Its state.
    pub state: SeenState,
}

/// State of a container, with what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SeenState {
    /// Made, never started.
    Created,
    /// Runs since then.
    Running(Timestamp),
    /// Ended like this.
    Exited(Exit),
    /// The runtime does not know; treated as ended with code 137, as the reference does.
    Unknown,
}

/// Result of an action.
#[derive(Clone, Debug)]
pub enum Completion {
    /// The image was looked up; `None` when it is not there.
    ImageChecked {
        /// Container.
        container: String,
        /// Image, or why the runtime could not tell.
        result: Result<Option<Image>, String>,
    },
    /// The image was pulled.
    ImagePulled {
        /// Container.
        container: String,
        /// Image with time and size, or why not.
        result: Result<Pulled, String>,
    },
    /// A sandbox was run.
    SandboxRun {
        /// Sandbox, or why not.
        result: Result<SeenSandbox, OpError>,
    },
    /// A container was made.
    ContainerCreated {
        /// Container.
        container: String,
        /// The container, or why not.
        result: Result<Made, OpError>,
    },
    /// A container was started; the result is what it is now.
    ContainerStarted {
        /// Container.
        container: String,
        /// Its state, or why it did not start.
        result: Result<SeenContainer, OpError>,
    },
    /// A container was stopped; the result is what it is now, `None` when it is gone.
    ContainerStopped {
        /// Its id.
        id: String,
        /// Its state, or why it did not stop.
        result: Result<Option<SeenContainer>, OpError>,
    },
    /// An ended container was removed.
    ContainerRemoved {
        /// Its id.
        id: String,
        /// Why not, if so.
        result: Result<(), OpError>,
    },
    /// A sandbox was stopped.
    SandboxStopped {
        /// Its id.
        id: String,
        /// Why not, if so.
        result: Result<(), OpError>,
    },
    /// A sandbox was removed.
    SandboxRemoved {
        /// Its id.
        id: String,
        /// Why not, if so.
        result: Result<(), OpError>,
    },
    /// Directories, logs and cgroup were removed.
    CleanedUp(Result<(), String>),
}

/// A pull that went well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulled {
    /// The image.
    pub image: Image,
    /// Time that the pull took.
    pub took: Duration,
    /// Size of the image in bytes.
    pub bytes: u64,
}

/// Why an action on the runtime failed, by what can be done about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpError {
    /// The configuration cannot be made from the spec: `CreateContainerConfigError`. A new spec or object helps.
    #[error("{0}")]
    Config(String),
    /// A volume, directory or cgroup of the pod cannot be prepared. Tried again.
    #[error("{0}")]
    Setup(String),
    /// The runtime has another container or sandbox under this name: look before the next try.
    #[error("{0}")]
    Reserved(String),
    /// The runtime refused, or its answer never came: look before the next try.
    #[error("{0}")]
    Runtime(String),
}
