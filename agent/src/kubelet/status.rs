//! The pod's status, computed from its state: what people and the API see.
//!
//! Pure: the same state, previous status and time give the same status. The previous status serves only for
//! the times of conditions that did not change.
//!
//! Differences from the reference, on purpose: a container that waits for its restart shows CrashLoopBackOff
//! at once, not after the next sync; waiting containers carry the reason of a failed sandbox as their message.

mod conditions;
mod containers;
mod phase;
mod resources;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use k8s_openapi::api::core::v1::{HostIP, PodIP, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::clock::Now;
use super::podspec::{self, Kind};
use super::worker::{DEADLINE_TEXT, EndReason, Lifecycle, PodState};

/// The status of `state`.
#[must_use]
pub(crate) fn of(
    state: &PodState,
    previous: Option<&PodStatus>,
    node_ip: Option<IpAddr>,
    now: Now,
) -> PodStatus {
    let regular = containers::of(state, |kind| kind == Kind::Regular);
    let init = containers::of(state, |kind| kind != Kind::Regular);
    let phase = phase::of(state, &init, &regular);
    let deadline = matches!(
        state.lifecycle,
        Lifecycle::Done {
            why: EndReason::DeadlineExceeded
        }
    );
    let ips = pod_ips(state, node_ip);
    PodStatus {
        conditions: Some(conditions::of(state, phase, (&init, &regular), previous, now)),
        message: deadline.then(|| DEADLINE_TEXT.to_owned()),
        reason: deadline.then(|| "DeadlineExceeded".to_owned()),
        phase: Some(phase.name().to_owned()),
        host_ip: node_ip.map(|ip| ip.to_string()),
        host_ips: node_ip.map(|ip| vec![HostIP { ip: ip.to_string() }]),
        pod_ip: ips.first().cloned(),
        pod_ips: (!ips.is_empty()).then(|| ips.into_iter().map(|ip| PodIP { ip }).collect()),
        start_time: Some(Time(state.started_at)),
        qos_class: Some(podspec::qos(&state.pod).name().to_owned()),
        observed_generation: state.pod.metadata.generation,
        allocated_resources: resources::requests(&state.pod),
        resources: Some(resources::of_pod(&state.pod)),
        // The reference sorts regular containers by name and keeps init containers in order.
        container_statuses: Some(sorted(regular)),
        init_container_statuses: (!init.is_empty()).then_some(init),
        ..PodStatus::default()
    }
}

fn sorted(
    mut statuses: Vec<k8s_openapi::api::core::v1::ContainerStatus>,
) -> Vec<k8s_openapi::api::core::v1::ContainerStatus> {
    statuses.sort_by(|a, b| a.name.cmp(&b.name));
    statuses
}

/// The pod's addresses: those of its newest sandbox, also after its end; the node's on the host's network.
fn pod_ips(state: &PodState, node_ip: Option<IpAddr>) -> Vec<String> {
    if podspec::spec(&state.pod).host_network == Some(true) {
        let started = !state.sandboxes.is_empty();
        return node_ip
            .filter(|_| started)
            .map(|ip| ip.to_string())
            .into_iter()
            .collect();
    }
    state.sandboxes.first().map(|s| s.ips.clone()).unwrap_or_default()
}
