//! One pod, as a state machine.
//!
//! Purpose: [`step`] takes a state, something that happened and the time, and gives the next state with the
//! actions to perform. It does no IO, reads no clock and holds no lock, so each transition is a table test.
//!
//! # Expected flow
//! The worker's task feeds events (wishes, runtime events, results of its own actions, time), performs the
//! actions and reports each result as an event. [`PodState::wake_at`] says when time alone changes something.
//!
//! # Guarantees
//! - Folding an event in and planning what follows are separate: plans look at the state alone, so a node that
//!   was killed anywhere goes on from what the runtime shows.
//! - At most one call that makes something (sandbox or container) is under way for a pod.
//! - After a call whose outcome is unknown nothing is begun before a look at the runtime: nothing is made twice.
//!
//! # Caveats
//! Probes, lifecycle hooks and ephemeral containers come with a later part; `Container` and `Event` are where
//! their states and results go.

mod action;
mod complete;
mod event;
mod model;
mod observe;
mod plan;
mod start;
mod stop;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;

pub use action::{Action, NewContainer};
pub use event::{
    Completion, Event, ListedState, Listing, Observed, OpError, Pulled, RuntimeChange, SeenContainer,
    SeenSandbox, SeenState,
};
pub use model::{
    Container, Creation, Dead, EndReason, Exit, Image, ImageUser, Knowledge, Lifecycle, Made, Next, Phase,
    Removal, Running, Sandbox, SandboxPhase, User, Waiting,
};
pub(crate) use plan::DEADLINE_TEXT;

use super::backoff::Backoff;
use super::clock::{Mono, Now};
use super::event::{About, PodEvent};
use super::pod_id::PodId;
use super::{container_hash, podspec};

/// Everything that is known about one pod.
#[derive(Clone, Debug)]
pub struct PodState {
    /// The wish.
    pub pod: Arc<Pod>,
    /// Who it is.
    pub id: PodId,
    /// Where the pod as a whole stands.
    pub lifecycle: Lifecycle,
    /// How far the rest can be trusted.
    pub knowledge: Knowledge,
    /// Sandboxes that the runtime has, newest attempt first.
    pub sandboxes: Vec<Sandbox>,
    /// The making of the next sandbox.
    pub creation: Creation,
    /// Init containers and sidecars, then regular containers, in the spec's order.
    pub containers: Vec<Container>,
    /// Containers of the runtime whose name is not in the spec, or that are too many: to be removed.
    pub strays: Vec<Stray>,
    /// When the pod began here: `status.startTime`.
    pub started_at: Timestamp,
}

/// A container that the runtime has and nobody wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stray {
    /// Name in its labels.
    pub name: String,
    /// Whether a process of it may run.
    pub alive: bool,
    /// The container.
    pub dead: Dead,
}

impl PodState {
    /// A pod of which the runtime has nothing.
    #[must_use]
    pub fn new(pod: Arc<Pod>, id: PodId, now: Now) -> Self {
        let containers = podspec::containers(&pod)
            .map(|(kind, spec)| Container {
                name: spec.name.clone(),
                kind,
                hash: container_hash::of(spec),
                attempt: 0,
                phase: Phase::Idle,
                last: None,
                dead: Vec::new(),
                crash_backoff: Backoff::default(),
                image_backoff: Backoff::default(),
                tries: 0,
            })
            .collect();
        Self {
            pod,
            id,
            lifecycle: Lifecycle::Active,
            knowledge: Knowledge::Sure,
            sandboxes: Vec::new(),
            creation: Creation::Idle,
            containers,
            strays: Vec::new(),
            started_at: now.wall,
        }
    }

    /// A pod of which the runtime may have something: it looks first.
    #[must_use]
    pub fn adopt(pod: Arc<Pod>, id: PodId, now: Now) -> Self {
        Self {
            knowledge: Knowledge::Stale {
                until: now.mono,
                tries: 0,
            },
            ..Self::new(pod, id, now)
        }
    }

    /// The sandbox that containers can be made in.
    #[must_use]
    pub fn ready_sandbox(&self) -> Option<&Sandbox> {
        self.sandboxes.first().filter(|s| s.phase == SandboxPhase::Ready)
    }

    /// When time alone changes something next; `None` when only an event does.
    #[must_use]
    pub fn wake_at(&self, now: Now) -> Option<Mono> {
        plan::wake_at(self, now)
    }

    fn container_mut(&mut self, name: &str) -> Option<&mut Container> {
        self.containers.iter_mut().find(|c| c.name == name)
    }

    fn about(&self, name: &str) -> About {
        let kind = self.containers.iter().find(|c| c.name == name).map(|c| c.kind);
        kind.map_or(About::Pod, |kind| About::Container(kind, name.into()))
    }

    /// Something happened whose outcome is unknown: look, soon.
    fn doubt(&mut self, now: Now, wait: Duration) {
        if !matches!(self.knowledge, Knowledge::Looking { .. }) {
            self.knowledge = Knowledge::Stale {
                until: now.mono + wait,
                tries: 0,
            };
        }
    }
}

/// Folds `event` into `state` and plans what follows.
#[must_use]
pub fn step(mut state: PodState, event: Event, now: Now) -> (PodState, Vec<Action>) {
    let mut actions = Vec::new();
    match event {
        Event::Desired(pod) => desire(&mut state, pod),
        Event::Delete { grace } => stop::delete(&mut state, grace, now),
        Event::Runtime { id, what } => observe::runtime_change(&mut state, &id, what, now, &mut actions),
        Event::Listed(listing) => observe::listed(&mut state, &listing, now),
        Event::Looked(Ok(observed)) => observe::looked(&mut state, observed, now, &mut actions),
        Event::Looked(Err(_)) => observe::look_failed(&mut state, now),
        Event::Inspected { id, result } => observe::inspected(&mut state, &id, result, now, &mut actions),
        Event::Done(completion) => complete::done(&mut state, completion, now, &mut actions),
        Event::Wake => {}
    }
    plan::plan(&mut state, now, &mut actions);
    (state, actions)
}

/// Takes a changed spec over: containers keep their states, changed ones are found by their hash.
fn desire(state: &mut PodState, pod: Arc<Pod>) {
    for (_, spec) in podspec::containers(&pod) {
        if let Some(container) = state.container_mut(&spec.name) {
            container.hash = container_hash::of(spec);
            // What was wrong may be mended.
            if matches!(container.phase, Phase::Blocked { .. }) {
                container.phase = Phase::Idle;
            }
        }
    }
    state.pod = pod;
}

fn emit(actions: &mut Vec<Action>, event: PodEvent) {
    actions.push(Action::Emit(event));
}

/// Wait after the `tries`-th failure in a row of a call to the runtime: 1 s, doubling to 10 s.
fn retry_wait(tries: u32) -> Duration {
    Duration::from_secs(1u64 << tries.saturating_sub(1).min(4)).min(Duration::from_secs(10))
}
