//! Watches on the embedded store: stored events first, then the writer's commits as they come.
//!
//! Invariant: a subscription begins before the log is read, so nothing falls in between. A watcher that lags
//! loses its subscription, not its place: it goes back to the log.

use std::sync::Arc;

use futures_util::stream;
use tokio::sync::mpsc;

use super::Shared;
use super::tables::{self, Standing};
use crate::store::{Batch, Event, EventStream, Result};

/// Commits that may wait for one watcher before it has to read the log instead.
const BACKLOG: usize = 256;

/// Revisions read from the log at once.
const CHUNK: u64 = 1000;

/// What one commit did.
pub(super) struct Commit {
    events: Vec<Event>,
    revision: u64,
}

/// Those who want to hear of commits. The lock around it is held while the standing changes, so that
/// subscribers see commits in order and progress never before its events.
#[derive(Default)]
pub(super) struct Subscribers(Vec<mpsc::Sender<Arc<Commit>>>);

impl Subscribers {
    pub(super) fn tell(&mut self, events: Vec<Event>, revision: u64) {
        let commit = Arc::new(Commit { events, revision });
        self.0
            .retain(|subscriber| subscriber.try_send(commit.clone()).is_ok());
    }

    /// Makes everybody read the log.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

struct Reader {
    shared: Arc<Shared>,
    prefix: String,
    /// The first revision that was not delivered yet.
    next: u64,
    /// What must be read from the log before the live commits continue.
    stored: u64,
    live: mpsc::Receiver<Arc<Commit>>,
    failed: bool,
}

/// Opens a watch from revision `from`.
pub(super) fn open(shared: Arc<Shared>, prefix: &str, from: u64) -> EventStream {
    let (live, stored) = subscribe(&shared);
    let reader = Reader {
        shared,
        prefix: prefix.to_owned(),
        next: from,
        stored,
        live,
        failed: false,
    };
    Box::pin(stream::unfold(reader, async |mut reader| {
        if reader.failed {
            return None;
        }
        let item = reader.next_batch().await;
        reader.failed = item.is_err();
        Some((item, reader))
    }))
}

fn subscribe(shared: &Shared) -> (mpsc::Receiver<Arc<Commit>>, u64) {
    let (sender, receiver) = mpsc::channel(BACKLOG);
    let mut published = shared.published.lock();
    published.subscribers.0.push(sender);
    (receiver, published.standing.revision)
}

impl Reader {
    async fn next_batch(&mut self) -> Result<Batch> {
        loop {
            if self.next <= self.stored {
                return self.read_log().await;
            }
            match self.live.recv().await {
                Some(commit) => {
                    let wanted =
                        |e: &&Event| e.revision() >= self.next && e.entry.key.starts_with(&self.prefix);
                    let events = commit.events.iter().filter(wanted).cloned().collect();
                    self.next = self.next.max(commit.revision + 1);
                    return Ok(Batch {
                        events,
                        revision: commit.revision,
                    });
                }
                None if self.shared.published.lock().closed => return Err(self.shared.ended()),
                None => (self.live, self.stored) = subscribe(&self.shared),
            }
        }
    }

    async fn read_log(&mut self) -> Result<Batch> {
        let last = self.stored.min(self.next.saturating_add(CHUNK - 1));
        let (shared, prefix, revisions) = (self.shared.clone(), self.prefix.clone(), self.next..=last);
        let read = move || shared.file.read(|txn| tables::events(txn, &prefix, revisions));
        let events = super::blocking(read).await?;
        self.next = last + 1;
        Ok(Batch {
            events,
            revision: last,
        })
    }
}

/// What readers and watchers go by.
pub(super) struct Published {
    pub(super) standing: Standing,
    /// Nothing will be committed any more.
    pub(super) closed: bool,
    pub(super) subscribers: Subscribers,
}
