//! How far the cache has followed the store, and who waits for it to get further.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::oneshot;

/// The applied revision. Invariant: it only grows, and whoever waits for a revision is woken once, when it is
/// reached.
#[derive(Debug, Default)]
pub(super) struct Progress {
    applied: AtomicU64,
    waiters: Mutex<BTreeMap<u64, Vec<oneshot::Sender<()>>>>,
}

impl Progress {
    pub(super) fn applied(&self) -> u64 {
        self.applied.load(Ordering::Acquire)
    }

    /// Everything up to `revision` has been applied and handed to the watchers.
    pub(super) fn advance(&self, revision: u64) {
        let before = self.applied.fetch_max(revision, Ordering::AcqRel);
        if before >= revision {
            return;
        }
        let reached = {
            let mut waiters = self.waiters.lock();
            let later = waiters.split_off(&(revision + 1));
            std::mem::replace(&mut *waiters, later)
        };
        for waiter in reached.into_values().flatten() {
            // A waiter that gave up is no concern of ours.
            let _ = waiter.send(());
        }
    }

    /// Returns when `revision` is applied. Cancel-safe.
    pub(super) async fn reached(&self, revision: u64) {
        let receiver = {
            let mut waiters = self.waiters.lock();
            if self.applied() >= revision {
                return;
            }
            let (sender, receiver) = oneshot::channel();
            let list = waiters.entry(revision).or_default();
            list.retain(|waiter| !waiter.is_closed());
            list.push(sender);
            receiver
        };
        // The sender lives in the map until the revision is reached, so an error cannot come before that.
        let _ = receiver.await;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn waiters_are_woken_when_their_revision_is_reached_and_not_before() {
        let progress = Progress::default();
        let (mut five, mut seven) = (Box::pin(progress.reached(5)), Box::pin(progress.reached(7)));
        assert_eq!(
            (five.as_mut().now_or_never(), seven.as_mut().now_or_never()),
            (None, None)
        );
        progress.advance(6);
        assert_eq!(
            (five.as_mut().now_or_never(), seven.as_mut().now_or_never()),
            (Some(()), None)
        );
        progress.advance(3);
        assert_eq!(progress.applied(), 6);
        progress.advance(7);
        assert_eq!(seven.as_mut().now_or_never(), Some(()));
        assert_eq!(progress.reached(7).now_or_never(), Some(()));
    }
}
