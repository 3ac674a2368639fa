//! What every engine must do, as checks that run against any [`Store`]: the unit tests run them on the
//! embedded engine, the control-plane tests on a real etcd.
//!
//! Each check works below a prefix of its own, so that they can share a store. This file is compiled into two
//! test programs; `super` is the store's interface in both.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;

use super::{At, Batch, Entry, Event, EventKind, EventStream, Expect, ListQuery, Put, Store, StoreError};

type Shared = Arc<dyn Store>;

/// Runs all checks one after the other.
pub(crate) async fn all(store: Shared) {
    conditions_decide_writes(&store).await;
    every_write_is_one_revision(&store).await;
    values_come_back_as_they_were(&store).await;
    lists_are_true_at_one_revision(&store).await;
    pages_continue_where_they_ended(&store).await;
    reads_name_revisions_that_are_not_there(&store).await;
    watches_deliver_every_event_once(&store).await;
    watches_start_from_any_kept_revision(&store).await;
    watches_report_progress(&store).await;
    concurrent_writers_lose_nothing(&store).await;
    one_of_many_wins(&store).await;
    compaction_keeps_what_can_be_read(&store).await;
    keys_expire(&store).await;
}

fn put(key: &str, expect: Expect, value: &str) -> Put {
    Put {
        key: key.into(),
        expect,
        value: Bytes::copy_from_slice(value.as_bytes()),
        ttl: None,
    }
}

async fn create(store: &Shared, key: &str, value: &str) -> u64 {
    store.put(put(key, Expect::Absent, value)).await.unwrap()
}

async fn update(store: &Shared, key: &str, at: u64, value: &str) -> u64 {
    store.put(put(key, Expect::Revision(at), value)).await.unwrap()
}

async fn get(store: &Shared, key: &str) -> Option<Entry> {
    store.get(key, At::Latest).await.unwrap().entry
}

fn pairs(entries: &[Entry]) -> Vec<(&str, &str)> {
    entries
        .iter()
        .map(|e| (&*e.key, std::str::from_utf8(&e.value).unwrap()))
        .collect()
}

async fn next(stream: &mut EventStream) -> Result<Batch, StoreError> {
    let item = tokio::time::timeout(Duration::from_secs(20), stream.next()).await;
    item.expect("the watch delivers in time")
        .expect("the watch goes on")
}

/// The next `count` events.
async fn events(stream: &mut EventStream, count: usize) -> Vec<Event> {
    let mut out: Vec<Event> = Vec::new();
    while out.len() < count {
        let batch = next(stream).await.unwrap();
        assert!(batch.events.iter().all(|e| e.revision() <= batch.revision));
        out.extend(batch.events);
    }
    assert_eq!(out.len(), count, "no event is delivered twice");
    out
}

async fn conditions_decide_writes(store: &Shared) {
    let key = "/contract/conditions/a";
    let absent = store.put(put(key, Expect::Revision(1), "x")).await;
    assert!(matches!(absent, Err(StoreError::Absent { key: k }) if k == key));
    assert!(matches!(
        store.delete(key, 1).await,
        Err(StoreError::Absent { .. })
    ));

    let first = create(store, key, "1").await;
    let exists = store.put(put(key, Expect::Absent, "x")).await;
    assert!(matches!(exists, Err(StoreError::Exists { current }) if current.value == "1"));

    let second = update(store, key, first, "2").await;
    let conflict = store.put(put(key, Expect::Revision(first), "x")).await;
    assert!(matches!(conflict, Err(StoreError::Conflict { current }) if current.mod_revision == second));
    assert!(matches!(
        store.delete(key, first).await,
        Err(StoreError::Conflict { .. })
    ));

    let entry = get(store, key).await.unwrap();
    assert_eq!(
        (entry.create_revision, entry.mod_revision, &entry.value[..]),
        (first, second, &b"2"[..])
    );

    store.delete(key, second).await.unwrap();
    assert_eq!(get(store, key).await, None);
    assert!(matches!(
        store.delete(key, second).await,
        Err(StoreError::Absent { .. })
    ));

    let again = create(store, key, "3").await;
    assert_eq!(get(store, key).await.unwrap().create_revision, again);
}

