//! What pods live through: restarts with their back-off, ends, images that are missing, dead sandboxes.

use cri::fake::{Fault, Registry};

use super::*;

/// Restart counts of `c` as they change, with the second at which they do.
async fn restarts(node: &Running, world: &World, up_to: i32) -> Vec<u64> {
    let mut seconds = Vec::new();
    let mut count = 0;
    while count < up_to {
        until("a restart", || node.container("a", "c").restart_count > count).await;
        count = node.container("a", "c").restart_count;
        seconds.push(world.begun.elapsed().as_secs());
    }
    seconds
}

#[tokio::test(start_paused = true)]
async fn crash_loop_waits_ten_seconds_then_double_up_to_five_minutes() {
    let world = World::new();
    let node = world
        .start(&[("f", pod("a", "exit 7", serde_json::json!({})))])
        .await;
    let seconds = restarts(&node, &world, 8).await;
    let gaps: Vec<u64> = seconds.windows(2).map(|w| w[1] - w[0]).collect();
    let expected = [10, 20, 40, 80, 160, 300, 300];
    assert!(
        gaps.iter()
            .zip(expected)
            .all(|(gap, wait)| gap.abs_diff(wait) <= 1),
        "{gaps:?}"
    );
    assert_eq!(node.waiting("a", "c"), "CrashLoopBackOff");
    assert_eq!(node.phase("a"), "Running");
    let status = node.container("a", "c");
    let text = status.state.and_then(|s| s.waiting?.message).unwrap_or_default();
    assert!(
        text.starts_with("back-off 5m0s restarting failed container=c pod=a-n_default("),
        "{text}"
    );
    assert_eq!(
        status.last_state.and_then(|s| Some(s.terminated?.exit_code)),
        Some(7)
    );
    // One ended container is kept beside the newest.
    assert!(world.fake.containers().len() <= 2);
}

