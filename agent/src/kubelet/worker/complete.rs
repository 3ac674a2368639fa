//! Folds results of actions into the state, with the events that they are worth.

use super::event::{Completion, OpError, Pulled, SeenContainer, SeenSandbox, SeenState};
use super::model::{Creation, Image, Lifecycle, Made, Phase, Removal, Sandbox, SandboxPhase, Waiting};
use super::{Action, PodState, emit, observe, retry_wait, start};
use crate::kubelet::clock::Now;
use crate::kubelet::event::{About, PodEvent};
use crate::kubelet::image_name::{PullPolicy, pull_policy};
use crate::kubelet::podspec;
use std::time::Duration;

/// A name that stays reserved this often is given up for the next attempt's.
const RESERVED_TRIES: u32 = 3;
/// Wait before a container is tried again whose configuration cannot be made; the reference's sync period.
const CONFIG_RETRY: Duration = Duration::from_secs(10);

pub(super) fn done(state: &mut PodState, completion: Completion, now: Now, actions: &mut Vec<Action>) {
    match completion {
        Completion::ImageChecked { container, result } => {
            image_checked(state, &container, result, now, actions)
        }
        Completion::ImagePulled { container, result } => {
            image_pulled(state, &container, result, now, actions)
        }
        Completion::SandboxRun { result } => sandbox_run(state, result, now, actions),
        Completion::ContainerCreated { container, result } => {
            created(state, &container, result, now, actions)
        }
        Completion::ContainerStarted { container, result } => {
            started(state, &container, result, now, actions)
        }
        Completion::ContainerStopped { id, result } => stopped(state, &id, result, now, actions),
        Completion::ContainerRemoved { id, result } => removed(state, &id, result.is_ok(), now),
        Completion::SandboxStopped { id, result } => sandbox_stopped(state, &id, result, now, actions),
        Completion::SandboxRemoved { id, result } => sandbox_removed(state, &id, result.is_ok(), now),
        Completion::CleanedUp(result) => {
            state.lifecycle = match result {
                Ok(()) => Lifecycle::Gone,
                Err(_) => Lifecycle::CleanUpFailed {
                    until: now.mono + retry_wait(3),
                },
            };
        }
    }
}

fn image_checked(
    state: &mut PodState,
    name: &str,
    result: Result<Option<Image>, String>,
    now: Now,
    actions: &mut Vec<Action>,
) {
    let about = state.about(name);
    let Some((_, spec)) = podspec::container(&state.pod, name) else {
        return;
    };
    let (image, policy) = (spec.image.clone().unwrap_or_default(), pull_policy(spec));
    let Some(container) = state
        .container_mut(name)
        .filter(|c| c.phase == Phase::CheckingImage)
    else {
        return;
    };
    let trouble = match (result, policy) {
        (Ok(Some(there)), PullPolicy::IfNotPresent | PullPolicy::Never) => {
            let text = format!(
                "Container image {image:?} already present on machine and can be accessed by the pod"
            );
            emit(actions, PodEvent::normal("Pulled", about, text));
            container.phase = Phase::ImageReady(there);
            return;
        }
        (Ok(_), PullPolicy::Always) | (Ok(None), PullPolicy::IfNotPresent) => {
            emit(
                actions,
                PodEvent::normal("Pulling", about, format!("Pulling image {image:?}")),
            );
            actions.push(Action::PullImage {
                container: name.into(),
            });
            container.phase = Phase::PullingImage;
            return;
        }
        (Ok(None), PullPolicy::Never) => start::Trouble {
            event: "ErrImageNeverPull",
            reason: "ErrImageNeverPull",
            message: format!("Container image {image:?} is not present with pull policy of Never"),
        },
        (Err(error), _) => start::Trouble {
            event: "InspectFailed",
            reason: "ImageInspectError",
            message: format!("Failed to inspect image {image:?}: {error}"),
        },
    };
    container.phase = start::blocked(about, trouble, now, actions);
}

