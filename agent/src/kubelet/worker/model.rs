//! The states of a pod, its sandboxes and its containers. Every state says what it waits for and what follows.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;

use crate::kubelet::backoff::Backoff;
use crate::kubelet::clock::Mono;
use crate::kubelet::podspec::Kind;

/// Where the pod as a whole stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lifecycle {
    /// Wanted: containers are started and restarted. Ends when the pod is deleted (`Ending`), passes its
    /// deadline (`Ending`), or all regular containers have ended for good (`Ending`, then `Done`).
    Active,
    /// Containers are being stopped, regular ones first, then sidecars from last to first. When none runs:
    /// `Removing` for a deleted pod, else `Done`.
    Ending {
        /// Why it ends.
        why: EndReason,
        /// When the end began; the grace period counts from here.
        since: Mono,
        /// How long containers get to end by themselves.
        grace: Duration,
    },
    /// Ended for good, phase Succeeded or Failed; the network is released, containers stay for their logs.
    /// Waits for deletion: `Removing`.
    Done {
        /// Why it ended.
        why: EndReason,
    },
    /// Deleted, nothing runs: sandboxes and containers are being removed from the runtime. Then `CleaningUp`.
    Removing,
    /// The runtime has nothing left; directories, logs and cgroup are being removed. Then `Gone`.
    CleaningUp,
    /// The last clean-up failed; tried again at `until`.
    CleanUpFailed {
        /// Time of the next try.
        until: Mono,
    },
    /// Nothing of the pod is left; its worker ends.
    Gone,
}

/// Why a pod ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// Its containers ended and its restart policy lets them rest.
    Completed,
    /// It ran longer than `activeDeadlineSeconds`.
    DeadlineExceeded,
    /// Nobody wants it any more.
    Deleted,
}

/// How far this state can be trusted to be what the runtime has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Knowledge {
    /// Nothing new is begun until a look, which happens at `until` and when no call is under way.
    Stale {
        /// Earliest time of the look.
        until: Mono,
        /// Looks that failed in a row.
        tries: u32,
    },
    /// The look is under way. Then `Sure`, or `Stale` again when it failed.
    Looking {
        /// Looks that failed in a row before this one.
        tries: u32,
    },
    /// As good as the events that have arrived.
    Sure,
}

/// One sandbox that the runtime has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sandbox {
    /// Id in the runtime.
    pub id: String,
    /// Which try of this pod's sandbox it is, from 0.
    pub attempt: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// Addresses of the pod in it; empty on the host's network.
    pub ips: Vec<String>,
    /// Where it stands.
    pub phase: SandboxPhase,
}

/// Where a sandbox stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SandboxPhase {
    /// Its namespaces are there; containers may be made in it. `Stopping` when the pod ends, `Dead` when the
    /// runtime says so.
    Ready,
    /// Its pause process has ended; network and mounts may still be held. `Stopping` once no container in it runs.
    Dead,
    /// `StopPodSandbox` is under way. Then `Stopped`, or `StopFailed`.
    Stopping,
    /// The stop failed; tried again at `until`.
    StopFailed {
        /// Time of the next try.
        until: Mono,
        /// Failures in a row.
        tries: u32,
    },
    /// Network released. `Removing` when no container of interest lives in it, or the pod is being removed.
    Stopped,
    /// `RemovePodSandbox` is under way. Then it is forgotten, or `RemoveFailed`.
    Removing,
    /// The removal failed; tried again at `until`.
    RemoveFailed {
        /// Time of the next try.
        until: Mono,
        /// Failures in a row.
        tries: u32,
    },
}

/// Where the making of the next sandbox stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Creation {
    /// None is wanted, or there is one already.
    Idle,
    /// `RunPodSandbox` is under way. Then `Idle` with a sandbox, or `Failed`.
    InFlight {
        /// The attempt in its name.
        attempt: u32,
        /// Tries that failed in a row before this one.
        tries: u32,
    },
    /// The last try failed; the next one is at `until`.
    Failed {
        /// Time of the next try.
        until: Mono,
        /// Tries that failed in a row.
        tries: u32,
        /// Lowest attempt that the next try may use: raised when the runtime keeps a name reserved.
        attempt: u32,
        /// Shown to people.
        error: String,
    },
}

/// One container of the spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// Name in the spec.
    pub name: String,
    /// Init, sidecar or regular.
    pub kind: Kind,
    /// Hash of the fields whose change means a restart.
    pub hash: u32,
    /// The attempt that `phase` is about: the restart count of the container that runs, or of the next one.
    pub attempt: u32,
    /// Where it stands.
    pub phase: Phase,
    /// How the attempt before the one in `phase` ended.
    pub last: Option<Exit>,
    /// Ended containers of earlier attempts that the runtime still has, newest first.
    pub dead: Vec<Dead>,
    /// Wait between restarts.
    pub crash_backoff: Backoff,
    /// Wait between pulls.
    pub image_backoff: Backoff,
    /// Calls to make or start it that failed in a row.
    pub tries: u32,
}

