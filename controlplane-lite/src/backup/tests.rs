//! Backups of the embedded store, and what becomes of damaged ones.

use std::sync::Arc;

use bytes::Bytes;

use super::*;
use crate::store::{Embedded, EmbeddedOptions, Expect, Put};

const ROOT: &str = "/registry/";

async fn open(path: &Path) -> Embedded {
    Embedded::open(path, EmbeddedOptions::default()).await.unwrap()
}

async fn put(store: &dyn Store, key: &str, value: impl Into<Bytes>) -> u64 {
    let put = Put {
        key: key.into(),
        expect: Expect::Absent,
        value: value.into(),
        ttl: None,
    };
    store.put(put).await.unwrap()
}

async fn all(store: &dyn Store) -> Vec<Entry> {
    store.list(ListQuery::all(ROOT)).await.unwrap().entries
}

fn entries(file: &Path) -> Vec<Entry> {
    let mut out = Vec::new();
    read(file, |entry| {
        out.push(entry);
        Ok(())
    })
    .unwrap();
    out
}

/// A store with 1,199 objects of all kinds of bytes, some of them changed and deleted.
async fn filled(dir: &Path) -> Embedded {
    let store = open(&dir.join("db")).await;
    let keys: Vec<_> = (0..1203_u32)
        .map(|i| format!("/registry/things/{i:05}"))
        .collect();
    let write = async |(i, key): (usize, &String)| {
        let value: Vec<u8> = (0..i % 700).map(|b| (b * i) as u8).collect();
        let revision = put(&store, key, value).await;
        if i % 400 == 1 {
            store.delete(key, revision).await.unwrap();
        }
    };
    // At once, so that they share commits.
    futures_util::future::join_all(keys.iter().enumerate().map(write)).await;
    put(&store, "/registry/events/ns/e", "expires").await;
    put(&store, "/elsewhere", "not ours").await;
    store
}

#[tokio::test]
async fn a_restored_store_is_the_same_and_its_counter_is_ahead() {
    let dir = tempfile::tempdir().unwrap();
    let (file, target) = (dir.path().join("backup"), dir.path().join("new"));
    let store = filled(dir.path()).await;
    let before = store.revision().await.unwrap();
    let summary = to_file(&store, ROOT, &file).await.unwrap();
    assert_eq!((summary.revision, summary.entries), (before, 1199));
    assert_eq!(verify(&file).await.unwrap(), summary);
    put(&store, "/registry/things/later", "x").await;

    assert_eq!(restore_embedded(&file, &target).await.unwrap(), summary);
    let restored = open(&target).await;
    let mut want = all(&store).await;
    want.retain(|e| e.mod_revision <= before && !e.key.contains("events"));
    assert_eq!(all(&restored).await, want);
    let next = put(&restored, "/registry/things/next", "x").await;
    assert_eq!(next, before + REVISION_LEAP + 1);
    let old = restored
        .list(ListQuery {
            at: At::Exactly(before),
            ..ListQuery::all(ROOT)
        })
        .await;
    assert!(matches!(old, Err(StoreError::Compacted { .. })));
    // Its objects can be changed under the revisions they had.
    let first = &want[0];
    restored.delete(&first.key, first.mod_revision).await.unwrap();
    restored
        .compact(restored.revision().await.unwrap())
        .await
        .unwrap();
    assert_eq!(all(&restored).await.len(), want.len());
}

#[tokio::test]
async fn only_an_empty_store_is_filled() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("backup");
    let store = filled(dir.path()).await;
    to_file(&store, ROOT, &file).await.unwrap();
    let taken = restore_embedded(&file, &dir.path().join("db")).await;
    assert!(matches!(taken, Err(BackupError::NotEmpty { .. })));
    assert!(matches!(
        restore_into(&file, &store, ROOT).await,
        Err(BackupError::NotEmpty { .. })
    ));
    let other = open(&dir.path().join("other")).await;
    restore_into(&file, &other, ROOT).await.unwrap();
    let values = |entries: Vec<Entry>| entries.into_iter().map(|e| (e.key, e.value)).collect::<Vec<_>>();
    let mut want = all(&store).await;
    want.retain(|e| !e.key.contains("events"));
    assert_eq!(values(all(&other).await), values(want));
}

#[tokio::test]
async fn damaged_files_are_refused_whole() {
    let dir = tempfile::tempdir().unwrap();
    let (file, bad, target) = (
        dir.path().join("backup"),
        dir.path().join("bad"),
        dir.path().join("new"),
    );
    let store = open(&dir.path().join("db")).await;
    for i in 0..20 {
        put(
            &store,
            &format!("/registry/things/{i}"),
            format!("value {i}").repeat(3),
        )
        .await;
    }
    to_file(&store, ROOT, &file).await.unwrap();
    let good = std::fs::read(&file).unwrap();
    let mut damaged: Vec<Vec<u8>> = (0..good.len()).map(|cut| good[..cut].to_vec()).collect();
    for at in 0..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 0x10;
        damaged.push(bytes);
    }
    damaged.push([good.as_slice(), &good].concat());
    let (want, mut harmless) = (entries(&file), 0);
    for (i, bytes) in damaged.iter().enumerate() {
        std::fs::write(&bad, bytes).unwrap();
        match restore_embedded(&bad, &target).await {
            Err(BackupError::Damaged { .. }) => assert!(!target.exists(), "case {i}"),
            // The time in the header says nothing, and compressed text can be written in several ways: what
            // was restored must be what was backed up.
            Ok(_) => {
                assert_eq!(entries(&bad), want, "case {i}");
                std::fs::remove_file(&target).unwrap();
                harmless += 1;
            }
            other => panic!("case {i}: {other:?}"),
        }
    }
    assert!(
        harmless < 20,
        "{harmless} of {} changes were not noticed",
        damaged.len()
    );
    let left: Vec<_> = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(left.len(), 3, "{left:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_load_shows_one_moment() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("backup");
    let store = Arc::new(filled(dir.path()).await);
    let writer = {
        let store = store.clone();
        // Each pair is written second key first: a moment can show the second alone, never the first alone.
        tokio::spawn(async move {
            for i in 0..100 {
                put(&*store, &format!("/registry/pairs/{i:05}/2"), "v").await;
                put(&*store, &format!("/registry/pairs/{i:05}/1"), "v").await;
            }
        })
    };
    let mut seen = 0;
    while !writer.is_finished() {
        to_file(&*store, ROOT, &file).await.unwrap();
        let entries = entries(&file);
        let pairs: std::collections::BTreeSet<String> = entries
            .iter()
            .filter_map(|e| e.key.strip_prefix("/registry/pairs/").map(str::to_owned))
            .collect();
        let alone = pairs
            .iter()
            .filter(|p| p.ends_with("/1") && !pairs.contains(&p.replace("/1", "/2")));
        assert_eq!(alone.count(), 0);
        seen += pairs.len();
    }
    writer.await.unwrap();
    assert!(seen > 0);
}
