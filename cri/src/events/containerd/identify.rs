//! Answers the tracker's questions: what an id is, and whether CRI shows its end.

use super::tracker::Identity;
use crate::containerd::in_namespace;
use crate::error::{Call, Error};
use crate::{Client, v1};
use containerd_client::services::v1::GetContainerRequest;
use containerd_client::services::v1::containers_client::ContainersClient;
use std::collections::HashMap;
use std::time::Duration;

/// containerd's CRI plugin marks what a container of its own is.
const KIND_LABEL: &str = "io.cri-containerd.kind";
/// The kubelet's label for the pod; CRI hands labels through.
const POD_UID_LABEL: &str = "io.kubernetes.pod.uid";
/// Waits between two looks at CRI's status; together about 5 s, far beyond what its bookkeeping takes.
const LOOKS: [u64; 11] = [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 3000];

/// Asks containerd what `id` is; `None` if it is gone or not of CRI.
pub(super) async fn identify(client: &Client, id: &str) -> Result<Option<Identity>, Error> {
    let mut service =
        ContainersClient::new(client.channel()).max_decoding_message_size(crate::channel::MAX_ANSWER_BYTES);
    let request = in_namespace(GetContainerRequest { id: id.to_owned() });
    let call = Call::container("identify", id);
    match client
        .answer(call, client.deadlines().usual, service.get(request))
        .await
    {
        Ok(answer) => Ok(answer.container.and_then(|container| identity(&container.labels))),
        Err(Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn identity(labels: &HashMap<String, String>) -> Option<Identity> {
    let is_sandbox = match labels.get(KIND_LABEL)?.as_str() {
        "sandbox" => true,
        "container" => false,
        _ => return None,
    };
    Some(Identity {
        is_sandbox,
        pod_uid: pod_uid(labels),
    })
}

fn pod_uid(labels: &HashMap<String, String>) -> Option<Box<str>> {
    labels.get(POD_UID_LABEL).map(|uid| uid.as_str().into())
}

/// Everything that CRI knows now.
pub(super) async fn list(client: &Client) -> Result<Vec<(String, Identity)>, Error> {
    let sandboxes = client.list_pod_sandboxes(None).await?;
    let containers = client.list_containers(None).await?;
    let known = |id, labels: &_, is_sandbox| {
        (
            id,
            Identity {
                is_sandbox,
                pod_uid: pod_uid(labels),
            },
        )
    };
    let sandboxes = sandboxes
        .into_iter()
        .map(|sandbox| known(sandbox.id, &sandbox.labels, true));
    let containers = containers
        .into_iter()
        .map(|container| known(container.id, &container.labels, false));
    Ok(sandboxes.chain(containers).collect())
}

/// Returns when CRI's status shows that `id` ended, when it is gone, or when it still does not after 5 s.
pub(super) async fn await_end(client: &Client, id: &str, is_sandbox: bool) {
    for wait in LOOKS {
        if has_ended(client, id, is_sandbox).await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(wait)).await;
    }
    tracing::debug!(
        id,
        "the runtime's status does not show the end that its events reported"
    );
}

async fn has_ended(client: &Client, id: &str, is_sandbox: bool) -> bool {
    if is_sandbox {
        let ready = v1::PodSandboxState::SandboxReady as i32;
        match client.pod_sandbox_status(id, false).await {
            Ok(answer) => answer.status.is_some_and(|status| status.state != ready),
            Err(error) => matches!(error, Error::NotFound { .. }),
        }
    } else {
        let exited = v1::ContainerState::ContainerExited as i32;
        match client.container_status(id).await {
            Ok(status) => status.state == exited,
            Err(error) => matches!(error, Error::NotFound { .. }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_say_what_a_container_is() {
        let labels = |kind: &str| HashMap::from([(KIND_LABEL.to_owned(), kind.to_owned())]);
        assert!(identity(&labels("sandbox")).unwrap().is_sandbox);
        assert!(!identity(&labels("container")).unwrap().is_sandbox);
        assert_eq!(identity(&labels("other")), None);
        assert_eq!(identity(&HashMap::new()), None);
        let mut with_pod = labels("container");
        with_pod.insert(POD_UID_LABEL.to_owned(), "uid".to_owned());
        assert_eq!(identity(&with_pod).unwrap().pod_uid.as_deref(), Some("uid"));
    }
}
