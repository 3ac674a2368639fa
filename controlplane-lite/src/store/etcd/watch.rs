//! Watches on etcd: one gRPC stream each, taken up again on another member where it broke.
//!
//! Invariant: `next` is the first revision that was not delivered; every new stream starts there, so a broken
//! one neither loses nor repeats events.
//!
//! Progress: etcd before 3.4.25 and 3.5.8 may answer a progress request before the events it covers, so such a
//! member is not asked. Instead a key at the end of the prefix is written, whose event cannot overtake others.
//! Readers of the store never see that key.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::{Notify, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Request, Status, Streaming};

use super::connect::{Backoff, is_transient};
use super::convert::{event, header_revision, prefix_end, revision, signed};
use super::{Etcd, pb};
use crate::store::{Batch, Event, EventStream, Expect, Result, StoreError};

/// Batches that may wait for the reader.
const BACKLOG: usize = 64;

/// End of the key that makes progress visible on old servers.
const MARK: &str = "\u{7f}agent-progress";

/// Whether a key is only there to make progress visible.
pub(super) fn is_mark(key: &str) -> bool {
    key.ends_with(MARK)
}

/// A running watch.
struct Run {
    etcd: Etcd,
    prefix: String,
    next: u64,
    progress: Arc<Notify>,
    out: mpsc::Sender<Result<Batch>>,
}

/// Why one gRPC stream ended.
enum End {
    /// Nobody reads any more.
    Unread,
    /// It cannot go on.
    Failed(StoreError),
    /// Another member may go on with it.
    Broken(Status),
}

/// What the open stream of a watch is read with.
struct Open {
    requests: mpsc::Sender<pb::WatchRequest>,
    responses: Streaming<pb::WatchResponse>,
    /// Whether progress may be asked for.
    honest: bool,
    /// Events of a response that came in pieces.
    pieces: Vec<Event>,
}

/// Starts a watch from revision `from`.
pub(super) fn open(etcd: Etcd, prefix: &str, from: u64) -> EventStream {
    let (out, batches) = mpsc::channel(BACKLOG);
    let progress = etcd.listen_for_progress();
    let run = Run {
        etcd,
        prefix: prefix.to_owned(),
        next: from,
        progress,
        out,
    };
    tokio::spawn(run.run());
    Box::pin(ReceiverStream::new(batches))
}

impl Run {
    async fn run(mut self) {
        let mut pause = Backoff::default();
        loop {
            let (number, channel) = self.etcd.inner.members.current();
            let before = self.next;
            match self.follow(channel).await {
                End::Unread => return,
                End::Failed(error) => {
                    // A reader that left needs no error.
                    let _ = self.out.send(Err(error)).await;
                    return;
                }
                End::Broken(status) => {
                    tracing::debug!(prefix = self.prefix, next = self.next, %status, "a watch of etcd broke off");
                    self.etcd.inner.members.leave(number);
                }
            }
            if self.next > before {
                pause = Backoff::default();
            }
            tokio::select! {
                () = pause.wait() => {}
                () = self.out.closed() => return,
            }
        }
    }

    async fn follow(&mut self, channel: Channel) -> End {
        let mut open = match self.connect(channel).await {
            Ok(open) => open,
            Err(status) if is_transient(&status) => return End::Broken(status),
            Err(status) => return End::Failed(self.etcd.error(&status)),
        };
        loop {
            // Both are cancel-safe; nothing is lost when the other one is ready first.
            let received = tokio::select! {
                response = open.responses.next() => response,
                () = self.progress.notified() => match self.ask_progress(&mut open).await {
                    Ok(()) => continue,
                    Err(end) => return end,
                },
                () = self.out.closed() => return End::Unread,
            };
            let step = match received {
                Some(Ok(response)) => self.take(&mut open, response),
                Some(Err(status)) if is_transient(&status) => Err(End::Broken(status)),
                Some(Err(status)) => Err(End::Failed(self.etcd.error(&status))),
                None => Err(End::Broken(Status::unavailable("the stream ended"))),
            };
            match step {
                Ok(None) => {}
                Ok(Some(batch)) => {
                    if self.out.send(Ok(batch)).await.is_err() {
                        return End::Unread;
                    }
                }
                Err(end) => return end,
            }
        }
    }