fn image_pulled(
    state: &mut PodState,
    name: &str,
    result: Result<Pulled, String>,
    now: Now,
    actions: &mut Vec<Action>,
) {
    let about = state.about(name);
    let image_name = podspec::container(&state.pod, name)
        .and_then(|(_, spec)| spec.image.clone())
        .unwrap_or_default();
    let Some(container) = state.container_mut(name) else {
        return;
    };
    if container.phase != Phase::PullingImage {
        return;
    }
    match result {
        Ok(Pulled { image, took, bytes }) => {
            container.image_backoff = crate::kubelet::backoff::Backoff::Clear;
            container.phase = Phase::ImageReady(image);
            let took = format!("{:.3}s", took.as_secs_f64());
            let text = format!(
                "Successfully pulled image {image_name:?} in {took} ({took} including waiting). \
                 Image size: {bytes} bytes."
            );
            emit(actions, PodEvent::normal("Pulled", about, text));
        }
        Err(error) => {
            container.image_backoff = container.image_backoff.after_try(now.mono, now.mono);
            let until = now.mono + container.image_backoff.wait_after(now.mono);
            let text = format!("Failed to pull image {image_name:?}: {error}");
            emit(actions, PodEvent::warning("Failed", about.clone(), text));
            emit(actions, PodEvent::warning("Failed", about, "Error: ErrImagePull"));
            container.phase = Phase::PullFailed {
                message: error,
                shown_until: now.mono + start::PULL_ERROR_SHOWN,
                until,
            };
        }
    }
}

fn sandbox_run(
    state: &mut PodState,
    result: Result<SeenSandbox, OpError>,
    now: Now,
    actions: &mut Vec<Action>,
) {
    let Creation::InFlight { attempt, tries } = state.creation else {
        return;
    };
    let (error, reason, text) = match result {
        Ok(seen) => {
            state.creation = Creation::Idle;
            state.sandboxes.retain(|s| s.id != seen.id);
            let phase = if seen.ready {
                SandboxPhase::Ready
            } else {
                SandboxPhase::Dead
            };
            let sandbox = Sandbox {
                id: seen.id,
                attempt: seen.attempt,
                created_at: seen.created_at,
                ips: seen.ips,
                phase,
            };
            state.sandboxes.insert(0, sandbox);
            return;
        }
        Err(OpError::Setup(text)) => (OpError::Setup(text.clone()), "FailedMount", text),
        Err(error) => {
            let text = format!("Failed to create pod sandbox: {error}");
            (error, "FailedCreatePodSandBox", text)
        }
    };
    emit(actions, PodEvent::warning(reason, About::Pod, text));
    let tries = tries + 1;
    let wait = retry_wait(tries);
    let give_name_up = matches!(error, OpError::Reserved(_)) && tries % RESERVED_TRIES == 0;
    if !matches!(error, OpError::Setup(_) | OpError::Config(_)) {
        state.doubt(now, Duration::ZERO);
    }
    state.creation = Creation::Failed {
        until: now.mono + wait,
        tries,
        attempt: attempt + u32::from(give_name_up),
        error: error.to_string(),
    };
}

fn created(
    state: &mut PodState,
    name: &str,
    result: Result<Made, OpError>,
    now: Now,
    actions: &mut Vec<Action>,
) {
    let about = state.about(name);
    let Some(container) = state.container_mut(name) else {
        return;
    };
    if !matches!(container.phase, Phase::Creating(_)) {
        return;
    }
    let error = match result {
        Ok(made) => {
            container.tries = 0;
            container.phase = Phase::Created(made);
            emit(actions, PodEvent::normal("Created", about, "Container created"));
            return;
        }
        Err(error) => error,
    };
    container.tries += 1;
    if matches!(error, OpError::Reserved(_)) && container.tries % RESERVED_TRIES == 0 {
        container.attempt += 1;
    }
    let (reason, wait) = match error {
        OpError::Config(_) => ("CreateContainerConfigError", CONFIG_RETRY),
        _ => ("CreateContainerError", retry_wait(container.tries)),
    };
    container.phase = Phase::Blocked {
        waiting: Waiting {
            reason,
            message: error.to_string(),
        },
        until: now.mono + wait,
    };
    emit(
        actions,
        PodEvent::warning("Failed", about, format!("Error: {error}")),
    );
    if matches!(error, OpError::Reserved(_) | OpError::Runtime(_)) {
        state.doubt(now, Duration::ZERO);
    }
}

fn started(
    state: &mut PodState,
    name: &str,
    result: Result<SeenContainer, OpError>,
    now: Now,
    actions: &mut Vec<Action>,
) {
    let about = state.about(name);
    let Some(index) = state.containers.iter().position(|c| c.name == name) else {
        return;
    };
    let container = &mut state.containers[index];
    if !matches!(container.phase, Phase::Starting(_)) {
        return;
    }
    match result {
        Ok(seen) => {
            container.tries = 0;
            emit(actions, PodEvent::normal("Started", about, "Container started"));
            observe::seen_container(state, index, seen, now, actions);
        }
        Err(error) => {
            container.tries += 1;
            let wait = retry_wait(container.tries);
            emit(
                actions,
                PodEvent::warning("Failed", about, format!("Error: {error}")),
            );
            // The runtime knows whether it ended, was never started, or runs after all.
            if let Phase::Starting(made) = container.phase.clone() {
                container.phase = Phase::Created(made);
            }
            state.doubt(now, wait);
        }
    }
}

