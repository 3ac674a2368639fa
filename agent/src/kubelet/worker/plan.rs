//! What follows from a state: the actions that bring the pod nearer to what is wanted.

use std::time::Duration;

use super::event::OpError;
use super::model::{Creation, EndReason, Knowledge, Lifecycle, Next, Phase, Removal, Running, SandboxPhase};
use super::{Action, PodState, emit, observe, start, stop};
use crate::kubelet::clock::{Mono, Now};
use crate::kubelet::event::{About, PodEvent};
use crate::kubelet::podspec;

/// Text of the reference when a pod passes its deadline.
pub(crate) const DEADLINE_TEXT: &str = "Pod was active on the node longer than the specified deadline";

/// Plans until nothing more follows; each pass may move the lifecycle on.
pub(super) fn plan(state: &mut PodState, now: Now, actions: &mut Vec<Action>) {
    match state.knowledge {
        Knowledge::Sure => {}
        Knowledge::Looking { .. } => return,
        Knowledge::Stale { until, tries } => {
            if until <= now.mono && !is_making(state) && !is_clean_up(&state.lifecycle) {
                state.knowledge = Knowledge::Looking { tries };
                actions.push(Action::Look);
            }
            if !is_clean_up(&state.lifecycle) {
                return;
            }
        }
    }
    loop {
        let before = std::mem::discriminant(&state.lifecycle);
        match state.lifecycle {
            Lifecycle::Active => active(state, now, actions),
            Lifecycle::Ending { .. } => stop::ending(state, now, actions),
            Lifecycle::Done { .. } => keep_house(state, now, actions),
            Lifecycle::Removing => stop::removing(state, now, actions),
            Lifecycle::CleanUpFailed { until } if until <= now.mono => {
                state.lifecycle = Lifecycle::CleaningUp;
                actions.push(Action::CleanUp);
            }
            Lifecycle::CleaningUp | Lifecycle::CleanUpFailed { .. } | Lifecycle::Gone => {}
        }
        if std::mem::discriminant(&state.lifecycle) == before {
            return;
        }
    }
}

/// Whether the runtime no longer matters to this pod.
fn is_clean_up(lifecycle: &Lifecycle) -> bool {
    matches!(
        lifecycle,
        Lifecycle::CleaningUp | Lifecycle::CleanUpFailed { .. } | Lifecycle::Gone
    )
}

/// Whether a call that makes something is under way: its outcome would be missing from a look.
fn is_making(state: &PodState) -> bool {
    matches!(state.creation, Creation::InFlight { .. })
        || state.containers.iter().any(|c| c.phase.is_being_made())
}

fn active(state: &mut PodState, now: Now, actions: &mut Vec<Action>) {
    let end = if observe::is_completed(state) {
        Some(EndReason::Completed)
    } else if deadline_in(state, now).is_some_and(|left| left.is_zero()) {
        emit(
            actions,
            PodEvent::normal("DeadlineExceeded", About::Pod, DEADLINE_TEXT),
        );
        Some(EndReason::DeadlineExceeded)
    } else {
        None
    };
    if let Some(why) = end {
        state.lifecycle = Lifecycle::Ending {
            why,
            since: now.mono,
            grace: podspec::grace(&state.pod),
        };
        return;
    }
    start::show_back_off(state, now, actions);
    if state.ready_sandbox().is_some() {
        state.creation = Creation::Idle;
        stop_changed(state, now, actions);
        start::starts(state, now, actions);
    } else {
        replace_sandbox(state, now, actions);
    }
    keep_house(state, now, actions);
}

/// Time left until the pod's deadline; `None` without one.
fn deadline_in(state: &PodState, now: Now) -> Option<Duration> {
    let secs = podspec::spec(&state.pod).active_deadline_seconds?;
    let deadline = Duration::from_secs(u64::try_from(secs).unwrap_or(0));
    Some(deadline.saturating_sub(now.since(state.started_at)))
}

/// Containers whose image changed in the spec are stopped; their end starts the new one.
fn stop_changed(state: &mut PodState, now: Now, actions: &mut Vec<Action>) {
    let grace = podspec::grace(&state.pod);
    for index in 0..state.containers.len() {
        let container = &state.containers[index];
        let changed = match &container.phase {
            Phase::Running(Running { made, .. }) => made.hash.is_some_and(|hash| hash != container.hash),
            Phase::StopFailed { until, .. } => *until <= now.mono,
            _ => false,
        };
        if changed {
            let text = format!(
                "Container {} definition changed, will be restarted",
                container.name
            );
            stop::container(state, index, grace, text, actions);
        }
    }
}

