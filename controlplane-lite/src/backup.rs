//! Backups: everything below a prefix at one revision, in one file that either engine can be filled from.
//!
//! Expected flow: [`write`] while the control plane serves (the list it reads is true at one revision), or
//! [`to_file`], which leaves a complete file or none. [`verify`] reads a file to its end. [`restore_embedded`]
//! makes a new store file, [`restore_into`] fills an empty cluster; both verify first and refuse a damaged file
//! whole.
//!
//! Guarantees: values come back byte for byte. A restored embedded store keeps the revisions of its objects
//! and continues its counter [`REVISION_LEAP`] further on, so that no revision a client has seen after the
//! backup is given out again; older watches are answered with 410. In an etcd cluster objects get new
//! revisions: clients have to be restarted.
//!
//! Out of scope: keys that expire (see [`SKIPPED`]), certificates and keys of the control plane on disk.
//! The format is described in [`format`].

use std::path::{Path, PathBuf};

use tokio::io::{AsyncWrite, AsyncWriteExt};

use crate::store::{At, Entry, ListQuery, Store, StoreError};

pub mod format;
mod restore;

pub use restore::{restore_embedded, restore_into};

/// Prefixes that are not backed up: events delete themselves within the hour.
pub const SKIPPED: &[&str] = &["/registry/events/", "/registry/events.k8s.io/"];

/// How far the revision counter of a restored embedded store jumps; more writes than happen between a backup
/// and its restore, and what etcd's own tool recommends.
pub const REVISION_LEAP: u64 = 1_000_000_000;

/// Entries read from the store at once.
const PAGE: usize = 500;

/// Why a backup or a restore was not done.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A file could not be read or written.
    #[error("cannot {what} {}", path.display())]
    File {
        /// What was to be done with it.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The receiver of the backup failed.
    #[error("cannot write the backup")]
    Write(#[source] std::io::Error),
    /// The file is damaged or no backup; nothing was restored.
    #[error("{} is damaged or no backup ({what}): use another one", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The store to be filled holds something already.
    #[error("{place} is not empty: restore only into a new store, or move the old one away")]
    NotEmpty {
        /// The file or the cluster's prefix.
        place: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Result of this module.
pub type Result<T, E = BackupError> = std::result::Result<T, E>;

/// What a backup holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// The store's revision that it shows.
    pub revision: u64,
    /// Number of objects.
    pub entries: u64,
    /// Their keys and values, bytes.
    pub bytes: u64,
}

impl Summary {
    fn count(&mut self, entry: &Entry) {
        self.entries += 1;
        self.bytes += (entry.key.len() + entry.value.len()) as u64;
    }
}

/// Writes a backup of everything below `prefix` to `out`, which is flushed but not closed.
///
/// # Errors
/// [`BackupError::Store`] (also [`StoreError::Compacted`] if the receiver is so slow that the revision is
/// compacted meanwhile), or [`BackupError::Write`].
pub async fn write<W: AsyncWrite + Unpin>(store: &dyn Store, prefix: &str, mut out: W) -> Result<Summary> {
    let mut query = ListQuery {
        limit: PAGE,
        ..ListQuery::all(prefix)
    };
    let mut page = store.list(query.clone()).await?;
    let mut summary = Summary {
        revision: page.revision,
        ..Summary::default()
    };
    let mut encoder = format::Encoder::new(page.revision);
    query.at = At::Exactly(page.revision);
    loop {
        for entry in page
            .entries
            .iter()
            .filter(|e| !SKIPPED.iter().any(|s| e.key.starts_with(s)))
        {
            summary.count(entry);
            encoder.entry(entry).map_err(BackupError::Write)?;
        }
        out.write_all(&encoder.take()).await.map_err(BackupError::Write)?;
        let Some(next) = page.next else { break };
        query.start_after = Some(next);
        page = store.list(query.clone()).await?;
    }
    let rest = encoder.finish().map_err(BackupError::Write)?;
    out.write_all(&rest).await.map_err(BackupError::Write)?;
    out.flush().await.map_err(BackupError::Write)?;
    Ok(summary)
}

/// Writes a backup to a file, mode 0600. The file appears complete or not at all.
///
/// # Errors
/// Those of [`write()`], or [`BackupError::File`].
pub async fn to_file(store: &dyn Store, prefix: &str, path: &Path) -> Result<Summary> {
    let partial = with_suffix(path, ".partial");
    let written = write_synced(store, prefix, &partial).await;
    if written.is_err() {
        // The first error counts; a partial file is no backup.
        let _ = std::fs::remove_file(&partial);
    }
    let summary = written?;
    publish(&partial, path)?;
    Ok(summary)
}

async fn write_synced(store: &dyn Store, prefix: &str, path: &Path) -> Result<Summary> {
    let mut options = tokio::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(path).await.map_err(failed("create", path))?;
    let summary = write(store, prefix, &mut file).await?;
    file.sync_all().await.map_err(failed("sync", path))?;
    Ok(summary)
}

/// Reads a backup to its end.
///
/// # Errors
/// [`BackupError::Damaged`], or [`BackupError::File`].
pub async fn verify(path: &Path) -> Result<Summary> {
    let path = path.to_owned();
    blocking(move || read(&path, |_| Ok(()))).await
}

/// Reads all entries of a backup; the last error, damage at the end, comes after the last entry.
fn read(path: &Path, mut take: impl FnMut(Entry) -> Result<()>) -> Result<Summary> {
    let file = std::fs::File::open(path).map_err(failed("open", path))?;
    let damaged = |what: format::Damage| BackupError::Damaged {
        path: path.to_owned(),
        what: what.to_string(),
    };
    let mut decoder = format::Decoder::new(std::io::BufReader::new(file)).map_err(damaged)?;
    let mut summary = Summary {
        revision: decoder.revision(),
        ..Summary::default()
    };
    while let Some(entry) = decoder.next().map_err(damaged)? {
        summary.count(&entry);
        take(entry)?;
    }
    Ok(summary)
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> BackupError {
    let path = path.to_owned();
    move |source| BackupError::File { what, path, source }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Gives a complete, synced file its name, durably.
fn publish(partial: &Path, path: &Path) -> Result<()> {
    std::fs::rename(partial, path).map_err(failed("rename to", path))?;
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let synced = std::fs::File::open(directory).and_then(|directory| directory.sync_all());
    synced.map_err(failed("sync the directory of", path))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(BackupError::Write(std::io::Error::other(error))),
    }
}

#[cfg(test)]
mod tests;
