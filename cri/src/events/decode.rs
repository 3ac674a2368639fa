//! Wire layer for CRI's own events.

use super::{Change, Changed, Subject};
use crate::v1::{ContainerEventResponse, ContainerEventType};

/// What an event says; `None` if it is of a kind that we do not know.
pub(super) fn decode(event: &ContainerEventResponse) -> Option<Changed> {
    let id = event.container_id.as_str();
    let sandbox = event.pod_sandbox_status.as_ref();
    let subject = if sandbox.is_some_and(|sandbox| sandbox.id == id) {
        Subject::Sandbox(id.into())
    } else {
        Subject::Container(id.into())
    };
    let change = match ContainerEventType::try_from(event.container_event_type).ok()? {
        ContainerEventType::ContainerCreatedEvent => Change::Created,
        ContainerEventType::ContainerStartedEvent => Change::Started,
        ContainerEventType::ContainerStoppedEvent => Change::Stopped {
            exit_code: exit_code(event),
        },
        ContainerEventType::ContainerDeletedEvent => Change::Deleted,
    };
    let pod_uid = sandbox
        .and_then(|sandbox| sandbox.metadata.as_ref())
        .map(|pod| pod.uid.as_str().into());
    Some(Changed {
        subject,
        pod_uid,
        change,
    })
}

fn exit_code(event: &ContainerEventResponse) -> Option<i32> {
    let status = event
        .containers_statuses
        .iter()
        .find(|status| status.id == event.container_id)?;
    Some(status.exit_code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v1::{ContainerStatus, PodSandboxMetadata, PodSandboxStatus};

    fn event(id: &str, kind: i32) -> ContainerEventResponse {
        let metadata = Some(PodSandboxMetadata {
            uid: "uid-1".into(),
            ..Default::default()
        });
        let sandbox = PodSandboxStatus {
            id: "sandbox".into(),
            metadata,
            ..Default::default()
        };
        let container = ContainerStatus {
            id: "container".into(),
            exit_code: 3,
            ..Default::default()
        };
        ContainerEventResponse {
            container_id: id.into(),
            container_event_type: kind,
            pod_sandbox_status: Some(sandbox),
            containers_statuses: vec![container],
            ..Default::default()
        }
    }

    #[test]
    fn kinds_and_subjects_are_told_apart() {
        let container = || Subject::Container("container".into());
        let sandbox = || Subject::Sandbox("sandbox".into());
        let cases = [
            ("container", 0, Some((container(), Change::Created))),
            ("container", 1, Some((container(), Change::Started))),
            (
                "container",
                2,
                Some((container(), Change::Stopped { exit_code: Some(3) })),
            ),
            ("container", 3, Some((container(), Change::Deleted))),
            ("sandbox", 1, Some((sandbox(), Change::Started))),
            (
                "sandbox",
                2,
                Some((sandbox(), Change::Stopped { exit_code: None })),
            ),
            ("container", 77, None),
        ];
        for (id, kind, expected) in cases {
            let expected = expected.map(|(subject, change)| Changed {
                subject,
                pod_uid: Some("uid-1".into()),
                change,
            });
            assert_eq!(decode(&event(id, kind)), expected, "{id} {kind}");
        }
    }
}
