//! One resource in memory: its objects, its recent transitions, its watchers.
//!
//! Invariants: events are applied by one task, in revision order. `State` is right as of its `revision`; a
//! transition is in the window before it is handed to watchers, and a watcher is registered under the state's
//! lock, so that it sees each transition either in its start or in its queue. Lock order: state, watchers.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::{Arc, OnceLock};

use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;

use super::object::Object;
use super::progress::Progress;
use super::resource::Resource;
use super::watchers::{Filter, Watcher, Watchers};
use super::{CacheError, Options};
use crate::store::{Entry, Event, EventKind};

/// What one write did to one object.
#[derive(Debug)]
pub(super) struct Transition {
    pub(super) revision: u64,
    pub(super) new: Option<Arc<Object>>,
    pub(super) old: Option<Arc<Object>>,
    gone: OnceLock<Arc<Object>>,
}

impl Transition {
    pub(super) fn new(revision: u64, old: Option<Arc<Object>>, new: Option<Arc<Object>>) -> Self {
        Self {
            revision,
            new,
            old,
            gone: OnceLock::new(),
        }
    }

    /// The old object as a Deleted event shows it: under the revision of this change. Made once for all
    /// watchers.
    pub(super) fn deleted(&self, old: &Object) -> Arc<Object> {
        self.gone
            .get_or_init(|| Arc::new(old.at_revision(self.revision)))
            .clone()
    }

    fn superseded_bytes(&self) -> usize {
        self.old.as_ref().map_or(0, |o| o.json.len())
    }
}

/// The transitions after `floor`, the latest last, within limits of count and memory.
#[derive(Debug)]
struct Window {
    floor: u64,
    bytes: usize,
    recent: VecDeque<Arc<Transition>>,
    max_events: usize,
    max_bytes: usize,
}

impl Window {
    fn push(&mut self, transition: Arc<Transition>) {
        self.bytes += transition.superseded_bytes();
        self.recent.push_back(transition);
        while self.recent.len() > self.max_events || self.bytes > self.max_bytes {
            let Some(dropped) = self.recent.pop_front() else {
                return;
            };
            self.bytes -= dropped.superseded_bytes();
            self.floor = dropped.revision;
        }
    }
}

struct State {
    objects: BTreeMap<Arc<str>, Arc<Object>>,
    window: Window,
    /// Revision of the load or of the last transition.
    revision: u64,
    /// Events that came before the load was done.
    early: Option<Vec<Event>>,
}

/// One resource.
pub(super) struct Shard {
    pub(super) resource: Resource,
    queue_limit: usize,
    state: RwLock<State>,
    watchers: Mutex<Watchers>,
    loaded: watch::Sender<bool>,
}

/// Which part of a shard to select.
pub(super) struct Span {
    pub(super) want: Filter,
    /// Begin behind this key.
    pub(super) start_after: Option<String>,
    /// At most so many; 0 means all.
    pub(super) limit: usize,
}

/// A part of a shard's objects at one revision.
pub(super) struct Selection {
    pub(super) objects: Vec<Arc<Object>>,
    pub(super) revision: u64,
    /// Objects of the scope behind the last one selected, whether they match or not.
    pub(super) behind: usize,
    /// Whether one of those matches.
    pub(super) more: bool,
}

/// What a watch starts with.
pub(super) struct Registration {
    pub(super) watcher: Arc<Watcher>,
    /// The live queue begins behind this revision.
    pub(super) revision: u64,
    /// Transitions between the requested revision and that one; `None` if the window does not reach back.
    pub(super) replay: Option<Vec<Arc<Transition>>>,
    /// The scope's objects, if they were asked for.
    pub(super) objects: Vec<Arc<Object>>,
}

impl Shard {
    pub(super) fn new(resource: Resource, options: &Options) -> Self {
        let window = Window {
            floor: 0,
            bytes: 0,
            recent: VecDeque::new(),
            max_events: options.window_events,
            max_bytes: options.window_bytes,
        };
        let state = State {
            objects: BTreeMap::new(),
            window,
            revision: 0,
            early: Some(Vec::new()),
        };
        Self {
            resource,
            queue_limit: options.watcher_queue,
            state: RwLock::new(state),
            watchers: Mutex::default(),
            loaded: watch::Sender::new(false),
        }
    }

    /// Returns when the objects are there.
    pub(super) async fn loaded(&self) {
        if *self.loaded.borrow() {
            return;
        }
        // The sender is a field of self, so it outlives the wait.
        let _ = self.loaded.subscribe().wait_for(|loaded| *loaded).await;
    }

    /// Begins a new load after events were lost: reads wait, watchers are ended.
    pub(super) fn unload(&self) {
        self.loaded.send_replace(false);
        self.state.write().early = Some(Vec::new());
        self.end_watches();
    }

