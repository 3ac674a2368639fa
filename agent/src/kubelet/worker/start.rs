//! Starting containers in order: init containers one after the other, sidecars beside what follows them, then
//! the regular ones.

use std::time::Duration;

use super::model::{Container, Dead, Next, Phase, Removal, Waiting};
use super::{Action, NewContainer, PodState, Sandbox, emit};
use crate::kubelet::backoff::LONGEST;
use crate::kubelet::clock::{Mono, Now};
use crate::kubelet::event::{About, PodEvent};
use crate::kubelet::image_name::with_default_tag;
use crate::kubelet::podspec::{self, Kind};

/// How long a failed pull is shown as ErrImagePull before it is shown as ImagePullBackOff. The reference
/// changes the word at its next sync, some seconds later.
pub(super) const PULL_ERROR_SHOWN: Duration = Duration::from_secs(2);
/// Wait before an image that cannot be used is looked at again.
const IMAGE_RETRY: Duration = Duration::from_secs(10);

/// What trying to start one container came to.
enum Turn {
    /// It is where it should be: the next one may start.
    Satisfied,
    /// It waits for something; regular containers after it may start, init containers may not.
    Waits,
    /// It is being started: nothing else is until that is done.
    Busy,
}

/// Starts the next container that may start.
pub(super) fn starts(state: &mut PodState, now: Now, actions: &mut Vec<Action>) {
    if state.containers.iter().any(|c| c.phase.is_being_made()) {
        return;
    }
    let Some(sandbox) = state.ready_sandbox().cloned() else {
        return;
    };
    let initialized = is_initialized(state, &sandbox.id);
    for index in 0..state.containers.len() {
        let kind = state.containers[index].kind;
        if kind == Kind::Init && initialized {
            continue;
        }
        match turn(state, index, &sandbox, now, actions) {
            Turn::Busy => return,
            Turn::Waits if kind != Kind::Regular && !initialized => return,
            Turn::Waits | Turn::Satisfied => {}
        }
    }
}

/// Whether init containers are done for this sandbox: a regular container has been made in it.
pub(crate) fn is_initialized(state: &PodState, sandbox_id: &str) -> bool {
    state
        .containers
        .iter()
        .any(|c| c.kind == Kind::Regular && c.phase.made().is_some_and(|made| made.sandbox_id == sandbox_id))
}

fn turn(state: &mut PodState, index: usize, sandbox: &Sandbox, now: Now, actions: &mut Vec<Action>) -> Turn {
    let container = &mut state.containers[index];
    make_ready(container, &sandbox.id, now);
    match container.phase.clone() {
        Phase::Idle => check_image(state, index, now, actions),
        Phase::ImageReady(image) => {
            container.phase = Phase::Creating(image.clone());
            actions.push(Action::CreateContainer(NewContainer {
                name: container.name.clone(),
                attempt: container.attempt,
                sandbox_id: sandbox.id.clone(),
                ips: sandbox.ips.clone(),
                image,
            }));
            Turn::Busy
        }
        Phase::Created(made) => {
            actions.push(Action::StartContainer {
                container: container.name.clone(),
                id: made.id.clone(),
                attempt: container.attempt,
            });
            container.phase = Phase::Starting(made);
            Turn::Busy
        }
        Phase::CheckingImage | Phase::Creating(_) | Phase::Starting(_) => Turn::Busy,
        Phase::PullingImage | Phase::PullFailed { .. } | Phase::Blocked { .. } => Turn::Waits,
        Phase::Stopping(_) | Phase::StopFailed { .. } => Turn::Waits,
        Phase::Running(_) if container.kind == Kind::Init => Turn::Waits,
        Phase::Running(_) => Turn::Satisfied,
        Phase::Exited {
            exit,
            next: Next::Rest,
            ..
        } if exit.code == 0 || container.kind == Kind::Regular => Turn::Satisfied,
        Phase::Exited { .. } => Turn::Waits,
    }
}

