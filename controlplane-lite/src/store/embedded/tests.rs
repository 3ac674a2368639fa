//! The engine on a file of its own.

use super::*;
use crate::store::{Expect, contract};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let options = EmbeddedOptions {
        expiry_interval: Duration::from_millis(50),
        ..EmbeddedOptions::default()
    };
    let store = Embedded::open(&dir.path().join("db"), options).await.unwrap();
    assert_eq!(store.revision().await.unwrap(), crate::store::FIRST_REVISION);
    contract::all(Arc::new(store)).await;
}

async fn open(path: &Path) -> Result<Embedded> {
    Embedded::open(path, EmbeddedOptions::default()).await
}

fn put(number: usize) -> Put {
    let key = format!("/damage/{number:04}");
    Put {
        value: format!("{key} ").repeat(20).into(),
        key: key.into(),
        expect: Expect::Absent,
        ttl: None,
    }
}

/// Makes a store file with some history and answers what a list of it says.
async fn filled(path: &Path) -> Page {
    let store = open(path).await.unwrap();
    for number in 0..120 {
        let revision = store.put(put(number)).await.unwrap();
        if number % 5 == 0 {
            store.delete(&put(number).key, revision).await.unwrap();
        }
    }
    store.compact(100).await.unwrap();
    let page = store.list(ListQuery::all("/")).await.unwrap();
    store.close().await;
    page
}

/// Opens a file that may be damaged and reads all of it.
async fn read_all(path: &Path) -> Result<(Page, usize)> {
    let store = open(path).await?;
    let read = async {
        let page = store.list(ListQuery::all("/")).await?;
        let mut stream = store.watch("/", 101).await?;
        let mut events = 0;
        loop {
            let batch = futures_util::StreamExt::next(&mut stream)
                .await
                .ok_or_else(|| store.shared.ended())??;
            events += batch.events.len();
            if batch.revision >= page.revision {
                return Ok((page, events));
            }
        }
    };
    let result = tokio::time::timeout(Duration::from_secs(20), read)
        .await
        .expect("reading ends");
    store.close().await;
    result
}

#[tokio::test]
async fn a_damaged_file_is_named_or_still_right_and_never_believed() {
    let dir = tempfile::tempdir().unwrap();
    let (good, bad) = (dir.path().join("good"), dir.path().join("bad"));
    let want = filled(&good).await;
    let events = read_all(&good).await.unwrap().1;
    let bytes = std::fs::read(&good).unwrap();
    let used: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
    let mut random = fastrand::Rng::with_seed(1);
    let mut noticed = 0;
    for case in 0..120 {
        let mut damaged = bytes.clone();
        for _ in 0..=case % 3 {
            damaged[used[random.usize(..used.len())]] ^= 1 << random.u32(..8);
        }
        std::fs::write(&bad, damaged).unwrap();
        match read_all(&bad).await {
            Ok((page, seen)) => {
                let same = page.entries == want.entries && page.revision == want.revision;
                assert!(
                    same,
                    "case {case}: {} of {} are left",
                    page.entries.len(),
                    want.entries.len()
                );
                assert_eq!(seen, events, "case {case}");
            }
            Err(StoreError::Corrupt { what, .. }) => {
                assert!(!what.is_empty());
                noticed += 1;
            }
            // A flipped version of the database library's own format.
            Err(StoreError::Open { .. } | StoreError::Unavailable { .. }) => noticed += 1,
            Err(other) => panic!("case {case}: {other:?}"),
        }
    }
    assert!(noticed > 20, "only {noticed} of 120 were noticed");
}

#[tokio::test]
async fn a_cut_or_foreign_file_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (good, bad) = (dir.path().join("good"), dir.path().join("bad"));
    filled(&good).await;
    let bytes = std::fs::read(&good).unwrap();
    let cut = |part: usize| bytes[..bytes.len() * part / 8].to_vec();
    for (what, content) in [
        ("text", b"this is no database\n".repeat(500)),
        ("zeroes", vec![0; 100_000]),
        ("an eighth", cut(1)),
        ("a half", cut(4)),
        ("all but a little", cut(7)),
    ] {
        std::fs::write(&bad, &content).unwrap();
        let refused = read_all(&bad)
            .await
            .err()
            .unwrap_or_else(|| panic!("{what} was opened"));
        assert!(
            matches!(refused, StoreError::Corrupt { .. } | StoreError::Open { .. }),
            "{what}: {refused:?}"
        );
    }
}

#[tokio::test]
async fn a_file_has_one_owner() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let first = open(&path).await.unwrap();
    let second = open(&path).await.err().expect("the file is taken");
    assert!(
        matches!(&second, StoreError::Open { reason, .. } if reason.contains("another process")),
        "{second}"
    );
    first.close().await;
    open(&path).await.unwrap();
}

#[tokio::test]
async fn a_closed_store_ends_its_watches_and_refuses() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let store = open(&path).await.unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "secrets are in there");
    let mut stream = store.watch("/", 2).await.unwrap();
    store.put(put(1)).await.unwrap();
    store.close().await;
    let first = futures_util::StreamExt::next(&mut stream).await.unwrap();
    assert_eq!(
        first.unwrap().events.len(),
        1,
        "what was committed is still delivered"
    );
    let end = futures_util::StreamExt::next(&mut stream).await.unwrap();
    assert!(matches!(end, Err(StoreError::Unavailable { .. })));
}
