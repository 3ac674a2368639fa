//! The cache between the API handlers and the [`Store`]: every object once, as JSON bytes that lists and
//! watches share.
//!
//! Expected flow: [`Cache::start`] loads the resources it is given and follows the store's events. Handlers
//! read with [`Cache::get`] and [`Cache::list`], write with [`Cache::create`], [`Cache::mutate`] and
//! [`Cache::delete`], and hand out [`Cache::watch`].
//!
//! Guarantees:
//! - A read at [`When::Latest`] sees every write that was answered before it began, by whichever API server
//!   on the same store. A write that was answered through this cache is also seen by [`When::Cached`].
//! - A list is true at exactly the revision it names; pages behind it are read at the same revision.
//! - A watch yields each change of its selection once and in order, or ends. Changes into and out of a
//!   selection appear as Added and Deleted, as the reference does it.
//! - A watcher that does not read is ended and disturbs no other.
//!
//! Caveats: stored bytes that are no JSON object are left out and reported in the log.
//! Out of scope: what an object means, HTTP, `Status`.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::AbortHandle;

use crate::store::{Store, StoreError};

mod feed;
mod hub;
mod json;
mod object;
mod peek;
mod progress;
mod read;
mod resource;
mod selector;
mod shard;
mod watch;
mod watchers;
mod write;

pub use json::{Malformed, find as find_members};
pub use object::{Object, Pairs};
pub use read::{ListRequest, Listing, When};
pub use resource::{ComputeField, Resource};
pub use selector::{FieldRequirement, Op, Requirement, Selector, SelectorError};
pub use watch::{Watch, WatchEvent, WatchFrom, WatchRequest};
pub use write::{Change, Outcome};

/// What went wrong in the cache.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CacheError {
    /// The store refused or failed. [`StoreError::Compacted`] is "too old resource version: X (Y)" with X the
    /// requested and Y the oldest revision (410); [`StoreError::Future`] is "Too large resource version" (504).
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No resource with this prefix was given to the cache.
    #[error("no resource is stored at {0}")]
    UnknownPrefix(String),
    /// The bytes under a key, or the bytes to be written there, are no JSON object with metadata.
    #[error("the value of {key} cannot be read")]
    Undecodable {
        /// The key.
        key: String,
        /// Where it is wrong.
        source: Malformed,
    },
    /// The watcher did not read fast enough and was ended.
    #[error("the watcher read too slowly and {0} events had gathered")]
    Slow(usize),
    /// The event stream had a gap (the store was away for too long): list and watch anew.
    #[error("events were lost, the watch has to start anew")]
    Lost,
}

/// Result of a cache operation.
pub type Result<T, E = CacheError> = std::result::Result<T, E>;

/// Limits of a [`Cache`].
#[derive(Debug, Clone)]
pub struct Options {
    /// All keys of the API live below this.
    pub root: String,
    /// Events that may gather for one watcher before it is ended.
    pub watcher_queue: usize,
    /// Recent events kept in memory per resource; older ones come from the store.
    pub window_events: usize,
    /// Bytes of superseded objects those events may keep alive, per resource.
    pub window_bytes: usize,
    /// How often the store forgets the history before the last time (the reference: five minutes); `None`: not
    /// from here.
    pub compaction: Option<Duration>,
    /// How long a read waits for the events of a revision the store has reached.
    pub patience: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            root: "/registry/".to_owned(),
            watcher_queue: 4096,
            window_events: 4096,
            window_bytes: 2 << 20,
            compaction: Some(Duration::from_mins(5)),
            patience: Duration::from_secs(3),
        }
    }
}

/// Handle of the cache; clones share it. It stops following the store when the last one is dropped.
#[derive(Clone)]
pub struct Cache {
    hub: Arc<hub::Hub>,
    _tasks: Arc<[EndOnDrop]>,
}

struct EndOnDrop(AbortHandle);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Lets the store forget old history, for as long as the cache lives.
async fn compact(store: Arc<dyn Store>, every: Duration) {
    let mut timer = tokio::time::interval(every);
    timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        timer.tick().await;
        if let Err(error) = store.compact_previous().await {
            tracing::warn!(%error, "the store could not be compacted, it is tried again next time");
        }
    }
}

impl Cache {
    /// Loads every object of `resources` and starts to follow the store.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn start(store: Arc<dyn Store>, resources: Vec<Resource>, options: Options) -> Result<Self> {
        let hub = Arc::new(hub::Hub::new(store, options));
        let mut tasks = vec![EndOnDrop(feed::start(hub.clone()).await?)];
        tasks.extend(
            hub.options
                .compaction
                .map(|every| EndOnDrop(tokio::spawn(compact(hub.store.clone(), every)).abort_handle())),
        );
        let cache = Self {
            hub,
            _tasks: tasks.into(),
        };
        let shards = resources
            .into_iter()
            .map(|r| cache.hub.insert(r))
            .collect::<Vec<_>>();
        for shard in shards {
            feed::load(&cache.hub, &shard).await?;
        }
        Ok(cache)
    }

    /// Adds a resource while running (custom resources). Replaces one with the same prefix.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn add(&self, resource: Resource) -> Result<()> {
        let shard = self.hub.insert(resource);
        feed::load(&self.hub, &shard).await
    }

    /// Forgets a resource and ends its watches. What is stored stays.
    pub fn remove(&self, prefix: &str) {
        self.hub.remove(prefix);
    }

    /// The store below.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.hub.store
    }

    /// The revision this cache has caught up to.
    pub fn revision(&self) -> u64 {
        self.hub.progress.applied()
    }

    /// How many watches are open, by resource prefix (for metrics).
    pub fn watch_counts(&self) -> Vec<(String, usize)> {
        self.hub
            .shards()
            .iter()
            .map(|s| (s.resource.prefix.clone(), s.watcher_count()))
            .collect()
    }

    /// How many objects there are, by resource prefix (for metrics).
    pub fn object_counts(&self) -> Vec<(String, usize)> {
        self.hub
            .shards()
            .iter()
            .map(|s| (s.resource.prefix.clone(), s.len()))
            .collect()
    }
}

#[cfg(test)]
mod tests;
