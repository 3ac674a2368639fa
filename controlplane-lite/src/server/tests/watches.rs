use futures_util::StreamExt;
use http_body_util::BodyDataStream;

use super::*;

/// Reads events off an open watch.
struct Events {
    body: BodyDataStream<crate::serve::Body>,
    pending: Vec<u8>,
}

impl Events {
    async fn open(api: &Api, query: &str) -> Self {
        let response = api
            .raw(Method::GET, &format!("{MAPS}?watch=1&{query}"), &[], Vec::new())
            .await;
        assert_eq!(response.status(), 200);
        Self {
            body: BodyDataStream::new(response.into_body()),
            pending: Vec::new(),
        }
    }

    /// The next event: its type and the object.
    async fn next(&mut self) -> (String, Value) {
        loop {
            if let Some(end) = self.pending.iter().position(|&b| b == b'\n') {
                let line: Vec<u8> = self.pending.drain(..=end).collect();
                let event: Value = serde_json::from_slice(&line).expect("an event");
                return (
                    event["type"].as_str().unwrap_or_default().to_owned(),
                    event["object"].clone(),
                );
            }
            let chunk = self.body.next().await.expect("the watch goes on").expect("bytes");
            self.pending.extend_from_slice(&chunk);
        }
    }

    async fn line(&mut self) -> String {
        let (kind, object) = self.next().await;
        format!("{kind} {}", object["metadata"]["name"].as_str().unwrap_or("-"))
    }
}

#[tokio::test]
async fn a_watch_goes_on_from_its_version() {
    let api = Api::start().await;
    let version = api.config_map("a").await["metadata"]["resourceVersion"].clone();
    api.config_map("b").await;
    let mut events = Events::open(
        &api,
        &format!("resourceVersion={}", version.as_str().unwrap_or_default()),
    )
    .await;
    assert_eq!(events.line().await, "ADDED b");
    api.merge(&format!("{MAPS}/b"), json!({"data": {"x": "y"}})).await;
    assert_eq!(events.line().await, "MODIFIED b");
    api.delete(&format!("{MAPS}/a"), Value::Null).await;
    let (kind, object) = events.next().await;
    assert_eq!(
        (kind.as_str(), &object["metadata"]["name"]),
        ("DELETED", &json!("a"))
    );
    assert_ne!(
        object["metadata"]["resourceVersion"], version,
        "a deleted object has the version of its end"
    );
}

#[tokio::test]
async fn without_a_version_a_watch_begins_with_what_is_there() {
    let api = Api::start().await;
    api.config_map("a").await;
    let mut events = Events::open(&api, "").await;
    assert_eq!(events.line().await, "ADDED a");
    api.config_map("b").await;
    assert_eq!(events.line().await, "ADDED b");
}

#[tokio::test]
async fn the_end_of_the_initial_events_is_marked() {
    let api = Api::start().await;
    api.config_map("a").await;
    let query = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    let mut events = Events::open(&api, query).await;
    assert_eq!(events.line().await, "ADDED a");
    let (kind, object) = events.next().await;
    assert_eq!(
        (kind.as_str(), &object["kind"]),
        ("BOOKMARK", &json!("ConfigMap"))
    );
    assert_eq!(
        object["metadata"]["annotations"]["k8s.io/initial-events-end"],
        "true"
    );
}

#[tokio::test]
async fn an_object_that_leaves_the_selection_is_deleted_for_the_watcher() {
    let api = Api::start().await;
    api.config_map("a").await;
    let mut events = Events::open(&api, "labelSelector=n%3Da").await;
    assert_eq!(events.line().await, "ADDED a");
    api.merge(
        &format!("{MAPS}/a"),
        json!({"metadata": {"labels": {"n": "other"}}}),
    )
    .await;
    assert_eq!(events.line().await, "DELETED a");
}

#[tokio::test]
async fn a_table_watch_sends_its_columns_once() {
    let api = Api::start().await;
    api.config_map("a").await;
    api.config_map("b").await;
    let accept = "application/json;as=Table;v=v1;g=meta.k8s.io";
    let response = api
        .raw(
            Method::GET,
            &format!("{MAPS}?watch=1"),
            &[("accept", accept)],
            Vec::new(),
        )
        .await;
    let mut events = Events {
        body: BodyDataStream::new(response.into_body()),
        pending: Vec::new(),
    };
    let (_, first) = events.next().await;
    let (_, second) = events.next().await;
    assert_eq!(
        (
            first["columnDefinitions"].as_array().map(Vec::len),
            &second["columnDefinitions"]
        ),
        (Some(3), &Value::Null)
    );
    assert_eq!(second["rows"][0]["cells"][0], "b");
}

#[tokio::test]
async fn a_watch_ends_with_its_timeout() {
    let api = Api::start().await;
    let response = api
        .raw(
            Method::GET,
            &format!("{MAPS}?watch=1&timeoutSeconds=1"),
            &[],
            Vec::new(),
        )
        .await;
    let text = response.into_body().collect().await.expect("an end").to_bytes();
    assert_eq!(text.len(), 0);
}
