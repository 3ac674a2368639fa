//! Commands run in containers.

use super::{Program, World};
use crate::{Error, Streams};
use std::time::Duration;

fn shell(line: &str) -> Vec<String> {
    ["/bin/sh", "-c", line].map(str::to_owned).to_vec()
}

pub(super) async fn command_answers_output_and_exit_code(world: &World) {
    let pod = world.run_pod().await;
    let id = world.start(&pod, "c", &Program::Serve).await;
    let command = shell("echo hello; echo oops >&2");
    let limit = Some(Duration::from_secs(10));
    let answer = world.client.exec_sync(&id, command, limit).await.unwrap();
    assert_eq!(
        (answer.stdout.as_slice(), answer.stderr.as_slice()),
        (&b"hello\n"[..], &b"oops\n"[..])
    );
    assert_eq!(answer.exit_code, 0);
    // A failing command is an answer, not an error.
    let answer = world.client.exec_sync(&id, shell("exit 7"), limit).await.unwrap();
    assert_eq!(answer.exit_code, 7);
    world.remove(&pod).await;
}

pub(super) async fn command_that_takes_too_long_is_killed(world: &World) {
    let pod = world.run_pod().await;
    let id = world.start(&pod, "c", &Program::Serve).await;
    let limit = Duration::from_secs(1);
    let late = world
        .client
        .exec_sync(&id, Program::IgnoreTerm.command(), Some(limit))
        .await;
    assert!(
        matches!(&late, Err(Error::Deadline { after, .. }) if *after == limit),
        "{late:?}"
    );
    world.remove(&pod).await;
}

pub(super) async fn streaming_calls_answer_urls(world: &World) {
    let pod = world.run_pod().await;
    let id = world.start(&pod, "c", &Program::Serve).await;
    let streams = Streams {
        stdout: true,
        stderr: true,
        ..Streams::default()
    };
    let urls = [
        world.client.exec(&id, shell("exit 0"), streams).await.unwrap(),
        world.client.attach(&id, streams).await.unwrap(),
        world.client.port_forward(&pod.id, &[80]).await.unwrap(),
    ];
    for url in urls {
        assert!(url.starts_with("http://"), "{url}");
    }
    world.remove(&pod).await;
}
