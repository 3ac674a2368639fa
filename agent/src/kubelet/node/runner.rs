//! The task of one pod: feeds its state machine, performs the actions, publishes the status.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use futures_util::future::{AbortHandle, Abortable, BoxFuture};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use k8s_openapi::api::core::v1::{Pod, PodStatus};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::board::Board;
use crate::kubelet::clock::Clock;
use crate::kubelet::event::{PodEvent, Severity};
use crate::kubelet::executor::{Account, Executor, Subject};
use crate::kubelet::pod_id::PodId;
use crate::kubelet::worker::{Action, Event, Lifecycle, PodState, step};
use crate::kubelet::{status, unsupported};

/// What a pod's task shares with others.
pub(super) struct Runner {
    pub(super) executor: Arc<Executor>,
    pub(super) board: Arc<Board>,
    pub(super) clock: Clock,
    pub(super) node_ip: Option<IpAddr>,
}

type Answers = FuturesUnordered<BoxFuture<'static, Option<Event>>>;

/// What one task owns.
struct Task<'a> {
    runner: &'a Runner,
    state: Option<PodState>,
    answers: Answers,
    pulls: HashMap<String, AbortHandle>,
    account: Account,
    status: Option<Arc<PodStatus>>,
    begun: Instant,
}

impl Runner {
    /// Runs one pod from its first wish until nothing of it is left.
    pub(super) async fn run(
        &self,
        pod: Arc<Pod>,
        id: PodId,
        adopt: bool,
        mut mail: mpsc::UnboundedReceiver<Event>,
    ) {
        for field in unsupported::ignored(&pod) {
            warn!(pod = %id, field, "field has no effect in this version");
        }
        let now = self.clock.now();
        let state = match adopt {
            true => PodState::adopt(pod, id, now),
            false => PodState::new(pod, id, now),
        };
        let mut task = Task {
            runner: self,
            state: Some(state),
            answers: FuturesUnordered::new(),
            pulls: HashMap::new(),
            account: Account::default(),
            status: None,
            begun: Instant::now(),
        };
        let mut event = Event::Wake;
        while let Some(wake) = task.step(event) {
            let timer = wake.map(|at| self.clock.instant(at));
            event = tokio::select! {
                mail = mail.recv() => match mail {
                    Some(event) => event,
                    // The node stops; the pod goes on without it.
                    None => return,
                },
                Some(answer) = task.answers.next() => match answer {
                    Some(event) => event,
                    None => Event::Wake,
                },
                () = tokio::time::sleep_until(timer.unwrap_or_else(Instant::now)), if timer.is_some() => Event::Wake,
            };
        }
    }
}

impl Task<'_> {
    /// One step. Gives the time of the next wake, or `None` at the pod's end.
    fn step(&mut self, event: Event) -> Option<Option<crate::kubelet::clock::Mono>> {
        let now = self.runner.clock.now();
        let before = self.state.take()?;
        note_failure(&before.id, &event);
        let (state, actions) = step(before, event, now);
        for action in actions {
            self.begin(&state, action);
        }
        self.publish(&state);
        let gone = state.lifecycle == Lifecycle::Gone;
        let wake = state.wake_at(now);
        if gone {
            info!(pod = %state.id, "pod is gone");
        }
        self.state = Some(state);
        (!gone).then_some(wake)
    }

    fn begin(&mut self, state: &PodState, action: Action) {
        match action {
            Action::Emit(event) => emit(&state.id, &event),
            Action::CancelPull { container } => {
                if let Some(pull) = self.pulls.remove(&container) {
                    pull.abort();
                }
            }
            action => {
                let subject = Subject {
                    pod: state.pod.clone(),
                    id: state.id.clone(),
                    account: self.account.clone(),
                };
                let executor = self.runner.executor.clone();
                let pull = match &action {
                    Action::PullImage { container } => Some(container.clone()),
                    _ => None,
                };
                let answer = async move { executor.perform(&subject, action).await };
                match pull {
                    Some(container) => {
                        let (handle, registration) = AbortHandle::new_pair();
                        self.pulls.insert(container, handle);
                        let answer = Abortable::new(answer, registration);
                        self.answers.push(answer.map(|done| done.ok().flatten()).boxed());
                    }
                    None => self.answers.push(answer.boxed()),
                }
            }
        }
    }

    /// Publishes the status if it changed.
    fn publish(&mut self, state: &PodState) {
        let now = self.runner.clock.now();
        let status = status::of(state, self.status.as_deref(), self.runner.node_ip, now);
        if self.status.as_deref() == Some(&status) {
            return;
        }
        let phase = |status: &PodStatus| status.phase.clone().unwrap_or_default();
        let (was, is) = (self.status.as_deref().map(phase), phase(&status));
        if was.as_deref() != Some(is.as_str()) {
            // The node's own share of a pod's start is the time up to Running less the time in calls.
            let (total, calls) = (self.begun.elapsed(), self.account.spent());
            let (total_us, calls_us) = (total.as_micros(), calls.as_micros());
            info!(pod = %state.id, phase = is, total_us, calls_us, "pod phase");
        }
        let status = Arc::new(status);
        self.runner.board.publish(&state.id.uid, &state.pod, &status);
        self.status = Some(status);
    }
}

/// Failures that the state machine only waits out are worth a line for whoever looks into them.
fn note_failure(id: &PodId, event: &Event) {
    match event {
        Event::Looked(Err(error)) => warn!(pod = %id, error, "the runtime could not be asked for the pod"),
        Event::Inspected {
            id: container,
            result: Err(error),
        } => {
            warn!(pod = %id, container, error, "the runtime could not be asked for a container");
        }
        Event::Done(crate::kubelet::worker::Completion::CleanedUp(Err(error))) => {
            warn!(pod = %id, error, "what the node made for the pod could not be removed; trying again");
        }
        event => debug!(pod = %id, ?event, "pod event"),
    }
}

fn emit(id: &PodId, event: &PodEvent) {
    let (reason, about, message) = (event.reason, event.about.to_string(), event.message.as_str());
    match event.severity {
        Severity::Normal => info!(target: "pod_event", pod = %id, reason, about, "{message}"),
        Severity::Warning => warn!(target: "pod_event", pod = %id, reason, about, "{message}"),
    }
}
