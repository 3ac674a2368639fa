//! Performs the actions of pod workers: calls to the runtime, and files, mounts and cgroups on the disk.
//!
//! Purpose: the thin layer under `worker::step`. It decides nothing: each action has one answer, and what to do
//! about a failure is the worker's business.
//!
//! Invariants: an id that the runtime gave is in the [`Index`] before anything can happen to its object; time
//! spent inside calls to the runtime is counted apart, so that the node's own share is known.

mod account;
mod container;
mod error;
mod files;
mod image;
mod index;
mod logs;
mod look;
mod message;
mod sandbox;
mod sweep;
mod volumes;

use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;

pub(crate) use account::Account;
pub(crate) use index::Index;
pub(crate) use sweep::sweep;

use super::criconfig::NodeFacts;
use super::pod_id::PodId;
use super::worker::{Action, Completion, Event};

/// One pod, as actions see it.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    /// Its spec at the time of the action.
    pub(crate) pod: Arc<Pod>,
    /// Who it is.
    pub(crate) id: PodId,
    /// Counts the time of its calls to the runtime.
    pub(crate) account: Account,
}

/// Performs actions; shared by all workers.
#[derive(Debug)]
pub(crate) struct Executor {
    client: cri::Client,
    facts: NodeFacts,
    index: Arc<Index>,
}

impl Executor {
    pub(crate) fn new(client: cri::Client, facts: NodeFacts, index: Arc<Index>) -> Self {
        Self { client, facts, index }
    }

    /// Performs one action and gives its answer; `None` for those that have none.
    pub(crate) async fn perform(&self, subject: &Subject, action: Action) -> Option<Event> {
        match action {
            Action::Look => Some(Event::Looked(self.look(subject).await)),
            Action::Inspect { id } => {
                let result = self.inspect(subject, &id).await;
                Some(Event::Inspected { id, result })
            }
            action => self.complete(subject, action).await.map(Event::Done),
        }
    }

    async fn complete(&self, subject: &Subject, action: Action) -> Option<Completion> {
        Some(match action {
            Action::CheckImage { container } => Completion::ImageChecked {
                result: self.check_image(subject, &container).await,
                container,
            },
            Action::PullImage { container } => Completion::ImagePulled {
                result: self.pull_image(subject, &container).await,
                container,
            },
            Action::RunSandbox { attempt } => Completion::SandboxRun {
                result: self.run_sandbox(subject, attempt).await,
            },
            Action::CreateContainer(new) => Completion::ContainerCreated {
                result: self.create(subject, &new).await,
                container: new.name,
            },
            Action::StartContainer {
                container,
                id,
                attempt,
            } => Completion::ContainerStarted {
                result: self.start(subject, &container, &id, attempt).await,
                container,
            },
            Action::StopContainer { id, grace, .. } => Completion::ContainerStopped {
                result: self.stop(subject, &id, grace).await,
                id,
            },
            Action::RemoveContainer {
                container,
                id,
                attempt,
            } => Completion::ContainerRemoved {
                result: self.remove(subject, &container, &id, attempt).await,
                id,
            },
            Action::StopSandbox { id } => Completion::SandboxStopped {
                result: self.stop_sandbox(subject, &id).await,
                id,
            },
            Action::RemoveSandbox { id } => Completion::SandboxRemoved {
                result: self.remove_sandbox(subject, &id).await,
                id,
            },
            Action::CleanUp => Completion::CleanedUp(self.clean_up(subject).await),
            Action::Look | Action::Inspect { .. } | Action::CancelPull { .. } | Action::Emit(_) => {
                return None;
            }
        })
    }
}