#[tokio::test(start_paused = true)]
async fn restart_policies_decide_by_exit_code() {
    for (policy, line, phase, restarted) in [
        ("Always", "exit 0", "Running", true),
        ("OnFailure", "exit 1", "Running", true),
        ("OnFailure", "exit 0", "Succeeded", false),
        ("Never", "exit 0", "Succeeded", false),
        ("Never", "exit 3", "Failed", false),
    ] {
        let world = World::new();
        let spec = serde_json::json!({"restartPolicy": policy});
        let node = world.start(&[("f", pod("a", line, spec))]).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        let case = format!("{policy} {line}");
        assert_eq!(node.phase("a"), phase, "{case}");
        assert_eq!(node.container("a", "c").restart_count > 0, restarted, "{case}");
        let stopped = world.count("StopPodSandbox") > 0;
        assert_eq!(
            stopped, !restarted,
            "{case}: the network of an ended pod is released"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn ended_pod_stays_ended_after_a_restart_of_the_node() {
    let world = World::new();
    let wanted = [(
        "f",
        pod("a", "exit 3", serde_json::json!({"restartPolicy": "Never"})),
    )];
    let node = world.start(&wanted).await;
    until("failed", || node.phase("a") == "Failed").await;
    drop(node);
    let node = world.start(&wanted).await;
    until("failed", || node.phase("a") == "Failed").await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(
        (world.count("RunPodSandbox"), world.count("CreateContainer")),
        (1, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn missing_images_show_the_references_reasons() {
    let world = World::new();
    let with_image = |image: &str, policy: &str| {
        let containers = serde_json::json!({"containers": [
            {"name": "c", "image": image, "imagePullPolicy": policy}
        ]});
        pod("a", "", containers)
    };
    for (image, policy, reason) in [
        ("missing:1", "Never", "ErrImageNeverPull"),
        ("UPPER//x", "IfNotPresent", "InvalidImageName"),
        ("missing:1", "IfNotPresent", "ErrImagePull"),
        ("missing:1", "IfNotPresent", "ImagePullBackOff"),
    ] {
        let node = world.start(&[("f", with_image(image, policy))]).await;
        until(reason, || node.waiting("a", "c") == reason).await;
        assert_eq!(node.phase("a"), "Pending");
        node.remove("f").await;
        until("gone", || node.pod("a").is_none()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn init_container_that_fails_is_restarted_or_fails_the_pod() {
    for (policy, phase) in [("Always", "Pending"), ("Never", "Failed")] {
        let world = World::new();
        let spec = serde_json::json!({"restartPolicy": policy, "initContainers": [
            {"name": "i", "image": "busybox:1", "command": ["sh", "-c", "exit 2"]}
        ]});
        let node = world
            .start(&[("f", pod("a", "while true; do :; done", spec))])
            .await;
        tokio::time::sleep(Duration::from_secs(75)).await;
        assert_eq!(node.phase("a"), phase, "{policy}");
        assert_eq!(node.container("a", "c").restart_count, 0);
        assert!(world.alive().is_empty());
        assert_eq!(node.container("a", "i").restart_count > 0, policy == "Always");
    }
}

#[tokio::test(start_paused = true)]
async fn sidecar_starts_before_and_ends_after_the_regular_container() {
    let world = World::new();
    let line = "trap 'exit 0' TERM; while true; do :; done";
    let spec = serde_json::json!({"initContainers": [
        {"name": "side", "image": "busybox:1", "restartPolicy": "Always", "command": ["sh", "-c", line]}
    ]});
    let node = world.start(&[("f", pod("a", line, spec))]).await;
    until("running", || node.is_running("a")).await;
    assert_eq!(world.alive(), ["c#0", "side#0"]);
    node.remove("f").await;
    until("ended", || world.is_empty()).await;
    let calls = world.fake.calls();
    let order: Vec<&str> = calls
        .iter()
        .filter(|c| c.name == "StopContainer")
        .map(|c| c.about.as_str())
        .collect();
    let started: Vec<&str> = calls
        .iter()
        .filter(|c| c.name == "StartContainer")
        .map(|c| c.about.as_str())
        .collect();
    assert_eq!(order, [started[1], started[0]]);
}

#[tokio::test(start_paused = true)]
async fn sidecar_does_not_keep_a_pod_alive_whose_work_is_done() {
    let world = World::new();
    let spec = serde_json::json!({"restartPolicy": "Never", "initContainers": [
        {"name": "side", "image": "busybox:1", "restartPolicy": "Always", "command": ["sh", "-c", "while true; do :; done"]}
    ]});
    let node = world.start(&[("f", pod("a", "sleep 3", spec))]).await;
    until("succeeded", || node.phase("a") == "Succeeded").await;
    assert!(world.alive().is_empty());
}

#[tokio::test(start_paused = true)]
async fn dead_sandbox_is_replaced_and_its_containers_start_again() {
    let world = World::new();
    let node = world.start(&[("f", server("a"))]).await;
    until("running", || node.is_running("a")).await;
    world.fake.end_sandbox(&world.fake.sandboxes()[0]);
    until("restarted", || world.alive() == ["c#1"] && node.is_running("a")).await;
    assert_eq!(world.count("RunPodSandbox"), 2);
    let inits = world
        .fake
        .containers()
        .iter()
        .filter(|c| c.metadata.as_ref().is_some_and(|m| m.name == "i"))
        .count();
    assert!(inits >= 1, "init containers run again in the new sandbox");
    assert_eq!(node.container("a", "i").restart_count, 1);
}

#[tokio::test(start_paused = true)]
async fn deadline_ends_the_pod_and_holds_over_a_restart() {
    let world = World::new();
    let spec = serde_json::json!({"activeDeadlineSeconds": 60, "terminationGracePeriodSeconds": 1});
    let wanted = [("f", pod("a", "while true; do :; done", spec))];
    let node = world.start(&wanted).await;
    until("running", || node.is_running("a")).await;
    drop(node);
    tokio::time::sleep(Duration::from_secs(30)).await;
    let node = world.start(&wanted).await;
    until("failed", || node.phase("a") == "Failed").await;
    let status = node.pod("a").and_then(|p| p.status).expect("a status");
    assert_eq!(status.reason.as_deref(), Some("DeadlineExceeded"));
    assert!(
        (58..75).contains(&world.begun.elapsed().as_secs()),
        "{:?}",
        world.begun.elapsed()
    );
    assert!(world.alive().is_empty());
}

#[tokio::test(start_paused = true)]
async fn changed_manifest_starts_the_new_pod_after_the_end_of_the_old_one() {
    let world = World::new();
    let node = world.start(&[("f", server("a"))]).await;
    until("running", || node.is_running("a")).await;
    let old = node.pod("a").and_then(|p| p.metadata.uid);
    let line = "sleep 9000";
    node.set("f", &pod("a", line, serde_json::json!({}))).await;
    until("replaced", || {
        node.is_running("a") && node.pod("a").and_then(|p| p.metadata.uid) != old
    })
    .await;
    let calls = world.fake.calls();
    let at = |name: &str, last: bool| {
        let mut found = calls
            .iter()
            .enumerate()
            .filter(|(_, c)| c.name == name)
            .map(|(i, _)| i);
        if last { found.next_back() } else { found.next() }
    };
    assert!(at("RemovePodSandbox", false) < at("RunPodSandbox", true));
    assert_eq!(world.fake.sandboxes().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn volume_of_a_later_version_is_named_and_the_pod_waits() {
    let world = World::new();
    let spec = serde_json::json!({"volumes": [{"name": "v", "configMap": {"name": "m"}}]});
    let node = world.start(&[("f", pod("a", "sleep 9", spec))]).await;
    until("named", || {
        let state = node
            .container("a", "c")
            .state
            .and_then(|s| s.waiting)
            .unwrap_or_default();
        state
            .message
            .is_some_and(|m| m.contains("configMap volumes are not supported"))
    })
    .await;
    assert_eq!(
        (node.phase("a").as_str(), node.waiting("a", "c").as_str()),
        ("Pending", "ContainerCreating")
    );
    assert_eq!(world.count("RunPodSandbox"), 0);
}

#[tokio::test(start_paused = true)]
async fn isolation_that_this_version_cannot_give_is_refused_by_name() {
    let world = World::new();
    let node = world
        .start(&[("f", pod("a", "sleep 9", serde_json::json!({"hostUsers": false})))])
        .await;
    until("named", || {
        let state = node
            .container("a", "c")
            .state
            .and_then(|s| s.waiting)
            .unwrap_or_default();
        state.message.as_deref() == Some("hostUsers: false is not supported by this version")
    })
    .await;
    assert_eq!(world.count("RunPodSandbox"), 0);
}

#[tokio::test(start_paused = true)]
async fn container_that_cannot_be_configured_waits_with_the_reason() {
    let world = World::new();
    let containers = serde_json::json!({"containers": [{
        "name": "c", "image": "busybox:1",
        "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "absent", "key": "k"}}}]
    }]});
    let node = world.start(&[("f", pod("a", "", containers))]).await;
    until("shown", || node.waiting("a", "c") == "CreateContainerConfigError").await;
    assert_eq!(world.count("CreateContainer"), 0);
}

#[tokio::test(start_paused = true)]
async fn image_that_appears_in_its_registry_is_pulled_after_the_back_off() {
    let world = World::new();
    let containers = serde_json::json!({"containers": [{"name": "c", "image": "late:1"}]});
    let node = world.start(&[("f", pod("a", "", containers))]).await;
    let pulls = || world.count("PullImage");
    until("ErrImagePull", || node.waiting("a", "c") == "ErrImagePull").await;
    until("ImagePullBackOff", || {
        node.waiting("a", "c") == "ImagePullBackOff"
    })
    .await;
    tokio::time::sleep(Duration::from_secs(25)).await;
    assert_eq!(pulls(), 2, "at 0 s and 10 s; the next one is due at 30 s");
    world.fake.publish("late:1", Registry::public());
    until("running", || node.is_running("a")).await;
    assert_eq!(pulls(), 3);
}

#[tokio::test(start_paused = true)]
async fn pull_that_hangs_blocks_no_other_container_and_is_given_up_when_the_pod_goes() {
    let world = World::new();
    world.fake.inject("PullImage", Fault::Hang);
    let containers = serde_json::json!({"containers": [
        {"name": "c", "image": "slow:1"}, {"name": "d", "image": "busybox:1"}
    ]});
    let node = world.start(&[("f", pod("a", "", containers))]).await;
    until("the other container runs", || world.alive() == ["d#0"]).await;
    node.remove("f").await;
    until("gone", || world.is_empty()).await;
}
