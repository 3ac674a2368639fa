//! Writing objects: create, and read-decide-write until nobody interfered.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::object::Object;
use super::shard::Shard;
use super::{Cache, CacheError, Result, When};
use crate::store::{Entry, Expect, Put, StoreError};

/// What a [`Cache::mutate`] closure wants done.
#[derive(Debug, Clone)]
pub enum Change {
    /// Store these bytes (JSON without a resource version). Nothing is written if they are stored already.
    Put(Bytes),
    /// The same for an object that deletes itself after a time.
    PutFor(Bytes, Duration),
    /// Delete the object.
    Delete,
    /// Leave everything as it is (a dry run, nothing to do).
    Nothing,
}

/// What came of it.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// The object is new; as stored.
    Created(Arc<Object>),
    /// The object was changed; as stored.
    Updated(Arc<Object>),
    /// Nothing was written; the object as it is, if there is one.
    Unchanged(Option<Arc<Object>>),
    /// The object is gone; its last state under the revision of its delete.
    Deleted(Arc<Object>),
}

impl Outcome {
    /// The object of the outcome, if there is one.
    pub fn object(&self) -> Option<&Arc<Object>> {
        match self {
            Self::Created(object) | Self::Updated(object) | Self::Deleted(object) => Some(object),
            Self::Unchanged(object) => object.as_ref(),
        }
    }
}

impl Cache {
    /// Creates an object from its JSON (without a resource version).
    ///
    /// # Errors
    /// [`StoreError::Exists`], or what else the store says.
    pub async fn create(&self, key: &str, json: Bytes, ttl: Option<Duration>) -> Result<Arc<Object>> {
        let shard = self.hub.ready(key).await?;
        self.put(
            &shard,
            Put {
                key: key.into(),
                expect: Expect::Absent,
                value: json,
                ttl,
            },
        )
        .await
    }

    /// Reads the object (consistently), asks `attempt` what to do, and does it if nobody wrote in between;
    /// else asks again with what is there now. `attempt` gets `None` when there is no such object.
    ///
    /// Caveat: `attempt` may run several times, also its side effects.
    ///
    /// # Errors
    /// Those of `attempt`, and of the store; never a conflict.
    pub async fn mutate<E, F, Fut>(&self, key: &str, mut attempt: F) -> Result<Outcome, E>
    where
        E: From<CacheError>,
        F: FnMut(Option<Arc<Object>>) -> Fut,
        Fut: Future<Output = Result<Change, E>>,
    {
        let shard = self.hub.ready(key).await?;
        let mut current = self.get(key, When::Latest).await?;
        loop {
            let change = attempt(current.clone()).await?;
            match self.change(&shard, key, current, change).await {
                Ok(outcome) => return Ok(outcome),
                Err(error) => current = interfered(&shard, error)?,
            }
        }
    }

    /// Deletes an object if `check` lets it.
    ///
    /// # Errors
    /// [`StoreError::Absent`], those of `check`, or what else the store says.
    pub async fn delete<E, F>(&self, key: &str, mut check: F) -> Result<Arc<Object>, E>
    where
        E: From<CacheError>,
        F: FnMut(&Object) -> Result<(), E>,
    {
        let attempt = |object: Option<Arc<Object>>| {
            let answer = match object {
                Some(object) => check(&object).map(|()| Change::Delete),
                None => Err(CacheError::from(StoreError::Absent { key: key.to_owned() }).into()),
            };
            std::future::ready(answer)
        };
        match self.mutate(key, attempt).await? {
            Outcome::Deleted(object) => Ok(object),
            _ => Err(CacheError::from(StoreError::Absent { key: key.to_owned() }).into()),
        }
    }

    async fn change(
        &self,
        shard: &Shard,
        key: &str,
        current: Option<Arc<Object>>,
        change: Change,
    ) -> Result<Outcome> {
        let (value, ttl) = match change {
            Change::Nothing => return Ok(Outcome::Unchanged(current)),
            Change::Put(json) if current.as_ref().is_some_and(|o| o.is_stored_as(&json)) => {
                return Ok(Outcome::Unchanged(current));
            }
            Change::Delete => {
                let Some(current) = current else {
                    return Ok(Outcome::Unchanged(None));
                };
                return self.remove_object(&current).await;
            }
            Change::Put(json) => (json, None),
            Change::PutFor(json, ttl) => (json, Some(ttl)),
        };
        let expect = current
            .as_ref()
            .map_or(Expect::Absent, |o| Expect::Revision(o.revision));
        let object = self
            .put(
                shard,
                Put {
                    key: key.into(),
                    expect,
                    value,
                    ttl,
                },
            )
            .await?;
        Ok(if current.is_some() {
            Outcome::Updated(object)
        } else {
            Outcome::Created(object)
        })
    }

    async fn remove_object(&self, current: &Object) -> Result<Outcome> {
        let revision = self.hub.store.delete(&current.key, current.revision).await?;
        self.settle(revision).await;
        Ok(Outcome::Deleted(Arc::new(current.at_revision(revision))))
    }

    async fn put(&self, shard: &Shard, put: Put) -> Result<Arc<Object>> {
        let Put {
            key, expect, value, ..
        } = put.clone();
        let undecodable = |source| CacheError::Undecodable {
            key: key.to_string(),
            source,
        };
        // Refused before it is written: what the cache cannot read must not get into the store.
        shard.resource.read(&value).map_err(undecodable)?;
        let revision = self.hub.store.put(put).await?;
        self.settle(revision).await;
        if let Some(object) = shard.get(&key).filter(|o| o.revision == revision) {
            return Ok(object);
        }
        let create_revision = if expect == Expect::Absent { revision } else { 0 };
        let entry = Entry {
            key: key.clone(),
            value,
            create_revision,
            mod_revision: revision,
        };
        Object::new(&entry, &shard.resource)
            .map(Arc::new)
            .map_err(undecodable)
    }

    /// Waits a while for the own write to be applied, so that cached reads see it. The write is done either
    /// way.
    async fn settle(&self, revision: u64) {
        if let Err(error) = self.hub.catch_up(revision).await {
            tracing::warn!(revision, %error, "a write is done but its event has not come yet");
        }
    }
}

/// What is there now after somebody else's write; any other error goes to the caller.
fn interfered(shard: &Shard, error: CacheError) -> Result<Option<Arc<Object>>> {
    match error {
        CacheError::Store(StoreError::Conflict { current } | StoreError::Exists { current }) => {
            let undecodable = |source| CacheError::Undecodable {
                key: current.key.to_string(),
                source,
            };
            Object::new(&current, &shard.resource)
                .map(|o| Some(Arc::new(o)))
                .map_err(undecodable)
        }
        CacheError::Store(StoreError::Absent { .. }) => Ok(None),
        other => Err(other),
    }
}
