//! The database file: opening, opening again after a failed write, how much room it has.
//!
//! redb stops for good after the first IO error, so that nothing is built on a half-done write. A full disk is
//! an everyday error, though: writes are refused before the disk is full ([`Room`]), and should one hit the
//! end nevertheless, the file is opened again from its last commit.

use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use parking_lot::RwLock;
use redb::{Database, ReadTransaction, ReadableDatabase};

use super::tables::{self, Fault, Standing};
use crate::store::{Result, StoreError};

/// Space that stays free on the disk, so that deletes and compaction still work when puts do not.
const KEEP_FREE: u64 = 1 << 20;

/// Largest file that is checked whole when it is opened, bytes.
const CHECK_WHOLE: u64 = 32 << 20;

/// The file and the database in it. `None` while it could not be opened again.
pub(super) struct DataFile {
    path: PathBuf,
    cache_bytes: usize,
    database: RwLock<Option<Database>>,
}

/// How to open the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Make it if it is not there.
    Create,
    /// It must not be there.
    New,
}

impl DataFile {
    pub(super) fn open(path: &Path, cache_bytes: usize, mode: Mode) -> Result<(Self, Standing)> {
        let file = Self {
            path: path.to_owned(),
            cache_bytes,
            database: RwLock::new(None),
        };
        if mode == Mode::New && path.exists() {
            return Err(file.cannot_open("it exists already: move it away first"));
        }
        // redb would make it readable for all.
        std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(|e| file.io(&e))?;
        let standing = file.open_database()?;
        Ok((file, standing))
    }

    pub(super) fn place(&self) -> String {
        self.path.display().to_string()
    }

    fn cannot_open(&self, reason: impl Into<String>) -> StoreError {
        StoreError::Open {
            place: self.place(),
            reason: reason.into(),
        }
    }

    fn open_database(&self) -> Result<Standing> {
        let mut slot = self.database.write();
        // The old one holds the file's lock until it is gone.
        *slot = None;
        let opened = guarded(|| {
            let mut builder = Database::builder();
            builder.set_cache_size(self.cache_bytes);
            let mut database = builder.create(&self.path)?;
            // A file that was not closed was checked by opening it; any other is believed only now. The check
            // reads everything, so a large file is only checked record by record, as it is read.
            let small = std::fs::metadata(&self.path).map_or(0, |meta| meta.len()) <= CHECK_WHOLE;
            if small && !database.check_integrity()? {
                return Err(Fault::Damage("its checksums do not fit".to_owned()));
            }
            let txn = database.begin_write()?;
            let standing = tables::prepare(&txn)?;
            txn.commit()?;
            Ok((database, standing))
        });
        let (database, standing) = opened.map_err(|fault| self.error(fault))?;
        *slot = Some(database);
        Ok(standing)
    }

    /// Opens the file anew after an error, at its last commit.
    pub(super) fn reopen(&self) -> Result<Standing> {
        tracing::warn!(file = %self.place(), "opening the store again after a failed write");
        self.open_database()
    }

    pub(super) fn close(&self) {
        *self.database.write() = None;
    }

    pub(super) fn is_open(&self) -> bool {
        self.database.read().is_some()
    }

    /// Runs `work` in a read transaction.
    pub(super) fn read<T>(&self, work: impl FnOnce(&ReadTransaction) -> tables::Result<T>) -> Result<T> {
        let txn = {
            let database = self.database.read();
            let database = database.as_ref().ok_or_else(|| self.away())?;
            database.begin_read().map_err(|e| self.error(e.into()))?
        };
        guarded(|| work(&txn)).map_err(|fault| self.error(fault))
    }

    /// Runs `work` in a write transaction and commits it durably if that says so.
    pub(super) fn write<T>(
        &self,
        work: impl FnOnce(&redb::WriteTransaction) -> tables::Result<(T, bool)>,
    ) -> std::result::Result<T, WriteFailure> {
        let database = self.database.read();
        let database = database
            .as_ref()
            .ok_or_else(|| WriteFailure::Broken(self.away()))?;
        let done = guarded(|| {
            let txn = database.begin_write()?;
            let (value, commit) = work(&txn)?;
            if commit {
                txn.commit()?;
            } else {
                txn.abort()?;
            }
            Ok(value)
        });
        done.map_err(|fault| match fault {
            Fault::Answer(error) => WriteFailure::Refused(error),
            fault => WriteFailure::Broken(self.error(fault)),
        })
    }

