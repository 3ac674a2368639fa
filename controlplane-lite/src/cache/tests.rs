//! The cache as a whole, on the embedded engine.

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::StreamExt;

use super::*;
use crate::store::{Embedded, EmbeddedOptions};

mod model;
mod watching;

const PODS: &str = "/registry/pods/";

struct Fixture {
    cache: Cache,
    _dir: tempfile::TempDir,
}

impl Fixture {
    async fn new(options: Options) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Embedded::open(&dir.path().join("db"), EmbeddedOptions::default())
            .await
            .unwrap();
        let cache = Cache::start(Arc::new(store), vec![pods()], options)
            .await
            .unwrap();
        Self { cache, _dir: dir }
    }
}

fn pods() -> Resource {
    Resource::new(PODS, true)
        .field("spec.nodeName", &["spec", "nodeName"])
        .field("status.phase", &["status", "phase"])
        .index("spec.nodeName")
}

fn key(name: &str) -> String {
    format!("{PODS}{name}")
}

fn pod(name: &str, label: &str, node: &str) -> Bytes {
    let (namespace, name) = name.split_once('/').unwrap();
    format!(
        r#"{{"metadata":{{"labels":{{"app":"{label}"}},"name":"{name}","namespace":"{namespace}"}},"spec":{{"nodeName":"{node}"}}}}"#
    )
    .into()
}

async fn create(cache: &Cache, name: &str, label: &str, node: &str) -> Arc<Object> {
    cache
        .create(&key(name), pod(name, label, node), None)
        .await
        .unwrap()
}

async fn replace(cache: &Cache, name: &str, label: &str, node: &str) -> Outcome {
    let json = pod(name, label, node);
    cache
        .mutate(&key(name), |_| answer(Change::Put(json.clone())))
        .await
        .unwrap()
}

async fn delete(cache: &Cache, name: &str) -> Arc<Object> {
    cache.delete(&key(name), yes).await.unwrap()
}

fn answer(change: Change) -> std::future::Ready<Result<Change>> {
    std::future::ready(Ok(change))
}

fn yes(_: &Object) -> Result<()> {
    Ok(())
}

fn selector(labels: &str, fields: &str) -> Selector {
    Selector::parse(labels, fields).unwrap()
}

fn names(objects: &[Arc<Object>]) -> Vec<&str> {
    objects.iter().map(|o| &o.key[PODS.len()..]).collect()
}