    async fn connect(&self, channel: Channel) -> Result<Open, Status> {
        let limit = self.etcd.inner.members.times.attempt;
        let late = |_| Status::deadline_exceeded("the watch was not opened in time");
        let version = tokio::time::timeout(limit, self.etcd.version(channel.clone()))
            .await
            .map_err(late)??;
        let (requests, outgoing) = mpsc::channel(4);
        let create = pb::WatchCreateRequest {
            key: Bytes::copy_from_slice(self.prefix.as_bytes()),
            range_end: prefix_end(&self.prefix).into(),
            start_revision: signed(self.next),
            progress_notify: true,
            prev_kv: true,
            fragment: true,
        };
        let create = pb::watch_request::RequestUnion::CreateRequest(create);
        // The channel is empty and has room.
        let _ = requests.try_send(pb::WatchRequest {
            request_union: Some(create),
        });
        let mut request = Request::new(ReceiverStream::new(outgoing));
        // A member cut off from its leader ends the stream instead of keeping silent.
        request
            .metadata_mut()
            .insert("hasleader", tonic::metadata::MetadataValue::from_static("true"));
        let mut client = self.etcd.watch_client(channel);
        let opened = tokio::time::timeout(limit, client.watch(request))
            .await
            .map_err(late)??;
        Ok(Open {
            requests,
            responses: opened.into_inner(),
            honest: orders_progress(&version),
            pieces: Vec::new(),
        })
    }

    /// What one response means for the reader.
    fn take(&mut self, open: &mut Open, response: pb::WatchResponse) -> Result<Option<Batch>, End> {
        if response.canceled {
            return Err(self.cancelled(&response));
        }
        if response.created {
            return Ok(None);
        }
        if response.events.is_empty() {
            // Without a watch's number it is the answer to a request, which old servers give too early.
            let trusted = open.honest || response.watch_id != -1;
            let reached = header_revision(response.header.as_ref());
            let news = trusted && reached >= self.next.saturating_sub(1);
            self.next = if news {
                self.next.max(reached + 1)
            } else {
                self.next
            };
            return Ok(news.then_some(Batch {
                events: Vec::new(),
                revision: reached,
            }));
        }
        for change in response.events {
            open.pieces.push(event(change).map_err(End::Failed)?);
        }
        if response.fragment {
            return Ok(None);
        }
        let mut events = std::mem::take(&mut open.pieces);
        events.retain(|e| e.revision() >= self.next);
        let Some(reached) = events.last().map(Event::revision) else {
            return Ok(None);
        };
        events.retain(|e| !is_mark(&e.entry.key));
        self.next = reached + 1;
        self.etcd.saw(reached);
        Ok(Some(Batch {
            events,
            revision: reached,
        }))
    }

    fn cancelled(&self, response: &pb::WatchResponse) -> End {
        match revision(response.compact_revision) {
            0 => End::Broken(Status::unavailable(response.cancel_reason.clone())),
            oldest => End::Failed(StoreError::Compacted {
                requested: self.next,
                oldest,
            }),
        }
    }

    async fn ask_progress(&self, open: &mut Open) -> Result<(), End> {
        if open.honest {
            let union = pb::watch_request::RequestUnion::ProgressRequest(pb::WatchProgressRequest {});
            let sent = open
                .requests
                .send(pb::WatchRequest {
                    request_union: Some(union),
                })
                .await;
            return sent.map_err(|_| End::Broken(Status::unavailable("the stream ended")));
        }
        let key = format!("{}{MARK}", self.prefix);
        let current = self
            .etcd
            .range_one(&key, crate::store::At::Latest)
            .await
            .map_err(End::Failed)?
            .0;
        let expect = current.map_or(Expect::Absent, |e| Expect::Revision(e.mod_revision));
        match self.etcd.mark(key, expect).await {
            // Somebody else's mark is as good.
            Ok(_) | Err(StoreError::Conflict { .. } | StoreError::Exists { .. }) => Ok(()),
            Err(error) => Err(End::Broken(Status::unavailable(error.to_string()))),
        }
    }
}

/// Whether a server of this version answers progress requests in order with the events.
fn orders_progress(version: &str) -> bool {
    let mut parts = version
        .split(['.', '-', '+'])
        .map(|p| p.parse::<u32>().unwrap_or(0));
    let mut part = || parts.next().unwrap_or(0);
    let version = (part(), part(), part());
    version >= (3, 5, 8) || ((3, 4, 25)..(3, 5, 0)).contains(&version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_whose_progress_can_be_trusted() {
        for (version, want) in [
            ("3.3.25", false),
            ("3.4.23", false),
            ("3.4.25", true),
            ("3.4.31", true),
            ("3.5.0", false),
            ("3.5.7", false),
            ("3.5.8", true),
            ("3.6.0-rc.1", true),
            ("4.0", true),
            ("", false),
        ] {
            assert_eq!(orders_progress(version), want, "{version}");
        }
    }
}
