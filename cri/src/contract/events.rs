//! Events of the runtime.

use super::world::next_event;
use super::{Program, World};
use crate::events::{Change, Changed, EventSettings, EventStream, GapReason, RuntimeEvent, Subject};
use crate::v1;

pub(super) async fn stream_begins_with_one_gap(world: &World) {
    let mut events = world.client.events(EventSettings::default());
    let first = next_event(&mut events).await;
    assert_eq!(
        first,
        RuntimeEvent::Gap {
            reason: GapReason::Started
        }
    );
    let pod = world.run_pod().await;
    let second = next_event(&mut events).await;
    assert!(matches!(second, RuntimeEvent::Changed(_)), "{second:?}");
    world.remove(&pod).await;
}

pub(super) async fn life_of_a_pod_is_told_in_order(world: &World) {
    let mut events = world.events().await;
    let pod = world.run_pod().await;
    let id = world.start(&pod, "c", &Program::Exit(5)).await;
    let stopped = changes(&mut events, &Subject::Container(id.as_str().into()), is_stopped).await;
    world.client.remove_container(&id).await.unwrap();
    let container = Subject::Container(id.as_str().into());
    let deleted = changes(&mut events, &container, |change| change == Change::Deleted).await;
    world.remove(&pod).await;
    let sandbox = Subject::Sandbox(pod.id.as_str().into());
    let gone = changes(&mut events, &sandbox, |change| change == Change::Deleted).await;

    let told: Vec<Changed> = stopped.into_iter().chain(deleted).chain(gone).collect();
    let uid = pod.config.metadata.as_ref().map(|metadata| metadata.uid.as_str());
    assert!(
        told.iter().all(|changed| changed.pod_uid.as_deref() == uid),
        "{told:?}"
    );
    let of = |subject: &Subject| -> Vec<Change> {
        told.iter()
            .filter(|changed| changed.subject == *subject)
            .map(|changed| changed.change)
            .collect()
    };
    let exit = Change::Stopped { exit_code: Some(5) };
    assert_eq!(
        of(&container),
        [Change::Created, Change::Started, exit, Change::Deleted]
    );
    let sandbox = of(&sandbox);
    assert_eq!(sandbox[..2], [Change::Created, Change::Started]);
    assert!(
        sandbox.len() == 4 && is_stopped(sandbox[2]) && sandbox[3] == Change::Deleted,
        "{sandbox:?}"
    );
}

pub(super) async fn end_is_told_when_the_status_shows_it(world: &World) {
    let mut events = world.events().await;
    let pod = world.run_pod().await;
    for number in 0..5 {
        let id = world.start(&pod, &format!("c{number}"), &Program::Exit(0)).await;
        changes(&mut events, &Subject::Container(id.as_str().into()), is_stopped).await;
        let status = world.client.container_status(&id).await.unwrap();
        assert_eq!(status.state(), v1::ContainerState::ContainerExited);
    }
    world.remove(&pod).await;
}

pub(super) async fn kill_for_lack_of_memory_is_seen(world: &World) {
    let mut events = world.events().await;
    let pod = world.run_pod().await;
    let mut config = world.container_config(&pod, "eater", &Program::EatMemory);
    let resources = v1::LinuxContainerResources {
        memory_limit_in_bytes: Program::MEMORY_LIMIT,
        ..Default::default()
    };
    config.linux = Some(v1::LinuxContainerConfig {
        resources: Some(resources),
        security_context: None,
    });
    let id = world
        .client
        .create_container(&pod.id, config, pod.config.clone())
        .await
        .unwrap();
    world.client.start_container(&id).await.unwrap();
    let told = changes(&mut events, &Subject::Container(id.as_str().into()), is_stopped).await;
    let last = told.last().map(|changed| changed.change);
    assert_eq!(last, Some(Change::Stopped { exit_code: Some(137) }), "{told:?}");
    // The runtime learns of the kill and of the end on two ways; the reason follows at once.
    world
        .status(&id, "killed for lack of memory", |status| {
            status.reason == "OOMKilled"
        })
        .await;
    world.remove(&pod).await;
}

fn is_stopped(change: Change) -> bool {
    matches!(change, Change::Stopped { .. })
}

/// All changes up to the first one of `subject` that `last` accepts.
async fn changes(events: &mut EventStream, subject: &Subject, last: impl Fn(Change) -> bool) -> Vec<Changed> {
    let mut seen = Vec::new();
    loop {
        match next_event(events).await {
            RuntimeEvent::Changed(changed) => {
                let done = changed.subject == *subject && last(changed.change);
                seen.push(changed);
                if done {
                    return seen;
                }
            }
            gap @ RuntimeEvent::Gap { .. } => panic!("a gap without a lost connection: {gap:?}"),
        }
    }
}