async fn every_write_is_one_revision(store: &Shared) {
    let (key, start) = ("/contract/counter/a", store.revision().await.unwrap());
    let first = create(store, key, "1").await;
    assert_eq!(first, start + 1);
    store.put(put(key, Expect::Absent, "x")).await.unwrap_err();
    assert_eq!(update(store, key, first, "1").await, start + 2);
    assert_eq!(store.delete(key, start + 2).await.unwrap(), start + 3);
    assert_eq!(store.revision().await.unwrap(), start + 3);
    assert_eq!(store.get(key, At::Latest).await.unwrap().revision, start + 3);
}

async fn values_come_back_as_they_were(store: &Shared) {
    let large: Vec<u8> = (0..1_000_000_u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    for (name, value) in [
        ("empty", vec![]),
        ("zero", vec![0; 3]),
        ("high", vec![0xff, 0xfe]),
        ("large", large),
    ] {
        let key = format!("/contract/values/{name}");
        let value = Bytes::from(value);
        let write = Put {
            key: key.as_str().into(),
            expect: Expect::Absent,
            value: value.clone(),
            ttl: None,
        };
        store.put(write).await.unwrap();
        assert_eq!(get(store, &key).await.unwrap().value, value, "{name}");
    }
}

async fn lists_are_true_at_one_revision(store: &Shared) {
    let dir = "/contract/lists/";
    let key = |name: &str| format!("{dir}{name}");
    let a = create(store, &key("a"), "a1").await;
    let b = create(store, &key("b"), "b1").await;
    create(store, "/contract/lists-not-this/z", "z").await;
    let a2 = update(store, &key("a"), a, "a2").await;
    let gone = store.delete(&key("b"), b).await.unwrap();
    let c = create(store, &key("c"), "c1").await;
    for (at, want) in [
        (At::Exactly(a - 1), vec![]),
        (At::Exactly(a), vec![("a", "a1")]),
        (At::Exactly(b), vec![("a", "a1"), ("b", "b1")]),
        (At::Exactly(a2), vec![("a", "a2"), ("b", "b1")]),
        (At::Exactly(gone), vec![("a", "a2")]),
        (At::Latest, vec![("a", "a2"), ("c", "c1")]),
        (At::NotOlderThan(a), vec![("a", "a2"), ("c", "c1")]),
    ] {
        let page = store
            .list(ListQuery {
                at,
                ..ListQuery::all(dir)
            })
            .await
            .unwrap();
        let want: Vec<_> = want.into_iter().map(|(k, v)| (key(k), v)).collect();
        let want: Vec<_> = want.iter().map(|(k, v)| (k.as_str(), *v)).collect();
        assert_eq!(pairs(&page.entries), want, "{at:?}");
        assert_eq!((page.remaining, page.next), (0, None), "{at:?}");
        assert!(page.revision >= c || at == At::Exactly(page.revision), "{at:?}");
        let old = store.get(&key("b"), at).await.unwrap().entry;
        assert_eq!(
            old.is_some(),
            want.iter().any(|(k, _)| k.ends_with('b')),
            "{at:?}"
        );
    }
}

async fn pages_continue_where_they_ended(store: &Shared) {
    let dir = "/contract/pages/";
    for i in 0..7 {
        create(store, &format!("{dir}{i}"), "v").await;
    }
    let mut query = ListQuery {
        limit: 3,
        ..ListQuery::all(dir)
    };
    let (mut seen, mut remaining) = (Vec::new(), Vec::new());
    loop {
        let page = store.list(query.clone()).await.unwrap();
        seen.extend(page.entries.iter().map(|e| e.key.to_string()));
        remaining.push(page.remaining);
        if query.at == At::Latest {
            // What happens between the pages is not seen by them.
            store
                .delete(&format!("{dir}2"), page.entries[2].mod_revision)
                .await
                .unwrap();
            create(store, &format!("{dir}5x"), "new").await;
        }
        query.at = At::Exactly(page.revision);
        query.start_after = page.next;
        if query.start_after.is_none() {
            break;
        }
    }
    assert_eq!(seen, (0..7).map(|i| format!("{dir}{i}")).collect::<Vec<_>>());
    assert_eq!(remaining, [4, 1, 0]);
    let odd = ListQuery {
        start_after: Some(format!("{dir}3zzz")),
        ..ListQuery::all(dir)
    };
    assert_eq!(
        store.list(odd).await.unwrap().entries.len(),
        4,
        "the key to continue behind need not exist"
    );
}

async fn reads_name_revisions_that_are_not_there(store: &Shared) {
    let future = store.revision().await.unwrap() + 1000;
    for at in [At::Exactly(future), At::NotOlderThan(future)] {
        let list = store
            .list(ListQuery {
                at,
                ..ListQuery::all("/contract/none/")
            })
            .await;
        assert!(
            matches!(list, Err(StoreError::Future { requested, .. }) if requested == future),
            "{at:?}"
        );
        let get = store.get("/contract/none/x", at).await;
        assert!(
            matches!(get, Err(StoreError::Future { requested, .. }) if requested == future),
            "{at:?}"
        );
    }
}

async fn watches_deliver_every_event_once(store: &Shared) {
    let (dir, key) = ("/contract/watch/", "/contract/watch/a");
    let from = store.revision().await.unwrap() + 1;
    let mut stream = store.watch(dir, from).await.unwrap();
    let first = create(store, key, "1").await;
    create(store, "/contract/watched-not/a", "1").await;
    let second = update(store, key, first, "2").await;
    let gone = store.delete(key, second).await.unwrap();
    let again = create(store, key, "3").await;

    let events = events(&mut stream, 4).await;
    let seen: Vec<_> = events
        .iter()
        .map(|e| (e.kind, e.revision(), e.entry.create_revision))
        .collect();
    assert_eq!(
        seen,
        [
            (EventKind::Put, first, first),
            (EventKind::Put, second, first),
            (EventKind::Delete, gone, 0),
            (EventKind::Put, again, again),
        ]
    );
    let previous: Vec<_> = events
        .iter()
        .map(|e| e.previous.as_ref().map(|p| (p.mod_revision, p.value.clone())))
        .collect();
    let was = |revision, value: &'static str| Some((revision, Bytes::from(value)));
    assert_eq!(previous, [None, was(first, "1"), was(second, "2"), None]);
    assert_eq!(events[2].entry.value, "");
    assert_eq!(&*events[2].entry.key, key);
}

async fn watches_start_from_any_kept_revision(store: &Shared) {
    let dir = "/contract/since/";
    let mut revisions = Vec::new();
    for i in 0..5 {
        revisions.push(create(store, &format!("{dir}{i}"), "v").await);
    }
    for skip in 0..5 {
        let mut stream = store.watch(dir, revisions[skip]).await.unwrap();
        revisions.push(create(store, &format!("{dir}live{skip}"), "v").await);
        let seen = events(&mut stream, revisions.len() - skip).await;
        assert_eq!(
            seen.iter().map(Event::revision).collect::<Vec<_>>(),
            revisions[skip..]
        );
    }
    let ahead = store.revision().await.unwrap() + 2;
    let mut stream = store.watch(dir, ahead).await.unwrap();
    create(store, &format!("{dir}unseen"), "v").await;
    let seen = create(store, &format!("{dir}seen"), "v").await;
    assert_eq!(
        events(&mut stream, 1).await[0].revision(),
        seen,
        "a start in the future is waited for"
    );
}

async fn watches_report_progress(store: &Shared) {
    let from = store.revision().await.unwrap() + 1;
    let mut stream = store.watch("/contract/quiet/", from).await.unwrap();
    let elsewhere = create(store, "/contract/elsewhere/a", "v").await;
    store.request_progress().await.unwrap();
    loop {
        let batch = next(&mut stream).await.unwrap();
        assert_eq!(batch.events, []);
        if batch.revision >= elsewhere {
            break;
        }
        store.request_progress().await.unwrap();
    }
}

async fn concurrent_writers_lose_nothing(store: &Shared) {
    let dir = "/contract/many/";
    let from = store.revision().await.unwrap() + 1;
    let mut stream = store.watch(dir, from).await.unwrap();
    let writers = (0..8).map(|w| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut revisions = Vec::new();
            for i in 0..25 {
                revisions.push(create(&store, &format!("{dir}{w}-{i}"), "v").await);
            }
            revisions
        })
    });
    let answered: BTreeSet<u64> = futures_util::future::join_all(writers)
        .await
        .into_iter()
        .flat_map(Result::unwrap)
        .collect();
    assert_eq!(answered.len(), 200, "no revision is given twice");
    let seen: Vec<u64> = events(&mut stream, 200)
        .await
        .iter()
        .map(Event::revision)
        .collect();
    assert_eq!(seen, answered.into_iter().collect::<Vec<_>>());
    assert_eq!(store.list(ListQuery::all(dir)).await.unwrap().entries.len(), 200);
}

