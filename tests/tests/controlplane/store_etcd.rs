//! The external engine on Debian's etcd: the contract, TLS, other writers, a leader killed under load.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use controlplane_lite::cache::{
    Cache, Change, ListRequest, Options, Resource, WatchEvent, WatchRequest, When,
};
use controlplane_lite::store::{
    At, Etcd, EtcdOptions, EventKind, Expect, FIRST_REVISION, ListQuery, Put, Store, StoreError,
};
use futures_util::StreamExt;

use super::store_rig::{Cluster, Pki};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn etcd_keeps_the_contract() {
    let cluster = Cluster::start(1);
    let store = cluster.connect().await;
    assert_eq!(store.revision().await.unwrap(), FIRST_REVISION);
    super::store_contract::checks::all(Arc::new(store)).await;
}

#[tokio::test]
async fn etcd_is_reached_only_with_the_right_certificates() {
    let cluster = Cluster::start(1);
    cluster.connect().await;
    let times = controlplane_lite::store::EtcdTimes {
        call: Duration::from_millis(300),
        ..cluster.options().times
    };
    let stranger = Pki::new();
    let foreign_client = controlplane_lite::store::EtcdTls {
        ca: cluster.pki.client().ca,
        ..stranger.client()
    };
    for (what, tls) in [
        ("an unknown authority", stranger.client()),
        ("a foreign client certificate", foreign_client),
    ] {
        let options = EtcdOptions {
            tls: Some(tls),
            times,
            ..cluster.options()
        };
        let refused = Etcd::connect(options).await.err().expect(what);
        assert!(
            matches!(refused, StoreError::Unavailable { .. }),
            "{what}: {refused}"
        );
    }
    let bare = EtcdOptions {
        tls: None,
        ..cluster.options()
    };
    assert!(matches!(
        Etcd::connect(bare).await.err(),
        Some(StoreError::Open { .. })
    ));
}

