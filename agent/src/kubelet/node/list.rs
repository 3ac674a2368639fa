//! One list of the whole runtime, sorted by pod.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::roster::Found;
use crate::kubelet::criconfig::{CONTAINER_NAME, GRACE, POD_NAME, POD_NAMESPACE, POD_UID};
use crate::kubelet::pod_id::{PodId, PodUid};
use crate::kubelet::worker::{ListedState, Listing};

/// Every pod that the runtime has something of: two calls, whatever their number.
///
/// Sandboxes and containers without the kubelet's labels are somebody else's and left alone.
pub(super) async fn everything(client: cri::Client) -> Result<Vec<Found>, String> {
    let text = |error: cri::Error| error.to_string();
    let sandboxes = client.list_pod_sandboxes(None).await.map_err(text)?;
    let containers = client.list_containers(None).await.map_err(text)?;
    let mut found: BTreeMap<PodUid, Found> = BTreeMap::new();
    for sandbox in sandboxes {
        let ready = sandbox.state == i32::from(cri::v1::PodSandboxState::SandboxReady);
        if let Some(pod) = entry(&mut found, &sandbox.labels) {
            pod.listing.sandboxes.push((sandbox.id, ready));
        }
    }
    for container in containers {
        let Some(pod) = entry(&mut found, &container.labels) else {
            continue;
        };
        pod.listing
            .containers
            .push((container.id, state(container.state)));
        if let Some(name) = container.labels.get(CONTAINER_NAME)
            && !pod.containers.contains(name)
        {
            pod.containers.push(name.clone());
        }
        let grace = container.annotations.get(GRACE).and_then(|g| g.parse().ok());
        pod.grace = grace.map(Duration::from_secs).or(pod.grace);
    }
    Ok(found.into_values().collect())
}

fn entry<'a>(
    found: &'a mut BTreeMap<PodUid, Found>,
    labels: &HashMap<String, String>,
) -> Option<&'a mut Found> {
    let id = PodId::new(
        labels.get(POD_UID)?,
        labels.get(POD_NAMESPACE)?,
        labels.get(POD_NAME)?,
    )?;
    Some(found.entry(id.uid.clone()).or_insert_with(|| Found {
        id,
        listing: Listing::default(),
        containers: Vec::new(),
        grace: None,
    }))
}

fn state(state: i32) -> ListedState {
    use cri::v1::ContainerState as State;
    match State::try_from(state) {
        Ok(State::ContainerCreated) => ListedState::Created,
        Ok(State::ContainerRunning) => ListedState::Running,
        Ok(State::ContainerExited) => ListedState::Exited,
        Ok(State::ContainerUnknown) | Err(_) => ListedState::Unknown,
    }
}