    /// Takes over a complete load at `revision`, then the events that came meanwhile.
    pub(super) fn finish_load(&self, objects: Vec<Arc<Object>>, revision: u64) {
        let mut state = self.state.write();
        state.objects = objects.into_iter().map(|o| (o.key.clone(), o)).collect();
        state.revision = revision;
        state.window.recent.clear();
        state.window.bytes = 0;
        state.window.floor = revision;
        for event in state.early.take().unwrap_or_default() {
            // Nobody watches before the load is done.
            self.apply_to(&mut state, &event);
        }
        drop(state);
        self.loaded.send_replace(true);
    }

    /// Applies one event and hands it to the watchers.
    pub(super) fn apply(&self, event: Event) {
        let transition = {
            let mut state = self.state.write();
            if let Some(early) = &mut state.early {
                early.push(event);
                return;
            }
            self.apply_to(&mut state, &event)
        };
        if let Some(transition) = transition {
            self.watchers.lock().dispatch(&transition, &self.resource);
        }
    }

    fn apply_to(&self, state: &mut State, event: &Event) -> Option<Arc<Transition>> {
        if event.revision() <= state.revision {
            return None;
        }
        state.revision = event.revision();
        let new = match event.kind {
            EventKind::Put => self.object(&event.entry),
            EventKind::Delete => None,
        };
        let old = match &new {
            Some(new) => state.objects.insert(new.key.clone(), new.clone()),
            None => state.objects.remove(&event.entry.key),
        };
        let transition = Arc::new(Transition::new(event.revision(), old, new));
        state.window.push(transition.clone());
        Some(transition)
    }

    /// Reads a stored entry; one that cannot be read is reported and left out.
    pub(super) fn object(&self, entry: &Entry) -> Option<Arc<Object>> {
        match Object::new(entry, &self.resource) {
            Ok(object) => Some(Arc::new(object)),
            Err(error) => {
                tracing::error!(key = %entry.key, %error, "the stored object is left out");
                None
            }
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<Arc<Object>> {
        self.state.read().objects.get(key).cloned()
    }

    pub(super) fn len(&self) -> usize {
        self.state.read().objects.len()
    }

    /// Selects what `span` says, now or (if given) exactly at a revision: then the answer is `None` unless the
    /// objects are the same as they were.
    pub(super) fn select(&self, span: &Span, progress: &Progress, exactly: Option<u64>) -> Option<Selection> {
        let state = self.state.read();
        let applied = progress.applied();
        let revision = match exactly {
            Some(revision) if revision < state.revision || revision > applied => return None,
            Some(revision) => revision,
            None => applied.max(state.revision),
        };
        let want = &span.want;
        let from = match span.start_after.as_deref() {
            Some(key) if key >= want.scope.as_str() => Bound::Excluded(key),
            _ => Bound::Included(want.scope.as_str()),
        };
        let mut scope = state
            .objects
            .range::<str, _>((from, Bound::Unbounded))
            .map(|(_, object)| object)
            .take_while(|object| object.key.starts_with(want.scope.as_str()));
        let limit = if span.limit == 0 { usize::MAX } else { span.limit };
        let objects = scope
            .by_ref()
            .filter(|o| want.selector.matches(o))
            .take(limit)
            .cloned()
            .collect();
        let (mut behind, mut more) = (0, false);
        for object in scope {
            behind += 1;
            more = more || want.selector.matches(object);
        }
        Some(Selection {
            objects,
            revision,
            behind,
            more,
        })
    }

    /// Registers a watcher. `since`: replay from this revision; `None`: from now on. `with_objects`: also
    /// answer what is there.
    pub(super) fn register(
        &self,
        filter: Filter,
        progress: &Progress,
        since: Option<u64>,
        with_objects: bool,
    ) -> Registration {
        let state = self.state.read();
        let revision = progress.applied().max(state.revision);
        let since = since.unwrap_or(revision);
        let replay = (since >= state.window.floor).then(|| {
            let first = state.window.recent.partition_point(|t| t.revision <= since);
            state.window.recent.range(first..).cloned().collect()
        });
        let objects = if with_objects {
            let scope = (Bound::Included(filter.scope.as_str()), Bound::Unbounded);
            let in_scope = state.objects.range::<str, _>(scope).map(|(_, o)| o);
            let in_scope = in_scope.take_while(|o| o.key.starts_with(filter.scope.as_str()));
            in_scope.filter(|o| filter.selector.matches(o)).cloned().collect()
        } else {
            Vec::new()
        };
        // A start in the future waits for it: what comes before is no news.
        let seen = revision.max(since);
        let watcher = self
            .watchers
            .lock()
            .add(filter, &self.resource, seen, self.queue_limit);
        Registration {
            watcher,
            revision,
            replay,
            objects,
        }
    }

    pub(super) fn unregister(&self, watcher: &Watcher) {
        self.watchers.lock().remove(watcher, &self.resource);
    }

    pub(super) fn watcher_count(&self) -> usize {
        self.watchers.lock().count()
    }

    pub(super) fn end_watches(&self) {
        self.watchers.lock().end_all(&CacheError::Lost);
    }
}