async fn one_of_many_wins(store: &Shared) {
    let key = "/contract/contended/a";
    let start = create(store, key, "0").await;
    let attempts = (0..20).map(|i| {
        let store = store.clone();
        tokio::spawn(async move { store.put(put(key, Expect::Revision(start), &i.to_string())).await })
    });
    let results = futures_util::future::join_all(attempts).await;
    let won: Vec<_> = results.into_iter().filter_map(|r| r.unwrap().ok()).collect();
    assert_eq!(won.len(), 1);
    assert_eq!(get(store, key).await.unwrap().mod_revision, won[0]);
}

async fn compaction_keeps_what_can_be_read(store: &Shared) {
    let dir = "/contract/compact/";
    let key = |name: &str| format!("{dir}{name}");
    let a = create(store, &key("a"), "a1").await;
    let b = create(store, &key("b"), "b1").await;
    let a2 = update(store, &key("a"), a, "a2").await;
    let gone = store.delete(&key("b"), b).await.unwrap();
    let a3 = update(store, &key("a"), a2, "a3").await;
    store.compact(gone).await.unwrap();
    store.compact(gone).await.unwrap();
    store.compact(a).await.unwrap();

    for (at, want) in [(gone, "a2"), (a3, "a3")] {
        let page = store
            .list(ListQuery {
                at: At::Exactly(at),
                ..ListQuery::all(dir)
            })
            .await
            .unwrap();
        assert_eq!(pairs(&page.entries), [(key("a").as_str(), want)]);
    }
    for at in [a, b, a2, gone - 1] {
        let list = store
            .list(ListQuery {
                at: At::Exactly(at),
                ..ListQuery::all(dir)
            })
            .await;
        assert!(
            matches!(list, Err(StoreError::Compacted { requested, oldest }) if requested == at && oldest == gone)
        );
        let get = store.get(&key("a"), At::Exactly(at)).await;
        assert!(matches!(get, Err(StoreError::Compacted { oldest, .. }) if oldest == gone));
        let mut stream = store.watch(dir, at).await.unwrap();
        assert!(
            matches!(next(&mut stream).await, Err(StoreError::Compacted { requested, oldest }) if requested == at && oldest == gone)
        );
    }
    let mut stream = store.watch(dir, gone + 1).await.unwrap();
    let event = events(&mut stream, 1).await.remove(0);
    assert_eq!(
        (event.revision(), event.previous.unwrap().value),
        (a3, Bytes::from("a2"))
    );
    update(store, &key("a"), a3, "a4").await;
    assert_eq!(
        events(&mut stream, 1).await[0].entry.value,
        "a4",
        "a watch goes on over a compaction"
    );
}

