//! Watches: what they begin with, what they show, how they end.

use super::*;

/// An event as a test compares it: what happened, to whom, at which revision.
fn seen(event: &WatchEvent) -> (char, String, u64) {
    let of = |kind, o: &Arc<Object>| (kind, o.key[PODS.len()..].to_owned(), o.revision);
    match event {
        WatchEvent::Added(o) => of('A', o),
        WatchEvent::Modified(o) => of('M', o),
        WatchEvent::Deleted(o) => of('D', o),
        WatchEvent::Bookmark {
            revision,
            initial_events_end,
        } => (
            'B',
            if *initial_events_end { "end" } else { "" }.to_owned(),
            *revision,
        ),
    }
}

pub(super) async fn take(watch: &mut Watch, count: usize) -> Vec<(char, String, u64)> {
    let mut out = Vec::new();
    while out.len() < count {
        let event = tokio::time::timeout(Duration::from_secs(10), watch.next()).await;
        out.push(seen(
            &event
                .expect("an event in time")
                .expect("the watch goes on")
                .unwrap(),
        ));
    }
    assert!(
        futures_util::FutureExt::now_or_never(watch.next()).is_none(),
        "nothing more comes"
    );
    out
}

fn want(events: &[(char, &str, u64)]) -> Vec<(char, String, u64)> {
    events
        .iter()
        .map(|(kind, name, revision)| (*kind, (*name).to_owned(), *revision))
        .collect()
}

/// Six writes, at revisions 2 to 7.
async fn history(cache: &Cache) {
    create(cache, "ns/a", "x", "n1").await;
    create(cache, "ns/b", "y", "n1").await;
    replace(cache, "ns/a", "y", "n1").await;
    replace(cache, "ns/a", "x", "n2").await;
    delete(cache, "ns/b").await;
    create(cache, "other/a", "x", "n1").await;
}

fn request(scope: &str, labels: &str, fields: &str, from: WatchFrom) -> WatchRequest {
    WatchRequest {
        selector: selector(labels, fields),
        from,
        ..WatchRequest::since(scope, 0)
    }
}

/// Scope, label selector, field selector, and what a watcher of them sees of [`history`].
type Case = (
    &'static str,
    &'static str,
    &'static str,
    &'static [(char, &'static str, u64)],
);

const CASES: [Case; 6] = [
    (
        PODS,
        "",
        "",
        &[
            ('A', "ns/a", 2),
            ('A', "ns/b", 3),
            ('M', "ns/a", 4),
            ('M', "ns/a", 5),
            ('D', "ns/b", 6),
            ('A', "other/a", 7),
        ],
    ),
    (
        PODS,
        "app=x",
        "",
        &[
            ('A', "ns/a", 2),
            ('D', "ns/a", 4),
            ('A', "ns/a", 5),
            ('A', "other/a", 7),
        ],
    ),
    (
        PODS,
        "",
        "spec.nodeName=n1",
        &[
            ('A', "ns/a", 2),
            ('A', "ns/b", 3),
            ('M', "ns/a", 4),
            ('D', "ns/a", 5),
            ('D', "ns/b", 6),
            ('A', "other/a", 7),
        ],
    ),
    (
        "/registry/pods/ns/",
        "",
        "metadata.name=a",
        &[('A', "ns/a", 2), ('M', "ns/a", 4), ('M', "ns/a", 5)],
    ),
    (PODS, "", "metadata.name=a,spec.nodeName!=n1", &[('A', "ns/a", 5)]),
    ("/registry/pods/other/", "", "", &[('A', "other/a", 7)]),
];

#[tokio::test]
async fn changes_into_and_out_of_a_selection_are_additions_and_deletions() {
    let fixture = Fixture::new(Options::default()).await;
    let mut watches = Vec::new();
    for (scope, labels, fields, _) in CASES {
        watches.push(
            fixture
                .cache
                .watch(request(scope, labels, fields, WatchFrom::Now))
                .await
                .unwrap(),
        );
    }
    history(&fixture.cache).await;
    for (watch, (scope, labels, fields, events)) in watches.iter_mut().zip(CASES) {
        assert_eq!(
            take(watch, events.len()).await,
            want(events),
            "live: {scope} {labels} {fields}"
        );
    }
}

#[tokio::test]
async fn a_start_in_the_past_gives_the_same_from_the_window_and_from_the_store() {
    for (window_events, source) in [(100, "window"), (2, "store")] {
        let fixture = Fixture::new(Options {
            window_events,
            ..Options::default()
        })
        .await;
        history(&fixture.cache).await;
        for since in 1..=7 {
            for (scope, labels, fields, events) in CASES {
                let from = WatchFrom::Revision(since);
                let mut watch = fixture
                    .cache
                    .watch(request(scope, labels, fields, from))
                    .await
                    .unwrap();
                let events: Vec<_> = want(events).into_iter().filter(|e| e.2 > since).collect();
                let got = take(&mut watch, events.len()).await;
                assert_eq!(got, events, "{source}: {scope} {labels} {fields} since {since}");
            }
        }
    }
}

