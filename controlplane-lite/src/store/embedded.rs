//! The embedded engine: one file, one writer, many readers.
//!
//! Threads: one of its own for writing (`store-writer`), tokio's blocking pool for lists and old events, and a
//! task that lets keys expire. Files: the one it is given, mode 0600, locked while open.
//!
//! Guarantees: those of [`Store`]; writes queued at the same time share one fsync. A damaged file is named as
//! [`StoreError::Corrupt`], never believed.
//!
//! Assumption: the disk keeps what it has confirmed.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use self::file::{DataFile, Mode};
pub(crate) use self::fill::Filler;
use self::tables::Standing;
use self::watch::{Published, Subscribers};
use self::writer::{Done, Operation, Request};
use super::{At, EventStream, ListQuery, Lookup, Page, Put, Result, Store, StoreError};

mod file;
mod fill;
mod record;
mod tables;
mod watch;
mod writer;

/// Writers that may wait in the queue.
const QUEUE: usize = 1024;

/// Unix time in seconds.
pub type Clock = fn() -> u64;

/// How to open an [`Embedded`] store.
#[derive(Debug, Clone)]
pub struct EmbeddedOptions {
    /// Memory for pages of the file, bytes.
    pub cache_bytes: usize,
    /// For keys with a time to live.
    pub clock: Clock,
    /// How often keys are looked for whose time is over.
    pub expiry_interval: Duration,
}

impl Default for EmbeddedOptions {
    fn default() -> Self {
        Self {
            cache_bytes: 8 << 20,
            clock: system_clock,
            expiry_interval: Duration::from_secs(10),
        }
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "the edge where the store's clock comes from"
)]
fn system_clock() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |d| d.as_secs())
}

/// What the writer, the readers and the watchers share.
struct Shared {
    file: DataFile,
    clock: Clock,
    published: Mutex<Published>,
}

impl Shared {
    fn standing(&self) -> Standing {
        self.published.lock().standing
    }

    /// Makes a commit known.
    fn publish(&self, events: Vec<super::Event>, standing: Standing) {
        let mut published = self.published.lock();
        published.standing = standing;
        if !events.is_empty() {
            published.subscribers.tell(events, standing.revision);
        }
    }

    fn ended(&self) -> StoreError {
        let reason = "it was closed".to_owned();
        StoreError::Unavailable {
            place: self.file.place(),
            reason,
        }
    }

    /// Lets go of the file and ends the watches.
    fn close(&self) {
        let mut published = self.published.lock();
        published.closed = true;
        published.subscribers.clear();
        drop(published);
        self.file.close();
    }

    /// Takes over where the file stands; watchers learn the rest from the log.
    fn resync(&self, standing: Standing) {
        let mut published = self.published.lock();
        published.standing = standing;
        published.subscribers.clear();
    }
}

/// The embedded engine; see the module.
pub struct Embedded {
    shared: Arc<Shared>,
    queue: mpsc::Sender<Request>,
    writer: std::thread::JoinHandle<()>,
    /// The revision at the last call of `compact_previous`.
    previous: Mutex<Option<u64>>,
    _expiry: EndOnDrop,
}