async fn keys_expire(store: &Shared) {
    let write = |key: &str, seconds| Put {
        ttl: Some(Duration::from_secs(seconds)),
        ..put(key, Expect::Absent, "v")
    };
    let dir = "/contract/expiry/";
    let from = store.revision().await.unwrap() + 1;
    let mut stream = store.watch(dir, from).await.unwrap();
    store.put(write(&format!("{dir}late"), 3600)).await.unwrap();
    store.put(write(&format!("{dir}soon"), 1)).await.unwrap();
    let kept = store.put(write(&format!("{dir}kept"), 1)).await.unwrap();
    update(store, &format!("{dir}kept"), kept, "for good").await;
    let mut seen = events(&mut stream, 4).await;
    let gone = tokio::time::timeout(Duration::from_secs(120), async {
        loop {
            let batch = stream.next().await.unwrap().unwrap();
            if let Some(event) = batch.events.into_iter().next() {
                return event;
            }
        }
    });
    seen.push(gone.await.expect("the key expires"));
    let last = seen.pop().unwrap();
    assert_eq!(
        (last.kind, &*last.entry.key),
        (EventKind::Delete, "/contract/expiry/soon")
    );
    assert_eq!(store.list(ListQuery::all(dir)).await.unwrap().entries.len(), 2);
}
