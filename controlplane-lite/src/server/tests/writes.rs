use super::*;

#[tokio::test]
async fn a_write_from_an_old_version_is_a_conflict_and_one_without_version_is_not() {
    let api = Api::start().await;
    let mut object = api.config_map("a").await;
    object["data"] = json!({"x": "1"});
    let written = api.put(&format!("{MAPS}/a"), object.clone()).await;
    assert_eq!(written.code, 200);
    let stale = api.put(&format!("{MAPS}/a"), object.clone()).await;
    assert_eq!((stale.code, &stale.body["reason"]), (409, &json!("Conflict")));
    object["metadata"]["resourceVersion"] = Value::Null;
    assert_eq!(api.put(&format!("{MAPS}/a"), object).await.code, 200);
}

#[tokio::test]
async fn a_write_that_changes_nothing_moves_no_version() {
    let api = Api::start().await;
    let object = api.config_map("a").await;
    let again = api.put(&format!("{MAPS}/a"), object.clone()).await;
    assert_eq!(
        again.body["metadata"]["resourceVersion"],
        object["metadata"]["resourceVersion"]
    );
}

#[tokio::test]
async fn a_dry_run_answers_and_keeps_nothing() {
    let api = Api::start().await;
    let dry = api
        .post(&format!("{MAPS}?dryRun=All"), json!({"metadata": {"name": "a"}}))
        .await;
    assert_eq!(
        (dry.code, dry.body["metadata"].get("resourceVersion")),
        (201, None)
    );
    assert_eq!(api.get(&format!("{MAPS}/a")).await.code, 404);
    let object = api.config_map("a").await;
    let patched = api
        .merge(&format!("{MAPS}/a?dryRun=All"), json!({"data": {"x": "y"}}))
        .await;
    assert_eq!((patched.code, &patched.body["data"]), (200, &json!({"x": "y"})));
    assert_eq!(
        api.delete(&format!("{MAPS}/a?dryRun=All"), Value::Null)
            .await
            .code,
        200
    );
    assert_eq!(api.get(&format!("{MAPS}/a")).await.body, object);
}

#[tokio::test]
async fn an_object_with_finalizers_goes_when_the_last_one_goes() {
    let api = Api::start().await;
    let object = json!({"metadata": {"name": "a", "finalizers": ["example.com/x"]}});
    assert_eq!(api.post(MAPS, object).await.code, 201);
    let deleting = api.delete(&format!("{MAPS}/a"), Value::Null).await;
    assert_eq!(
        (deleting.code, &deleting.body["kind"]),
        (200, &json!("ConfigMap"))
    );
    assert_eq!(
        deleting.body["metadata"]["deletionTimestamp"],
        "2001-09-09T01:46:40Z"
    );
    let last = api
        .merge(&format!("{MAPS}/a"), json!({"metadata": {"finalizers": null}}))
        .await;
    assert_eq!(last.code, 200);
    assert_eq!(api.get(&format!("{MAPS}/a")).await.code, 404);
}

fn pod(name: &str) -> Value {
    json!({"metadata": {"name": name}, "spec": {"containers": [{"name": "c", "image": "x"}]}})
}

const PODS: &str = "/api/v1/namespaces/default/pods";

#[tokio::test]
async fn a_pod_is_bound_reports_its_status_and_goes_after_its_grace_period() {
    let api = Api::start().await;
    let created = api.post(PODS, pod("p")).await;
    assert_eq!(
        (created.code, &created.body["status"]["qosClass"]),
        (201, &json!("BestEffort"))
    );
    let binding = json!({"metadata": {"name": "p"}, "target": {"kind": "Node", "name": "n"}});
    assert_eq!(api.post(&format!("{PODS}/p/binding"), binding).await.code, 201);
    let status = json!({"status": {"phase": "Running"}, "spec": {"nodeName": "other"}});
    let running = api.merge(&format!("{PODS}/p/status"), status).await;
    assert_eq!(
        (
            &running.body["status"]["phase"],
            &running.body["spec"]["nodeName"]
        ),
        (&json!("Running"), &json!("n"))
    );
    let deleting = api.delete(&format!("{PODS}/p"), Value::Null).await;
    assert_eq!(deleting.body["metadata"]["deletionGracePeriodSeconds"], 30);
    assert_eq!(api.get(&format!("{PODS}/p")).await.code, 200);
    let gone = api
        .delete(&format!("{PODS}/p"), json!({"gracePeriodSeconds": 0}))
        .await;
    assert_eq!((gone.code, &gone.body["kind"]), (200, &json!("Pod")));
    assert_eq!(api.get(&format!("{PODS}/p")).await.code, 404);
}

#[tokio::test]
async fn an_eviction_waits_for_the_budget() {
    let api = Api::start().await;
    let mut object = pod("p");
    object["metadata"]["labels"] = json!({"a": "b"});
    api.post(PODS, object).await;
    api.merge(
        &format!("{PODS}/p/status"),
        json!({"status": {"phase": "Running",
        "conditions": [{"type": "Ready", "status": "True"}]}}),
    )
    .await;
    let budgets = "/apis/policy/v1/namespaces/default/poddisruptionbudgets";
    let budget = json!({"metadata": {"name": "b"}, "spec": {"minAvailable": 1, "selector": {"matchLabels": {"a": "b"}}}});
    assert_eq!(api.post(budgets, budget).await.code, 201);
    let evict = || {
        api.post(
            "/api/v1/namespaces/default/pods/p/eviction",
            json!({"metadata": {"name": "p"}}),
        )
    };
    let early = evict().await;
    assert_eq!(
        (early.code, &early.headers["retry-after"]),
        (429, &http::HeaderValue::from(10))
    );
    let status = json!({"status": {"observedGeneration": 1, "disruptionsAllowed": 1, "currentHealthy": 2,
        "desiredHealthy": 1, "expectedPods": 2}});
    assert_eq!(api.merge(&format!("{budgets}/b/status"), status).await.code, 200);
    assert_eq!(evict().await.code, 201);
    assert_eq!(api.get(&format!("{PODS}/p")).await.code, 404);
    assert_eq!(
        api.get(&format!("{budgets}/b")).await.body["status"]["disruptionsAllowed"],
        0
    );
}

