//! Runtime events while real containerd dies and comes back.

use super::cri_contract::{in_runtime, node};
use cri::events::{Change, EventSettings, EventStream, GapReason, RuntimeEvent};
use cri::{Client, Deadlines, v1};
use std::time::Duration;
use tests::image::BUSYBOX;

async fn next(events: &mut EventStream) -> RuntimeEvent {
    let event = tokio::time::timeout(Duration::from_secs(30), events.next()).await;
    event
        .expect("an event comes in time")
        .expect("the stream goes on")
}

fn pod() -> v1::PodSandboxConfig {
    let namespaces = v1::NamespaceOption {
        network: v1::NamespaceMode::Node as i32,
        ..Default::default()
    };
    let security = v1::LinuxSandboxSecurityContext {
        namespace_options: Some(namespaces),
        ..Default::default()
    };
    v1::PodSandboxConfig {
        metadata: Some(v1::PodSandboxMetadata {
            name: "web".to_owned(),
            ..Default::default()
        }),
        linux: Some(v1::LinuxPodSandboxConfig {
            security_context: Some(security),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn container(name: &str, line: &str) -> v1::ContainerConfig {
    v1::ContainerConfig {
        metadata: Some(v1::ContainerMetadata {
            name: name.to_owned(),
            attempt: 0,
        }),
        image: Some(v1::ImageSpec {
            image: BUSYBOX.to_owned(),
            ..Default::default()
        }),
        command: ["/bin/sh", "-c", line].map(str::to_owned).to_vec(),
        ..Default::default()
    }
}

#[test]
fn each_restart_gives_one_gap_and_the_stream_goes_on() {
    let mut node = node();
    in_runtime(async {
        let client = Client::new(node.containerd_socket(), Deadlines::default());
        let mut events = client.events(EventSettings::default());
        assert_eq!(
            next(&mut events).await,
            RuntimeEvent::Gap {
                reason: GapReason::Started
            }
        );
        let sandbox = client.run_pod_sandbox(pod(), "").await.unwrap();
        let stays = container("stays", "while :; do sleep 0.1; done");
        let stays = client.create_container(&sandbox, stays, pod()).await.unwrap();
        client.start_container(&stays).await.unwrap();
        for restart in 0..3 {
            node.restart_containerd();
            // What happened before the connection was lost may still be told; then the gap, once.
            while next(&mut events).await
                != (RuntimeEvent::Gap {
                    reason: GapReason::Reconnected,
                })
            {}
            let short = container(&format!("short-{restart}"), "exit 4");
            let short = client.create_container(&sandbox, short, pod()).await.unwrap();
            client.start_container(&short).await.unwrap();
            let mut told = Vec::new();
            while told.last() != Some(&Change::Stopped { exit_code: Some(4) }) {
                match next(&mut events).await {
                    RuntimeEvent::Changed(changed) => {
                        assert_eq!(changed.subject.id(), short);
                        told.push(changed.change);
                    }
                    gap @ RuntimeEvent::Gap { .. } => panic!("a second gap: {gap:?}"),
                }
            }
            assert_eq!(told[..2], [Change::Created, Change::Started]);
            let status = client.container_status(&stays).await.unwrap();
            assert_eq!(
                status.state(),
                v1::ContainerState::ContainerRunning,
                "it did not notice"
            );
        }
    });
}