/// Moves a container whose time has come back to `Idle`.
fn make_ready(container: &mut Container, sandbox_id: &str, now: Now) {
    match &container.phase {
        Phase::Blocked { until, .. } if *until <= now.mono => container.phase = Phase::Idle,
        Phase::Exited {
            next: Next::Restart { until, .. },
            ..
        } if *until <= now.mono => begin_next(container, now),
        // Init containers belong to their sandbox: a new one runs them again.
        Phase::Exited {
            made,
            next: Next::Rest,
            ..
        } if container.kind == Kind::Init && made.sandbox_id != sandbox_id => {
            begin_next(container, now);
        }
        // Made in a sandbox that is gone, and never started.
        Phase::Created(made) if made.sandbox_id != sandbox_id => {
            let dead = Dead {
                id: made.id.clone(),
                attempt: container.attempt,
                sandbox_id: made.sandbox_id.clone(),
                removal: Removal::Kept,
            };
            container.dead.insert(0, dead);
            container.attempt += 1;
            container.phase = Phase::Idle;
        }
        _ => {}
    }
}

/// The container of the last attempt becomes the past, and the next attempt begins.
fn begin_next(container: &mut Container, now: Now) {
    let Phase::Exited { made, exit, next } = std::mem::replace(&mut container.phase, Phase::Idle) else {
        return;
    };
    if matches!(next, Next::Restart { .. }) {
        let ended = Mono(now.mono.0.saturating_sub(now.since(exit.finished_at)));
        container.crash_backoff = container.crash_backoff.after_try(ended, now.mono);
    }
    let dead = Dead {
        id: made.id,
        attempt: container.attempt,
        sandbox_id: made.sandbox_id,
        removal: Removal::Kept,
    };
    container.dead.insert(0, dead);
    container.last = Some(exit);
    container.attempt += 1;
}

fn check_image(state: &mut PodState, index: usize, now: Now, actions: &mut Vec<Action>) -> Turn {
    let name = state.containers[index].name.clone();
    let image = podspec::container(&state.pod, &name)
        .and_then(|(_, spec)| spec.image.clone())
        .unwrap_or_default();
    match with_default_tag(&image) {
        Ok(_) => {
            actions.push(Action::CheckImage { container: name });
            state.containers[index].phase = Phase::CheckingImage;
            Turn::Busy
        }
        Err(error) => {
            let trouble = Trouble {
                event: "InspectFailed",
                reason: "InvalidImageName",
                message: format!("Failed to apply default image tag {image:?}: {error}"),
            };
            let about = state.about(&name);
            let mut phase = blocked(about, trouble, now, actions);
            if let Phase::Blocked { until, .. } = &mut phase {
                // Only a new spec helps, and that is looked at when it comes.
                *until = now.mono + LONGEST;
            }
            state.containers[index].phase = phase;
            Turn::Waits
        }
    }
}

/// What is wrong with an image.
pub(super) struct Trouble {
    /// Reason of the event.
    pub(super) event: &'static str,
    /// Reason of the waiting state.
    pub(super) reason: &'static str,
    /// Message of both.
    pub(super) message: String,
}

/// The state of a container whose image cannot be used, with its two events.
pub(super) fn blocked(about: About, trouble: Trouble, now: Now, actions: &mut Vec<Action>) -> Phase {
    let Trouble {
        event,
        reason,
        message,
    } = trouble;
    emit(actions, PodEvent::warning(event, about.clone(), message.clone()));
    emit(
        actions,
        PodEvent::warning("Failed", about, format!("Error: {reason}")),
    );
    Phase::Blocked {
        waiting: Waiting { reason, message },
        until: now.mono + IMAGE_RETRY,
    }
}

/// Failed pulls are shown as ErrImagePull for a moment, then as ImagePullBackOff.
pub(super) fn show_back_off(state: &mut PodState, now: Now, actions: &mut Vec<Action>) {
    for index in 0..state.containers.len() {
        let Phase::PullFailed {
            message,
            shown_until,
            until,
        } = &state.containers[index].phase
        else {
            continue;
        };
        if *shown_until > now.mono {
            continue;
        }
        let (message, until) = (message.clone(), *until);
        let name = state.containers[index].name.clone();
        let about = state.about(&name);
        let image = podspec::container(&state.pod, &name)
            .and_then(|(_, spec)| spec.image.clone())
            .unwrap_or_default();
        let text = format!("Back-off pulling image {image:?}");
        emit(actions, PodEvent::normal("BackOff", about.clone(), text.clone()));
        emit(
            actions,
            PodEvent::warning("Failed", about, "Error: ImagePullBackOff"),
        );
        state.containers[index].phase = Phase::Blocked {
            waiting: Waiting {
                reason: "ImagePullBackOff",
                message: format!("{text}: ErrImagePull: {message}"),
            },
            until,
        };
    }
}