#[tokio::test]
async fn own_writes_are_seen_by_every_kind_of_read() {
    let fixture = Fixture::new(Options::default()).await;
    let cache = &fixture.cache;
    for i in 0..20 {
        let name = format!("ns/p{i:02}");
        let object = create(cache, &name, "a", "n").await;
        assert!(object.json.starts_with(br#"{"metadata":{"resourceVersion":""#));
        for when in [When::Latest, When::Cached, When::NotOlderThan(object.revision)] {
            let got = cache.get(&key(&name), when).await.unwrap().unwrap();
            assert!(Arc::ptr_eq(&got, &object), "one object is shared by all");
            let listing = cache
                .list(ListRequest {
                    when,
                    ..ListRequest::all(PODS)
                })
                .await
                .unwrap();
            assert_eq!(
                (listing.objects.len(), listing.revision),
                (i + 1, object.revision)
            );
        }
    }
}

#[tokio::test]
async fn lists_select_and_page_at_one_revision() {
    let fixture = Fixture::new(Options::default()).await;
    let cache = &fixture.cache;
    for (name, label, node) in [
        ("a/1", "x", "n1"),
        ("a/2", "y", "n2"),
        ("a/3", "x", "n2"),
        ("b/1", "x", "n1"),
        ("b/2", "y", "n1"),
    ] {
        create(cache, name, label, node).await;
    }
    for (scope, labels, fields, want) in [
        (PODS, "", "", &["a/1", "a/2", "a/3", "b/1", "b/2"][..]),
        ("/registry/pods/a/", "", "", &["a/1", "a/2", "a/3"]),
        (PODS, "app=x", "", &["a/1", "a/3", "b/1"]),
        (PODS, "app=x", "spec.nodeName=n1", &["a/1", "b/1"]),
        (PODS, "", "metadata.namespace=b,metadata.name!=1", &["b/2"]),
        (PODS, "app notin (x,y)", "", &[]),
    ] {
        for limit in 0..4 {
            let mut request = ListRequest {
                selector: selector(labels, fields),
                limit,
                ..ListRequest::all(scope)
            };
            let mut seen = Vec::new();
            loop {
                let listing = cache.list(request.clone()).await.unwrap();
                assert!(limit == 0 || listing.objects.len() <= limit);
                seen.extend(listing.objects);
                if request.selector.is_empty() && listing.next.is_some() {
                    assert_eq!(listing.remaining, Some((want.len() - seen.len()) as u64));
                }
                request.when = When::Exactly(listing.revision);
                request.start_after = listing.next;
                if request.start_after.is_none() {
                    break;
                }
                // A change after the first page sends the others to the store's versions.
                replace(cache, "b/2", &format!("z{}", seen.len()), "n1").await;
                replace(cache, "b/2", "y", "n1").await;
            }
            assert_eq!(names(&seen), want, "{scope} {labels} {fields} by {limit}");
        }
    }
}

#[tokio::test]
async fn exact_and_future_revisions_are_told_apart() {
    let options = Options {
        patience: Duration::from_millis(30),
        ..Options::default()
    };
    let fixture = Fixture::new(options).await;
    let cache = &fixture.cache;
    let first = create(cache, "ns/a", "1", "").await;
    replace(cache, "ns/a", "2", "").await;
    let at = |when| ListRequest {
        when,
        ..ListRequest::all(PODS)
    };
    let old = cache.list(at(When::Exactly(first.revision))).await.unwrap();
    assert_eq!(old.objects[0].json, first.json);
    for when in [When::Exactly(999), When::NotOlderThan(999)] {
        let error = cache.list(at(when)).await.unwrap_err();
        assert!(
            matches!(
                error,
                CacheError::Store(StoreError::Future {
                    requested: 999,
                    current: 3
                })
            ),
            "{error}"
        );
    }
    cache.store().compact(3).await.unwrap();
    let error = cache.list(at(When::Exactly(2))).await.unwrap_err();
    assert!(
        matches!(
            error,
            CacheError::Store(StoreError::Compacted {
                requested: 2,
                oldest: 3
            })
        ),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_mutations_all_count() {
    let fixture = Fixture::new(Options::default()).await;
    create(&fixture.cache, "ns/counter", "v0", "").await;
    let attempts = Arc::new(AtomicUsize::new(0));
    let tasks = (0..20).map(|_| {
        let (cache, attempts) = (fixture.cache.clone(), attempts.clone());
        tokio::spawn(async move {
            let name = key("ns/counter");
            let outcome = cache.mutate(&name, |object| {
                attempts.fetch_add(1, Ordering::Relaxed);
                let count: u32 = object.unwrap().labels.get("app").unwrap()[1..].parse().unwrap();
                answer(Change::Put(pod("ns/counter", &format!("v{}", count + 1), "")))
            });
            assert!(matches!(outcome.await.unwrap(), Outcome::Updated(_)));
        })
    });
    futures_util::future::join_all(tasks)
        .await
        .into_iter()
        .for_each(|joined| joined.unwrap());
    let object = fixture
        .cache
        .get(&key("ns/counter"), When::Latest)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(object.labels.get("app"), Some("v20"));
    assert!(attempts.load(Ordering::Relaxed) >= 20);
}

#[tokio::test]
async fn a_mutation_creates_deletes_or_leaves_alone() {
    let fixture = Fixture::new(Options::default()).await;
    let cache = &fixture.cache;
    let name = key("ns/a");
    let once = |change: Change| cache.mutate(&name, move |_| answer(change.clone()));
    assert!(matches!(
        once(Change::Delete).await.unwrap(),
        Outcome::Unchanged(None)
    ));
    let json = pod("ns/a", "1", "");
    let Outcome::Created(first) = once(Change::Put(json.clone())).await.unwrap() else {
        panic!("not created")
    };
    let same = once(Change::Put(json)).await.unwrap();
    assert!(
        matches!(&same, Outcome::Unchanged(Some(o)) if o.revision == first.revision),
        "equal bytes are not written"
    );
    assert!(matches!(
        once(Change::Nothing).await.unwrap(),
        Outcome::Unchanged(Some(_))
    ));
    assert_eq!(cache.store().revision().await.unwrap(), first.revision);
    let Outcome::Deleted(gone) = once(Change::Delete).await.unwrap() else {
        panic!("not deleted")
    };
    assert_eq!(
        (gone.revision, gone.stored()),
        (first.revision + 1, first.stored())
    );
    assert!(cache.get(&key("ns/a"), When::Cached).await.unwrap().is_none());
}

#[tokio::test]
async fn errors_of_a_closure_and_of_the_store_come_through() {
    let fixture = Fixture::new(Options::default()).await;
    let cache = &fixture.cache;
    create(cache, "ns/a", "1", "").await;
    let again = cache.create(&key("ns/a"), pod("ns/a", "2", ""), None).await;
    assert!(matches!(again, Err(CacheError::Store(StoreError::Exists { .. }))));
    let refused = cache.delete(&key("ns/a"), |_| Err(CacheError::Slow(7))).await;
    assert!(matches!(refused, Err(CacheError::Slow(7))));
    let absent = cache.delete(&key("ns/b"), yes).await;
    assert!(matches!(
        absent,
        Err(CacheError::Store(StoreError::Absent { .. }))
    ));
    let broken = cache.create(&key("ns/b"), Bytes::from("{}"), None).await;
    assert!(matches!(broken, Err(CacheError::Undecodable { .. })));
    let unknown = cache.get("/registry/unknown/a", When::Latest).await;
    assert!(matches!(unknown, Err(CacheError::UnknownPrefix(_))));
}

#[tokio::test]
async fn resources_come_and_go_while_running() {
    let fixture = Fixture::new(Options::default()).await;
    let cache = &fixture.cache;
    let prefix = "/registry/pods.example.com/things/";
    assert!(
        cache
            .get("/registry/pods.example.com/things/a", When::Latest)
            .await
            .is_err()
    );
    cache.add(Resource::new(prefix, false)).await.unwrap();
    let thing = format!("{prefix}a");
    cache
        .create(&thing, Bytes::from(r#"{"metadata":{"name":"a"}}"#), None)
        .await
        .unwrap();
    let mut watch = cache
        .watch(WatchRequest::since(prefix, cache.revision()))
        .await
        .unwrap();
    cache.remove(prefix);
    assert!(matches!(watch.next().await, Some(Err(CacheError::Lost))));
    cache.add(Resource::new(prefix, false)).await.unwrap();
    assert!(cache.get(&thing, When::Cached).await.unwrap().is_some());
}

#[tokio::test]
async fn what_is_no_object_does_not_stop_a_start() {
    let dir = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(
        Embedded::open(&dir.path().join("db"), EmbeddedOptions::default())
            .await
            .unwrap(),
    );
    for (name, value) in [
        ("ns/good", pod("ns/good", "a", "")),
        ("ns/bad", Bytes::from("k8s\0binary")),
    ] {
        let put = crate::store::Put {
            key: key(name).into(),
            expect: crate::store::Expect::Absent,
            value,
            ttl: None,
        };
        store.put(put).await.unwrap();
    }
    let cache = Cache::start(store, vec![pods()], Options::default())
        .await
        .unwrap();
    assert_eq!(
        names(&cache.list(ListRequest::all(PODS)).await.unwrap().objects),
        ["ns/good"]
    );
}

#[tokio::test]
async fn history_is_forgotten_after_one_to_two_intervals() {
    let every = Some(Duration::from_millis(20));
    let fixture = Fixture::new(Options {
        compaction: every,
        ..Options::default()
    })
    .await;
    let first = create(&fixture.cache, "ns/a", "1", "").await;
    replace(&fixture.cache, "ns/a", "2", "").await;
    let exactly = ListRequest {
        when: When::Exactly(first.revision),
        ..ListRequest::all(PODS)
    };
    let forgotten = async {
        while fixture.cache.list(exactly.clone()).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), forgotten)
        .await
        .expect("old revisions are compacted");
}

#[tokio::test]
async fn a_watch_may_begin_in_the_future() {
    let fixture = Fixture::new(Options::default()).await;
    let cache = &fixture.cache;
    let mut watch = cache
        .watch(WatchRequest::since(PODS, cache.revision() + 1))
        .await
        .unwrap();
    create(cache, "ns/unseen", "1", "").await;
    let seen = create(cache, "ns/seen", "1", "").await;
    let event = watch.next().await.unwrap().unwrap();
    assert!(matches!(event, WatchEvent::Added(o) if o.revision == seen.revision));
}
