//! Folds what the runtime shows into the state: events, lists, looks and single containers.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;

use super::event::{ListedState, Listing, Observed, RuntimeChange, SeenContainer, SeenSandbox, SeenState};
use super::model::{
    Container, Dead, EndReason, Exit, Knowledge, Lifecycle, Made, Next, Phase, Removal, Running, Sandbox,
    SandboxPhase,
};
use super::{Action, PodState, Stray, emit, retry_wait};
use crate::kubelet::clock::{Mono, Now};
use crate::kubelet::event::{About, PodEvent};
use crate::kubelet::podspec::{self, Kind, RestartPolicy};

/// The runtime said that something happened to `id`: ask what, where it matters.
pub(super) fn runtime_change(
    state: &mut PodState,
    id: &str,
    what: RuntimeChange,
    now: Now,
    actions: &mut Vec<Action>,
) {
    // What is being removed says so in many events; the answers to the calls say it better.
    if !matches!(
        state.lifecycle,
        Lifecycle::Active | Lifecycle::Ending { .. } | Lifecycle::Done { .. }
    ) {
        return;
    }
    if let Some(sandbox) = state.sandboxes.iter_mut().find(|s| s.id == id) {
        let ended = matches!(what, RuntimeChange::Exited | RuntimeChange::Deleted);
        if ended && sandbox.phase == SandboxPhase::Ready {
            sandbox.phase = SandboxPhase::Dead;
        }
        return;
    }
    let Some(container) = state
        .containers
        .iter()
        .find(|c| c.phase.made().is_some_and(|m| m.id == id))
    else {
        return;
    };
    match (&container.phase, what) {
        // The answer to the stop says the same, with details.
        (Phase::Stopping(_), _) => {}
        (Phase::Running(_) | Phase::StopFailed { .. } | Phase::Starting(_), RuntimeChange::Exited) => {
            actions.push(Action::Inspect { id: id.into() });
        }
        // Started or removed by somebody else.
        (Phase::Created(_), RuntimeChange::Started | RuntimeChange::Exited) | (_, RuntimeChange::Deleted) => {
            state.doubt(now, Duration::ZERO);
        }
        _ => {}
    }
}

/// A list of the runtime arrived: when it differs from this state, look.
pub(super) fn listed(state: &mut PodState, listing: &Listing, now: Now) {
    if state.knowledge != Knowledge::Sure || !agrees(state, listing) {
        // A look that is under way may have begun before the gap: the one after it is what counts.
        state.knowledge = Knowledge::Stale {
            until: now.mono,
            tries: 0,
        };
    }
}

/// Whether `listing` shows what this state says. Objects that a call is changing agree with anything.
fn agrees(state: &PodState, listing: &Listing) -> bool {
    let sandboxes = listing.sandboxes.iter().all(|(id, ready)| {
        state
            .sandboxes
            .iter()
            .find(|s| s.id == *id)
            .is_some_and(|s| match s.phase {
                SandboxPhase::Ready => *ready,
                SandboxPhase::Stopping | SandboxPhase::Removing => true,
                _ => !*ready,
            })
    });
    let missing_sandbox = state
        .sandboxes
        .iter()
        .any(|s| s.phase != SandboxPhase::Removing && !listing.sandboxes.iter().any(|(id, _)| *id == s.id));
    let containers = listing
        .containers
        .iter()
        .all(|(id, seen)| known_as(state, id, *seen));
    let missing = state
        .containers
        .iter()
        .filter_map(|c| c.phase.made())
        .any(|made| !listing.containers.iter().any(|(id, _)| *id == made.id));
    sandboxes && !missing_sandbox && containers && !missing
}

fn known_as(state: &PodState, id: &str, seen: ListedState) -> bool {
    if let Some(container) = state
        .containers
        .iter()
        .find(|c| c.phase.made().is_some_and(|m| m.id == id))
    {
        return match container.phase {
            Phase::Running(_) | Phase::StopFailed { .. } => seen == ListedState::Running,
            Phase::Created(_) => seen == ListedState::Created,
            Phase::Exited { .. } => seen == ListedState::Exited,
            _ => true,
        };
    }
    let being_made = state.containers.iter().any(|c| c.phase.is_being_made());
    let dead = state.containers.iter().any(|c| c.dead.iter().any(|d| d.id == id));
    being_made || dead || state.strays.iter().any(|s| s.dead.id == id)
}

/// A look failed: the runtime is away or slow. Try again later.
pub(super) fn look_failed(state: &mut PodState, now: Now) {
    if let Knowledge::Looking { tries } = state.knowledge {
        state.knowledge = Knowledge::Stale {
            until: now.mono + retry_wait(tries + 1),
            tries: tries + 1,
        };
    }
}

