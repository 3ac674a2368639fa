//! Filling a new store from a backup.

use std::collections::HashSet;
use std::path::Path;

use futures_util::{StreamExt, TryStreamExt};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::{BackupError, REVISION_LEAP, Result, Summary, blocking, publish, read, with_suffix};
use crate::store::{Entry, Expect, ListQuery, Put, Store, embedded};

/// Entries per commit of an embedded store.
const BATCH: usize = 2000;

/// Writes on their way to a cluster at a time.
const IN_FLIGHT: usize = 32;

/// Makes the embedded store at `target` from a backup. The file appears complete or not at all.
///
/// # Errors
/// [`BackupError::Damaged`], [`BackupError::NotEmpty`] if `target` exists, or what else failed.
pub async fn restore_embedded(backup: &Path, target: &Path) -> Result<Summary> {
    super::verify(backup).await?;
    if target.exists() {
        return Err(BackupError::NotEmpty {
            place: target.display().to_string(),
        });
    }
    let (backup, target) = (backup.to_owned(), target.to_owned());
    blocking(move || {
        let partial = with_suffix(&target, ".restoring");
        // Left over from a restore that was cut off.
        let _ = std::fs::remove_file(&partial);
        let filled = fill(&backup, &partial);
        if filled.is_err() {
            // The first error counts.
            let _ = std::fs::remove_file(&partial);
        }
        let summary = filled?;
        publish(&partial, &target)?;
        Ok(summary)
    })
    .await
}

fn fill(backup: &Path, path: &Path) -> Result<Summary> {
    let mut filler = embedded::Filler::create(path)?;
    let (mut batch, mut revisions) = (Vec::new(), Revisions::default());
    let summary = read(backup, |entry| {
        batch.push(revisions.unique(entry));
        if batch.len() == BATCH {
            filler.add(&std::mem::take(&mut batch))?;
        }
        Ok(())
    })?;
    filler.add(&batch)?;
    filler.finish(summary.revision.max(revisions.highest) + REVISION_LEAP)?;
    Ok(summary)
}

/// In etcd one transaction may have written several keys; the embedded store has a revision for each.
#[derive(Default)]
struct Revisions {
    used: HashSet<u64>,
    highest: u64,
}

impl Revisions {
    fn unique(&mut self, mut entry: Entry) -> Entry {
        // Behind every revision of the backup, and before those after the leap.
        if !self.used.insert(entry.mod_revision) {
            let free = (1..).map(|i| entry.mod_revision + REVISION_LEAP / 2 + i);
            entry.mod_revision = free
                .into_iter()
                .find(|r| self.used.insert(*r))
                .unwrap_or(u64::MAX);
        }
        self.highest = self.highest.max(entry.mod_revision);
        entry
    }
}

/// Fills an empty store below `prefix`, on whichever engine, from a backup.
///
/// Caveat: if the store fails on the way, what was written stays; empty it before the next try.
///
/// # Errors
/// [`BackupError::Damaged`], [`BackupError::NotEmpty`], or what else failed.
pub async fn restore_into(backup: &Path, store: &dyn Store, prefix: &str) -> Result<Summary> {
    super::verify(backup).await?;
    let there = store
        .list(ListQuery {
            limit: 1,
            ..ListQuery::all(prefix)
        })
        .await?;
    if !there.entries.is_empty() {
        return Err(BackupError::NotEmpty {
            place: format!("the store below {prefix}"),
        });
    }
    let (sender, entries) = mpsc::channel::<Entry>(IN_FLIGHT);
    let path = backup.to_owned();
    let reading = blocking(move || {
        read(&path, |entry| {
            // Nobody receives any more: the other side has failed and will say so.
            let _ = sender.blocking_send(entry);
            Ok(())
        })
    });
    let writing = ReceiverStream::new(entries)
        .map(|entry| {
            store.put(Put {
                key: entry.key,
                expect: Expect::Absent,
                value: entry.value,
                ttl: None,
            })
        })
        .buffer_unordered(IN_FLIGHT)
        .try_for_each(|_| std::future::ready(Ok(())));
    let (summary, written) = tokio::join!(reading, writing);
    written?;
    summary
}
