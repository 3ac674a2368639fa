//! What can go wrong in a store, grouped by what the caller does about it.

use super::Entry;

/// An error of a store operation. Cloneable because one failed commit answers many writers.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The key was written by somebody else: read again and retry. Carries the entry as it is now.
    #[error("{} was changed: it is at revision {}", current.key, current.mod_revision)]
    Conflict {
        /// The entry that is there.
        current: Box<Entry>,
    },
    /// The key was to be created but exists. Carries the entry as it is now.
    #[error("{} exists since revision {}", current.key, current.create_revision)]
    Exists {
        /// The entry that is there.
        current: Box<Entry>,
    },
    /// The key was to be changed or deleted but does not exist.
    #[error("{key} does not exist")]
    Absent {
        /// The key.
        key: String,
    },
    /// The revision asked for was compacted away: list anew (HTTP 410).
    #[error("revision {requested} is compacted, the oldest that can be read is {oldest}")]
    Compacted {
        /// What was asked for.
        requested: u64,
        /// The oldest revision that a list can read; a watch can start behind it.
        oldest: u64,
    },
    /// The revision asked for lies in the future (HTTP 504 with a retry, as the reference answers).
    #[error("revision {requested} is not reached yet, the store is at {current}")]
    Future {
        /// What was asked for.
        requested: u64,
        /// The store's revision.
        current: u64,
    },
    /// No space: nothing was written, reads go on. Retry when there is space again.
    #[error("no space left for the store at {place}: free some disk space (or raise the quota)")]
    Full {
        /// File or endpoint.
        place: String,
    },
    /// The value is larger than the engine takes: do not retry.
    #[error("the value of {key} is too large ({size} bytes)")]
    TooLarge {
        /// The key.
        key: String,
        /// Size of the value, bytes.
        size: usize,
    },
    /// The engine cannot be reached or does not answer; the write was not done. Retry later.
    #[error("the store at {place} is not available: {reason}")]
    Unavailable {
        /// File or endpoint.
        place: String,
        /// What the engine said.
        reason: String,
    },
    /// A write was handed over and it could not be found out in time whether it was done. Read before
    /// trying again.
    #[error("it is not known whether {key} was written: {reason}")]
    Unknown {
        /// The key.
        key: String,
        /// What the engine said.
        reason: String,
    },
    /// Stored data contradicts its checksums or its format: give up, restore a backup.
    #[error("the store at {place} is damaged ({what}): restore a backup with `agent restore`")]
    Corrupt {
        /// File or endpoint.
        place: String,
        /// What was found, with the key or table.
        what: String,
    },
    /// The file belongs to another process or to a newer version: do not start.
    #[error("cannot open the store at {place}: {reason}")]
    Open {
        /// File or endpoint.
        place: String,
        /// Why.
        reason: String,
    },
}
