//! One subscription to containerd's event service, from connecting until it is lost.

use super::decode::{FILTERS, Happening, MARKER_TOPIC, decode};
use super::identify::{await_end, identify, list};
use super::tracker::{Action, Input, Tracker};
use crate::Client;
use crate::containerd::in_namespace;
use crate::error::{Call, Error};
use crate::events::follow::Following;
use crate::events::{Changed, RuntimeEvent};
use containerd_client::services::v1::events_client::EventsClient;
use containerd_client::services::v1::{PublishRequest, SubscribeRequest};
use containerd_client::types::Envelope;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use prost_types::Any;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tonic::{Status, Streaming};

/// Answers to the tracker's questions that are still to come.
type Questions = FuturesUnordered<BoxFuture<'static, Result<Input, Error>>>;

/// Follows containerd's events until the connection is lost; answers why.
pub(in crate::events) async fn run(client: &Client, following: &mut Following) -> Error {
    let mut tracker = Tracker::default();
    let mut questions = Questions::new();
    let (mut events, early) = match subscribe(client).await {
        Ok(subscription) => subscription,
        Err(error) => return error,
    };
    match list(client).await {
        Ok(known) => known
            .into_iter()
            .for_each(|(id, identity)| tracker.seed(id, identity)),
        Err(error) => return error,
    }
    following.connected();
    for happening in early {
        act(
            client,
            following,
            &mut questions,
            tracker.step(Input::Happened(happening)),
        );
    }
    loop {
        // All branches are cancel-safe: a stream keeps what it has not handed out.
        let input = tokio::select! {
            event = events.next() => match event {
                Some(Ok(envelope)) => match decode(&envelope) {
                    Some(happening) => Input::Happened(happening),
                    None => continue,
                },
                Some(Err(status)) => return failed(client, &status),
                None => return failed(client, &Status::unavailable("the event stream ended")),
            },
            Some(answer) = questions.next() => match answer {
                Ok(input) => input,
                Err(error) => return error,
            },
            () = following.outlet.settle() => continue,
        };
        act(client, following, &mut questions, tracker.step(input));
    }
}

fn act(client: &Client, following: &mut Following, questions: &mut Questions, actions: Vec<Action>) {
    for action in actions {
        match action {
            Action::Emit(changed) => emit(following, changed),
            Action::Identify { id } => {
                let client = client.clone();
                questions.push(Box::pin(async move {
                    let identity = identify(&client, &id).await?;
                    Ok(Input::Identified { id, identity })
                }));
            }
            Action::Confirm { id, is_sandbox } => {
                let client = client.clone();
                questions.push(Box::pin(async move {
                    await_end(&client, &id, is_sandbox).await;
                    Ok(Input::Confirmed { id })
                }));
            }
        }
    }
}

fn emit(following: &mut Following, changed: Changed) {
    following.outlet.emit(RuntimeEvent::Changed(changed));
}

/// Subscribes, and returns once the subscription is known to be in effect, with what came before that was known.
///
/// The service accepts without a word: its first byte is the first event. So an event of our own is published
/// until it comes back.
async fn subscribe(client: &Client) -> Result<(Streaming<Envelope>, Vec<Happening>), Error> {
    let mut service = EventsClient::new(client.channel());
    let filters = FILTERS.map(str::to_owned).to_vec();
    let request = in_namespace(SubscribeRequest { filters });
    let token = marker_token();
    let arrival = async {
        let mut events = service.subscribe(request).await?.into_inner();
        let mut early = Vec::new();
        while let Some(envelope) = events.next().await {
            match decode(&envelope?) {
                Some(Happening::Marker { token: seen }) if seen == token => return Ok((events, early)),
                Some(happening) => early.push(happening),
                None => {}
            }
        }
        Err(Status::unavailable("the event stream ended"))
    };
    tokio::select! {
        arrived = arrival => arrived.map_err(|status| failed(client, &status)),
        error = publish_markers(client, &token) => Err(error),
    }
}

/// Publishes the marker again and again, ever more slowly; ends only with an error.
async fn publish_markers(client: &Client, token: &str) -> Error {
    let mut service = EventsClient::new(client.channel());
    let mut wait = Duration::from_millis(1);
    loop {
        let event = Some(Any {
            type_url: "agent.Marker".to_owned(),
            value: token.as_bytes().to_vec(),
        });
        let message = PublishRequest {
            topic: MARKER_TOPIC.to_owned(),
            event,
        };
        let call = Call::runtime("subscribe to containerd's events");
        let request = in_namespace(message);
        if let Err(error) = client
            .answer(call, client.deadlines().usual, service.publish(request))
            .await
        {
            return error;
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(Duration::from_secs(1));
    }
}

/// Differs for every subscription of this process, and from other processes'.
fn marker_token() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

fn failed(client: &Client, status: &Status) -> Error {
    client.error(Call::runtime("follow containerd's events"), None, status)
}
