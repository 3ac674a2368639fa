//! Credentials and failures, against the fake.

use crate::fake::{FakeRuntime, Fault, Registry};
use crate::{Error, v1};
use std::time::Duration;

const IMAGE: &str = "registry.example/app:1";

fn auth(user: &str) -> v1::AuthConfig {
    v1::AuthConfig {
        username: user.to_owned(),
        password: "p".to_owned(),
        ..Default::default()
    }
}

async fn pull(runtime: &FakeRuntime, users: &[&str]) -> Result<String, Error> {
    let credentials: Vec<v1::AuthConfig> = users.iter().map(|user| auth(user)).collect();
    runtime
        .client()
        .pull_image(IMAGE, &credentials, None, |_| {})
        .await
}

fn pulls(runtime: &FakeRuntime) -> usize {
    runtime
        .calls()
        .iter()
        .filter(|call| call.name == "PullImage")
        .count()
}

#[tokio::test(start_paused = true)]
async fn credentials_are_tried_until_one_works() {
    let runtime = FakeRuntime::start();
    runtime.publish(
        IMAGE,
        Registry {
            only_for: Some("joe".to_owned()),
            ..Registry::public()
        },
    );
    let id = pull(&runtime, &["ann", "joe", "zoe"]).await.unwrap();
    assert_eq!(pulls(&runtime), 2);
    let image = runtime.client().image_status(IMAGE).await.unwrap().unwrap();
    assert_eq!(image.id, id);
    for (users, expected) in [(&["ann", "zoe"][..], 2), (&[][..], 1)] {
        let before = pulls(&runtime);
        let error = pull(&runtime, users).await.unwrap_err();
        assert!(matches!(error, Error::Failed { .. }), "{error:?}");
        assert_eq!(pulls(&runtime) - before, expected, "{users:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn long_pull_has_no_deadline_while_progress_cannot_be_seen() {
    let runtime = FakeRuntime::start();
    runtime.publish(
        IMAGE,
        Registry {
            takes: Duration::from_secs(3600),
            ..Registry::public()
        },
    );
    pull(&runtime, &[]).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn lost_connection_ends_the_attempts() {
    let runtime = FakeRuntime::start();
    runtime.publish(IMAGE, Registry::public());
    runtime.inject("PullImage", Fault::LoseConnection);
    let error = pull(&runtime, &["ann", "joe"]).await.unwrap_err();
    assert!(matches!(error, Error::LostConnection { .. }), "{error:?}");
    assert_eq!(pulls(&runtime), 1);
}

#[tokio::test(start_paused = true)]
async fn unknown_image_is_not_found() {
    let error = pull(&FakeRuntime::start(), &[]).await.unwrap_err();
    assert!(matches!(&error, Error::NotFound { .. }), "{error:?}");
    assert_eq!(error.to_string(), format!("pull image {IMAGE}: not found"));
}