/// Where a container stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Not made yet. `CheckingImage` when its turn comes.
    Idle,
    /// The image is being looked up. Then `PullingImage`, `Creating` or `Blocked`.
    CheckingImage,
    /// The image is being pulled; other containers go on. Then `Creating`, or `Blocked`.
    PullingImage,
    /// The image is there: `CreateContainer` is next, when no other container is being started.
    ImageReady(Image),
    /// The pull failed: shown as ErrImagePull until `shown_until`, then as `Blocked` with ImagePullBackOff.
    PullFailed {
        /// The runtime's words.
        message: String,
        /// When the waiting state changes.
        shown_until: Mono,
        /// Time of the next pull.
        until: Mono,
    },
    /// Something is wrong that time or a person may mend; tried again from `Idle` at `until`.
    Blocked {
        /// Reason and message of the waiting state.
        waiting: Waiting,
        /// Time of the next try.
        until: Mono,
    },
    /// `CreateContainer` is under way. Then `Created`, or `Blocked`.
    Creating(Image),
    /// Made, not started (also: found so after a restart of the node). `Starting` when its turn comes.
    Created(Made),
    /// `StartContainer` is under way. Then `Running`, or `Exited`.
    Starting(Made),
    /// Runs. `Exited` when it ends, `Stopping` when it must.
    Running(Running),
    /// `StopContainer` is under way. Then `Exited`, or `StopFailed`.
    Stopping(Running),
    /// The stop failed; tried again at `until`.
    StopFailed {
        /// What still runs.
        running: Running,
        /// Time of the next try.
        until: Mono,
        /// Failures in a row.
        tries: u32,
    },
    /// Ended. Restarted as `next` says.
    Exited {
        /// The container.
        made: Made,
        /// How it ended.
        exit: Exit,
        /// What follows.
        next: Next,
    },
}

/// What follows the end of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing: it is done.
    Rest,
    /// A restart at `until`.
    Restart {
        /// Time of the restart.
        until: Mono,
        /// The whole wait, shown to people; zero for a restart at once.
        delay: Duration,
    },
}

/// Why a container is not running yet, as the API shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// One word: `ErrImagePull`, `CreateContainerConfigError`, …
    pub reason: &'static str,
    /// One sentence.
    pub message: String,
}

/// An image that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Id in the runtime (`sha256:…`).
    pub id: String,
    /// User that its configuration names, when the pod's `runAsNonRoot` has to be checked against it.
    pub user: ImageUser,
}

/// The user that an image's configuration names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageUser {
    /// A number.
    Uid(i64),
    /// A name, which cannot be checked.
    Name(String),
    /// None: root.
    Unset,
}

/// A container that the runtime has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// Id in the runtime.
    pub id: String,
    /// The sandbox that it lives in.
    pub sandbox_id: String,
    /// Image name as the runtime reports it.
    pub image: String,
    /// Image id or digest as the runtime reports it.
    pub image_id: String,
    /// Hash with which it was made; `None` when its labels were written by somebody else.
    pub hash: Option<u32>,
    /// User that the first process got, where the runtime tells.
    pub user: Option<User>,
}

/// User and groups of a container's first process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// User id.
    pub uid: i64,
    /// Group id.
    pub gid: i64,
    /// All groups.
    pub groups: Vec<i64>,
}

/// A running container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// The container.
    pub made: Made,
    /// When it was started.
    pub started_at: Timestamp,
}

/// How a container ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// Id of the container that ended.
    pub id: String,
    /// Exit code; 128 + signal number when a signal ended it.
    pub code: i32,
    /// The runtime's word: `Completed`, `Error`, `OOMKilled`, `StartError`, …
    pub reason: String,
    /// Termination message, or the runtime's explanation.
    pub message: String,
    /// When it was started; `None` when it never was.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Timestamp,
}

/// An ended container of an earlier attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dead {
    /// Id in the runtime.
    pub id: String,
    /// Its attempt.
    pub attempt: u32,
    /// The sandbox that it lives in.
    pub sandbox_id: String,
    /// Whether it is being removed.
    pub removal: Removal,
}

/// Where the removal of an ended container stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removal {
    /// Kept for its logs, or waiting for its turn.
    Kept,
    /// `RemoveContainer` is under way. Then it is forgotten, or `Failed`.
    InFlight,
    /// Tried again at `until`.
    Failed {
        /// Time of the next try.
        until: Mono,
    },
}

impl Phase {
    /// The runtime's container that this phase is about, if one has been made.
    #[must_use]
    pub fn made(&self) -> Option<&Made> {
        match self {
            Self::Created(made) | Self::Starting(made) | Self::Exited { made, .. } => Some(made),
            Self::Running(running) | Self::Stopping(running) | Self::StopFailed { running, .. } => {
                Some(&running.made)
            }
            _ => None,
        }
    }

    /// Whether a process of the container runs or is about to.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        matches!(
            self,
            Self::Starting(_) | Self::Running(_) | Self::Stopping(_) | Self::StopFailed { .. }
        )
    }

    /// Whether a call that makes or starts the container is under way.
    #[must_use]
    pub fn is_being_made(&self) -> bool {
        matches!(self, Self::Creating(_) | Self::Starting(_))
    }
}

impl Container {
    /// Attempts made so far less one: `restartCount` in the pod's status.
    #[must_use]
    pub fn restart_count(&self) -> u32 {
        if self.phase.made().is_some() {
            self.attempt
        } else {
            self.attempt.saturating_sub(1)
        }
    }
}
