//! Where events leave for the reader: never blocks the connection, and turns lost events into one gap.

use super::{GapReason, RuntimeEvent};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

/// The writing end.
#[derive(Debug)]
pub(super) struct Outlet {
    events: mpsc::Sender<RuntimeEvent>,
    /// A gap that found no room; while it waits, everything after it is covered by it.
    owed: Option<GapReason>,
}

impl Outlet {
    pub(super) fn new(events: mpsc::Sender<RuntimeEvent>) -> Self {
        Self { events, owed: None }
    }

    /// Hands an event over, or drops it and owes a gap.
    pub(super) fn emit(&mut self, event: RuntimeEvent) {
        if self.owed.is_some() {
            return;
        }
        match self.events.try_send(event) {
            // A closed channel ends the task at `closed`.
            Ok(()) | Err(TrySendError::Closed(_)) => {}
            Err(TrySendError::Full(RuntimeEvent::Gap { reason })) => self.owed = Some(reason),
            Err(TrySendError::Full(RuntimeEvent::Changed(_))) => self.owed = Some(GapReason::ReaderTooSlow),
        }
    }

    /// Pays the owed gap as soon as there is room. Pends for ever if none is owed.
    ///
    /// Cancel-safe: a permit that is not used goes back.
    pub(super) async fn settle(&mut self) {
        let Some(reason) = self.owed else {
            return std::future::pending().await;
        };
        if let Ok(permit) = self.events.reserve().await {
            permit.send(RuntimeEvent::Gap { reason });
            self.owed = None;
        }
    }

    /// The reader is gone.
    pub(super) fn is_closed(&self) -> bool {
        self.events.is_closed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{Change, Changed, Subject};

    fn event(id: &str) -> RuntimeEvent {
        let subject = Subject::Container(id.into());
        RuntimeEvent::Changed(Changed {
            subject,
            pod_uid: None,
            change: Change::Started,
        })
    }

    #[tokio::test]
    async fn slow_reader_gets_one_gap_in_place_of_what_was_dropped() {
        let (sender, mut events) = mpsc::channel(2);
        let mut outlet = Outlet::new(sender);
        for id in ["a", "b", "lost", "lost too"] {
            outlet.emit(event(id));
        }
        assert_eq!(events.recv().await, Some(event("a")));
        outlet.emit(event("covered by the gap"));
        outlet.settle().await;
        assert_eq!(events.recv().await, Some(event("b")));
        let gap = RuntimeEvent::Gap {
            reason: GapReason::ReaderTooSlow,
        };
        assert_eq!(events.recv().await, Some(gap));
        outlet.emit(event("c"));
        assert_eq!(events.recv().await, Some(event("c")));
        assert!(events.try_recv().is_err());
    }
}
