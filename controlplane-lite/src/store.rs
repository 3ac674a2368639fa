//! The store: keys and JSON bytes under one revision counter, behind one trait with two engines.
//!
//! Purpose: what a Kubernetes API server needs of etcd v3, no more: compare-and-swap on one key, lists at
//! one revision with a place to continue, watches from a revision, compaction.
//!
//! Invariants every engine keeps (the contract tests in `store/contract.rs` run against each of them):
//! - There is one revision counter for the whole store. It is 1 in an empty store and grows by exactly one
//!   per successful write; a failed write leaves it alone.
//! - A write that was answered with `Ok` is on stable storage and is seen by every later read.
//! - A watch delivers every event of its prefix exactly once, in revision order, without gaps, or ends with
//!   an error.
//! - Values are opaque here and come back byte for byte.
//!
//! Out of scope: objects, selectors and resource versions inside JSON (see [`crate::cache`]).

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;

#[cfg(test)]
mod contract;
pub mod embedded;
mod error;
pub mod etcd;

pub use embedded::{Embedded, EmbeddedOptions};
pub use error::StoreError;
pub use etcd::{Etcd, EtcdOptions, EtcdTimes, EtcdTls};

/// Result of a store operation.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// The revision of a store that was never written to.
pub const FIRST_REVISION: u64 = 1;

/// One key with its value, as it was at some revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Full key, for instance `/registry/pods/default/web-0`.
    pub key: Arc<str>,
    /// The bytes as they were put.
    pub value: Bytes,
    /// Revision at which the key came into being (for the last time, if it was deleted in between).
    pub create_revision: u64,
    /// Revision of the write that made this value.
    pub mod_revision: u64,
}

/// The condition under which a write happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// The key does not exist: otherwise [`StoreError::Exists`].
    Absent,
    /// The key's last write has this revision: otherwise [`StoreError::Conflict`] or [`StoreError::Absent`].
    Revision(u64),
}

/// The moment a read looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// Now: every write answered before the read began is seen.
    Latest,
    /// Exactly this revision: [`StoreError::Compacted`] if it is gone, [`StoreError::Future`] if it is not
    /// reached yet.
    Exactly(u64),
    /// This revision or any later one: [`StoreError::Future`] if it is not reached yet.
    NotOlderThan(u64),
}

/// What to list. Keys come in byte order.
#[derive(Debug, Clone)]
pub struct ListQuery {
    /// Every key that starts with this is meant; ends with `/` for a directory.
    pub prefix: String,
    /// The moment to look at.
    pub at: At,
    /// Continue behind this key (it need not exist any more).
    pub start_after: Option<String>,
    /// At most so many entries; 0 means all.
    pub limit: usize,
}

impl ListQuery {
    /// Everything below `prefix` now.
    pub fn all(prefix: impl Into<String>) -> Self {
        Self {
            prefix: prefix.into(),
            at: At::Latest,
            start_after: None,
            limit: 0,
        }
    }
}

/// One page of a list.
#[derive(Debug, Clone)]
pub struct Page {
    /// The entries, in key order.
    pub entries: Vec<Entry>,
    /// The revision all of them were read at. Continue with [`At::Exactly`] of it.
    pub revision: u64,
    /// How many entries follow the last one of this page at this revision.
    pub remaining: u64,
    /// Where to continue ([`ListQuery::start_after`]); `None` on the last page.
    pub next: Option<String>,
}

/// Answer to [`Store::get`].
#[derive(Debug, Clone)]
pub struct Lookup {
    /// The entry, if the key exists at that moment.
    pub entry: Option<Entry>,
    /// The store's revision the answer is true for.
    pub revision: u64,
}

/// What happened to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// Created (if [`Event::previous`] is `None`) or changed.
    Put,
    /// Deleted.
    Delete,
}

/// One change of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// For a put the new entry. For a delete the key with an empty value, `mod_revision` being the
    /// revision of the delete and `create_revision` 0.
    pub entry: Entry,
    /// The entry as it was just before, `None` when the key did not exist.
    pub previous: Option<Entry>,
}

impl Event {
    /// Revision of this change.
    pub fn revision(&self) -> u64 {
        self.entry.mod_revision
    }
}

/// A piece of a watch.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Events in revision order; empty when this only reports progress.
    pub events: Vec<Event>,
    /// Every event of the watched prefix up to and including this revision has now been delivered.
    pub revision: u64,
}

/// A running watch. After an error the stream ends.
pub type EventStream = Pin<Box<dyn Stream<Item = Result<Batch>> + Send>>;

/// A write of one value.
#[derive(Debug, Clone)]
pub struct Put {
    /// Full key.
    pub key: Arc<str>,
    /// Condition.
    pub expect: Expect,
    /// New value.
    pub value: Bytes,
    /// The key deletes itself after this time (seconds are the resolution, it may live up to a minute
    /// longer), unless it is put again. `None`: it stays. Kubernetes uses it for events.
    pub ttl: Option<Duration>,
}

/// The seam between the API machinery and a storage engine.
///
/// Guarantees: see the module's invariants. All methods may be called concurrently. Dropping a returned
/// future does not undo a write that was already handed over.
#[tonic::async_trait]
pub trait Store: Send + Sync + 'static {
    /// Reads one key.
    async fn get(&self, key: &str, at: At) -> Result<Lookup>;

    /// Lists one page of a prefix at one revision.
    async fn list(&self, query: ListQuery) -> Result<Page>;

    /// Writes one key if its condition holds; answers the revision of the write.
    async fn put(&self, put: Put) -> Result<u64>;

    /// Deletes one key if its last write has revision `expected`; answers the revision of the delete.
    async fn delete(&self, key: &str, expected: u64) -> Result<u64>;

    /// Watches a prefix: first the stored events from `from` (inclusive), then the ones to come.
    /// `from` may lie in the future by one: "everything after what I have seen" is `seen + 1`.
    /// [`StoreError::Compacted`] comes as the first item when `from` is not kept any more.
    async fn watch(&self, prefix: &str, from: u64) -> Result<EventStream>;

    /// The current revision, linearizable: at least that of every write answered before the call.
    async fn revision(&self) -> Result<u64>;

    /// Makes sure that every open watch soon delivers a [`Batch`] whose `revision` is at least the
    /// current one, even if nothing happens below its prefix.
    async fn request_progress(&self) -> Result<()>;

    /// Forgets versions and events up to `upto` (inclusive), except what is needed to read at `upto` and
    /// later. Reads below it fail with [`StoreError::Compacted`] from now on. Not an error if already done.
    async fn compact(&self, upto: u64) -> Result<()>;

    /// The time-driven side of compaction: called every few minutes; the engine compacts to the revision
    /// that was current at the call before. Several API servers on one etcd agree on who does it.
    async fn compact_previous(&self) -> Result<()>;
}
