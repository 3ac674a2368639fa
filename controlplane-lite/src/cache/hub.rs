//! What all parts of the cache share: the shards by prefix and the progress.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use parking_lot::RwLock;

use super::progress::Progress;
use super::resource::Resource;
use super::shard::Shard;
use super::{CacheError, Options, Result};
use crate::store::{Store, StoreError};

pub(super) struct Hub {
    pub(super) store: Arc<dyn Store>,
    pub(super) options: Options,
    pub(super) progress: Progress,
    shards: RwLock<BTreeMap<String, Arc<Shard>>>,
}

impl Hub {
    pub(super) fn new(store: Arc<dyn Store>, options: Options) -> Self {
        Self {
            store,
            options,
            progress: Progress::default(),
            shards: RwLock::default(),
        }
    }

    /// Adds an empty shard that gathers events until it is loaded.
    pub(super) fn insert(&self, resource: Resource) -> Arc<Shard> {
        let shard = Arc::new(Shard::new(resource, &self.options));
        let replaced = self
            .shards
            .write()
            .insert(shard.resource.prefix.clone(), shard.clone());
        if let Some(replaced) = replaced {
            replaced.end_watches();
        }
        shard
    }

    pub(super) fn remove(&self, prefix: &str) {
        let removed = self.shards.write().remove(prefix);
        if let Some(removed) = removed {
            removed.end_watches();
        }
    }

    pub(super) fn shards(&self) -> Vec<Arc<Shard>> {
        self.shards.read().values().cloned().collect()
    }

    /// The shard a key or a scope belongs to: the longest prefix that fits.
    pub(super) fn find(&self, key: &str) -> Option<Arc<Shard>> {
        let shards = self.shards.read();
        let mut below = (Bound::Unbounded, Bound::Included(key));
        // Prefixes that are no prefix of the key may sort in between; each step shortens what is left.
        while let Some((prefix, shard)) = shards.range::<str, _>(below).next_back() {
            if key.starts_with(prefix.as_str()) {
                return Some(shard.clone());
            }
            let common = key
                .bytes()
                .zip(prefix.bytes())
                .take_while(|(a, b)| a == b)
                .count();
            let mut end = common.min(key.len());
            while !key.is_char_boundary(end) {
                end -= 1;
            }
            below.1 = Bound::Included(&key[..end]);
        }
        None
    }

    /// The loaded shard of a key or scope.
    pub(super) async fn ready(&self, key: &str) -> Result<Arc<Shard>> {
        let shard = self
            .find(key)
            .ok_or_else(|| CacheError::UnknownPrefix(key.to_owned()))?;
        shard.loaded().await;
        Ok(shard)
    }

    /// Waits until the events up to `revision` are applied, if the store has reached it.
    pub(super) async fn catch_up(&self, revision: u64) -> Result<()> {
        if self.progress.applied() >= revision {
            return Ok(());
        }
        let reached = async {
            // The event is on its way, most likely; progress has its price on some engines. It is asked for
            // again now and then: the request may have gone to a server that left.
            let mut pause = self.options.patience / 100;
            while tokio::time::timeout(pause, self.progress.reached(revision))
                .await
                .is_err()
            {
                self.store.request_progress().await?;
                pause = self.options.patience / 10;
            }
            Ok(())
        };
        match tokio::time::timeout(self.options.patience, reached).await {
            Ok(result) => result,
            Err(_) => {
                let current = self.progress.applied();
                Err(StoreError::Future {
                    requested: revision,
                    current,
                }
                .into())
            }
        }
    }

    /// Waits until everything that was written before this call is applied.
    pub(super) async fn catch_up_to_latest(&self) -> Result<()> {
        let revision = self.store.revision().await?;
        match self.catch_up(revision).await {
            Err(CacheError::Store(StoreError::Future { requested, current })) => {
                let reason = format!("its events stopped at revision {current}, it is at {requested}");
                Err(StoreError::Unavailable {
                    place: "the watch".to_owned(),
                    reason,
                }
                .into())
            }
            result => result,
        }
    }
}
