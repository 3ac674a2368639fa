//! Ending a pod: containers with their grace, then the sandbox, then, for a deleted pod, everything else.

use std::time::Duration;

use super::model::{Creation, Dead, EndReason, Lifecycle, Phase, Removal, SandboxPhase};
use super::{Action, PodState, Stray, emit, observe, plan};
use crate::kubelet::clock::Now;
use crate::kubelet::event::PodEvent;
use crate::kubelet::podspec::{self, Kind};

/// Containers get at least this long, so that few are killed without a word (the reference's minimum).
const LEAST_GRACE: Duration = Duration::from_secs(2);

/// Nobody wants the pod any more.
pub(super) fn delete(state: &mut PodState, grace: Option<Duration>, now: Now) {
    if observe::is_deleted(&state.lifecycle) {
        return;
    }
    let (since, left) = match state.lifecycle {
        Lifecycle::Ending { since, grace, .. } => (since, Some(grace)),
        _ => (now.mono, None),
    };
    let asked = grace.unwrap_or_else(|| podspec::grace(&state.pod));
    state.lifecycle = Lifecycle::Ending {
        why: EndReason::Deleted,
        since,
        grace: left.map_or(asked, |left| left.min(asked)),
    };
}

/// One pass of an ending pod.
pub(super) fn ending(state: &mut PodState, now: Now, actions: &mut Vec<Action>) {
    let Lifecycle::Ending { why, since, grace } = state.lifecycle.clone() else {
        return;
    };
    give_pulls_up(state, actions);
    let left = grace.saturating_sub(now.mono.since(since));
    everything(state, left, now, actions);
    strays(state, now, actions);
    let making = matches!(state.creation, Creation::InFlight { .. })
        || state.containers.iter().any(|c| c.phase.is_being_made());
    if making || any_alive(state) || state.strays.iter().any(|s| s.alive) {
        return;
    }
    if why == EndReason::Deleted {
        state.lifecycle = Lifecycle::Removing;
        adopt_homeless(state);
        return;
    }
    for index in 0..state.sandboxes.len() {
        sandbox(state, index, now, actions);
    }
    if state
        .sandboxes
        .iter()
        .all(|s| matches!(s.phase, SandboxPhase::Stopped | SandboxPhase::Removing))
    {
        state.lifecycle = Lifecycle::Done { why };
    }
}

/// Whether a process of any container runs or is about to.
pub(super) fn any_alive(state: &PodState) -> bool {
    state.containers.iter().any(|c| c.phase.is_alive())
}

fn give_pulls_up(state: &mut PodState, actions: &mut Vec<Action>) {
    for container in &mut state.containers {
        match container.phase {
            Phase::PullingImage => actions.push(Action::CancelPull {
                container: container.name.clone(),
            }),
            Phase::CheckingImage => {}
            _ => continue,
        }
        container.phase = Phase::Idle;
    }
}

/// Stops init and regular containers together, then sidecars from last to first.
pub(super) fn everything(state: &mut PodState, grace: Duration, now: Now, actions: &mut Vec<Action>) {
    let others = state
        .containers
        .iter()
        .any(|c| c.kind != Kind::Sidecar && c.phase.is_alive());
    for index in (0..state.containers.len()).rev() {
        let container_state = &state.containers[index];
        if container_state.kind == Kind::Sidecar && others {
            continue;
        }
        let due = match &container_state.phase {
            Phase::Running(_) => true,
            Phase::StopFailed { until, .. } => *until <= now.mono,
            _ => false,
        };
        if due {
            let text = format!("Stopping container {}", container_state.name);
            container(state, index, grace, text, actions);
        }
        if state.containers[index].kind == Kind::Sidecar && state.containers[index].phase.is_alive() {
            return;
        }
    }
}

/// Begins to stop one container.
pub(super) fn container(
    state: &mut PodState,
    index: usize,
    grace: Duration,
    text: String,
    actions: &mut Vec<Action>,
) {
    let name = state.containers[index].name.clone();
    let about = state.about(&name);
    let container = &mut state.containers[index];
    let running = match container.phase.clone() {
        Phase::Running(running) => {
            emit(actions, PodEvent::normal("Killing", about, text));
            running
        }
        Phase::StopFailed { running, .. } => running,
        _ => return,
    };
    actions.push(Action::StopContainer {
        container: name,
        id: running.made.id.clone(),
        grace: grace.max(LEAST_GRACE),
    });
    container.phase = Phase::Stopping(running);
}

