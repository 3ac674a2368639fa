//! The runtime itself, and sandboxes from run to removal.

use super::{Program, World};
use crate::{Error, v1};
use v1::PodSandboxState::{SandboxNotready, SandboxReady};

pub(super) async fn version_and_status_are_reported(world: &World) {
    let version = world.client.version().await.unwrap();
    assert!(
        !version.runtime_name.is_empty() && !version.runtime_version.is_empty(),
        "{version:?}"
    );
    assert_eq!(version.runtime_api_version, "v1");
    let status = world
        .client
        .status(false)
        .await
        .unwrap()
        .status
        .unwrap_or_default();
    let ready = status
        .conditions
        .iter()
        .find(|condition| condition.r#type == "RuntimeReady");
    assert!(ready.is_some_and(|condition| condition.status), "{status:?}");
    assert!(
        status
            .conditions
            .iter()
            .any(|condition| condition.r#type == "NetworkReady"),
        "{status:?}"
    );
    world.client.update_runtime_config("10.99.0.0/24").await.unwrap();
}

pub(super) async fn sandbox_runs_stops_and_goes(world: &World) {
    let pod = world.run_pod().await;
    let status = world
        .client
        .pod_sandbox_status(&pod.id, false)
        .await
        .unwrap()
        .status
        .unwrap();
    assert_eq!(status.id, pod.id);
    assert_eq!(status.state(), SandboxReady);
    assert_eq!(status.metadata, pod.config.metadata);
    assert_eq!(status.labels, pod.config.labels);
    assert!(status.created_at > 0);

    world.client.stop_pod_sandbox(&pod.id).await.unwrap();
    let status = world
        .client
        .pod_sandbox_status(&pod.id, false)
        .await
        .unwrap()
        .status
        .unwrap();
    assert_eq!(status.state(), SandboxNotready);

    world.client.remove_pod_sandbox(&pod.id).await.unwrap();
    let gone = world.client.pod_sandbox_status(&pod.id, false).await;
    assert!(matches!(gone, Err(Error::NotFound { .. })), "{gone:?}");
}

pub(super) async fn stop_and_remove_may_be_repeated(world: &World) {
    let pod = world.run_pod().await;
    let container = world.start(&pod, "c", &Program::Serve).await;
    for _ in 0..2 {
        world
            .client
            .stop_container(&container, std::time::Duration::from_secs(2))
            .await
            .unwrap();
    }
    for _ in 0..2 {
        world.client.remove_container(&container).await.unwrap();
    }
    for _ in 0..2 {
        world.client.stop_pod_sandbox(&pod.id).await.unwrap();
    }
    for _ in 0..2 {
        world.client.remove_pod_sandbox(&pod.id).await.unwrap();
    }
}

pub(super) async fn sandboxes_are_listed_by_filter(world: &World) {
    let (one, two) = (world.run_pod().await, world.run_pod().await);
    world.client.stop_pod_sandbox(&two.id).await.unwrap();

    let ids = |sandboxes: Vec<v1::PodSandbox>| -> Vec<String> {
        let mine = [&one.id, &two.id];
        sandboxes
            .into_iter()
            .map(|sandbox| sandbox.id)
            .filter(|id| mine.contains(&id))
            .collect()
    };
    let list = async |filter| ids(world.client.list_pod_sandboxes(Some(filter)).await.unwrap());
    let all = world.client.list_pod_sandboxes(None).await.unwrap();
    let listed = all
        .iter()
        .find(|sandbox| sandbox.id == one.id)
        .expect("the sandbox is listed");
    assert_eq!(listed.metadata, one.config.metadata);
    assert_eq!(listed.labels, one.config.labels);
    assert_eq!(ids(all).len(), 2);

    let by_id = v1::PodSandboxFilter {
        id: one.id.clone(),
        ..Default::default()
    };
    assert_eq!(list(by_id).await, [one.id.as_str()]);
    let state = Some(v1::PodSandboxStateValue {
        state: SandboxNotready as i32,
    });
    assert_eq!(
        list(v1::PodSandboxFilter {
            state,
            ..Default::default()
        })
        .await,
        [two.id.as_str()]
    );
    let label_selector = one.config.labels.clone();
    assert_eq!(
        list(v1::PodSandboxFilter {
            label_selector,
            ..Default::default()
        })
        .await,
        [one.id.as_str()]
    );

    world.remove(&one).await;
    world.remove(&two).await;
}

pub(super) async fn removing_a_sandbox_removes_its_containers(world: &World) {
    let pod = world.run_pod().await;
    let running = world.start(&pod, "running", &Program::Serve).await;
    let created = world.create(&pod, "created", &Program::Serve).await;
    world.client.stop_pod_sandbox(&pod.id).await.unwrap();
    let status = world.exited(&running).await;
    assert_ne!(status.finished_at, 0);
    world.client.remove_pod_sandbox(&pod.id).await.unwrap();
    for id in [running, created] {
        let gone = world.client.container_status(&id).await;
        assert!(matches!(gone, Err(Error::NotFound { .. })), "{gone:?}");
    }
}
