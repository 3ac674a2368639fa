//! A running watch as a handler reads it.
//!
//! It passes through up to three phases: what is there at the start (or what happened since a revision),
//! events that only the store still has, then its live queue. Bookmarks come when the queue is empty.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use tokio::time::{Instant, Sleep};

use super::hub::Hub;
use super::object::Object;
use super::selector::Selector;
use super::shard::{Shard, Transition};
use super::watchers::{Filter, Watcher};
use super::{Cache, CacheError, Result, When};
use crate::store::{Batch, Event, EventKind, EventStream, StoreError};

/// Where a watch begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WatchFrom {
    /// Behind this revision. Too old a revision yields [`crate::store::StoreError::Compacted`] as the first
    /// item, as the reference answers in the stream.
    Revision(u64),
    /// With an Added event for every object there at that moment. If `mark_end`, a bookmark follows them
    /// (`sendInitialEvents=true`).
    Objects {
        /// The moment.
        when: When,
        /// Whether the end of the initial events is marked.
        mark_end: bool,
    },
    /// With what happens from now on (`sendInitialEvents=false` without a revision).
    Now,
}

/// What to watch.
#[derive(Debug, Clone)]
pub struct WatchRequest {
    /// A resource's prefix, or with a namespace: `/registry/pods/` or `/registry/pods/default/`.
    pub scope: String,
    /// What to select.
    pub selector: Selector,
    /// The start.
    pub from: WatchFrom,
    /// A bookmark comes this often while nothing happens, and at the end of `timeout`; `None`: never.
    pub bookmarks: Option<Duration>,
    /// The watch ends after this time; `None`: it stays open.
    pub timeout: Option<Duration>,
}

impl WatchRequest {
    /// Every change below `scope` behind `revision`.
    pub fn since(scope: impl Into<String>, revision: u64) -> Self {
        Self {
            scope: scope.into(),
            selector: Selector::default(),
            from: WatchFrom::Revision(revision),
            bookmarks: None,
            timeout: None,
        }
    }
}

/// One event of a watch.
#[derive(Debug, Clone)]
pub enum WatchEvent {
    /// The object is new in the selection.
    Added(Arc<Object>),
    /// The object was changed and is still in the selection.
    Modified(Arc<Object>),
    /// The object was deleted or left the selection: its last selected state under the revision of that.
    Deleted(Arc<Object>),
    /// Everything up to this revision has been sent.
    Bookmark {
        /// The revision to go on from.
        revision: u64,
        /// Whether this is the end of the initial events (`k8s.io/initial-events-end`).
        initial_events_end: bool,
    },
}

/// A watch; a stream that ends with its timeout or after an error. Dropping it closes it.
pub struct Watch {
    hub: Arc<Hub>,
    shard: Arc<Shard>,
    watcher: Arc<Watcher>,
    filter: Filter,
    ready: VecDeque<WatchEvent>,
    /// The store's events up to a revision, where the live queue begins.
    older: Option<(EventStream, u64)>,
    bookmarks: Option<(Duration, Pin<Box<Sleep>>)>,
    deadline: Option<Pin<Box<Sleep>>>,
    ended: bool,
}

impl Cache {
    /// Starts a watch.
    ///
    /// # Errors
    /// The scope is unknown, the store cannot be reached, or the moment lies in the future.
    pub async fn watch(&self, request: WatchRequest) -> Result<Watch> {
        let hub = &self.hub;
        let shard = hub.ready(&request.scope).await?;
        let filter = Filter {
            scope: request.scope,
            selector: request.selector,
        };
        let (since, objects) = match request.from {
            WatchFrom::Revision(revision) => (Some(revision), false),
            WatchFrom::Now => {
                self.reach(When::Latest).await?;
                (None, false)
            }
            WatchFrom::Objects { when, .. } => {
                self.reach(when).await?;
                (None, true)
            }
        };
        let start = shard.register(filter.clone(), &hub.progress, since, objects);
        let sleep = |after: Duration| Box::pin(tokio::time::sleep(after));
        let mut watch = Watch {
            hub: hub.clone(),
            shard,
            watcher: start.watcher,
            filter,
            ready: start.objects.into_iter().map(WatchEvent::Added).collect(),
            older: None,
            bookmarks: request.bookmarks.map(|every| (every, sleep(every))),
            deadline: request.timeout.map(sleep),
            ended: false,
        };
        match (start.replay, since) {
            (Some(replay), _) => watch
                .ready
                .extend(replay.iter().filter_map(|t| watch.filter.event(t))),
            (None, since) => {
                let stream = hub
                    .store
                    .watch(&watch.filter.scope, since.unwrap_or_default() + 1)
                    .await?;
                watch.older = Some((stream, start.revision));
            }
        }
        if matches!(request.from, WatchFrom::Objects { mark_end: true, .. }) {
            watch.ready.push_back(WatchEvent::Bookmark {
                revision: start.revision,
                initial_events_end: true,
            });
        }
        Ok(watch)
    }
}