/// A look arrived: the runtime's objects replace what was remembered. Calls under way keep their states.
pub(super) fn looked(state: &mut PodState, observed: Observed, now: Now, actions: &mut Vec<Action>) {
    let Knowledge::Looking { .. } = state.knowledge else {
        return;
    };
    state.knowledge = Knowledge::Sure;
    take_sandboxes(state, observed.sandboxes);
    let mut seen = observed.containers;
    // Newest attempt first: the first of a name is the container, the others are its past.
    seen.sort_by_key(|c| std::cmp::Reverse((c.attempt, started(&c.state))));
    state.strays.clear();
    for index in 0..state.containers.len() {
        let name = state.containers[index].name.clone();
        let (mine, rest) = seen.into_iter().partition(|c| c.name == name);
        seen = rest;
        take_container(state, index, mine, now, actions);
    }
    state.strays.extend(seen.into_iter().map(stray));
    if let Some(first) = state.sandboxes.iter().map(|s| s.created_at).min() {
        state.started_at = state.started_at.min(first);
    }
}

fn started(state: &SeenState) -> Option<Timestamp> {
    match state {
        SeenState::Running(at) => Some(*at),
        SeenState::Exited(exit) => exit.started_at,
        SeenState::Created | SeenState::Unknown => None,
    }
}

fn stray(seen: SeenContainer) -> Stray {
    Stray {
        alive: matches!(seen.state, SeenState::Running(_) | SeenState::Unknown),
        name: seen.name,
        dead: Dead {
            id: seen.made.id,
            attempt: seen.attempt,
            sandbox_id: seen.made.sandbox_id,
            removal: Removal::Kept,
        },
    }
}

fn take_sandboxes(state: &mut PodState, mut seen: Vec<SeenSandbox>) {
    // A dead sandbox never hides a live one of a lower attempt; else the newest counts.
    seen.sort_by_key(|s| std::cmp::Reverse((s.ready, s.attempt, s.created_at)));
    let old = std::mem::take(&mut state.sandboxes);
    state.sandboxes = seen
        .into_iter()
        .map(|seen| {
            let before = old.iter().find(|s| s.id == seen.id);
            Sandbox {
                phase: match before.map(|s| &s.phase) {
                    Some(SandboxPhase::Ready) | None if seen.ready => SandboxPhase::Ready,
                    Some(SandboxPhase::Ready) | None => SandboxPhase::Dead,
                    Some(phase) => phase.clone(),
                },
                ips: match before {
                    Some(before) if seen.ips.is_empty() => before.ips.clone(),
                    _ => seen.ips,
                },
                id: seen.id,
                attempt: seen.attempt,
                created_at: seen.created_at,
            }
        })
        .collect();
    // Only the first may be used; another that is ready is one too many and is stopped as a dead one.
    for sandbox in state.sandboxes.iter_mut().skip(1) {
        if sandbox.phase == SandboxPhase::Ready {
            sandbox.phase = SandboxPhase::Dead;
        }
    }
}

/// Folds everything that the runtime has under one container's name, newest attempt first.
fn take_container(
    state: &mut PodState,
    index: usize,
    seen: Vec<SeenContainer>,
    now: Now,
    actions: &mut Vec<Action>,
) {
    let mut seen = seen.into_iter();
    let Some(current) = seen.next() else {
        forget(&mut state.containers[index]);
        return;
    };
    let mut past = Vec::new();
    for old in seen {
        if let (SeenState::Exited(exit), None) = (&old.state, &state.containers[index].last)
            && past.is_empty()
        {
            state.containers[index].last = Some(exit.clone());
        }
        let old = stray(old);
        if old.alive {
            state.strays.push(old);
        } else {
            past.push(old.dead);
        }
    }
    state.containers[index].dead = past;
    seen_container(state, index, current, now, actions);
}

/// The runtime has nothing under this container's name.
fn forget(container: &mut Container) {
    container.dead.clear();
    let keep = match &container.phase {
        // These wait for an image or a time, not for a container.
        Phase::Idle | Phase::CheckingImage | Phase::PullingImage | Phase::ImageReady(_) => true,
        Phase::PullFailed { .. } | Phase::Blocked { .. } => true,
        // Removed by somebody else after its end: its end still counts.
        Phase::Exited { .. } => true,
        _ => false,
    };
    if !keep {
        if container.phase.made().is_some() {
            container.attempt += 1;
        }
        container.phase = Phase::Idle;
    }
}

