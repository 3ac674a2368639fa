//! The conditions of a pod, in the reference's order.

use k8s_openapi::api::core::v1::{ContainerStatus, PodCondition, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::phase::Phase;
use crate::kubelet::clock::Now;
use crate::kubelet::podspec;
use crate::kubelet::worker::PodState;

/// A condition before it has a time.
struct Claim {
    kind: &'static str,
    holds: bool,
    reason: Option<&'static str>,
    message: Option<String>,
}

impl Claim {
    fn new(kind: &'static str, holds: bool) -> Self {
        Self {
            kind,
            holds,
            reason: None,
            message: None,
        }
    }

    fn because(self, reason: &'static str, message: Option<String>) -> Self {
        Self {
            reason: Some(reason),
            message,
            ..self
        }
    }
}

pub(super) fn of(
    state: &PodState,
    phase: Phase,
    (init, regular): (&[ContainerStatus], &[ContainerStatus]),
    previous: Option<&PodStatus>,
    now: Now,
) -> Vec<PodCondition> {
    let containers_ready = ready("ContainersReady", phase, init, regular);
    let claims = [
        Claim::new("PodReadyToStartContainers", state.ready_sandbox().is_some()),
        initialized(phase, init),
        gated(state, ready("Ready", phase, init, regular)),
        containers_ready,
        Claim::new("PodScheduled", true),
    ];
    let before = previous.and_then(|p| p.conditions.as_deref()).unwrap_or_default();
    claims
        .into_iter()
        .map(|claim| dated(claim, before, state, now))
        .collect()
}

/// Gives a claim its time: that of the last change of its truth.
fn dated(claim: Claim, before: &[PodCondition], state: &PodState, now: Now) -> PodCondition {
    let status = if claim.holds { "True" } else { "False" };
    let same = before
        .iter()
        .find(|c| c.type_ == claim.kind && c.status == status);
    let since = same.and_then(|c| c.last_transition_time.clone());
    PodCondition {
        type_: claim.kind.to_owned(),
        status: status.to_owned(),
        reason: claim.reason.map(Into::into),
        message: claim.message,
        last_transition_time: Some(since.unwrap_or(Time(now.wall))),
        observed_generation: state.pod.metadata.generation,
        ..PodCondition::default()
    }
}

fn names<'a>(statuses: impl Iterator<Item = &'a ContainerStatus>) -> String {
    statuses.map(|s| s.name.as_str()).collect::<Vec<_>>().join(" ")
}

fn initialized(phase: Phase, init: &[ContainerStatus]) -> Claim {
    if phase == Phase::Succeeded {
        return Claim::new("Initialized", true).because("PodCompleted", None);
    }
    let incomplete = names(init.iter().filter(|s| !is_initialized(s)));
    if incomplete.is_empty() {
        return Claim::new("Initialized", true);
    }
    let text = format!("containers with incomplete status: [{incomplete}]");
    Claim::new("Initialized", false).because("ContainersNotInitialized", Some(text))
}

/// An init container that ended well, or a sidecar that has been started.
fn is_initialized(status: &ContainerStatus) -> bool {
    let ended_well = status
        .state
        .as_ref()
        .and_then(|s| s.terminated.as_ref())
        .is_some_and(|t| t.exit_code == 0);
    ended_well || status.started == Some(true)
}

fn ready(kind: &'static str, phase: Phase, init: &[ContainerStatus], regular: &[ContainerStatus]) -> Claim {
    match phase {
        Phase::Succeeded => return Claim::new(kind, false).because("PodCompleted", None),
        Phase::Failed => return Claim::new(kind, false).because("PodFailed", None),
        _ => {}
    }
    // Sidecars count like regular containers once they have been started.
    let sidecars = init.iter().filter(|s| s.started == Some(true) && !s.ready);
    let unready = names(sidecars.chain(regular.iter().filter(|s| !s.ready)));
    if unready.is_empty() {
        return Claim::new(kind, true);
    }
    let text = format!("containers with unready status: [{unready}]");
    Claim::new(kind, false).because("ContainersNotReady", Some(text))
}

/// Readiness gates are conditions that others set; without an API nobody does.
fn gated(state: &PodState, ready: Claim) -> Claim {
    let gates = podspec::spec(&state.pod)
        .readiness_gates
        .as_deref()
        .unwrap_or_default();
    if !ready.holds || gates.is_empty() {
        return ready;
    }
    let given = state
        .pod
        .status
        .as_ref()
        .and_then(|s| s.conditions.as_deref())
        .unwrap_or_default();
    let missing: Vec<String> = gates
        .iter()
        .filter_map(|gate| {
            let kind = &gate.condition_type;
            match given.iter().find(|c| c.type_ == *kind) {
                None => Some(format!(
                    "corresponding condition of pod readiness gate \"{kind}\" does not exist."
                )),
                Some(c) if c.status != "True" => Some(format!(
                    "the status of pod readiness gate \"{kind}\" is not \"True\", but {}",
                    c.status
                )),
                Some(_) => None,
            }
        })
        .collect();
    if missing.is_empty() {
        return ready;
    }
    Claim::new("Ready", false).because("ReadinessGatesNotReady", Some(missing.join(", ")))
}
