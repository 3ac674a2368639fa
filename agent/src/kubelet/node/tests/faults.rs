//! Every call may fail before or after its effect, hang, or lose its connection: the pod gets where it should,
//! and nothing is made twice.

use cri::fake::Fault;
use tonic::Status;

use super::*;

/// Calls on the way to a running pod.
const STARTING: [&str; 8] = [
    "ListPodSandbox",
    "ListContainers",
    "RunPodSandbox",
    "PodSandboxStatus",
    "ImageStatus",
    "CreateContainer",
    "StartContainer",
    "ContainerStatus",
];
/// Calls on the way to nothing.
const ENDING: [&str; 4] = [
    "StopContainer",
    "ContainerStatus",
    "StopPodSandbox",
    "RemovePodSandbox",
];

fn every_fault() -> Vec<Fault> {
    vec![
        Fault::Fail(Status::unavailable("later")),
        Fault::Fail(Status::unknown("no")),
        Fault::FailAfterEffect(Status::unknown("done, but no")),
        Fault::LoseConnection,
        Fault::CrashAfterEffect,
        Fault::Hang,
        Fault::Slow(Duration::from_secs(90)),
    ]
}

#[tokio::test(start_paused = true)]
async fn pod_starts_whatever_call_fails_in_whatever_way() {
    for call in STARTING {
        for fault in every_fault() {
            let case = format!("{call} {fault:?}");
            let world = World::new();
            world.fake.inject(call, fault.clone());
            let node = world.start(&[("f", server("a"))]).await;
            until(&case, || node.is_running("a")).await;
            // A look finds at once what a failed call left; the backstop would take minutes.
            let waits = matches!(fault, Fault::Hang | Fault::Slow(_));
            let limit = Duration::from_secs(if waits { 300 } else { 30 });
            assert!(
                world.begun.elapsed() < limit,
                "{case}: {:?}",
                world.begun.elapsed()
            );
            assert_eq!(world.fake.sandboxes().len(), 1, "{case}");
            assert_eq!(world.all(), ["c#0", "i#0"], "{case}");
            assert_eq!(world.alive(), ["c#0"], "{case}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn pod_ends_whatever_call_fails_in_whatever_way() {
    for call in ENDING {
        for fault in every_fault() {
            let case = format!("{call} {fault:?}");
            let world = World::new();
            let node = world.start(&[("f", server("a"))]).await;
            until(&case, || node.is_running("a")).await;
            world.fake.inject(call, fault);
            node.remove("f").await;
            until(&case, || world.is_empty() && node.pod("a").is_none()).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn name_that_stays_reserved_is_given_up_for_the_next_attempt() {
    let world = World::new();
    let reserved = "failed to reserve sandbox name \"a\": name \"a\" is reserved for \"x\"";
    for _ in 0..4 {
        world
            .fake
            .inject("RunPodSandbox", Fault::Fail(Status::unknown(reserved)));
    }
    let node = world.start(&[("f", server("a"))]).await;
    until("running", || node.is_running("a")).await;
    assert_eq!(world.fake.sandboxes().len(), 1);
    assert_eq!(world.count("RunPodSandbox"), 5);
}

#[tokio::test(start_paused = true)]
async fn runtime_that_goes_away_and_comes_back_is_listed_once_and_keeps_its_containers() {
    let world = World::new();
    let node = world.start(&[("f", server("a")), ("g", server("b"))]).await;
    until("running", || node.is_running("a") && node.is_running("b")).await;
    let (ids, created) = (world.alive_ids(), world.count("CreateContainer"));
    let lists = world.count("ListPodSandbox");
    world.fake.go_down();
    tokio::time::sleep(Duration::from_secs(60)).await;
    world.fake.come_back();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(world.alive_ids(), ids);
    assert_eq!(world.count("CreateContainer"), created);
    assert_eq!(
        world.count("ListPodSandbox"),
        lists + 1,
        "one list for the gap, none by the workers"
    );
}

#[tokio::test(start_paused = true)]
async fn idle_node_asks_the_runtime_for_nothing_but_the_backstop() {
    let world = World::new();
    let node = world.start(&[("f", server("a"))]).await;
    until("running", || node.is_running("a")).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let before = world.fake.calls().len();
    tokio::time::sleep(Duration::from_secs(3000)).await;
    let calls: Vec<&str> = world.fake.calls()[before..].iter().map(|c| c.name).collect();
    assert_eq!(calls, ["ListPodSandbox", "ListContainers"].repeat(10));
}

#[tokio::test(start_paused = true)]
async fn event_lost_with_its_stream_is_found_by_the_list() {
    let world = World::new();
    let node = world.start(&[("f", server("a"))]).await;
    until("running", || node.is_running("a")).await;
    world.fake.go_down();
    world.fake.end_container(&world.alive_ids()[0], 3);
    tokio::time::sleep(Duration::from_secs(1)).await;
    world.fake.come_back();
    until("restarted", || world.alive() == ["c#1"]).await;
    until("shown", || node.container("a", "c").restart_count == 1).await;
}
