//! The task that follows the store and the loads.
//!
//! Invariant: the feed is opened before anything is loaded, and a shard keeps the events that come while it
//! loads, so nothing falls between a load and the events behind it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::task::{AbortHandle, JoinHandle};

use super::hub::Hub;
use super::object::Object;
use super::shard::Shard;
use super::{CacheError, Result};
use crate::store::{At, Batch, Entry, EventStream, ListQuery, Store, StoreError};

/// Entries per page of a load: large enough to be cheap, small enough to overlap reading and decoding.
const LOAD_PAGE: usize = 2000;

/// First and longest pause before the store is tried again.
const RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// Opens the feed at the current revision and starts to follow it.
pub(super) async fn start(hub: Arc<Hub>) -> Result<AbortHandle> {
    let revision = hub.store.revision().await?;
    hub.progress.advance(revision);
    let stream = hub.store.watch(&hub.options.root, revision + 1).await?;
    Ok(tokio::spawn(follow(hub, stream)).abort_handle())
}

async fn follow(hub: Arc<Hub>, mut stream: EventStream) {
    loop {
        while let Some(batch) = stream.next().await {
            match batch {
                Ok(batch) => apply(&hub, batch),
                Err(error) => {
                    tracing::warn!(%error, "the watch of the store broke off");
                    break;
                }
            }
        }
        stream = reopen(&hub).await;
    }
}

fn apply(hub: &Hub, batch: Batch) {
    for event in batch.events {
        if let Some(shard) = hub.find(&event.entry.key) {
            shard.apply(event);
        }
    }
    hub.progress.advance(batch.revision);
}

/// Opens the feed again where it ended; if that is compacted away, everything is loaded anew.
async fn reopen(hub: &Arc<Hub>) -> EventStream {
    let mut pause = RETRY.0;
    loop {
        match try_reopen(hub).await {
            Ok(stream) => return stream,
            Err(error) => tracing::warn!(%error, "the store cannot be followed, trying again"),
        }
        tokio::time::sleep(pause.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
        pause = (pause * 2).min(RETRY.1);
    }
}

async fn try_reopen(hub: &Arc<Hub>) -> Result<EventStream> {
    let next = hub.progress.applied() + 1;
    let mut stream = hub.store.watch(&hub.options.root, next).await?;
    hub.store.request_progress().await?;
    // The first item tells whether the start is still kept.
    match stream.next().await {
        Some(Ok(batch)) => {
            apply(hub, batch);
            return Ok(stream);
        }
        Some(Err(StoreError::Compacted { .. })) => {}
        Some(Err(error)) => return Err(error.into()),
        None => return Err(CacheError::Lost),
    }
    tracing::warn!(
        next,
        "the store has forgotten events that were missed, loading anew"
    );
    let revision = hub.store.revision().await?;
    let stream = hub.store.watch(&hub.options.root, revision + 1).await?;
    let shards = hub.shards();
    shards.iter().for_each(|shard| shard.unload());
    for shard in shards {
        load(hub, &shard).await?;
    }
    hub.progress.advance(revision);
    Ok(stream)
}

/// Loads all objects of a shard, reading one page while the one before is decoded.
pub(super) async fn load(hub: &Hub, shard: &Arc<Shard>) -> Result<()> {
    loop {
        match try_load(&*hub.store, shard).await {
            // A compaction overtook the pages; the next try reads a newer revision.
            Err(CacheError::Store(StoreError::Compacted { .. })) => {}
            result => return result,
        }
    }
}

async fn try_load(store: &dyn Store, shard: &Arc<Shard>) -> Result<()> {
    let mut query = ListQuery {
        limit: LOAD_PAGE,
        ..ListQuery::all(shard.resource.prefix.clone())
    };
    let mut decoded = Vec::new();
    let revision = loop {
        let page = store.list(query.clone()).await?;
        decoded.push(decode(shard.clone(), page.entries));
        let Some(next) = page.next else {
            break page.revision;
        };
        query = ListQuery {
            at: At::Exactly(page.revision),
            start_after: Some(next),
            ..query
        };
    };
    let mut objects = Vec::with_capacity(decoded.len() * LOAD_PAGE);
    for part in decoded {
        objects.extend(part.await.map_err(|_| CacheError::Lost)?);
    }
    shard.finish_load(objects, revision);
    Ok(())
}

fn decode(shard: Arc<Shard>, entries: Vec<Entry>) -> JoinHandle<Vec<Arc<Object>>> {
    tokio::task::spawn_blocking(move || entries.iter().filter_map(|e| shard.object(e)).collect())
}