fn pod(name: &str, value: &str) -> (String, Bytes) {
    let json =
        format!(r#"{{"metadata":{{"labels":{{"value":"{value}"}},"name":"{name}","namespace":"ns"}}}}"#);
    (format!("/registry/pods/ns/{name}"), json.into())
}

fn put(key: &str, expect: Expect, value: Bytes) -> Put {
    Put {
        key: key.into(),
        expect,
        value,
        ttl: None,
    }
}

async fn cache(store: &Etcd) -> Cache {
    let pods = Resource::new("/registry/pods/", true);
    Cache::start(Arc::new(store.clone()), vec![pods], Options::default())
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_api_servers_on_one_etcd_see_each_other_at_once() {
    let cluster = Cluster::start(1);
    let (one, other) = (cluster.connect().await, cluster.connect().await);
    let (here, there) = (cache(&one).await, cache(&other).await);
    let mut watch = here
        .watch(WatchRequest::since("/registry/pods/", here.revision()))
        .await
        .unwrap();
    for i in 0..20 {
        let (key, json) = pod(&format!("p{i:02}"), "v");
        let written = there.create(&key, json, None).await.unwrap();
        let read = here
            .get(&key, When::Latest)
            .await
            .unwrap()
            .expect("the write is seen");
        assert_eq!((read.revision, &read.json), (written.revision, &written.json));
        // A write outside of the API moves the revision without an event for the cache.
        other
            .put(put(&format!("/elsewhere/{i}"), Expect::Absent, Bytes::new()))
            .await
            .unwrap();
        let listing = here.list(ListRequest::all("/registry/pods/")).await.unwrap();
        assert_eq!(listing.objects.len(), i + 1);
        let Some(Ok(WatchEvent::Added(event))) = watch.next().await else {
            panic!("no event {i}")
        };
        assert_eq!(event.revision, written.revision);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn compaction_is_shared_by_turns() {
    let cluster = Cluster::start(1);
    let (one, other) = (cluster.connect().await, cluster.connect().await);
    let (key, json) = pod("a", "1");
    let first = one.put(put(&key, Expect::Absent, json.clone())).await.unwrap();
    let oldest = async |at| match one
        .list(ListQuery {
            at: At::Exactly(at),
            ..ListQuery::all("/")
        })
        .await
    {
        Err(StoreError::Compacted { oldest, .. }) => Some(oldest),
        Err(error) => panic!("{error}"),
        Ok(_) => None,
    };
    one.compact_previous().await.unwrap();
    other.compact_previous().await.unwrap();
    one.put(put(&key, Expect::Revision(first), json)).await.unwrap();
    assert_eq!(
        oldest(first).await,
        None,
        "nobody compacts before a whole interval has passed"
    );
    one.compact_previous().await.unwrap();
    other.compact_previous().await.unwrap();
    let now = one.revision().await.unwrap();
    assert!(oldest(first).await.is_some_and(|o| o > first && o < now));
}

/// Adds one to a counter, again and again, and answers how often that was confirmed.
async fn count_up(store: Etcd, key: String, done: Arc<AtomicBool>) -> u64 {
    let mut confirmed = 0;
    let mut revision = store
        .put(put(&key, Expect::Absent, Bytes::from("0")))
        .await
        .unwrap();
    while !done.load(Ordering::Relaxed) {
        let value = Bytes::from((confirmed + 1).to_string());
        // Nobody else writes this key: every refusal would be a doubled or a lost write.
        revision = store
            .put(put(&key, Expect::Revision(revision), value))
            .await
            .unwrap();
        confirmed += 1;
    }
    confirmed
}

/// Creates keys one after the other; every one of them must be new, and is never seen twice.
async fn create_many(store: Etcd, dir: String, done: Arc<AtomicBool>) -> u64 {
    let mut count = 0;
    while !done.load(Ordering::Relaxed) {
        let value = Bytes::from(format!("{dir}{count}"));
        let revision = store
            .put(put(&format!("{dir}{count:06}"), Expect::Absent, value))
            .await
            .unwrap();
        if count % 3 == 0 {
            store.delete(&format!("{dir}{count:06}"), revision).await.unwrap();
        }
        count += 1;
    }
    count
}

async fn until<T>(mut find: impl FnMut() -> Option<T>) -> T {
    let found = tokio::time::timeout(Duration::from_secs(60), async {
        loop {
            if let Some(found) = find() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    found.await.expect("in a minute")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_the_leader_under_load_loses_and_doubles_no_write() {
    let mut cluster = Cluster::start(3);
    until(|| cluster.leader()).await;
    let store = cluster.connect().await;
    let mut stream = store
        .watch("/load/", store.revision().await.unwrap() + 1)
        .await
        .unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let mut counters = Vec::new();
    for i in 0..4 {
        // Each has connections of its own; they begin at different members.
        let mut options = cluster.options();
        options.endpoints.rotate_left(i % 3);
        let store = Etcd::connect(options).await.unwrap();
        counters.push(tokio::spawn(count_up(
            store.clone(),
            format!("/load/counter-{i}"),
            done.clone(),
        )));
        counters.push(tokio::spawn(create_many(
            store,
            format!("/load/many-{i}/"),
            done.clone(),
        )));
    }
    for _ in 0..3 {
        let leader = until(|| cluster.leader()).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        cluster.kill(leader);
        until(|| cluster.leader().filter(|new| *new != leader)).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        cluster.restart(leader);
    }
    done.store(true, Ordering::Relaxed);
    let mut confirmed = Vec::new();
    for counter in counters {
        confirmed.push(counter.await.unwrap());
    }
    compare(&store, &confirmed, &mut stream).await;
}

/// What is stored, and what the watch showed, must be exactly what was confirmed.
async fn compare(store: &Etcd, confirmed: &[u64], stream: &mut controlplane_lite::store::EventStream) {
    let page = store.list(ListQuery::all("/load/")).await.unwrap();
    let mut stored = BTreeMap::new();
    for entry in &page.entries {
        stored.insert(entry.key.to_string(), entry.value.clone());
    }
    let mut writes = 0;
    for (i, pair) in confirmed.chunks(2).enumerate() {
        let counter = &stored[&format!("/load/counter-{i}")];
        assert_eq!(
            *counter,
            pair[0].to_string(),
            "confirmed and stored additions differ"
        );
        let dir = format!("/load/many-{i}/");
        let kept = stored.keys().filter(|k| k.starts_with(&dir)).count() as u64;
        assert_eq!(kept, pair[1] - pair[1].div_ceil(3));
        writes += 1 + pair[0] + pair[1] + pair[1].div_ceil(3);
    }
    assert!(writes > 100, "only {writes} writes: the load was none");
    let (mut seen, mut last) = (0, 0);
    while seen < writes {
        let batch = tokio::time::timeout(Duration::from_secs(20), stream.next()).await;
        for event in batch
            .unwrap_or_else(|_| panic!("{seen} of {writes} events came"))
            .unwrap()
            .unwrap()
            .events
        {
            assert!(event.revision() > last, "revisions only grow");
            last = event.revision();
            if event.kind == EventKind::Put && event.entry.key.contains("counter") {
                let number = |value: &Bytes| std::str::from_utf8(value).unwrap().parse::<u64>().unwrap();
                let before = event.previous.as_ref().map(|p| number(&p.value));
                assert_eq!(
                    number(&event.entry.value),
                    before.map_or(0, |n| n + 1),
                    "each step once"
                );
            }
            seen += 1;
        }
    }
    assert_eq!(
        (seen, last),
        (
            writes,
            page.entries
                .iter()
                .map(|e| e.mod_revision)
                .max()
                .unwrap()
                .max(last)
        )
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mutations_through_two_caches_all_count() {
    let cluster = Cluster::start(1);
    let (one, other) = (cluster.connect().await, cluster.connect().await);
    let caches = [cache(&one).await, cache(&other).await];
    let (key, json) = pod("counter", "0");
    caches[0].create(&key, json, None).await.unwrap();
    let tasks = (0..40).map(|i| {
        let (cache, key) = (caches[i % 2].clone(), key.clone());
        tokio::spawn(async move {
            let add = |object: Option<Arc<controlplane_lite::cache::Object>>| {
                let count: u32 = object.unwrap().labels.get("value").unwrap().parse().unwrap();
                let change = Change::Put(pod("counter", &(count + 1).to_string()).1);
                std::future::ready(Ok::<_, controlplane_lite::cache::CacheError>(change))
            };
            cache.mutate(&key, add).await.unwrap();
        })
    });
    for task in futures_util::future::join_all(tasks).await {
        task.unwrap();
    }
    for cache in &caches {
        let object = cache.get(&key, When::Latest).await.unwrap().unwrap();
        assert_eq!(object.labels.get("value"), Some("40"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_goes_from_either_engine_to_the_other() {
    use controlplane_lite::backup;
    use controlplane_lite::store::{Embedded, EmbeddedOptions};
    let (dir, cluster, second) = (tempfile::tempdir().unwrap(), Cluster::start(1), Cluster::start(1));
    let etcd = cluster.connect().await;
    for i in 0..700 {
        let (key, json) = pod(&format!("p{i}"), "v");
        etcd.put(put(&key, Expect::Absent, json)).await.unwrap();
    }
    let content = async |store: &dyn Store| {
        let entries = store.list(ListQuery::all("/registry/")).await.unwrap().entries;
        entries
            .into_iter()
            .map(|e| (e.key.to_string(), e.value))
            .collect::<BTreeMap<_, _>>()
    };
    let want = content(&etcd).await;
    assert_eq!(want.len(), 700);

    let (file, db) = (dir.path().join("from-etcd"), dir.path().join("db"));
    backup::to_file(&etcd, "/registry/", &file).await.unwrap();
    backup::restore_embedded(&file, &db).await.unwrap();
    let embedded = Embedded::open(&db, EmbeddedOptions::default()).await.unwrap();
    assert!(content(&embedded).await == want, "from etcd to a file");

    let back = dir.path().join("from-file");
    backup::to_file(&embedded, "/registry/", &back).await.unwrap();
    let other = second.connect().await;
    backup::restore_into(&back, &other, "/registry/").await.unwrap();
    assert!(content(&other).await == want, "from a file to etcd");
}