/// One container was asked for.
pub(super) fn inspected(
    state: &mut PodState,
    id: &str,
    result: Result<Option<SeenContainer>, String>,
    now: Now,
    actions: &mut Vec<Action>,
) {
    let index = state
        .containers
        .iter()
        .position(|c| c.phase.made().is_some_and(|m| m.id == id));
    match (index, result) {
        (Some(index), Ok(Some(seen))) => seen_container(state, index, seen, now, actions),
        (Some(_), Ok(None) | Err(_)) => state.doubt(now, retry_wait(1)),
        (None, _) => {}
    }
}

/// Folds the runtime's view of the newest container of one name.
pub(super) fn seen_container(
    state: &mut PodState,
    index: usize,
    seen: SeenContainer,
    now: Now,
    actions: &mut Vec<Action>,
) {
    let stopping = matches!(state.containers[index].phase, Phase::Stopping(_));
    let SeenContainer {
        attempt,
        mut made,
        state: what,
        ..
    } = seen;
    let container = &mut state.containers[index];
    if let Some(before) = container
        .phase
        .made()
        .filter(|m| m.id == made.id && made.sandbox_id.is_empty())
    {
        made.sandbox_id.clone_from(&before.sandbox_id);
    }
    if matches!(&container.phase, Phase::Exited { made: old, .. } if old.id == made.id) {
        return;
    }
    container.attempt = attempt;
    match what {
        SeenState::Created => container.phase = Phase::Created(made),
        SeenState::Running(started_at) => {
            let running = Running { made, started_at };
            container.phase = if stopping {
                Phase::Stopping(running)
            } else {
                Phase::Running(running)
            };
        }
        SeenState::Exited(exit) => exited(state, index, (made, exit), now, actions),
        SeenState::Unknown => {
            let exit = unknown_exit(&made, now);
            exited(state, index, (made, exit), now, actions);
        }
    }
}

/// What the reference makes of a container whose state the runtime lost.
fn unknown_exit(made: &Made, now: Now) -> Exit {
    Exit {
        id: made.id.clone(),
        code: 137,
        reason: "ContainerStatusUnknown".into(),
        message: "The container could not be located when the pod was terminated".into(),
        started_at: None,
        finished_at: now.wall,
    }
}

/// A container ended: decide what follows, by its kind and the restart policy.
fn exited(
    state: &mut PodState,
    index: usize,
    (made, exit): (Made, Exit),
    now: Now,
    actions: &mut Vec<Action>,
) {
    let active = state.lifecycle == Lifecycle::Active;
    let policy = podspec::restart_policy(&state.pod);
    let container = &mut state.containers[index];
    let next = if active && restarts(container.kind, policy, exit.code) {
        let ended = Mono(now.mono.0.saturating_sub(now.since(exit.finished_at)));
        let delay = container.crash_backoff.wait_after(ended);
        let until = ended + delay;
        if until > now.mono {
            emit(
                actions,
                PodEvent::warning(
                    "BackOff",
                    About::Container(container.kind, container.name.clone()),
                    format!(
                        "Back-off restarting failed container {} in pod {}",
                        container.name, state.id
                    ),
                ),
            );
        }
        Next::Restart { until, delay }
    } else {
        Next::Rest
    };
    container.phase = Phase::Exited { made, exit, next };
}

/// Whether a container of this kind is started again after `code`.
pub(super) fn restarts(kind: Kind, policy: RestartPolicy, code: i32) -> bool {
    match (kind, policy) {
        (Kind::Sidecar, _) => true,
        (Kind::Regular, RestartPolicy::Always) => true,
        (Kind::Regular, RestartPolicy::OnFailure) => code != 0,
        (Kind::Init, RestartPolicy::Always | RestartPolicy::OnFailure) => code != 0,
        (_, RestartPolicy::Never) => false,
    }
}

/// Whether the pod has ended by itself: every regular container rests, or an init container failed for good.
pub(super) fn is_completed(state: &PodState) -> bool {
    let resting = |c: &Container| matches!(c.phase, Phase::Exited { next: Next::Rest, .. });
    let failed_init = state.containers.iter().any(|c| {
        c.kind == Kind::Init
            && matches!(&c.phase, Phase::Exited { exit, next: Next::Rest, .. } if exit.code != 0)
    });
    let regular = || state.containers.iter().filter(|c| c.kind == Kind::Regular);
    failed_init || (regular().next().is_some() && regular().all(resting))
}

/// Whether the pod is ending because it was deleted, or has already ended in that way.
pub(super) fn is_deleted(lifecycle: &Lifecycle) -> bool {
    match lifecycle {
        Lifecycle::Ending { why, .. } | Lifecycle::Done { why } => *why == EndReason::Deleted,
        Lifecycle::Active => false,
        _ => true,
    }
}
