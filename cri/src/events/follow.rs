//! The loop: connect, follow, reconnect.

use super::backoff::Backoff;
use super::outlet::Outlet;
use super::{EventSettings, GapReason, RuntimeEvent, containerd, decode};
use crate::Client;
use crate::error::{Call, Error};
use crate::v1;
use futures_util::StreamExt as _;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tonic::Status;

/// How long CRI's event call may stay silent before it counts as accepted. A runtime without it refuses at once.
const ACCEPTED_AFTER: Duration = Duration::from_millis(100);

/// What lives longer than one connection.
#[derive(Debug)]
pub(super) struct Following {
    pub(super) outlet: Outlet,
    backoff: Backoff,
    connected_before: bool,
    /// When the present or the last connection came to stand.
    since: Option<Instant>,
}

impl Following {
    /// From here on nothing is missed.
    pub(super) fn connected(&mut self) {
        let reason = if self.connected_before {
            GapReason::Reconnected
        } else {
            GapReason::Started
        };
        self.connected_before = true;
        self.since = Some(Instant::now());
        self.outlet.emit(RuntimeEvent::Gap { reason });
    }

    /// The wait before the next attempt. Short waits again only after a connection that stood for a while:
    /// each new one makes the reader list everything, which a runtime that keeps hanging up must not cause
    /// ten times a second.
    fn wait(&mut self, stood: Duration) -> Duration {
        if self.since.take().is_some_and(|since| since.elapsed() >= stood) {
            self.backoff.reset();
        }
        self.backoff.next()
    }
}

/// Follows the runtime until the reader is gone.
pub(super) async fn follow(client: Client, settings: EventSettings, events: mpsc::Sender<RuntimeEvent>) {
    let outlet = Outlet::new(events);
    let mut following = Following {
        outlet,
        backoff: Backoff::new(settings.backoff),
        connected_before: false,
        since: None,
    };
    while !following.outlet.is_closed() {
        // CRI first at every connection: the runtime may have been upgraded meanwhile.
        let mut error = follow_cri(&client, &mut following).await;
        if matches!(error, Error::Unimplemented { .. }) {
            error = containerd::session::run(&client, &mut following).await;
        }
        let wait = if matches!(error, Error::Unimplemented { .. }) {
            following.outlet.emit(RuntimeEvent::Gap {
                reason: GapReason::NoEventSource,
            });
            settings.poll
        } else {
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "runtime events interrupted"
            );
            following.wait(settings.backoff.longest)
        };
        rest(&mut following, wait).await;
    }
}

/// Waits, and pays an owed gap meanwhile.
async fn rest(following: &mut Following, wait: Duration) {
    let end = Instant::now() + wait;
    loop {
        tokio::select! {
            () = tokio::time::sleep_until(end) => return,
            () = following.outlet.settle() => {}
        }
    }
}

/// Follows CRI's own events until they end; answers why.
async fn follow_cri(client: &Client, following: &mut Following) -> Error {
    let failed = |status: &Status| client.error(Call::runtime("follow the runtime's events"), None, status);
    let mut service = client.runtime_service();
    let mut accepted = Box::pin(service.get_container_events(v1::GetEventsRequest {}));
    // Go's gRPC sends no header before the first event, so an accepted call is one that is not refused.
    let early = tokio::select! {
        answer = &mut accepted => Some(answer),
        error = silence(client) => match error {
            Some(error) => return error,
            None => None,
        },
    };
    if let Some(Err(status)) = &early {
        return failed(status);
    }
    following.connected();
    let answer = match early {
        Some(answer) => answer,
        None => loop {
            tokio::select! {
                answer = &mut accepted => break answer,
                () = following.outlet.settle() => {}
            }
        },
    };
    let mut events = match answer {
        Ok(response) => response.into_inner(),
        Err(status) => return failed(&status),
    };
    loop {
        tokio::select! {
            event = events.next() => match event {
                Some(Ok(event)) => {
                    if let Some(changed) = decode::decode(&event) {
                        following.outlet.emit(RuntimeEvent::Changed(changed));
                    }
                }
                Some(Err(status)) => return failed(&status),
                None => return failed(&Status::unavailable("the event stream ended")),
            },
            () = following.outlet.settle() => {}
        }
    }
}

/// Waits until a refusal would have come: until the runtime has answered another call, and a moment more.
async fn silence(client: &Client) -> Option<Error> {
    if let Err(error) = client.version().await {
        return Some(error);
    }
    tokio::time::sleep(ACCEPTED_AFTER).await;
    None
}
