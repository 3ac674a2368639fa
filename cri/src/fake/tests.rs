//! The fake keeps the contract, in memory and over a socket, and its faults are what they say.

use super::*;
use crate::contract::{CASES, World};
use crate::events::{EventSettings, GapReason, RuntimeEvent};
use crate::{Error, v1};
use std::time::Duration;

const IMAGE: &str = "agent.local/busybox:1";

fn world(client: Client, logs: &Path) -> World {
    World::new(client, IMAGE, logs, logs)
}

#[tokio::test(start_paused = true)]
async fn contract_is_kept_in_memory() {
    let logs = tempfile::tempdir().unwrap();
    let runtime = FakeRuntime::start();
    runtime.add_image(IMAGE);
    let world = world(runtime.client(), logs.path());
    for case in CASES {
        case.run(&world).await;
    }
    assert_eq!(runtime.sandboxes(), Vec::<String>::new(), "cases clean up");
}

#[tokio::test]
async fn contract_is_kept_over_a_socket() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("cri.sock");
    let mut runtime = FakeRuntime::start();
    runtime.listen(&socket).unwrap();
    runtime.add_image(IMAGE);
    let client = Client::new(&socket, Deadlines::default());
    let world = world(client, directory.path());
    for case in CASES {
        case.run(&world).await;
    }
}

/// A client with a short deadline, so that a hung call ends.
fn impatient(runtime: &FakeRuntime) -> Client {
    runtime.client_with(Deadlines::from_request_timeout(Duration::from_secs(2)))
}

fn pod(name: &str) -> v1::PodSandboxConfig {
    let metadata = v1::PodSandboxMetadata {
        name: name.into(),
        ..Default::default()
    };
    v1::PodSandboxConfig {
        metadata: Some(metadata),
        ..Default::default()
    }
}

async fn run_with(fault: Fault) -> (FakeRuntime, Result<String, Error>) {
    let runtime = FakeRuntime::start();
    runtime.inject("RunPodSandbox", fault);
    let result = impatient(&runtime).run_pod_sandbox(pod("web"), "").await;
    (runtime, result)
}