#[tokio::test]
async fn a_scale_moves_the_replicas_and_the_generation() {
    let api = Api::start().await;
    let deployments = "/apis/apps/v1/namespaces/default/deployments";
    let deployment = json!({"metadata": {"name": "d"}, "spec": {"replicas": 1, "selector": {"matchLabels": {"a": "b"}},
        "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "x"}]}}}});
    assert_eq!(api.post(deployments, deployment).await.code, 201);
    let scale = api.get(&format!("{deployments}/d/scale")).await;
    assert_eq!(
        (&scale.body["spec"]["replicas"], &scale.body["status"]["selector"]),
        (&json!(1), &json!("a=b"))
    );
    let scaled = api
        .merge(
            &format!("{deployments}/d/scale"),
            json!({"spec": {"replicas": 3}}),
        )
        .await;
    assert_eq!((scaled.code, &scaled.body["spec"]["replicas"]), (200, &json!(3)));
    let stored = api.get(&format!("{deployments}/d")).await.body;
    assert_eq!(
        (&stored["spec"]["replicas"], &stored["metadata"]["generation"]),
        (&json!(3), &json!(2))
    );
}

#[tokio::test]
async fn services_get_addresses_that_no_other_has_and_give_them_back() {
    let api = Api::start().await;
    let services = "/api/v1/namespaces/default/services";
    let service = |name: &str, ip: Option<&str>| json!({"metadata": {"name": name}, "spec": {"ports": [{"port": 80}], "clusterIP": ip}});
    let first = api.post(services, service("a", None)).await;
    let address = first.body["spec"]["clusterIP"]
        .as_str()
        .map(str::to_owned)
        .expect("an address");
    let taken = api.post(services, service("b", Some(&address))).await;
    assert_eq!(taken.code, 422);
    assert!(
        taken.message().ends_with("provided IP is already allocated"),
        "{}",
        taken.message()
    );
    assert_eq!(api.delete(&format!("{services}/a"), Value::Null).await.code, 200);
    assert_eq!(api.post(services, service("b", Some(&address))).await.code, 201);
}

#[tokio::test]
async fn a_collection_is_deleted_by_selector() {
    let api = Api::start().await;
    for name in ["a", "b"] {
        api.config_map(name).await;
    }
    let deleted = api
        .delete(&format!("{MAPS}?labelSelector=n%3Da"), Value::Null)
        .await;
    assert_eq!((deleted.code, deleted.names()), (200, vec!["a"]));
    assert_eq!(api.get(MAPS).await.names(), ["b"]);
}

#[tokio::test]
async fn concurrent_patches_of_one_object_are_all_kept() {
    let api = Api::start().await;
    api.config_map("a").await;
    let patches = (0..20).map(|i| {
        let api = &api;
        async move {
            api.merge(&format!("{MAPS}/a"), json!({"data": {format!("k{i}"): "v"}}))
                .await
                .code
        }
    });
    let codes = futures_util::future::join_all(patches).await;
    assert!(codes.iter().all(|c| *c == 200), "{codes:?}");
    assert_eq!(
        api.get(&format!("{MAPS}/a")).await.body["data"]
            .as_object()
            .map(serde_json::Map::len),
        Some(20)
    );
}

#[tokio::test]
async fn a_namespace_gets_what_pods_need_and_is_emptied_when_it_ends() {
    use crate::controllers::namespaces;
    use crate::server::local::LocalClient;
    let api = Api::start().await;
    let stop = tokio_util::sync::CancellationToken::new();
    let user = User::authenticated("manager", [MASTERS.to_owned()]);
    let client = LocalClient::new(Arc::clone(&api.server), user, "manager");
    tokio::spawn(namespaces::keep(
        Arc::clone(&api.server),
        client,
        "PEM".into(),
        stop.clone(),
    ));
    let namespace = json!({"metadata": {"name": "n"}, "spec": {"finalizers": ["kubernetes"]}});
    assert_eq!(api.post("/api/v1/namespaces", namespace).await.code, 201);
    let until = |uri: &'static str, code: u16| {
        let api = &api;
        async move {
            while api.get(uri).await.code != code {
                tokio::task::yield_now().await;
            }
        }
    };
    until("/api/v1/namespaces/n/serviceaccounts/default", 200).await;
    until("/api/v1/namespaces/n/configmaps/kube-root-ca.crt", 200).await;
    let ending = api.delete("/api/v1/namespaces/n", Value::Null).await;
    assert_eq!(
        (ending.code, &ending.body["status"]["phase"]),
        (200, &json!("Terminating"))
    );
    until("/api/v1/namespaces/n", 404).await;
    assert_eq!(
        api.get("/api/v1/namespaces/n/configmaps").await.names(),
        Vec::<&str>::new()
    );
    stop.cancel();
}
