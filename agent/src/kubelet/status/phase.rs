//! The phase of a pod, by the reference's rules.

use k8s_openapi::api::core::v1::ContainerStatus;

use crate::kubelet::worker::{EndReason, Lifecycle, PodState};

/// A pod's phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Something has not been started yet.
    Pending,
    /// Every container has been started, and one runs or will again.
    Running,
    /// All ended well and rest.
    Succeeded,
    /// All ended, one badly, and they rest.
    Failed,
}

impl Phase {
    /// The API's word.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Running => "Running",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
        }
    }
}

pub(super) fn of(state: &PodState, init: &[ContainerStatus], regular: &[ContainerStatus]) -> Phase {
    let exit_code = |status: &ContainerStatus| {
        let terminated = status.state.as_ref().and_then(|s| s.terminated.as_ref());
        terminated.map(|t| t.exit_code)
    };
    match &state.lifecycle {
        Lifecycle::Done {
            why: EndReason::DeadlineExceeded,
        } => return Phase::Failed,
        Lifecycle::Done { .. } => {
            let good = regular.iter().all(|s| exit_code(s) == Some(0));
            return if good { Phase::Succeeded } else { Phase::Failed };
        }
        // A pod is terminal only when nothing of it runs any more.
        _ => {}
    }
    if init.iter().any(|s| !s.ready) && regular.iter().all(is_untouched) {
        return Phase::Pending;
    }
    let waiting = regular.iter().filter(|s| is_untouched(s)).count();
    let running = regular
        .iter()
        .filter(|s| s.state.as_ref().is_some_and(|s| s.running.is_some()))
        .count();
    match (waiting, running) {
        (1.., _) => Phase::Pending,
        (0, 1..) => Phase::Running,
        _ if regular.is_empty() => Phase::Pending,
        // All ended: to be restarted, or about to be reported as ended for good.
        _ => Phase::Running,
    }
}

/// Whether a container has never been started in this pod.
fn is_untouched(status: &ContainerStatus) -> bool {
    let waiting = status.state.as_ref().is_some_and(|s| s.waiting.is_some());
    waiting && status.last_state.as_ref().is_none_or(|s| s.terminated.is_none())
}
