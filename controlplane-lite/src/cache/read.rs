//! Reading one object and lists.

use std::sync::Arc;

use super::object::Object;
use super::selector::Selector;
use super::shard::{Selection, Shard, Span};
use super::watchers::Filter;
use super::{Cache, CacheError, Result};
use crate::store::{At, ListQuery};

/// Entries read from the store at once when a list goes through its versions.
const PAGE: usize = 500;

/// The moment a read looks at, as `resourceVersion` and `resourceVersionMatch` say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Now, consistent (`resourceVersion` not given).
    Latest,
    /// Whatever the cache holds (`resourceVersion=0`).
    Cached,
    /// This revision or a later one. [`crate::store::StoreError::Future`] if the store does not get there in time.
    NotOlderThan(u64),
    /// Exactly this revision (also for continue tokens). [`crate::store::StoreError::Compacted`] if it is gone.
    Exactly(u64),
}

/// What to list.
#[derive(Debug, Clone)]
pub struct ListRequest {
    /// A resource's prefix, or with a namespace: `/registry/pods/` or `/registry/pods/default/`.
    pub scope: String,
    /// The moment.
    pub when: When,
    /// What to select.
    pub selector: Selector,
    /// Continue behind this key.
    pub start_after: Option<String>,
    /// At most so many objects; 0 means all.
    pub limit: usize,
}

impl ListRequest {
    /// Everything below `scope` now.
    pub fn all(scope: impl Into<String>) -> Self {
        Self {
            scope: scope.into(),
            when: When::Latest,
            selector: Selector::default(),
            start_after: None,
            limit: 0,
        }
    }
}

/// Answer to a list.
#[derive(Debug, Clone)]
pub struct Listing {
    /// The objects in key order.
    pub objects: Vec<Arc<Object>>,
    /// The list's resource version; continue with [`When::Exactly`] of it.
    pub revision: u64,
    /// Where to continue, if there is more.
    pub next: Option<String>,
    /// `remainingItemCount`: how many objects follow; not known with a selector.
    pub remaining: Option<u64>,
}

impl Cache {
    /// Reads one object. [`When::Exactly`] counts as [`When::NotOlderThan`]: a single object has no history
    /// in the API.
    ///
    /// # Errors
    /// The store cannot be reached, or the revision lies in the future.
    pub async fn get(&self, key: &str, when: When) -> Result<Option<Arc<Object>>> {
        let shard = self.hub.ready(key).await?;
        self.reach(when).await?;
        Ok(shard.get(key))
    }

    /// Lists objects.
    ///
    /// # Errors
    /// The store cannot be reached, or the revision is compacted or lies in the future.
    pub async fn list(&self, request: ListRequest) -> Result<Listing> {
        let shard = self.hub.ready(&request.scope).await?;
        self.reach(request.when).await?;
        let exactly = if let When::Exactly(revision) = request.when {
            Some(revision)
        } else {
            None
        };
        let plain = request.selector.is_empty();
        let want = Filter {
            scope: request.scope,
            selector: request.selector,
        };
        let span = Span {
            want,
            start_after: request.start_after,
            limit: request.limit,
        };
        let selection = match (shard.select(&span, &self.hub.progress, exactly), exactly) {
            (Some(selection), _) => selection,
            (None, Some(revision)) => self.select_at(&shard, span, revision).await?,
            (None, None) => return Err(CacheError::Lost),
        };
        let next = if selection.more {
            selection.objects.last().map(|o| o.key.to_string())
        } else {
            None
        };
        let remaining = (plain && next.is_some()).then_some(selection.behind as u64);
        Ok(Listing {
            objects: selection.objects,
            revision: selection.revision,
            next,
            remaining,
        })
    }

    /// Waits until the cache may answer for that moment.
    pub(super) async fn reach(&self, when: When) -> Result<()> {
        match when {
            When::Cached => Ok(()),
            When::Latest => self.hub.catch_up_to_latest().await,
            When::NotOlderThan(revision) | When::Exactly(revision) => self.hub.catch_up(revision).await,
        }
    }

    /// Selects from the store's versions. Objects that are unchanged since are shared with the cache.
    async fn select_at(&self, shard: &Shard, span: Span, revision: u64) -> Result<Selection> {
        let Span {
            want,
            start_after,
            limit,
        } = span;
        let full = |n: usize| limit != 0 && n == limit;
        let mut found = Selection {
            objects: Vec::new(),
            revision,
            behind: 0,
            more: false,
        };
        let mut query = ListQuery {
            prefix: want.scope.clone(),
            at: At::Exactly(revision),
            start_after,
            limit: if limit == 0 || !want.selector.is_empty() {
                PAGE
            } else {
                limit
            },
        };
        loop {
            let page = self.hub.store.list(query.clone()).await?;
            let mut entries = page.entries.into_iter();
            for entry in entries.by_ref() {
                let kept = shard.get(&entry.key).filter(|o| o.revision == entry.mod_revision);
                let Some(object) = kept.or_else(|| shard.object(&entry)) else {
                    continue;
                };
                if !want.selector.matches(&object) {
                } else if full(found.objects.len()) {
                    found.more = true;
                    return Ok(found);
                } else {
                    found.objects.push(object);
                }
            }
            let plain_and_full = want.selector.is_empty() && full(found.objects.len());
            let Some(next) = page.next else { return Ok(found) };
            if plain_and_full {
                found.behind = usize::try_from(page.remaining).unwrap_or(usize::MAX);
                found.more = found.behind > 0;
                return Ok(found);
            }
            query.start_after = Some(next);
        }
    }
}
