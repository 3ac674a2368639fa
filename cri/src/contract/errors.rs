//! Errors fall into the classes that callers decide by.

use super::{Program, World};
use crate::{Error, v1};

/// An id that no runtime has given out.
const NOBODY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

pub(super) async fn unknown_objects_are_not_found(world: &World) {
    let client = &world.client;
    let not_found = |what: &str, error: Option<Error>| {
        assert!(matches!(error, Some(Error::NotFound { .. })), "{what}: {error:?}");
    };
    not_found(
        "sandbox status",
        client.pod_sandbox_status(NOBODY, false).await.err(),
    );
    not_found("container status", client.container_status(NOBODY).await.err());
    not_found("start", client.start_container(NOBODY).await.err());
    client
        .remove_container(NOBODY)
        .await
        .expect("removing an unknown container succeeds");
    client
        .remove_pod_sandbox(NOBODY)
        .await
        .expect("removing an unknown sandbox succeeds");
    // Runtimes differ in whether stopping what is not there is an error, but not in which.
    let grace = std::time::Duration::ZERO;
    for stopped in [
        client.stop_pod_sandbox(NOBODY).await,
        client.stop_container(NOBODY, grace).await,
    ] {
        assert!(
            matches!(stopped, Ok(()) | Err(Error::NotFound { .. })),
            "{stopped:?}"
        );
    }
}

pub(super) async fn sandbox_name_is_reserved_with_its_holder(world: &World) {
    let pod = world.run_pod().await;
    let error = world
        .client
        .run_pod_sandbox(pod.config.clone(), "")
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::NameReserved { holder, .. } if *holder == pod.id),
        "{error:?}"
    );
    // The next attempt has a name of its own.
    let mut config = pod.config.clone();
    config.metadata.as_mut().expect("a pod has metadata").attempt += 1;
    let id = world.client.run_pod_sandbox(config.clone(), "").await.unwrap();
    world.remove(&super::world::Pod { id, config }).await;
    world.remove(&pod).await;
}

pub(super) async fn container_name_is_reserved_with_its_holder(world: &World) {
    let pod = world.run_pod().await;
    let id = world.create(&pod, "twice", &Program::Serve).await;
    let config = world.container_config(&pod, "twice", &Program::Serve);
    let error = world
        .client
        .create_container(&pod.id, config.clone(), pod.config.clone())
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::NameReserved { holder, .. } if *holder == id),
        "{error:?}"
    );
    world.client.remove_container(&id).await.unwrap();
    world
        .client
        .create_container(&pod.id, config, pod.config.clone())
        .await
        .expect("the name is free again");
    world.remove(&pod).await;
}

pub(super) async fn missing_image_is_not_found(world: &World) {
    let pod = world.run_pod().await;
    let mut config = world.container_config(&pod, "c", &Program::Serve);
    config.image = Some(v1::ImageSpec {
        image: "agent.local/none:1".to_owned(),
        ..Default::default()
    });
    let error = world
        .client
        .create_container(&pod.id, config, pod.config.clone())
        .await
        .unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error:?}");
    world.remove(&pod).await;
}

pub(super) async fn container_cannot_start_twice(world: &World) {
    let pod = world.run_pod().await;
    let id = world.start(&pod, "c", &Program::Serve).await;
    let error = world.client.start_container(&id).await.unwrap_err();
    assert!(
        matches!(error, Error::Failed { .. } | Error::WrongState { .. }),
        "{error:?}"
    );
    let status = world.client.container_status(&id).await.unwrap();
    assert_eq!(
        status.state(),
        v1::ContainerState::ContainerRunning,
        "it goes on unharmed"
    );
    world.remove(&pod).await;
}

pub(super) async fn program_that_is_not_there_fails_at_start(world: &World) {
    let pod = world.run_pod().await;
    let id = world.create(&pod, "c", &Program::Missing).await;
    let error = world.client.start_container(&id).await.unwrap_err();
    assert!(
        matches!(error, Error::Failed { .. } | Error::NotFound { .. }),
        "{error:?}"
    );
    let status = world.exited(&id).await;
    assert_ne!(status.exit_code, 0);
    world.remove(&pod).await;
}
