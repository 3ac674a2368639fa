//! What a pod worker asks for. Each action is answered by one event, except those that say otherwise.

use std::time::Duration;

use super::model::Image;
use crate::kubelet::event::PodEvent;

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// List what the runtime has of this pod, with details. Answer: `Event::Looked`.
    Look,
    /// Ask for one container. Answer: `Event::Inspected`.
    Inspect {
        /// Its id.
        id: String,
    },
    /// Look the container's image up. Answer: `ImageChecked`.
    CheckImage {
        /// Container.
        container: String,
    },
    /// Pull the container's image. Answer: `ImagePulled`, unless cancelled.
    PullImage {
        /// Container.
        container: String,
    },
    /// Give a running pull up. No answer, and none to the pull.
    CancelPull {
        /// Container.
        container: String,
    },
    /// Prepare directories, volumes and cgroup, and run a sandbox. Answer: `SandboxRun`.
    RunSandbox {
        /// Attempt in its name.
        attempt: u32,
    },
    /// Make a container. Answer: `ContainerCreated`.
    CreateContainer(NewContainer),
    /// Start a container. Answer: `ContainerStarted`.
    StartContainer {
        /// Container.
        container: String,
        /// Its id.
        id: String,
        /// Attempt, which names its log file.
        attempt: u32,
    },
    /// Stop a container. Answer: `ContainerStopped`.
    StopContainer {
        /// Container.
        container: String,
        /// Its id.
        id: String,
        /// Time that it gets to end by itself.
        grace: Duration,
    },
    /// Remove an ended container and its log. Answer: `ContainerRemoved`.
    RemoveContainer {
        /// Container.
        container: String,
        /// Its id.
        id: String,
        /// Attempt, which names its log file.
        attempt: u32,
    },
    /// Stop a sandbox and all in it. Answer: `SandboxStopped`.
    StopSandbox {
        /// Its id.
        id: String,
    },
    /// Remove a sandbox and all in it. Answer: `SandboxRemoved`.
    RemoveSandbox {
        /// Its id.
        id: String,
    },
    /// Remove the pod's directories, logs and cgroup. Answer: `CleanedUp`.
    CleanUp,
    /// Tell people. No answer.
    Emit(PodEvent),
}

/// A container to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewContainer {
    /// Its name in the spec.
    pub name: String,
    /// Attempt in its name.
    pub attempt: u32,
    /// Sandbox to make it in.
    pub sandbox_id: String,
    /// The pod's addresses, for the environment.
    pub ips: Vec<String>,
    /// Image to make it from.
    pub image: Image,
}