fn stopped(
    state: &mut PodState,
    id: &str,
    result: Result<Option<SeenContainer>, OpError>,
    now: Now,
    actions: &mut Vec<Action>,
) {
    let index = state
        .containers
        .iter()
        .position(|c| matches!(&c.phase, Phase::Stopping(r) if r.made.id == id));
    let Some(index) = index else {
        // A stray, or one whose end was seen before the answer came.
        for stray in state.strays.iter_mut().filter(|s| s.dead.id == id) {
            stray.dead.removal = Removal::Kept;
            state.knowledge = super::Knowledge::Stale {
                until: now.mono + retry_wait(1),
                tries: 0,
            };
        }
        return;
    };
    match result {
        Ok(Some(seen)) if !matches!(seen.state, SeenState::Running(_)) => {
            observe::seen_container(state, index, seen, now, actions);
        }
        Ok(Some(_)) => stop_failed(state, index, "the container still runs", now, actions),
        Err(error) => stop_failed(state, index, &error.to_string(), now, actions),
        Ok(None) => {
            // Removed by somebody else: its end is unknown, and so is everything around it.
            let container = &state.containers[index];
            if let Some(made) = container.phase.made().cloned() {
                let seen = SeenContainer {
                    name: container.name.clone(),
                    attempt: container.attempt,
                    made,
                    state: SeenState::Unknown,
                };
                observe::seen_container(state, index, seen, now, actions);
            }
            state.doubt(now, Duration::ZERO);
        }
    }
}

fn stop_failed(state: &mut PodState, index: usize, why: &str, now: Now, actions: &mut Vec<Action>) {
    emit(
        actions,
        PodEvent::warning("FailedKillPod", About::Pod, format!("error killing pod: {why}")),
    );
    let container = &mut state.containers[index];
    container.tries += 1;
    let (tries, wait) = (container.tries, retry_wait(container.tries));
    if let Phase::Stopping(running) = container.phase.clone() {
        container.phase = Phase::StopFailed {
            running,
            until: now.mono + wait,
            tries,
        };
    }
}

fn removed(state: &mut PodState, id: &str, removed: bool, now: Now) {
    let failed = |removal: &mut Removal| {
        *removal = Removal::Failed {
            until: now.mono + CONFIG_RETRY,
        };
    };
    if removed {
        state.strays.retain(|s| s.dead.id != id);
    } else if let Some(stray) = state.strays.iter_mut().find(|s| s.dead.id == id) {
        failed(&mut stray.dead.removal);
    }
    for container in &mut state.containers {
        if removed {
            container.dead.retain(|d| d.id != id);
        } else if let Some(dead) = container.dead.iter_mut().find(|d| d.id == id) {
            failed(&mut dead.removal);
        }
    }
}

fn sandbox_stopped(
    state: &mut PodState,
    id: &str,
    result: Result<(), OpError>,
    now: Now,
    actions: &mut Vec<Action>,
) {
    let Some(sandbox) = state.sandboxes.iter_mut().find(|s| s.id == id) else {
        return;
    };
    match result {
        Ok(()) => sandbox.phase = SandboxPhase::Stopped,
        Err(error) => {
            let text = format!("error killing pod: failed to stop sandbox: {error}");
            emit(actions, PodEvent::warning("FailedKillPod", About::Pod, text));
            sandbox.phase = SandboxPhase::StopFailed {
                until: now.mono + retry_wait(2),
                tries: 1,
            };
        }
    }
}

fn sandbox_removed(state: &mut PodState, id: &str, removed: bool, now: Now) {
    if removed {
        state.sandboxes.retain(|s| s.id != id);
        state.strays.retain(|s| s.dead.sandbox_id != id);
        for container in &mut state.containers {
            container.dead.retain(|d| d.sandbox_id != id);
        }
    } else if let Some(sandbox) = state.sandboxes.iter_mut().find(|s| s.id == id) {
        sandbox.phase = SandboxPhase::RemoveFailed {
            until: now.mono + retry_wait(2),
            tries: 1,
        };
    }
}