impl Watch {
    /// Takes over a batch from the store; the live queue has everything behind `until`.
    fn take_older(&mut self, batch: Batch, until: u64) {
        for event in batch.events.into_iter().filter(|e| e.revision() <= until) {
            let transition = self.transition(&event);
            self.ready.extend(self.filter.event(&transition));
        }
        if batch.revision >= until {
            self.older = None;
        }
    }

    fn transition(&self, event: &Event) -> Transition {
        let object = |entry| self.shard.object(entry);
        let new = match event.kind {
            EventKind::Put => object(&event.entry),
            EventKind::Delete => None,
        };
        Transition::new(event.revision(), event.previous.as_ref().and_then(object), new)
    }

    fn fail(&mut self, error: CacheError) -> Poll<Option<Result<WatchEvent>>> {
        self.ended = true;
        Poll::Ready(Some(Err(error)))
    }

    /// The next event that is there without waiting for a timer.
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<WatchEvent>>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(event)));
            }
            let Some((stream, until)) = &mut self.older else {
                break;
            };
            let until = *until;
            match stream.poll_next_unpin(cx) {
                Poll::Ready(Some(Ok(batch))) => self.take_older(batch, until),
                Poll::Ready(Some(Err(error))) => return self.fail(too_old(error)),
                Poll::Ready(None) => return self.fail(CacheError::Lost),
                Poll::Pending => return Poll::Pending,
            }
        }
        self.watcher.waker.register(cx.waker());
        match self.watcher.take() {
            Some(Ok(event)) => Poll::Ready(Some(Ok(event))),
            Some(Err(error)) => self.fail(error),
            None => Poll::Pending,
        }
    }

    fn bookmark(revision: u64) -> WatchEvent {
        WatchEvent::Bookmark {
            revision,
            initial_events_end: false,
        }
    }
}

/// The store was asked for the first event, the client for what it has seen: one less.
fn too_old(error: StoreError) -> CacheError {
    match error {
        StoreError::Compacted { requested, oldest } => StoreError::Compacted {
            requested: requested.saturating_sub(1),
            oldest,
        }
        .into(),
        error => error.into(),
    }
}

impl Stream for Watch {
    type Item = Result<WatchEvent>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.ended {
            return Poll::Ready(None);
        }
        // Read before the queue is found empty: then all up to it has been taken.
        let applied = this.hub.progress.applied();
        if let Poll::Ready(event) = this.poll_event(cx) {
            return Poll::Ready(event);
        }
        let caught_up = this.older.is_none();
        if let Some(deadline) = &mut this.deadline
            && deadline.as_mut().poll(cx).is_ready()
        {
            this.ended = true;
            let last = this.bookmarks.is_some() && caught_up;
            return Poll::Ready(last.then(|| Ok(Self::bookmark(applied))));
        }
        if let Some((every, timer)) = &mut this.bookmarks
            && timer.as_mut().poll(cx).is_ready()
        {
            timer.as_mut().reset(Instant::now() + *every);
            // Registers the reset timer, which would not wake anybody otherwise.
            let _ = timer.as_mut().poll(cx);
            if caught_up {
                return Poll::Ready(Some(Ok(Self::bookmark(applied))));
            }
        }
        Poll::Pending
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.shard.unregister(&self.watcher);
    }
}
