//! Where the time of a pod's start goes: inside calls to the runtime, or outside them.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// Sum of the time that one pod's calls to the runtime took.
#[derive(Clone, Debug, Default)]
pub(crate) struct Account {
    nanos: Arc<AtomicU64>,
}

impl Account {
    /// Waits for `call` and counts its time.
    pub(crate) async fn call<T>(&self, call: impl Future<Output = T>) -> T {
        let begun = Instant::now();
        let answer = call.await;
        let nanos = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.nanos.fetch_add(nanos, Ordering::Relaxed);
        answer
    }

    /// Time spent in calls so far.
    pub(crate) fn spent(&self) -> Duration {
        Duration::from_nanos(self.nanos.load(Ordering::Relaxed))
    }
}
