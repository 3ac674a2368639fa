use super::*;

#[tokio::test]
async fn pages_of_a_list_are_of_one_moment() {
    let api = Api::start().await;
    for name in ["a", "b", "c", "d"] {
        api.config_map(name).await;
    }
    let first = api.get(&format!("{MAPS}?limit=2")).await;
    assert_eq!(
        (first.names(), &first.body["metadata"]["remainingItemCount"]),
        (vec!["a", "b"], &json!(2))
    );
    api.config_map("bb").await;
    api.delete(&format!("{MAPS}/c"), Value::Null).await;
    let token = first.body["metadata"]["continue"].as_str().expect("a token");
    let second = api.get(&format!("{MAPS}?limit=5&continue={token}")).await;
    assert_eq!(second.names(), ["c", "d"]);
    assert_eq!(
        second.body["metadata"]["resourceVersion"],
        first.body["metadata"]["resourceVersion"]
    );
    assert_eq!(second.body["metadata"].get("continue"), None);
}

#[tokio::test]
async fn a_list_at_a_version_does_not_see_what_came_later() {
    let api = Api::start().await;
    let version = api.config_map("a").await["metadata"]["resourceVersion"]
        .as_str()
        .map(str::to_owned);
    let version = version.expect("a version");
    api.config_map("b").await;
    let exact = api
        .get(&format!(
            "{MAPS}?resourceVersion={version}&resourceVersionMatch=Exact"
        ))
        .await;
    assert_eq!(exact.names(), ["a"]);
    let newer = api
        .get(&format!(
            "{MAPS}?resourceVersion={version}&resourceVersionMatch=NotOlderThan"
        ))
        .await;
    assert_eq!(newer.names(), ["a", "b"]);
    let future = api.get(&format!("{MAPS}/a?resourceVersion=abc")).await;
    assert_eq!(future.code, 400);
}

#[tokio::test]
async fn selectors_select_and_unknown_fields_are_refused() {
    let api = Api::start().await;
    for name in ["a", "b"] {
        api.config_map(name).await;
    }
    assert_eq!(
        api.get(&format!("{MAPS}?labelSelector=n%3Db")).await.names(),
        ["b"]
    );
    assert_eq!(
        api.get(&format!("{MAPS}?fieldSelector=metadata.name!%3Db"))
            .await
            .names(),
        ["a"]
    );
    let refused = api.get(&format!("{MAPS}?fieldSelector=spec.x%3Db")).await;
    assert_eq!(
        (refused.code, refused.message()),
        (
            400,
            "\"spec.x\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
        )
    );
}

#[tokio::test]
async fn items_of_a_list_carry_no_type_and_objects_do() {
    let api = Api::start().await;
    api.config_map("a").await;
    let list = api.get(MAPS).await;
    assert_eq!(
        (&list.body["kind"], list.body["items"][0].get("kind")),
        (&json!("ConfigMapList"), None)
    );
    assert_eq!(api.get(&format!("{MAPS}/a")).await.body["kind"], "ConfigMap");
}

#[tokio::test]
async fn a_large_list_is_streamed_and_compressed_for_who_accepts_it() {
    let api = Api::start().await;
    for i in 0..40 {
        let object = json!({"metadata": {"name": format!("m{i:02}")}, "data": {"a": "x".repeat(10_000)}});
        assert_eq!(api.post(MAPS, object).await.code, 201);
    }
    let plain = api.get(MAPS).await;
    assert_eq!(
        (plain.names().len(), plain.headers.get("content-encoding")),
        (40, None)
    );
    let response = api
        .raw(Method::GET, MAPS, &[("accept-encoding", "gzip")], Vec::new())
        .await;
    assert_eq!(response.headers()["content-encoding"], "gzip");
    let zipped = response.into_body().collect().await.expect("a body").to_bytes();
    let list: Value = serde_json::from_reader(flate2::read::GzDecoder::new(&zipped[..])).expect("a list");
    assert_eq!(list["items"].as_array().map(Vec::len), Some(40));
}

#[tokio::test]
async fn tables_and_metadata_are_made_from_the_same_objects() {
    let api = Api::start().await;
    api.post(
        MAPS,
        json!({"metadata": {"name": "m"}, "data": {"a": "1", "b": "2"}}),
    )
    .await;
    let shaped = |kind: &str| format!("application/json;as={kind};v=v1;g=meta.k8s.io");
    let accept = shaped("Table");
    let table = api
        .send(Method::GET, MAPS, &[("accept", &accept)], Value::Null)
        .await;
    assert_eq!(table.body["rows"][0]["cells"], json!(["m", 2, "0s"]));
    assert_eq!(table.body["rows"][0]["object"]["kind"], "PartialObjectMetadata");
    let accept = shaped("PartialObjectMetadataList");
    let partial = api
        .send(Method::GET, MAPS, &[("accept", &accept)], Value::Null)
        .await;
    assert_eq!(
        (partial.names(), partial.body["items"][0].get("data")),
        (vec!["m"], None)
    );
}

#[tokio::test]
async fn an_event_is_read_in_both_of_its_groups() {
    let api = Api::start().await;
    let event = json!({"metadata": {"name": "e"}, "involvedObject": {"kind": "Pod", "name": "p", "namespace": "default"},
        "reason": "R", "message": "m", "type": "Normal"});
    assert_eq!(
        api.post("/api/v1/namespaces/default/events", event).await.code,
        201
    );
    let grouped = api
        .get("/apis/events.k8s.io/v1/namespaces/default/events?fieldSelector=regarding.name%3Dp")
        .await;
    assert_eq!(
        (grouped.names(), &grouped.body["items"][0]["note"]),
        (vec!["e"], &json!("m"))
    );
    assert_eq!(grouped.body["items"][0].get("message"), None);
}
