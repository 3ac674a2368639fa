//! What happens in the runtime, as one stream of our own events.
//!
//! # Expected flow
//! [`Client::events`] starts a task that follows the runtime for as long as the returned [`EventStream`]
//! lives. It asks CRI's own `GetContainerEvents` first and falls over to containerd's event service where
//! the runtime does not have that call (containerd 1.x), so both are event driven.
//!
//! # Guarantees
//! - The first item is a [`RuntimeEvent::Gap`]; whatever happens after it is seen.
//! - Each new connection, and each time the reader was too slow, gives exactly one gap. A reader that
//!   relists at each gap misses nothing.
//! - When [`Change::Stopped`] is delivered, a status call already shows the end.
//! - Events of one sandbox or container keep their order.
//!
//! # Assumptions
//! Created and deleted events may arrive a moment before the runtime's lists show the same: who creates and
//! removes is the reader itself, and it knows from its own calls.
//!
//! # Layers
//! Wire: `decode` (CRI) and `containerd::decode`. State: `containerd::tracker`. Loop: `follow`, which alone
//! knows connections and waiting.

mod backoff;
mod containerd;
mod decode;
mod follow;
mod outlet;

use crate::Client;
pub use backoff::BackoffSettings;
use futures_util::Stream;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

/// One item of the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuntimeEvent {
    /// Something happened to a sandbox or a container.
    Changed(Changed),
    /// Events may have been missed before this point: list everything anew.
    Gap {
        /// Why.
        reason: GapReason,
    },
}

/// Something that happened to one sandbox or container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// What it happened to.
    pub subject: Subject,
    /// The UID of the pod, where the runtime tells.
    pub pod_uid: Option<Box<str>>,
    /// What happened.
    pub change: Change,
}

/// A sandbox or a container.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A sandbox by its id.
    Sandbox(Box<str>),
    /// A container by its id.
    Container(Box<str>),
}

impl Subject {
    /// The id.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Sandbox(id) | Self::Container(id) => id,
        }
    }
}

/// What can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It was created.
    Created,
    /// It was started.
    Started,
    /// Its first process ended.
    Stopped {
        /// 0–255, 128 + n after signal n; `None` where the runtime does not say.
        exit_code: Option<i32>,
    },
    /// It was removed.
    Deleted,
    /// The kernel killed a process of it for lack of memory. Only containerd's event service tells; with
    /// CRI's own events the container's status has the reason.
    OutOfMemory,
}

/// Why events may have been missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GapReason {
    /// The stream has just begun.
    Started,
    /// The connection was lost and is there again.
    Reconnected,
    /// The reader was slower than the runtime, and events were dropped.
    ReaderTooSlow,
    /// The runtime has no event service at all: this comes again and again, in place of events.
    NoEventSource,
}

/// How the stream behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventSettings {
    /// Waiting between attempts to connect.
    pub backoff: BackoffSettings,
    /// How many events may wait for the reader before a gap takes their place.
    pub buffer: usize,
    /// How often [`GapReason::NoEventSource`] comes.
    pub poll: Duration,
}

impl Default for EventSettings {
    fn default() -> Self {
        Self {
            backoff: BackoffSettings::default(),
            buffer: 1024,
            poll: Duration::from_secs(10),
        }
    }
}

/// The events of a runtime. Ends only if its task is gone, which happens when the tokio runtime ends.
#[derive(Debug)]
pub struct EventStream {
    events: mpsc::Receiver<RuntimeEvent>,
    task: AbortHandle,
}

impl EventStream {
    /// The next event. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<RuntimeEvent> {
        self.events.recv().await
    }
}

impl Stream for EventStream {
    type Item = RuntimeEvent;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<RuntimeEvent>> {
        self.events.poll_recv(context)
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Client {
    /// Follows the runtime's events from now on. See the module's guarantees.
    #[must_use]
    pub fn events(&self, settings: EventSettings) -> EventStream {
        let (sender, events) = mpsc::channel(settings.buffer.max(1));
        let task = tokio::spawn(follow::follow(self.clone(), settings, sender));
        EventStream {
            events,
            task: task.abort_handle(),
        }
    }
}
