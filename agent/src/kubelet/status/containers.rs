//! The status of each container.

use k8s_openapi::api::core::v1::{
    Container as Spec, ContainerState, ContainerStateRunning, ContainerStateTerminated,
    ContainerStateWaiting, ContainerStatus, ContainerUser, LinuxContainerUser, VolumeMountStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::resources;
use crate::kubelet::backoff::spoken;
use crate::kubelet::podspec::{self, Kind};
use crate::kubelet::worker::{Container, Creation, Exit, Lifecycle, Made, Next, Phase, PodState};

/// Statuses of the containers whose kind passes `wanted`, in the spec's order.
pub(super) fn of(state: &PodState, wanted: impl Fn(Kind) -> bool) -> Vec<ContainerStatus> {
    let pairs = podspec::containers(&state.pod).zip(&state.containers);
    pairs
        .filter(|((kind, _), _)| wanted(*kind))
        .map(|((_, spec), c)| one(state, spec, c))
        .collect()
}

fn one(state: &PodState, spec: &Spec, container: &Container) -> ContainerStatus {
    let made = container.phase.made();
    let (current, last) = states(state, container);
    let running = current.running.is_some();
    let ended_well = current.terminated.as_ref().is_some_and(|t| t.exit_code == 0);
    ContainerStatus {
        name: container.name.clone(),
        image: made.map_or_else(|| spec.image.clone().unwrap_or_default(), |m| m.image.clone()),
        image_id: made.map(|m| m.image_id.clone()).unwrap_or_default(),
        container_id: made.map(|m| container_id(&m.id)),
        restart_count: i32::try_from(container.restart_count()).unwrap_or(i32::MAX),
        ready: match container.kind {
            Kind::Init => ended_well,
            // Probes come with a later part; a container without one is ready while it runs.
            Kind::Sidecar | Kind::Regular => running,
        },
        started: Some(running && container.kind != Kind::Init),
        state: Some(current),
        last_state: Some(last),
        resources: made.map(|_| resources::of_container(spec)),
        allocated_resources: made.and_then(|_| resources::requests_of(spec)),
        user: made.and_then(user),
        volume_mounts: Some(volume_mounts(spec)),
        ..ContainerStatus::default()
    }
}

fn container_id(id: &str) -> String {
    format!("containerd://{id}")
}

fn user(made: &Made) -> Option<ContainerUser> {
    let user = made.user.as_ref()?;
    Some(ContainerUser {
        linux: Some(LinuxContainerUser {
            uid: user.uid,
            gid: user.gid,
            supplemental_groups: Some(user.groups.clone()),
        }),
    })
}

fn volume_mounts(spec: &Spec) -> Vec<VolumeMountStatus> {
    let mounts = spec.volume_mounts.iter().flatten();
    mounts
        .map(|mount| VolumeMountStatus {
            name: mount.name.clone(),
            mount_path: mount.mount_path.clone(),
            read_only: mount.read_only.filter(|r| *r),
            recursive_read_only: (mount.read_only == Some(true)).then(|| "Disabled".into()),
            ..VolumeMountStatus::default()
        })
        .collect()
}

/// Current and last state of a container.
fn states(state: &PodState, container: &Container) -> (ContainerState, ContainerState) {
    let last = container.last.as_ref().map(terminated).unwrap_or_default();
    match &container.phase {
        Phase::Running(running) | Phase::Stopping(running) | Phase::StopFailed { running, .. } => {
            let running = ContainerStateRunning {
                started_at: Some(Time(running.started_at)),
            };
            let current = ContainerState {
                running: Some(running),
                ..ContainerState::default()
            };
            (current, last)
        }
        Phase::Exited { exit, next, .. } => match next {
            Next::Restart { delay, .. } if !delay.is_zero() && state.lifecycle == Lifecycle::Active => {
                let text = format!(
                    "back-off {} restarting failed container={} pod={}",
                    spoken(*delay),
                    container.name,
                    state.id
                );
                (waiting("CrashLoopBackOff", Some(text)), terminated(exit))
            }
            _ => (terminated(exit), last),
        },
        Phase::Blocked { waiting: why, .. } => (waiting(why.reason, Some(why.message.clone())), last),
        Phase::PullFailed { message, .. } => (waiting("ErrImagePull", Some(message.clone())), last),
        _ => (creating(state), last),
    }
}

/// The state of a container whose turn has not come.
fn creating(state: &PodState) -> ContainerState {
    let init = podspec::spec(&state.pod)
        .init_containers
        .as_ref()
        .is_some_and(|list| !list.is_empty());
    let reason = if init {
        "PodInitializing"
    } else {
        "ContainerCreating"
    };
    let message = match &state.creation {
        Creation::Failed { error, .. } => Some(error.clone()),
        _ => None,
    };
    waiting(reason, message)
}

fn waiting(reason: &str, message: Option<String>) -> ContainerState {
    ContainerState {
        waiting: Some(ContainerStateWaiting {
            reason: Some(reason.into()),
            message,
        }),
        ..ContainerState::default()
    }
}

fn terminated(exit: &Exit) -> ContainerState {
    ContainerState {
        terminated: Some(ContainerStateTerminated {
            container_id: Some(container_id(&exit.id)),
            exit_code: exit.code,
            reason: Some(exit.reason.clone()).filter(|r| !r.is_empty()),
            message: Some(exit.message.clone()).filter(|m| !m.is_empty()),
            started_at: exit.started_at.map(Time),
            finished_at: Some(Time(exit.finished_at)),
            ..ContainerStateTerminated::default()
        }),
        ..ContainerState::default()
    }
}
