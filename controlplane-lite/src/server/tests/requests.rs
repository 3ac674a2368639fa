use super::*;

#[tokio::test]
async fn paths_and_methods_that_are_not_served_are_told_apart() {
    let api = Api::start().await;
    let table = [
        (Method::GET, "/api/v1/nope", 404),
        (Method::GET, "/api/v9", 404),
        (Method::GET, "/apis/none.example.com/v1", 404),
        (Method::GET, "/api/v1/namespaces/a/nodes", 404),
        (Method::GET, "/api/v1/pods/p", 404),
        (Method::GET, "/api/v1/namespaces/a/pods/p/nope", 404),
        (Method::POST, "/api/v1/pods", 405),
        (Method::POST, "/api/v1/namespaces/a/pods/p", 405),
        (Method::DELETE, "/api/v1/namespaces", 405),
        (Method::PUT, "/version", 405),
        (Method::GET, "/api/v1/namespaces/a/pods/..", 400),
        (Method::GET, "/api/v1/namespaces/a/pods/a%2Fb", 400),
        (Method::GET, "/version", 200),
        (Method::GET, "/openapi/v3/apis/apps/v1", 200),
    ];
    for (method, path, want) in table {
        let got = api.send(method.clone(), path, &[], Value::Null).await;
        assert_eq!(got.code, want, "{method} {path}: {}", got.body);
    }
}

#[tokio::test]
async fn bodies_that_cannot_be_read_are_refused_with_the_right_code() {
    let api = Api::start().await;
    let post = |media: &'static str, content: Vec<u8>| {
        let api = &api;
        async move {
            api.raw(Method::POST, MAPS, &[("content-type", media)], content)
                .await
                .status()
                .as_u16()
        }
    };
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(post("application/json", b"{\"metadata\":".to_vec()).await, 400);
    assert_eq!(
        post("application/json", b"{\"metadata\":{\"name\":1}}".to_vec()).await,
        400
    );
    assert_eq!(post("application/json", deep.into_bytes()).await, 400);
    assert_eq!(post("application/yaml", b"metadata: [".to_vec()).await, 400);
    assert_eq!(post("text/plain", b"x".to_vec()).await, 415);
    assert_eq!(
        post("application/json", vec![b' '; 3 * 1024 * 1024 + 1]).await,
        413
    );
    assert_eq!(
        post("application/yaml", b"metadata: {name: named}".to_vec()).await,
        201
    );
    let patch = api
        .send(
            Method::PATCH,
            &format!("{MAPS}/named"),
            &[("content-type", "application/json")],
            json!({}),
        )
        .await;
    assert_eq!(
        (patch.code, patch.message()),
        (415, "415: Unsupported Media Type")
    );
}

#[tokio::test]
async fn requests_without_credentials_are_forbidden() {
    let api = Api::start().await;
    let request = http::Request::builder()
        .uri(MAPS)
        .body(body::empty())
        .expect("a request");
    let response = api
        .server
        .handle(request, &crate::serve::access::Peer::default())
        .await;
    assert_eq!(response.status(), 403);
}

#[tokio::test]
async fn readiness_lists_its_checks_and_fails_while_stopping() {
    let api = Api::start().await;
    let verbose = api.get("/readyz?verbose").await;
    let text = verbose.body.as_str().unwrap_or_default();
    assert!(
        text.contains("[+]etcd ok\n") && text.ends_with("readyz check passed\n"),
        "{text}"
    );
    api.server.health.stop();
    assert_eq!(api.get("/readyz").await.code, 500);
    assert_eq!(api.get("/readyz?exclude=shutdown").await.code, 200);
    assert_eq!(api.get("/livez").await.body, "ok");
}

#[tokio::test]
async fn metrics_count_requests_and_objects() {
    let api = Api::start().await;
    let request = http::Request::builder()
        .uri("/healthz")
        .body(body::empty())
        .expect("a request");
    api.server
        .handle(request, &crate::serve::access::Peer::default())
        .await;
    api.config_map("a").await;
    let page = api.get("/metrics").await;
    let text = page.body.as_str().unwrap_or_default();
    assert!(
        text.contains("apiserver_storage_objects{resource=\"configmaps\"} 1\n"),
        "{text}"
    );
    assert!(text.contains("code=\"403\"} 1\n"), "{text}");
}