#[tokio::test]
async fn the_past_survives_a_restart_and_ends_with_compaction() {
    let dir = tempfile::tempdir().unwrap();
    let open = async || {
        let store = Embedded::open(&dir.path().join("db"), EmbeddedOptions::default()).await?;
        Cache::start(Arc::new(store), vec![pods()], Options::default()).await
    };
    let cache = open().await.unwrap();
    history(&cache).await;
    drop(cache);
    let cache = loop {
        // The file is free when the old writer has ended.
        match open().await {
            Err(CacheError::Store(StoreError::Open { .. })) => tokio::task::yield_now().await,
            other => break other.unwrap(),
        }
    };
    let mut watch = cache.watch(WatchRequest::since(PODS, 5)).await.unwrap();
    assert_eq!(
        take(&mut watch, 2).await,
        want(&[('D', "ns/b", 6), ('A', "other/a", 7)])
    );
    cache.store().compact(6).await.unwrap();
    let mut watch = cache.watch(WatchRequest::since(PODS, 5)).await.unwrap();
    let error = watch.next().await.unwrap().unwrap_err();
    assert!(
        matches!(
            error,
            CacheError::Store(StoreError::Compacted {
                requested: 5,
                oldest: 6
            })
        ),
        "{error}"
    );
    assert!(watch.next().await.is_none());
    let mut watch = cache.watch(WatchRequest::since(PODS, 6)).await.unwrap();
    assert_eq!(take(&mut watch, 1).await, want(&[('A', "other/a", 7)]));
}

#[tokio::test]
async fn initial_objects_come_first_and_their_end_is_marked() {
    let fixture = Fixture::new(Options::default()).await;
    let cache = &fixture.cache;
    history(cache).await;
    for (when, mark_end) in [
        (When::Latest, true),
        (When::Cached, false),
        (When::NotOlderThan(7), true),
    ] {
        let from = WatchFrom::Objects { when, mark_end };
        let mut watch = cache.watch(request(PODS, "app=x", "", from)).await.unwrap();
        let mut start = want(&[('A', "ns/a", 5), ('A', "other/a", 7), ('B', "end", 7)]);
        start.truncate(if mark_end { 3 } else { 2 });
        assert_eq!(take(&mut watch, start.len()).await, start, "{when:?}");
    }
    let from = WatchFrom::Objects {
        when: When::Latest,
        mark_end: false,
    };
    let mut watch = cache.watch(request(PODS, "app=x", "", from)).await.unwrap();
    take(&mut watch, 2).await;
    replace(cache, "ns/a", "x", "n3").await;
    assert_eq!(take(&mut watch, 1).await, want(&[('M', "ns/a", 8)]));
}

#[tokio::test]
async fn bookmarks_name_what_was_delivered_and_close_a_timed_watch() {
    let fixture = Fixture::new(Options::default()).await;
    let cache = &fixture.cache;
    let every = Duration::from_millis(20);
    let timed = |bookmarks| WatchRequest {
        bookmarks,
        timeout: Some(Duration::from_millis(70)),
        ..request("/registry/pods/quiet/", "", "", WatchFrom::Now)
    };
    let mut marked = cache.watch(timed(Some(every))).await.unwrap();
    let mut plain = cache.watch(timed(None)).await.unwrap();
    history(cache).await;
    let events: Vec<_> = marked.by_ref().map(|e| seen(&e.unwrap())).collect().await;
    assert!(events.len() >= 2, "{events:?}");
    assert!(events.iter().all(|e| e.0 == 'B'));
    assert_eq!(events.last().unwrap().2, 7);
    assert!(
        plain.next().await.is_none(),
        "no bookmarks unless they are wanted"
    );
}

#[tokio::test]
async fn a_slow_watcher_is_ended_and_no_other() {
    let fixture = Fixture::new(Options {
        watcher_queue: 3,
        ..Options::default()
    })
    .await;
    let cache = &fixture.cache;
    let mut slow = cache.watch(request(PODS, "", "", WatchFrom::Now)).await.unwrap();
    let mut quick = cache.watch(request(PODS, "", "", WatchFrom::Now)).await.unwrap();
    for i in 0..6 {
        let revision = create(cache, &format!("ns/p{i}"), "x", "").await.revision;
        assert_eq!(take(&mut quick, 1).await[0].2, revision);
    }
    assert!(matches!(slow.next().await, Some(Err(CacheError::Slow(3)))));
    assert!(slow.next().await.is_none());
}

#[tokio::test]
async fn dropped_watches_are_forgotten() {
    let fixture = Fixture::new(Options::default()).await;
    let cache = &fixture.cache;
    let mut watches = Vec::new();
    for (scope, labels, fields, _) in CASES {
        watches.push(
            cache
                .watch(request(scope, labels, fields, WatchFrom::Now))
                .await
                .unwrap(),
        );
    }
    assert_eq!(cache.watch_counts(), [(PODS.to_owned(), CASES.len())]);
    drop(watches);
    assert_eq!(cache.watch_counts(), [(PODS.to_owned(), 0)]);
}