impl Embedded {
    /// Opens the store at `path`, or makes an empty one.
    ///
    /// # Errors
    /// [`StoreError::Open`] if another process has it, [`StoreError::Corrupt`] if it is damaged.
    pub async fn open(path: &Path, options: EmbeddedOptions) -> Result<Self> {
        let (owned, cache) = (path.to_owned(), options.cache_bytes);
        let (file, standing) = blocking(move || DataFile::open(&owned, cache, Mode::Create)).await?;
        let published = Mutex::new(Published {
            standing,
            closed: false,
            subscribers: Subscribers::default(),
        });
        let shared = Arc::new(Shared {
            file,
            clock: options.clock,
            published,
        });
        let (queue, requests) = mpsc::channel(QUEUE);
        let of_writer = shared.clone();
        let writer = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || writer::run(&of_writer, requests))
            .map_err(|e| StoreError::Open {
                place: shared.file.place(),
                reason: e.to_string(),
            })?;
        let expiry = tokio::spawn(expire(queue.downgrade(), options)).abort_handle();
        Ok(Self {
            shared,
            queue,
            writer,
            previous: Mutex::default(),
            _expiry: EndOnDrop(expiry),
        })
    }

    /// Finishes the queued writes and lets go of the file. Merely dropping the store does the same a little
    /// later.
    pub async fn close(self) {
        let Self { queue, writer, .. } = self;
        drop(queue);
        // The writer catches what its work may throw; there is nothing to learn from its end.
        let _ = tokio::task::spawn_blocking(move || writer.join()).await;
    }

    async fn submit(&self, operation: Operation) -> Result<Done> {
        submit(&self.queue, operation).await.unwrap_or_else(|| {
            let place = self.shared.file.place();
            Err(StoreError::Unavailable {
                place,
                reason: "its writer has ended".to_owned(),
            })
        })
    }

    async fn submit_write(&self, operation: Operation) -> Result<u64> {
        match self.submit(operation).await? {
            Done::Revision(revision) => Ok(revision),
            Done::Expired(_) | Done::Compacted(_) => Ok(self.shared.standing().revision),
        }
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&redb::ReadTransaction) -> tables::Result<T> + Send + 'static,
    ) -> Result<T> {
        let shared = self.shared.clone();
        blocking(move || shared.file.read(work)).await
    }
}

struct EndOnDrop(tokio::task::AbortHandle);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Hands an operation to the writer; `None` if that is gone.
async fn submit(queue: &mpsc::Sender<Request>, operation: Operation) -> Option<Result<Done>> {
    let (reply, answer) = oneshot::channel();
    queue.send(Request { operation, reply }).await.ok()?;
    answer.await.ok()
}

/// Lets keys expire until the store is dropped.
async fn expire(queue: mpsc::WeakSender<Request>, options: EmbeddedOptions) {
    let mut timer = tokio::time::interval(options.expiry_interval);
    loop {
        timer.tick().await;
        let Some(queue) = queue.upgrade() else { return };
        // A full step means that there is more.
        while let Some(Ok(Done::Expired(1..))) = submit(
            &queue,
            Operation::Expire {
                now: (options.clock)(),
            },
        )
        .await
        {}
    }
}

/// Runs file work outside the async threads.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(StoreError::Unavailable {
            place: "the file".to_owned(),
            reason: error.to_string(),
        }),
    }
}

#[tonic::async_trait]
impl Store for Embedded {
    async fn get(&self, key: &str, at: At) -> Result<Lookup> {
        // A point read is shorter than the way to another thread and back.
        let (entry, revision) = self.shared.file.read(|txn| tables::get(txn, key, at))?;
        Ok(Lookup { entry, revision })
    }

    async fn list(&self, query: ListQuery) -> Result<Page> {
        self.read(move |txn| tables::list(txn, &query)).await
    }

    async fn put(&self, put: Put) -> Result<u64> {
        self.submit_write(Operation::Put(put)).await
    }

    async fn delete(&self, key: &str, expected: u64) -> Result<u64> {
        self.submit_write(Operation::Delete {
            key: key.to_owned(),
            expected,
        })
        .await
    }

    async fn watch(&self, prefix: &str, from: u64) -> Result<EventStream> {
        Ok(watch::open(self.shared.clone(), prefix, from))
    }

    async fn revision(&self) -> Result<u64> {
        Ok(self.shared.standing().revision)
    }

    async fn request_progress(&self) -> Result<()> {
        let mut published = self.shared.published.lock();
        let revision = published.standing.revision;
        published.subscribers.tell(Vec::new(), revision);
        Ok(())
    }

    async fn compact(&self, upto: u64) -> Result<()> {
        loop {
            match self.submit(Operation::Compact { upto }).await? {
                Done::Compacted(standing) if standing.cleaned < standing.compacted => {}
                _ => return Ok(()),
            }
        }
    }

    async fn compact_previous(&self) -> Result<()> {
        let revision = self.shared.standing().revision;
        let previous = self.previous.lock().replace(revision);
        match previous {
            Some(previous) => self.compact(previous).await,
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
