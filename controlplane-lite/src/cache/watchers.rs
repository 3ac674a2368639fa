//! Who watches a shard, found by what changed, and the queue each of them reads from.
//!
//! Most watchers are kubelets that want one node's pods or one object each. So watchers lie in buckets (a
//! directory, a key, a value of the indexed field) and a change touches the buckets it can concern, not all
//! watchers.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;

use super::CacheError;
use super::object::Object;
use super::resource::Resource;
use super::selector::Selector;
use super::shard::Transition;
use super::watch::WatchEvent;

/// What one watcher wants to see.
#[derive(Debug, Clone)]
pub(super) struct Filter {
    pub(super) scope: String,
    pub(super) selector: Selector,
}

impl Filter {
    pub(super) fn matches(&self, object: &Object) -> bool {
        object.key.starts_with(self.scope.as_str()) && self.selector.matches(object)
    }

    /// What a change means to this watcher; the reference's `watchFilterObject`.
    pub(super) fn event(&self, change: &Transition) -> Option<WatchEvent> {
        let new = change.new.as_ref().filter(|o| self.matches(o));
        let old = change.old.as_ref().filter(|o| self.matches(o));
        match (new, old) {
            (Some(new), None) => Some(WatchEvent::Added(new.clone())),
            (Some(new), Some(_)) => Some(WatchEvent::Modified(new.clone())),
            (None, Some(old)) => Some(WatchEvent::Deleted(change.deleted(old))),
            (None, None) => None,
        }
    }
}

/// Where a watcher is looked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Bucket {
    /// Keys that start with this, which ends with `/`.
    Directory(String),
    Key(String),
    /// Objects whose indexed field has this value.
    Field(String),
}

impl Bucket {
    fn of(filter: &Filter, resource: &Resource) -> Self {
        let whole_directory = !resource.namespaced || filter.scope.len() > resource.prefix.len();
        if let Some(name) = filter.selector.exact("metadata.name").filter(|_| whole_directory) {
            return Self::Key(format!("{}{name}", filter.scope));
        }
        if let Some(value) = resource
            .index
            .as_deref()
            .and_then(|field| filter.selector.exact(field))
        {
            return Self::Field(value.to_owned());
        }
        Self::Directory(filter.scope.clone())
    }

    /// Every bucket in which a change can be of interest, none twice.
    fn concerned(change: &Transition, resource: &Resource) -> Vec<Self> {
        let Some(object) = change.new.as_ref().or(change.old.as_ref()) else {
            return Vec::new();
        };
        let key = &*object.key;
        let mut out = vec![
            Self::Key(key.to_owned()),
            Self::Directory(resource.prefix.clone()),
        ];
        let below = &key[resource.prefix.len()..];
        out.extend(
            below
                .find('/')
                .map(|i| Self::Directory(key[..=resource.prefix.len() + i].to_owned())),
        );
        if let Some(field) = &resource.index {
            let value =
                |o: &Option<Arc<Object>>| o.as_ref().and_then(|o| o.fields.get(field)).map(str::to_owned);
            let (new, old) = (value(&change.new), value(&change.old));
            if old != new {
                out.extend(old.map(Self::Field));
            }
            out.extend(new.map(Self::Field));
        }
        out
    }
}

#[derive(Debug, Default)]
struct Pending {
    events: VecDeque<WatchEvent>,
    end: Option<CacheError>,
}

/// One watcher's mailbox.
#[derive(Debug)]
pub(super) struct Watcher {
    id: u64,
    filter: Filter,
    /// What happened up to this revision is no news to it.
    seen: u64,
    limit: usize,
    pending: Mutex<Pending>,
    pub(super) waker: AtomicWaker,
}

impl Watcher {
    /// The next event, or why there will be none.
    pub(super) fn take(&self) -> Option<Result<WatchEvent, CacheError>> {
        let mut pending = self.pending.lock();
        match pending.events.pop_front() {
            Some(event) => Some(Ok(event)),
            None => pending.end.clone().map(Err),
        }
    }

    fn push(&self, change: &Transition) {
        if change.revision <= self.seen {
            return;
        }
        let Some(event) = self.filter.event(change) else {
            return;
        };
        let mut pending = self.pending.lock();
        if pending.end.is_some() {
            return;
        }
        if pending.events.len() >= self.limit {
            pending.end = Some(CacheError::Slow(pending.events.len()));
            pending.events = VecDeque::new();
        } else {
            pending.events.push_back(event);
        }
        drop(pending);
        self.waker.wake();
    }

    fn end(&self, why: CacheError) {
        self.pending.lock().end.get_or_insert(why);
        self.waker.wake();
    }
}

/// All watchers of one shard.
#[derive(Debug, Default)]
pub(super) struct Watchers {
    next: u64,
    count: usize,
    buckets: HashMap<Bucket, HashMap<u64, Arc<Watcher>>>,
}

impl Watchers {
    pub(super) fn add(
        &mut self,
        filter: Filter,
        resource: &Resource,
        seen: u64,
        limit: usize,
    ) -> Arc<Watcher> {
        self.next += 1;
        self.count += 1;
        let bucket = Bucket::of(&filter, resource);
        let watcher = Arc::new(Watcher {
            id: self.next,
            filter,
            seen,
            limit,
            pending: Mutex::default(),
            waker: AtomicWaker::new(),
        });
        self.buckets
            .entry(bucket)
            .or_default()
            .insert(watcher.id, watcher.clone());
        watcher
    }

    pub(super) fn remove(&mut self, watcher: &Watcher, resource: &Resource) {
        let bucket = Bucket::of(&watcher.filter, resource);
        let Some(members) = self.buckets.get_mut(&bucket) else {
            return;
        };
        if members.remove(&watcher.id).is_some() {
            self.count -= 1;
        }
        if members.is_empty() {
            self.buckets.remove(&bucket);
        }
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn dispatch(&self, change: &Transition, resource: &Resource) {
        if self.count == 0 {
            return;
        }
        for bucket in Bucket::concerned(change, resource) {
            for watcher in self.buckets.get(&bucket).into_iter().flat_map(HashMap::values) {
                watcher.push(change);
            }
        }
    }

    pub(super) fn end_all(&mut self, why: &CacheError) {
        for watcher in std::mem::take(&mut self.buckets)
            .into_values()
            .flat_map(HashMap::into_values)
        {
            watcher.end(why.clone());
        }
        self.count = 0;
    }
}
