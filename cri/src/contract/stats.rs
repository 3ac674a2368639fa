//! Resource use, and changing its limits.

use super::world::PATIENCE;
use super::{Program, World};
use crate::{Error, v1};
use std::time::Duration;

pub(super) async fn use_of_a_running_container_is_reported(world: &World) {
    let pod = world.run_pod().await;
    let id = world.start(&pod, "c", &Program::Serve).await;
    let begun = tokio::time::Instant::now();
    // Some runtimes measure in the background, and have nothing to say at first.
    let stats = loop {
        let stats = world
            .client
            .container_stats(&id)
            .await
            .unwrap()
            .unwrap_or_default();
        if stats
            .memory
            .as_ref()
            .is_some_and(|memory| memory.working_set_bytes.is_some())
        {
            break stats;
        }
        assert!(begun.elapsed() < PATIENCE, "no memory use: {stats:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert!(
        stats
            .cpu
            .is_some_and(|cpu| cpu.usage_core_nano_seconds.is_some() && cpu.timestamp > 0)
    );
    let attributes = stats.attributes.expect("attributes say whose it is");
    assert_eq!(attributes.id, id);
    assert_eq!(
        attributes
            .labels
            .get("io.kubernetes.container.name")
            .map(String::as_str),
        Some("c")
    );

    let filter = v1::ContainerStatsFilter {
        pod_sandbox_id: pod.id.clone(),
        ..Default::default()
    };
    let listed = world.client.list_container_stats(Some(filter)).await.unwrap();
    let ids: Vec<&str> = listed
        .iter()
        .filter_map(|stats| Some(stats.attributes.as_ref()?.id.as_str()))
        .collect();
    assert_eq!(ids, [id.as_str()]);
    world.remove(&pod).await;
}

pub(super) async fn use_of_a_sandbox_is_reported(world: &World) {
    // A sandbox's use is that of the cgroup around it: containerd has none to report without a parent.
    let mut config = world.pod_config();
    config.linux.get_or_insert_default().cgroup_parent = "/contract".to_owned();
    let pod = world.run_pod_with(config).await;
    let id = world.start(&pod, "c", &Program::Serve).await;
    let stats = world.client.pod_sandbox_stats(&pod.id).await.unwrap();
    let attributes = stats.attributes.expect("attributes say whose it is");
    assert_eq!(
        (attributes.id, attributes.metadata),
        (pod.id.clone(), pod.config.metadata.clone())
    );
    let containers = stats.linux.expect("Linux has stats").containers;
    let ids: Vec<&str> = containers
        .iter()
        .filter_map(|stats| Some(stats.attributes.as_ref()?.id.as_str()))
        .collect();
    assert_eq!(ids, [id.as_str()]);
    let filter = v1::PodSandboxStatsFilter {
        id: pod.id.clone(),
        ..Default::default()
    };
    assert_eq!(
        world
            .client
            .list_pod_sandbox_stats(Some(filter))
            .await
            .unwrap()
            .len(),
        1
    );
    world.remove(&pod).await;
}

pub(super) async fn limits_of_a_running_container_can_be_changed(world: &World) {
    let pod = world.run_pod().await;
    let id = world.start(&pod, "c", &Program::Serve).await;
    let limits = v1::LinuxContainerResources {
        cpu_shares: 128,
        ..Default::default()
    };
    world
        .client
        .update_container_resources(&id, limits.clone())
        .await
        .unwrap();
    let status = world.client.container_status(&id).await.unwrap();
    assert_eq!(status.state(), v1::ContainerState::ContainerRunning, "it goes on");
    let nobody = world
        .client
        .update_container_resources("0123456789abcdef", limits)
        .await;
    assert!(matches!(nobody, Err(Error::NotFound { .. })), "{nobody:?}");
    world.remove(&pod).await;
}
