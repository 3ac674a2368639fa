//! The node is killed at every moment of a pod's start and end; the next one goes on.

use cri::fake::Fault;

use super::*;

/// Makes every call take a tenth of a second, so that a kill can fall into each.
fn slow_down(world: &World) {
    for call in [
        "RunPodSandbox",
        "PodSandboxStatus",
        "ImageStatus",
        "CreateContainer",
        "StartContainer",
        "ContainerStatus",
        "StopContainer",
        "StopPodSandbox",
        "RemovePodSandbox",
    ] {
        for _ in 0..8 {
            world.fake.inject(call, Fault::Slow(Duration::from_millis(100)));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn killed_while_a_pod_starts_the_next_node_makes_nothing_twice() {
    for moment in 0..40 {
        let case = format!("killed after {} ms", moment * 30);
        let world = World::new();
        slow_down(&world);
        let node = world.start(&[("f", server("a"))]).await;
        tokio::time::sleep(Duration::from_millis(moment * 30)).await;
        drop(node);
        let before = world.alive_ids();
        let node = world.start(&[("f", server("a"))]).await;
        until(&case, || node.is_running("a")).await;
        until(&case, || world.fake.sandboxes().len() == 1).await;
        let after = world.alive_ids();
        assert_eq!(after.len(), 1, "{case}");
        // What ran when the node was killed still runs, unless it was the init container.
        let init_only = world
            .fake
            .containers()
            .iter()
            .any(|c| before.contains(&c.id) && c.metadata.as_ref().is_some_and(|m| m.name == "i"));
        assert!(init_only || before.iter().all(|id| after.contains(id)), "{case}");
        assert_eq!(node.container("a", "c").restart_count, 0, "{case}");
    }
}

#[tokio::test(start_paused = true)]
async fn killed_while_a_pod_ends_the_next_node_finishes() {
    for moment in 0..20 {
        let case = format!("killed after {} ms", moment * 30);
        let world = World::new();
        let node = world.start(&[("f", server("a"))]).await;
        until(&case, || node.is_running("a")).await;
        slow_down(&world);
        node.remove("f").await;
        tokio::time::sleep(Duration::from_millis(moment * 30)).await;
        drop(node);
        let node = world.start(&[]).await;
        until(&case, || world.is_empty() && node.board.pods().is_empty()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn killed_over_and_over_the_same_containers_go_on() {
    let world = World::new();
    let wanted = [("f", server("a")), ("g", server("b"))];
    let node = world.start(&wanted).await;
    until("running", || node.is_running("a") && node.is_running("b")).await;
    let (ids, made) = (world.alive_ids(), world.count("CreateContainer"));
    drop(node);
    for _ in 0..5 {
        let node = world.start(&wanted).await;
        until("running", || node.is_running("a") && node.is_running("b")).await;
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert_eq!(node.phase("a"), "Running");
    }
    assert_eq!((world.alive_ids(), world.count("CreateContainer")), (ids, made));
}

#[tokio::test(start_paused = true)]
async fn pod_whose_manifest_went_while_the_node_was_down_ends_with_its_grace() {
    let world = World::new();
    let node = world.start(&[("f", server("a")), ("g", server("b"))]).await;
    until("running", || node.is_running("a") && node.is_running("b")).await;
    drop(node);
    let node = world.start(&[("g", server("b"))]).await;
    until("ended", || {
        world.fake.sandboxes().len() == 1 && node.board.pods().len() == 1
    })
    .await;
    assert!(node.is_running("b"));
}