#[tokio::test(start_paused = true)]
async fn faults_before_the_effect_leave_nothing() {
    let slow = Duration::from_secs(60);
    type Expected = fn(&Error) -> bool;
    let cases: [(Fault, Expected); 4] = [
        (Fault::Hang, |error| matches!(error, Error::Deadline { .. })),
        (Fault::Slow(slow), |error| matches!(error, Error::Deadline { .. })),
        (Fault::Fail(tonic::Status::unavailable("busy")), |error| {
            matches!(error, Error::TryAgain { .. })
        }),
        (Fault::LoseConnection, |error| {
            matches!(error, Error::LostConnection { .. })
        }),
    ];
    for (fault, expected) in cases {
        let text = format!("{fault:?}");
        let (runtime, result) = run_with(fault).await;
        assert!(result.as_ref().is_err_and(expected), "{text}: {result:?}");
        assert_eq!(runtime.sandboxes(), Vec::<String>::new(), "{text}");
        // A fault hits one call; the next is served, on a new connection if need be.
        impatient(&runtime).run_pod_sandbox(pod("web"), "").await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn faults_after_the_effect_leave_a_sandbox_whose_name_leads_to_it() {
    for fault in [
        Fault::CrashAfterEffect,
        Fault::FailAfterEffect(tonic::Status::unknown("late")),
    ] {
        let (runtime, result) = run_with(fault).await;
        assert!(
            matches!(result, Err(Error::LostConnection { .. } | Error::Failed { .. })),
            "{result:?}"
        );
        let left = runtime.sandboxes();
        let again = runtime
            .client()
            .run_pod_sandbox(pod("web"), "")
            .await
            .unwrap_err();
        assert!(
            matches!(&again, Error::NameReserved { holder, .. } if left == [holder.clone()]),
            "{again:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn runtime_that_is_down_refuses_and_the_client_finds_it_again() {
    let runtime = FakeRuntime::start();
    let client = runtime.client();
    client.version().await.unwrap();
    runtime.go_down();
    let error = client.version().await.unwrap_err();
    assert!(
        matches!(error, Error::SocketRefused { .. } | Error::LostConnection { .. }),
        "{error:?}"
    );
    let error = client.version().await.unwrap_err();
    assert!(matches!(error, Error::SocketRefused { .. }), "{error:?}");
    runtime.come_back();
    client.version().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn dropping_a_call_cancels_it() {
    let runtime = FakeRuntime::start();
    let client = runtime.client();
    runtime.inject("RunPodSandbox", Fault::Slow(Duration::from_secs(10)));
    let call = client.run_pod_sandbox(pod("web"), "");
    assert!(tokio::time::timeout(Duration::from_secs(1), call).await.is_err());
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(runtime.sandboxes(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn each_lost_event_stream_gives_one_gap() {
    let runtime = FakeRuntime::start();
    let mut events = runtime.client().events(EventSettings::default());
    assert_eq!(
        events.next().await,
        Some(RuntimeEvent::Gap {
            reason: GapReason::Started
        })
    );
    let losses: [fn(&FakeRuntime); 3] = [
        FakeRuntime::end_event_streams,
        FakeRuntime::lose_connections,
        |runtime| {
            runtime.go_down();
            runtime.come_back();
        },
    ];
    for (number, lose) in losses.into_iter().enumerate() {
        lose(&runtime);
        assert_eq!(
            events.next().await,
            Some(RuntimeEvent::Gap {
                reason: GapReason::Reconnected
            })
        );
        runtime
            .client()
            .run_pod_sandbox(pod(&format!("pod-{number}")), "")
            .await
            .unwrap();
        for _ in ["created", "started"] {
            let event = events.next().await;
            assert!(matches!(event, Some(RuntimeEvent::Changed(_))), "{event:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn runtime_without_any_events_asks_for_lists_instead() {
    let runtime = FakeRuntime::with(FakeOptions {
        events: false,
        ..FakeOptions::default()
    });
    let settings = EventSettings::default();
    let mut events = runtime.client().events(settings);
    let begun = tokio::time::Instant::now();
    for _ in 0..3 {
        let gap = RuntimeEvent::Gap {
            reason: GapReason::NoEventSource,
        };
        assert_eq!(events.next().await, Some(gap));
    }
    let elapsed = begun.elapsed();
    assert!(
        (settings.poll * 2..settings.poll * 3).contains(&elapsed),
        "{elapsed:?}"
    );
}

/// Ends every stream as soon as it stands, and answers how long each reconnection took.
async fn flap(runtime: &FakeRuntime, events: &mut crate::events::EventStream, times: usize) -> Vec<Duration> {
    let mut waits = Vec::new();
    for _ in 0..times {
        let ended = tokio::time::Instant::now();
        runtime.end_event_streams();
        assert_eq!(
            events.next().await,
            Some(RuntimeEvent::Gap {
                reason: GapReason::Reconnected
            })
        );
        waits.push(ended.elapsed());
    }
    waits
}

#[tokio::test(start_paused = true)]
async fn runtime_that_keeps_hanging_up_is_asked_ever_more_seldom() {
    let runtime = FakeRuntime::start();
    let mut events = runtime.client().events(EventSettings::default());
    events.next().await;
    let waits = flap(&runtime, &mut events, 8).await;
    let second = Duration::from_secs(1);
    assert!(waits[0] < second / 2 && waits[7] >= second, "{waits:?}");
    // A connection that stands for a while makes good for it.
    tokio::time::sleep(Duration::from_secs(60)).await;
    let waits = flap(&runtime, &mut events, 1).await;
    assert!(waits[0] < second / 2, "{waits:?}");
}

#[tokio::test(start_paused = true)]
async fn grace_and_limits_count_in_whole_seconds_and_in_the_deadline() {
    let runtime = FakeRuntime::start();
    runtime.add_image(IMAGE);
    let client = impatient(&runtime);
    let sandbox = client.run_pod_sandbox(pod("web"), "").await.unwrap();
    let stubborn = v1::ContainerConfig {
        metadata: Some(v1::ContainerMetadata {
            name: "c".into(),
            attempt: 0,
        }),
        image: Some(v1::ImageSpec {
            image: IMAGE.into(),
            ..Default::default()
        }),
        command: crate::contract::Program::IgnoreTerm.command(),
        ..Default::default()
    };
    let id = client
        .create_container(&sandbox, stubborn, pod("web"))
        .await
        .unwrap();
    client.start_container(&id).await.unwrap();
    let begun = tokio::time::Instant::now();
    let slow = ["sleep", "90"].map(str::to_owned).to_vec();
    client
        .exec_sync(&id, slow.clone(), None)
        .await
        .expect("without a limit it may run on");
    assert_eq!(begun.elapsed().as_secs(), 90);
    let error = client
        .exec_sync(&id, slow, Some(Duration::from_millis(1200)))
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::Deadline { after, .. } if after == Duration::from_millis(1200)),
        "{error:?}"
    );
    let begun = tokio::time::Instant::now();
    // Far beyond the usual deadline of 2 s, and a fraction is not cut off.
    client
        .stop_container(&id, Duration::from_millis(30_500))
        .await
        .unwrap();
    assert_eq!(begun.elapsed().as_secs(), 31);
}