/// Begins to stop the sandbox at `index`, if it is due and nothing alive is left in it.
pub(super) fn sandbox(state: &mut PodState, index: usize, now: Now, actions: &mut Vec<Action>) {
    let id = state.sandboxes[index].id.clone();
    let alive = state
        .containers
        .iter()
        .any(|c| c.phase.is_alive() && c.phase.made().is_some_and(|m| m.sandbox_id == id))
        || state.strays.iter().any(|s| s.alive && s.dead.sandbox_id == id);
    let due = match state.sandboxes[index].phase {
        SandboxPhase::Ready | SandboxPhase::Dead => true,
        SandboxPhase::StopFailed { until, .. } => until <= now.mono,
        _ => false,
    };
    if due && !alive {
        state.sandboxes[index].phase = SandboxPhase::Stopping;
        actions.push(Action::StopSandbox { id });
    }
}

/// Begins to remove the stopped sandbox at `index`, if it is due.
pub(super) fn remove_sandbox(state: &mut PodState, index: usize, now: Now, actions: &mut Vec<Action>) {
    let sandbox = &mut state.sandboxes[index];
    let due = match sandbox.phase {
        SandboxPhase::Stopped => true,
        SandboxPhase::RemoveFailed { until, .. } => until <= now.mono,
        _ => false,
    };
    if due {
        sandbox.phase = SandboxPhase::Removing;
        actions.push(Action::RemoveSandbox {
            id: sandbox.id.clone(),
        });
    }
}

/// Ends and removes containers that nobody wants.
pub(super) fn strays(state: &mut PodState, now: Now, actions: &mut Vec<Action>) {
    let grace = podspec::grace(&state.pod);
    for stray in &mut state.strays {
        if !plan::may_remove(&stray.dead.removal, now) {
            continue;
        }
        stray.dead.removal = Removal::InFlight;
        actions.push(if stray.alive {
            Action::StopContainer {
                container: stray.name.clone(),
                id: stray.dead.id.clone(),
                grace: grace.max(LEAST_GRACE),
            }
        } else {
            Action::RemoveContainer {
                container: stray.name.clone(),
                id: stray.dead.id.clone(),
                attempt: stray.dead.attempt,
            }
        });
    }
}

/// Containers whose sandbox the runtime no longer has are not removed with one: they become strays.
fn adopt_homeless(state: &mut PodState) {
    let known = |id: &str| state.sandboxes.iter().any(|s| s.id == id);
    let mut strays = Vec::new();
    for container in &state.containers {
        let current = container.phase.made().map(|made| Dead {
            id: made.id.clone(),
            attempt: container.attempt,
            sandbox_id: made.sandbox_id.clone(),
            removal: Removal::Kept,
        });
        for dead in current.iter().chain(&container.dead) {
            if !known(&dead.sandbox_id) {
                strays.push(Stray {
                    name: container.name.clone(),
                    alive: false,
                    dead: Dead {
                        removal: Removal::Kept,
                        ..dead.clone()
                    },
                });
            }
        }
    }
    state.strays.extend(strays);
}

/// One pass of a deleted pod of which nothing runs.
pub(super) fn removing(state: &mut PodState, now: Now, actions: &mut Vec<Action>) {
    for index in 0..state.sandboxes.len() {
        sandbox(state, index, now, actions);
        remove_sandbox(state, index, now, actions);
    }
    // Those in a sandbox go with it.
    let sandboxes: Vec<&str> = state.sandboxes.iter().map(|s| s.id.as_str()).collect();
    let mut homeless = 0;
    for stray in &mut state.strays {
        if sandboxes.contains(&stray.dead.sandbox_id.as_str()) {
            continue;
        }
        homeless += 1;
        if plan::may_remove(&stray.dead.removal, now) {
            stray.dead.removal = Removal::InFlight;
            actions.push(Action::RemoveContainer {
                container: stray.name.clone(),
                id: stray.dead.id.clone(),
                attempt: stray.dead.attempt,
            });
        }
    }
    if sandboxes.is_empty() && homeless == 0 {
        state.lifecycle = Lifecycle::CleaningUp;
        actions.push(Action::CleanUp);
    }
}