/// The newest sandbox is dead or missing: end what runs in it, release its network, then make the next.
fn replace_sandbox(state: &mut PodState, now: Now, actions: &mut Vec<Action>) {
    if stop::any_alive(state) {
        let grace = podspec::grace(&state.pod);
        return stop::everything(state, grace, now, actions);
    }
    if state
        .sandboxes
        .first()
        .is_some_and(|s| s.phase != SandboxPhase::Stopped && s.phase != SandboxPhase::Removing)
    {
        return stop::sandbox(state, 0, now, actions);
    }
    let next = state.sandboxes.iter().map(|s| s.attempt + 1).max().unwrap_or(0);
    let (attempt, tries) = match state.creation {
        Creation::Idle => (next, 0),
        Creation::Failed {
            until,
            tries,
            attempt,
            ..
        } if until <= now.mono => (attempt.max(next), tries),
        _ => return,
    };
    state.creation = Creation::InFlight { attempt, tries };
    actions.push(Action::RunSandbox { attempt });
}

/// Ends and removes what nobody needs: strays, ended containers but the newest, old sandboxes.
fn keep_house(state: &mut PodState, now: Now, actions: &mut Vec<Action>) {
    stop::strays(state, now, actions);
    for container in &mut state.containers {
        for dead in container.dead.iter_mut().skip(1) {
            if may_remove(&dead.removal, now) {
                dead.removal = Removal::InFlight;
                actions.push(Action::RemoveContainer {
                    container: container.name.clone(),
                    id: dead.id.clone(),
                    attempt: dead.attempt,
                });
            }
        }
    }
    for index in 1..state.sandboxes.len() {
        if state.sandboxes[index].phase != SandboxPhase::Stopped {
            stop::sandbox(state, index, now, actions);
        } else if !lives_in(state, &state.sandboxes[index].id) {
            stop::remove_sandbox(state, index, now, actions);
        }
    }
}

/// Whether any container that is remembered lives in the sandbox.
fn lives_in(state: &PodState, sandbox_id: &str) -> bool {
    let made = |c: &super::Container| c.phase.made().is_some_and(|m| m.sandbox_id == sandbox_id);
    state
        .containers
        .iter()
        .any(|c| made(c) || c.dead.iter().any(|d| d.sandbox_id == sandbox_id))
        || state.strays.iter().any(|s| s.dead.sandbox_id == sandbox_id)
}

/// Whether the removal of an ended container may begin now.
pub(super) fn may_remove(removal: &Removal, now: Now) -> bool {
    match removal {
        Removal::Kept => true,
        Removal::InFlight => false,
        Removal::Failed { until } => *until <= now.mono,
    }
}

/// The earliest time after `now` that changes something by itself.
pub(super) fn wake_at(state: &PodState, now: Now) -> Option<Mono> {
    if let Knowledge::Stale { until, .. } = state.knowledge
        && !is_clean_up(&state.lifecycle)
    {
        return Some(until).filter(|_| !is_making(state)).map(|t| t.max(now.mono));
    }
    let mut times = Vec::new();
    if let Lifecycle::CleanUpFailed { until } = state.lifecycle {
        times.push(until);
    }
    if state.lifecycle == Lifecycle::Active {
        times.extend(deadline_in(state, now).map(|left| now.mono + left));
        if let Creation::Failed { until, .. } = state.creation {
            times.push(until);
        }
    }
    for container in &state.containers {
        match &container.phase {
            Phase::PullFailed { shown_until, .. } => times.push(*shown_until),
            Phase::Blocked { until, .. } | Phase::StopFailed { until, .. } => times.push(*until),
            Phase::Exited {
                next: Next::Restart { until, .. },
                ..
            } => times.push(*until),
            _ => {}
        }
    }
    let removals = state
        .containers
        .iter()
        .flat_map(|c| &c.dead)
        .chain(state.strays.iter().map(|s| &s.dead));
    times.extend(removals.filter_map(|dead| match dead.removal {
        Removal::Failed { until } => Some(until),
        _ => None,
    }));
    times.extend(state.sandboxes.iter().filter_map(|s| match s.phase {
        SandboxPhase::StopFailed { until, .. } | SandboxPhase::RemoveFailed { until, .. } => Some(until),
        _ => None,
    }));
    // What is due already waits for an event, not for time.
    times.into_iter().filter(|t| *t > now.mono).min()
}

impl OpError {
    /// Whether the call may have had an effect all the same.
    #[must_use]
    pub fn is_in_doubt(&self) -> bool {
        matches!(self, Self::Reserved(_) | Self::Runtime(_))
    }
}
