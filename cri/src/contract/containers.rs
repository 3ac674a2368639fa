//! Containers from creation to removal, and their logs.

use super::{Program, World};
use crate::{Error, v1};
use std::path::Path;
use std::time::Duration;
use v1::ContainerState::{ContainerCreated, ContainerExited, ContainerRunning};

pub(super) async fn container_is_created_started_stopped_and_removed(world: &World) {
    let pod = world.run_pod().await;
    let id = world.create(&pod, "c", &Program::Serve).await;
    let status = world.client.container_status(&id).await.unwrap();
    assert_eq!(status.state(), ContainerCreated);
    assert_eq!(
        status.metadata.as_ref().map(|metadata| metadata.name.as_str()),
        Some("c")
    );
    assert_eq!((status.started_at, status.finished_at), (0, 0));
    assert_eq!(
        Path::new(&status.log_path),
        Path::new(&pod.config.log_directory).join("c.log")
    );
    assert_eq!(
        status
            .labels
            .get("io.kubernetes.container.name")
            .map(String::as_str),
        Some("c")
    );

    world.client.start_container(&id).await.unwrap();
    world.await_log(&pod, "c", 1).await;
    let status = world.client.container_status(&id).await.unwrap();
    assert_eq!(status.state(), ContainerRunning);
    assert!(status.started_at >= status.created_at, "{status:?}");

    world
        .client
        .stop_container(&id, Duration::from_secs(10))
        .await
        .unwrap();
    let status = world.client.container_status(&id).await.unwrap();
    assert_eq!((status.state(), status.exit_code), (ContainerExited, 0));
    assert!(status.finished_at >= status.started_at, "{status:?}");

    world.client.remove_container(&id).await.unwrap();
    let gone = world.client.container_status(&id).await;
    assert!(matches!(gone, Err(Error::NotFound { .. })), "{gone:?}");
    world.remove(&pod).await;
}

pub(super) async fn exit_code_times_and_reason_are_reported(world: &World) {
    let pod = world.run_pod().await;
    for (name, code, reason) in [("well", 0, "Completed"), ("ill", 3, "Error")] {
        let id = world.start(&pod, name, &Program::Exit(code)).await;
        let status = world.exited(&id).await;
        assert_eq!(
            (status.exit_code, status.reason.as_str()),
            (i32::from(code), reason)
        );
        // containerd notes the start after the fact: a short life may end "before" it began.
        assert!(status.created_at <= status.started_at && status.created_at <= status.finished_at);
    }
    world.remove(&pod).await;
}

pub(super) async fn term_is_ignored_only_until_the_grace_time_ends(world: &World) {
    let pod = world.run_pod().await;
    let id = world.start(&pod, "stubborn", &Program::IgnoreTerm).await;
    // Its signal is ignored only once it has said so.
    world.await_log(&pod, "stubborn", 1).await;
    let begun = tokio::time::Instant::now();
    world
        .client
        .stop_container(&id, Duration::from_secs(1))
        .await
        .unwrap();
    assert!(
        begun.elapsed() >= Duration::from_secs(1),
        "killed before the grace time was over"
    );
    let status = world.exited(&id).await;
    assert_eq!(status.exit_code, 137);
    world.remove(&pod).await;
}

pub(super) async fn containers_are_listed_by_filter(world: &World) {
    let (one, two) = (world.run_pod().await, world.run_pod().await);
    let running = world.start(&one, "running", &Program::Serve).await;
    let created = world.create(&one, "created", &Program::Serve).await;
    let other = world.create(&two, "other", &Program::Serve).await;

    let list = async |filter| {
        let containers = world.client.list_containers(Some(filter)).await.unwrap();
        let mut ids: Vec<String> = containers.into_iter().map(|container| container.id).collect();
        ids.retain(|id| [&running, &created, &other].contains(&id));
        ids.sort();
        ids
    };
    let mut in_one = vec![running.clone(), created.clone()];
    in_one.sort();
    let of_pod = v1::ContainerFilter {
        pod_sandbox_id: one.id.clone(),
        ..Default::default()
    };
    assert_eq!(list(of_pod.clone()).await, in_one);
    let by_id = v1::ContainerFilter {
        id: other.clone(),
        ..Default::default()
    };
    assert_eq!(list(by_id).await, [other.as_str()]);
    let state = Some(v1::ContainerStateValue {
        state: ContainerRunning as i32,
    });
    assert_eq!(
        list(v1::ContainerFilter {
            state,
            ..of_pod.clone()
        })
        .await,
        [running.as_str()]
    );
    let label = ("io.kubernetes.container.name".to_owned(), "created".to_owned());
    let label_selector = std::collections::HashMap::from([label]);
    assert_eq!(
        list(v1::ContainerFilter {
            label_selector,
            ..of_pod
        })
        .await,
        [created.as_str()]
    );

    world.remove(&one).await;
    world.remove(&two).await;
}

pub(super) async fn output_goes_to_the_log_file(world: &World) {
    let pod = world.run_pod().await;
    let id = world
        .start(
            &pod,
            "talker",
            &Program::Speak {
                out: "hello",
                err: "oops",
            },
        )
        .await;
    world.exited(&id).await;
    let log = world.await_log(&pod, "talker", 2).await;
    let mut said: Vec<(&str, &str)> = log.lines().map(stream_and_text).collect();
    said.sort_unstable();
    assert_eq!(said, [("stderr", "oops"), ("stdout", "hello")], "{log}");
    world.remove(&pod).await;
}

pub(super) async fn log_is_opened_anew_after_rotation(world: &World) {
    let pod = world.run_pod().await;
    let id = world.start(&pod, "rotated", &Program::Serve).await;
    let log = world.log(&pod, "rotated");
    std::fs::rename(&log, log.with_extension("old")).expect("the log file is there while it runs");
    world.client.reopen_container_log(&id).await.unwrap();
    assert!(log.exists(), "a new log file is there");
    world.remove(&pod).await;
}

pub(super) async fn removing_a_running_container_kills_it(world: &World) {
    let pod = world.run_pod().await;
    let id = world.start(&pod, "c", &Program::IgnoreTerm).await;
    world.client.remove_container(&id).await.unwrap();
    let gone = world.client.container_status(&id).await;
    assert!(matches!(gone, Err(Error::NotFound { .. })), "{gone:?}");
    world.remove(&pod).await;
}

/// A line of CRI's log format: `TIME STREAM TAG TEXT`.
fn stream_and_text(line: &str) -> (&str, &str) {
    let mut parts = line.splitn(4, ' ');
    let (_time, stream, tag, text) = (parts.next(), parts.next(), parts.next(), parts.next());
    assert_eq!(tag, Some("F"), "a whole line is marked so: {line}");
    (stream.unwrap_or_default(), text.unwrap_or_default())
}
