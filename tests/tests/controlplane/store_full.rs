//! The embedded store on a full disk: a small file system in a mount namespace of the test's own, and a limit
//! that is not seen before it is hit.

use std::path::Path;
use std::process::Command;

use bytes::Bytes;
use controlplane_lite::store::{At, Embedded, EmbeddedOptions, Expect, ListQuery, Put, Store, StoreError};
use futures_util::StreamExt;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

const SIZE: usize = 40_000;

async fn put(store: &Embedded, number: usize) -> Result<u64, StoreError> {
    let key = format!("/full/{number:05}");
    let value = Bytes::from(format!("{number:05}").repeat(SIZE / 5));
    store
        .put(Put {
            key: key.into(),
            expect: Expect::Absent,
            value,
            ttl: None,
        })
        .await
}

async fn open(path: &Path) -> Embedded {
    Embedded::open(path, EmbeddedOptions::default()).await.unwrap()
}

/// Writes until there is no space; answers the revisions of what was written.
async fn fill(store: &Embedded, from: usize) -> Vec<u64> {
    let mut revisions = Vec::new();
    loop {
        match put(store, from + revisions.len()).await {
            Ok(revision) => revisions.push(revision),
            Err(StoreError::Full { place }) => {
                assert!(place.ends_with("db"), "{place}");
                return revisions;
            }
            Err(other) => panic!("after {} writes: {other}", revisions.len()),
        }
        assert!(revisions.len() < 10_000, "the disk is never full");
    }
}

/// Reads in every way and compares with what was written.
async fn reads_go_on(store: &Embedded, revisions: &[u64]) {
    let (first, last) = (revisions[0], *revisions.last().unwrap());
    assert_eq!(store.revision().await.unwrap(), last);
    assert_eq!(
        store.list(ListQuery::all("/full/")).await.unwrap().entries.len(),
        revisions.len()
    );
    let old = store
        .list(ListQuery {
            at: At::Exactly(first),
            ..ListQuery::all("/full/")
        })
        .await
        .unwrap();
    assert_eq!(old.entries.len(), 1);
    let entry = store.get("/full/00000", At::Latest).await.unwrap().entry.unwrap();
    assert_eq!((entry.mod_revision, entry.value.len()), (first, SIZE));
    let mut stream = store.watch("/full/", last).await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap().events.len(), 1);
}

/// Runs `test` on a thread whose `/` shows `dir` as a file system of 8 MB.
fn on_small_disk(dir: &Path, test: impl FnOnce() + Send) {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_FS).expect("mount namespaces need root");
            let none: Option<&str> = None;
            mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).unwrap();
            mount(
                Some("small"),
                dir,
                Some("tmpfs"),
                MsFlags::empty(),
                Some("size=8m"),
            )
            .unwrap();
            test();
        });
        thread.join().unwrap();
    });
}

fn runtime() -> tokio::runtime::Runtime {
    // Its threads come from this one, so they see the same file systems.
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

#[test]
fn a_full_disk_stops_writes_only_and_only_until_there_is_space() {
    let dir = tempfile::tempdir().unwrap();
    on_small_disk(dir.path(), || {
        runtime().block_on(async {
            let path = dir.path().join("db");
            let store = open(&path).await;
            let mut revisions = fill(&store, 0).await;
            assert!(revisions.len() > 50, "only {} writes fit", revisions.len());
            reads_go_on(&store, &revisions).await;

            // Somebody grows the disk.
            let none: Option<&str> = None;
            mount(none, dir.path(), none, MsFlags::MS_REMOUNT, Some("size=16m")).unwrap();
            revisions.push(put(&store, revisions.len()).await.unwrap());
            revisions.extend(fill(&store, revisions.len()).await);
            reads_go_on(&store, &revisions).await;

            // Somebody deletes objects, and their history is compacted.
            let half = revisions.len() / 2;
            for (number, revision) in revisions.iter().enumerate().take(half) {
                store
                    .delete(&format!("/full/{number:05}"), *revision)
                    .await
                    .unwrap();
            }
            let now = store.revision().await.unwrap();
            assert_eq!(now, revisions.last().unwrap() + half as u64);
            store.compact(now).await.unwrap();
            let again = fill(&store, 10_000).await;
            assert!(
                again.len() > half / 4,
                "only {} of {half} fit into the freed space",
                again.len()
            );

            store.close().await;
            let store = open(&path).await;
            let left = store.list(ListQuery::all("/full/")).await.unwrap();
            assert_eq!(left.entries.len(), revisions.len() - half + again.len());
        });
    });
}

/// Where the child below finds its directory; without it, its test does nothing.
const CHILD: &str = "STORE_FULL_DIR";

/// The child: a file size limit is a disk that is full without saying so before. The limit is the process's.
#[test]
fn full_child() {
    let Ok(dir) = std::env::var(CHILD) else { return };
    // The default action would end the process; without it the write fails.
    tests_ignore_file_size_signal();
    runtime().block_on(async {
        let path = Path::new(&dir).join("db");
        let store = open(&path).await;
        let hard = getrlimit(Resource::RLIMIT_FSIZE).unwrap().1;
        setrlimit(Resource::RLIMIT_FSIZE, 4 << 20, hard).unwrap();
        let mut revisions = fill(&store, 0).await;
        assert!(revisions.len() > 20, "only {} writes fit", revisions.len());
        reads_go_on(&store, &revisions).await;
        assert!(matches!(put(&store, 99_999).await, Err(StoreError::Full { .. })));
        setrlimit(Resource::RLIMIT_FSIZE, hard, hard).unwrap();
        revisions.push(put(&store, revisions.len()).await.unwrap());
        reads_go_on(&store, &revisions).await;
    });
}

fn tests_ignore_file_size_signal() {
    use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
    let mut set = SigSet::empty();
    set.add(Signal::SIGXFSZ);
    // Blocked here, before any other thread is there to inherit anything else.
    sigprocmask(SigmaskHow::SIG_BLOCK, Some(&set), None).unwrap();
}

#[test]
fn a_write_that_hits_the_end_unforeseen_is_taken_back() {
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args([
            "store_full::full_child",
            "--exact",
            "--nocapture",
            "--test-threads",
            "1",
        ])
        .env(CHILD, dir.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
}