    fn away(&self) -> StoreError {
        let reason = "it failed to open again after an error".to_owned();
        StoreError::Unavailable {
            place: self.place(),
            reason,
        }
    }

    fn io(&self, error: &std::io::Error) -> StoreError {
        use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        match error.kind() {
            StorageFull | QuotaExceeded | FileTooLarge => StoreError::Full { place: self.place() },
            _ => StoreError::Unavailable {
                place: self.place(),
                reason: error.to_string(),
            },
        }
    }

    fn error(&self, fault: Fault) -> StoreError {
        let corrupt = |what: String| StoreError::Corrupt {
            place: self.place(),
            what,
        };
        match fault {
            Fault::Answer(error) => error,
            Fault::Damage(what) => corrupt(what),
            Fault::File(redb::Error::Io(error)) if error.kind() == std::io::ErrorKind::InvalidData => {
                corrupt(error.to_string())
            }
            Fault::File(redb::Error::Io(error)) => self.io(&error),
            Fault::File(redb::Error::Corrupted(what)) => corrupt(what),
            Fault::File(redb::Error::DatabaseAlreadyOpen) => {
                self.cannot_open("another process has it open; only one control plane can use a file")
            }
            Fault::File(error @ (redb::Error::UpgradeRequired(_) | redb::Error::RepairAborted)) => {
                self.cannot_open(error.to_string())
            }
            Fault::File(
                error @ (redb::Error::TableTypeMismatch { .. } | redb::Error::TableDoesNotExist(_)),
            ) => corrupt(error.to_string()),
            Fault::File(error) => StoreError::Unavailable {
                place: self.place(),
                reason: error.to_string(),
            },
        }
    }

    /// What room there is for writes.
    pub(super) fn room(&self) -> Room {
        let Ok(stat) = nix::sys::statvfs::statvfs(&self.path) else {
            return Room::Unknown;
        };
        #[allow(clippy::unnecessary_cast, reason = "the width differs between architectures")]
        let free = stat.blocks_available() as u64 * stat.fragment_size() as u64;
        Room::Free(free)
    }

    /// Bytes inside the file that hold no data and have disk blocks already. Walks the whole file: only for
    /// when the disk is full.
    pub(super) fn slack(&self) -> u64 {
        let Ok(meta) = std::fs::metadata(&self.path) else {
            return 0;
        };
        let database = self.database.read();
        let used = guarded(|| {
            let Some(database) = database.as_ref() else {
                return Ok(u64::MAX);
            };
            let txn = database.begin_write()?;
            let stats = txn.stats()?;
            txn.abort()?;
            Ok(stats.allocated_pages() * stats.page_size() as u64)
        });
        let blocks = (meta.blocks() * 512).min(meta.len());
        blocks.saturating_sub(used.unwrap_or(u64::MAX))
    }
}

/// A write transaction that did not happen.
pub(super) enum WriteFailure {
    /// The caller's request was wrong; the file is well.
    Refused(StoreError),
    /// The file has to be opened again.
    Broken(StoreError),
}

/// Free space of the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// So many bytes.
    Free(u64),
    /// The file system does not say.
    Unknown,
}

impl Room {
    /// Whether a commit of so many operations and value bytes surely fits. `spare`: leave [`KEEP_FREE`].
    pub(super) fn fits(self, operations: usize, bytes: usize, spare: bool) -> bool {
        let Self::Free(free) = self else { return true };
        free >= need(operations, bytes) + if spare { KEEP_FREE } else { 0 }
    }
}

/// Upper estimate of what a commit writes: the tree's pages are copied, one path per table and operation, and
/// values are rounded up to pages.
pub(super) fn need(operations: usize, bytes: usize) -> u64 {
    (128 << 10) + (operations as u64) * (48 << 10) + 2 * bytes as u64
}

/// A damaged file can make the database library panic; that must not end the process.
fn guarded<T>(work: impl FnOnce() -> tables::Result<T>) -> tables::Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("no text");
        Err(Fault::Damage(format!("reading it ended in a panic: {text}")))
    })
}
