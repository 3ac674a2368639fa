//! The embedded store under kill -9: a child writes and prints what was confirmed, the parent kills it and
//! compares the file with the confirmations.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use bytes::Bytes;
use controlplane_lite::store::{Embedded, EmbeddedOptions, Event, EventKind, Expect, ListQuery, Put, Store};
use futures_util::StreamExt;

/// Where a child finds the file; without it, its test does nothing.
const CHILD: &str = "STORE_CRASH_FILE";

const ROUNDS: usize = 200;

/// The child: writes until it is killed.
#[test]
fn crash_child() {
    let Ok(path) = std::env::var(CHILD) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let store: Arc<dyn Store> = Arc::new(open(Path::new(&path)).await);
        let start = store.revision().await.unwrap();
        let writers = (0..4).map(|writer| tokio::spawn(write(store.clone(), start, writer)));
        let compaction = {
            let store = store.clone();
            // While the others write; a kill may come at any step of it.
            tokio::spawn(async move { store.compact(start).await.unwrap() })
        };
        futures_util::future::join_all(writers).await;
        compaction.await.unwrap();
    });
}

async fn open(path: &Path) -> Embedded {
    Embedded::open(path, EmbeddedOptions::default()).await.unwrap()
}

fn value(key: &str, n: u64) -> Bytes {
    // Of all sizes up to some pages, and recognizable as a whole.
    format!("{key}={n}").repeat(1 + (n as usize % 40) * 10).into()
}

/// Creates, changes and deletes, one after the other; prints each confirmation.
async fn write(store: Arc<dyn Store>, round: u64, writer: usize) {
    use std::io::Write;
    for n in 0.. {
        let key = format!("/crash/{writer}/{round}-{n}");
        let mut revision = 0;
        for step in 0..1 + n % 3 {
            let expect = if step == 0 {
                Expect::Absent
            } else {
                Expect::Revision(revision)
            };
            let put = Put {
                key: key.as_str().into(),
                expect,
                value: value(&key, n + step),
                ttl: None,
            };
            revision = store.put(put).await.unwrap();
            let line = format!("put {revision} {key} {}\n", n + step);
            std::io::stdout().write_all(line.as_bytes()).unwrap();
        }
        if n % 2 == 1 {
            let revision = store.delete(&key, revision).await.unwrap();
            std::io::stdout()
                .write_all(format!("delete {revision} {key} 0\n").as_bytes())
                .unwrap();
        }
    }
}

/// One confirmation.
#[derive(Debug)]
struct Confirmed {
    kind: EventKind,
    revision: u64,
    key: String,
    n: u64,
}

impl Confirmed {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let kind = match words.next()? {
            "put" => EventKind::Put,
            "delete" => EventKind::Delete,
            _ => return None,
        };
        let revision = words.next()?.parse().ok()?;
        Some(Self {
            kind,
            revision,
            key: words.next()?.to_owned(),
            n: words.next()?.parse().ok()?,
        })
    }

    fn agrees(&self, event: &Event) -> bool {
        let same_value = self.kind == EventKind::Delete || event.entry.value == value(&self.key, self.n);
        self.kind == event.kind && *self.key == *event.entry.key && same_value
    }
}

/// Runs a child and kills it after so many confirmations.
fn run_and_kill(path: &Path, confirmations: usize) -> Vec<Confirmed> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "store_crash::crash_child",
            "--exact",
            "--nocapture",
            "--test-threads",
            "1",
        ])
        .env(CHILD, path)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut confirmed = Vec::new();
    while confirmed.len() < confirmations {
        let line = lines
            .next()
            .expect("the child writes until it is killed")
            .unwrap();
        confirmed.extend(Confirmed::parse(&line));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // What it had printed before it died was confirmed, too; the last line may be cut off.
    let rest: Vec<String> = lines.map_while(Result::ok).collect();
    let whole = rest.len().saturating_sub(1);
    confirmed.extend(rest[..whole].iter().filter_map(|line| Confirmed::parse(line)));
    confirmed
}

/// All events behind `revision`.
async fn events_since(store: &Embedded, revision: u64) -> Vec<Event> {
    let last = store.revision().await.unwrap();
    let mut stream = store.watch("/", revision + 1).await.unwrap();
    let mut events = Vec::new();
    while events.len() < (last - revision) as usize {
        events.extend(stream.next().await.unwrap().unwrap().events);
    }
    events
}

#[tokio::test]
async fn killed_two_hundred_times_nothing_confirmed_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let mut random = fastrand::Rng::with_seed(4);
    let (mut state, mut last) = (BTreeMap::new(), controlplane_lite::store::FIRST_REVISION);
    let mut total = 0;
    for round in 0..ROUNDS {
        let confirmed = run_and_kill(&path, random.usize(1..120));
        let store = open(&path).await;
        let events = events_since(&store, last).await;
        for (event, revision) in events.iter().zip(last + 1..) {
            assert_eq!(event.revision(), revision, "round {round}: revisions grow by one");
        }
        for one in &confirmed {
            assert!(one.revision > last, "round {round}: {one:?} was given twice");
            let event = events.get((one.revision - last - 1) as usize);
            assert!(
                event.is_some_and(|e| one.agrees(e)),
                "round {round}: {one:?} became {event:?}"
            );
        }
        for event in events {
            last = event.revision();
            match event.kind {
                EventKind::Put => state.insert(event.entry.key.clone(), event.entry),
                EventKind::Delete => state.remove(&event.entry.key),
            };
        }
        total += confirmed.len();
        if round % 20 == 19 {
            let stored = store.list(ListQuery::all("/")).await.unwrap().entries;
            assert!(
                stored.iter().eq(state.values()),
                "round {round}: the list is what the events say"
            );
        }
        store.close().await;
    }
    assert!(total > ROUNDS * 30, "only {total} confirmations");
}
