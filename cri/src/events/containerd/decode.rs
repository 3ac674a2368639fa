//! Wire layer: an envelope of containerd's event service becomes a [`Happening`].
//!
//! Only the namespace of Kubernetes and the topics of [`FILTERS`] are asked for. containerd 1.x and 2.x send
//! the same messages.

use containerd_client::events::{ContainerCreate, ContainerDelete, TaskExit, TaskOom, TaskStart};
use containerd_client::types::Envelope;
use prost::Message as _;

/// Topic of the marker by which a subscriber sees that its subscription is in effect.
pub(super) const MARKER_TOPIC: &str = "/agent/marker";
/// What to subscribe to, in containerd's filter language; one match is enough.
pub(super) const FILTERS: [&str; 6] = [
    r#"namespace=="k8s.io",topic=="/containers/create""#,
    r#"namespace=="k8s.io",topic=="/containers/delete""#,
    r#"namespace=="k8s.io",topic=="/tasks/start""#,
    r#"namespace=="k8s.io",topic=="/tasks/exit""#,
    r#"namespace=="k8s.io",topic=="/tasks/oom""#,
    r#"namespace=="k8s.io",topic=="/agent/marker""#,
];

/// What an envelope says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Happening {
    Created {
        id: String,
    },
    Started {
        id: String,
    },
    Exited {
        id: String,
        exit_code: i32,
    },
    OutOfMemory {
        id: String,
    },
    Deleted {
        id: String,
    },
    /// Somebody's marker, with the token it carries.
    Marker {
        token: String,
    },
}

/// What `envelope` says; `None` for topics and processes that do not matter, and for bodies that do not parse.
pub(super) fn decode(envelope: &Envelope) -> Option<Happening> {
    let body = envelope.event.as_ref()?.value.as_slice();
    match envelope.topic.as_str() {
        "/containers/create" => Some(Happening::Created {
            id: ContainerCreate::decode(body).ok()?.id,
        }),
        "/containers/delete" => Some(Happening::Deleted {
            id: ContainerDelete::decode(body).ok()?.id,
        }),
        "/tasks/start" => Some(Happening::Started {
            id: TaskStart::decode(body).ok()?.container_id,
        }),
        "/tasks/oom" => Some(Happening::OutOfMemory {
            id: TaskOom::decode(body).ok()?.container_id,
        }),
        "/tasks/exit" => {
            let exit = TaskExit::decode(body).ok()?;
            // A command run inside has an id of its own; its end is nobody's event.
            let first_process = exit.id.is_empty() || exit.id == exit.container_id;
            let exit_code = i32::try_from(exit.exit_status).unwrap_or(i32::MAX);
            first_process.then_some(Happening::Exited {
                id: exit.container_id,
                exit_code,
            })
        }
        MARKER_TOPIC => {
            let token = String::from_utf8(body.to_vec()).ok()?;
            Some(Happening::Marker { token })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::containerd::NAMESPACE;
    use prost_types::Any;

    fn envelope(topic: &str, value: Vec<u8>) -> Envelope {
        let event = Some(Any {
            type_url: "containerd.events.Any".into(),
            value,
        });
        Envelope {
            timestamp: None,
            namespace: NAMESPACE.into(),
            topic: topic.into(),
            event,
        }
    }

    fn exit(process: &str) -> Vec<u8> {
        TaskExit {
            container_id: "c".into(),
            id: process.into(),
            exit_status: 137,
            ..Default::default()
        }
        .encode_to_vec()
    }

    #[test]
    fn topics_become_happenings() {
        let id = || "c".to_owned();
        let create = ContainerCreate {
            id: id(),
            ..Default::default()
        }
        .encode_to_vec();
        let delete = ContainerDelete { id: id() }.encode_to_vec();
        let start = TaskStart {
            container_id: id(),
            pid: 7,
        }
        .encode_to_vec();
        let oom = TaskOom { container_id: id() }.encode_to_vec();
        let cases = [
            (
                "/containers/create",
                create,
                Some(Happening::Created { id: id() }),
            ),
            (
                "/containers/delete",
                delete,
                Some(Happening::Deleted { id: id() }),
            ),
            (
                "/tasks/start",
                start.clone(),
                Some(Happening::Started { id: id() }),
            ),
            ("/tasks/oom", oom, Some(Happening::OutOfMemory { id: id() })),
            (
                "/tasks/exit",
                exit("c"),
                Some(Happening::Exited {
                    id: id(),
                    exit_code: 137,
                }),
            ),
            (
                "/tasks/exit",
                exit(""),
                Some(Happening::Exited {
                    id: id(),
                    exit_code: 137,
                }),
            ),
            ("/tasks/exit", exit("exec-1"), None),
            ("/tasks/exit", vec![0xff], None),
            ("/tasks/paused", start, None),
            (
                MARKER_TOPIC,
                b"t1".to_vec(),
                Some(Happening::Marker { token: "t1".into() }),
            ),
        ];
        for (topic, body, expected) in cases {
            assert_eq!(decode(&envelope(topic, body)), expected, "{topic}");
        }
    }

    #[test]
    fn every_topic_that_is_decoded_is_subscribed_to() {
        for topic in [
            "/containers/create",
            "/containers/delete",
            "/tasks/start",
            "/tasks/exit",
            "/tasks/oom",
        ] {
            let filter = format!("namespace==\"{NAMESPACE}\",topic==\"{topic}\"");
            assert!(FILTERS.contains(&filter.as_str()), "{topic}");
        }
        assert!(FILTERS.contains(&format!("namespace==\"{NAMESPACE}\",topic==\"{MARKER_TOPIC}\"").as_str()));
    }
}
