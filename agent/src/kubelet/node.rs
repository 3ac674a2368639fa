//! The node loop: wishes and runtime events in, one worker per pod.
//!
//! # Expected flow
//! The first gap of the runtime's event stream brings the first list of the runtime. From then on desired pods
//! get workers; once the manifests are complete (`Synced`), what runs and nobody wants is ended. Later gaps, and
//! a slow backstop, list again, and each worker compares its part.
//!
//! # Guarantees
//! - A pod that the runtime already has is adopted: its worker looks before it does anything.
//! - Stopping the loop leaves every pod running.

mod board;
mod facts;
mod list;
mod memory;
mod roster;
mod runner;
mod serve;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use cri::events::{Change, EventSettings, EventStream, RuntimeEvent};
use futures_util::future::BoxFuture;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::clock::Clock;
use super::config::NodeConfig;
use super::executor::{self, Executor, Index};
use super::pod_id::{PodId, PodUid};
use super::static_pod;
use super::worker::{Event, RuntimeChange};
use crate::manifests::ManifestEvent;
use board::Board;
use roster::{Command, Found, Roster};

/// How often the runtime is listed without a reason: a backstop for lost events, not the way to learn of them.
const BACKSTOP: Duration = Duration::from_secs(300);
/// Quiet time after a burst of work before memory goes back to the kernel.
const TRIM_AFTER: Duration = Duration::from_secs(5);
/// First wait after a list that failed; doubles to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Why the node cannot run. Each is for an operator to mend.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The local status socket cannot be opened.
    #[error("open the status socket {path}; does another agent run, or is the directory read-only?", path = .path.display())]
    StatusSocket {
        /// Its path.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A directory of the node cannot be made.
    #[error("make the directory {path}; run as root, or choose another with its flag", path = .path.display())]
    Directory {
        /// Its path.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Whoever reports the manifests has gone.
    #[error("the manifest reader ended")]
    ManifestsEnded,
}

/// Runs the node until `stop` is cancelled. Pods go on running afterwards.
///
/// `manifests` reports the pods that are wanted. The runtime may be away at the start and at any time later:
/// the node waits for it.
///
/// # Errors
/// [`NodeError`]: the node could not be set up, or its source of manifests ended.
pub async fn run(
    config: NodeConfig,
    manifests: mpsc::Receiver<ManifestEvent>,
    stop: CancellationToken,
) -> Result<(), NodeError> {
    memory::limit_arenas();
    let client = cri::Client::for_endpoint(&config.runtime_endpoint, cri::Deadlines::default());
    let edge = Edge {
        client,
        clock: Clock::start(),
        board: Arc::new(Board::default()),
    };
    run_with(config, edge, manifests, stop).await
}

/// What the loop meets the world with; tests bring their own.
struct Edge {
    client: cri::Client,
    clock: Clock,
    board: Arc<Board>,
}

async fn run_with(
    config: NodeConfig,
    edge: Edge,
    mut manifests: mpsc::Receiver<ManifestEvent>,
    stop: CancellationToken,
) -> Result<(), NodeError> {
    for path in [&config.root_dir, &config.pod_log_dir, &config.container_log_dir] {
        std::fs::create_dir_all(path).map_err(|source| NodeError::Directory {
            path: path.clone(),
            source,
        })?;
    }
    if let Some(path) = &config.status_socket {
        let listener = serve::listen(path).map_err(|source| NodeError::StatusSocket {
            path: path.clone(),
            source,
        })?;
        tokio::spawn(serve::serve(listener, edge.board.clone(), stop.clone()));
    }
    let mut node = Node::new(config, edge);
    let mut events = node.client.events(EventSettings::default());
    let ended = node.turn(&mut manifests, &mut events, &stop).await;
    if let Some(path) = &node.config.status_socket {
        let _ = std::fs::remove_file(path);
    }
    ended
}

/// What the loop owns.
struct Node {
    config: NodeConfig,
    client: cri::Client,
    executor: Arc<Executor>,
    index: Arc<Index>,
    board: Arc<Board>,
    clock: Clock,
    roster: Roster,
    mailboxes: HashMap<PodUid, mpsc::UnboundedSender<Event>>,
    ended: (mpsc::UnboundedSender<PodUid>, mpsc::UnboundedReceiver<PodUid>),
    listing: Listing,
    trim_at: Option<Instant>,
}

/// When the runtime is listed next.
enum Listing {
    /// At `at`; `wait` follows when it fails.
    Due { at: Instant, wait: Duration },
    /// Under way; `wait` follows when it fails.
    UnderWay {
        list: BoxFuture<'static, Result<Vec<Found>, String>>,
        wait: Duration,
    },
}

impl Node {
    fn new(config: NodeConfig, edge: Edge) -> Self {
        let Edge { client, clock, board } = edge;
        let index = Arc::new(Index::default());
        let facts = facts::read(&config);
        Self {
            executor: Arc::new(Executor::new(client.clone(), facts, index.clone())),
            config,
            client,
            index,
            board,
            clock,
            roster: Roster::default(),
            mailboxes: HashMap::new(),
            ended: mpsc::unbounded_channel(),
            // The first gap makes it due.
            listing: Listing::Due {
                at: Instant::now() + BACKSTOP,
                wait: FIRST_WAIT,
            },
            trim_at: None,
        }
    }

    async fn turn(
        &mut self,
        manifests: &mut mpsc::Receiver<ManifestEvent>,
        events: &mut EventStream,
        stop: &CancellationToken,
    ) -> Result<(), NodeError> {
        loop {
            let trim_at = self.trim_at;
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                change = manifests.recv() => match change {
                    Some(change) => self.manifest(change),
                    None => return Err(NodeError::ManifestsEnded),
                },
                Some(event) = events.next() => self.runtime_event(event),
                Some(uid) = self.ended.1.recv() => self.pod_ended(&uid),
                found = next_listing(&mut self.listing, &self.client) => self.listed(found),
                () = tokio::time::sleep_until(trim_at.unwrap_or_else(Instant::now)), if trim_at.is_some() => {
                    self.trim_at = None;
                    memory::trim();
                }
            }
        }
    }

    fn manifest(&mut self, change: ManifestEvent) {
        let commands = match change {
            ManifestEvent::Set { source, pod } => {
                let source = source.to_string();
                let pod = Arc::unwrap_or_clone(pod);
                let pod = static_pod::identify(pod, &source, &self.config.node_name, self.clock.now().wall);
                match PodId::of(&pod) {
                    Some(id) => self.roster.set(source, Arc::new(pod), id),
                    None => {
                        warn!(
                            source,
                            "pod has no usable name; give metadata.name letters, digits, '-' and '.'"
                        );
                        Vec::new()
                    }
                }
            }
            ManifestEvent::Removed { source } => self.roster.remove(&source.to_string()),
            ManifestEvent::Broken { source, error } => {
                warn!(%source, "manifest cannot be used: {error}");
                Vec::new()
            }
            ManifestEvent::Synced => self.roster.synced(),
        };
        self.perform(commands);
    }

    fn runtime_event(&mut self, event: RuntimeEvent) {
        let changed = match event {
            RuntimeEvent::Gap { reason } => {
                debug!(?reason, "events may have been missed; listing the runtime");
                self.listing = Listing::Due {
                    at: Instant::now(),
                    wait: FIRST_WAIT,
                };
                return;
            }
            RuntimeEvent::Changed(changed) => changed,
        };
        let what = match changed.change {
            Change::Created | Change::OutOfMemory => return,
            Change::Started => RuntimeChange::Started,
            Change::Stopped { .. } => RuntimeChange::Exited,
            Change::Deleted => RuntimeChange::Deleted,
        };
        let id = changed.subject.id();
        let known = changed
            .pod_uid
            .as_deref()
            .and_then(PodUid::parse)
            .or_else(|| self.index.pod_of(id));
        if let Some(mailbox) = known.and_then(|uid| self.mailboxes.get(&uid)) {
            let id = id.to_owned();
            let _ = mailbox.send(Event::Runtime { id, what });
            self.trim_later();
        }
    }

    fn listed(&mut self, found: Result<Vec<Found>, String>) {
        match found {
            Ok(found) => {
                let commands = self.roster.listed(found);
                self.perform(commands);
            }
            Err(error) => warn!(error, "the runtime could not be listed; trying again"),
        }
    }

    fn pod_ended(&mut self, uid: &PodUid) {
        self.mailboxes.remove(uid);
        self.index.forget(uid);
        self.board.remove(uid);
        let commands = self.roster.ended(uid);
        self.perform(commands);
    }

    fn perform(&mut self, commands: Vec<Command>) {
        for command in commands {
            match command {
                Command::Spawn { pod, id, adopt } => self.spawn(pod, id, adopt),
                Command::Tell { uid, event } => {
                    if let Some(mailbox) = self.mailboxes.get(&uid) {
                        let _ = mailbox.send(*event);
                    }
                }
                Command::Sweep { known } => {
                    let config = self.config.clone();
                    tokio::task::spawn_blocking(move || {
                        for uid in executor::sweep(&config, &known) {
                            info!(uid, "removed what an earlier run left of a pod");
                        }
                    });
                }
                Command::Conflict { source, name } => {
                    warn!(
                        source,
                        pod = name,
                        "another manifest names a pod of this name; this one waits"
                    );
                }
            }
        }
        self.trim_later();
    }

    fn spawn(&mut self, pod: Arc<k8s_openapi::api::core::v1::Pod>, id: PodId, adopt: bool) {
        let (mailbox, mail) = mpsc::unbounded_channel();
        self.mailboxes.insert(id.uid.clone(), mailbox);
        let runner = runner::Runner {
            executor: self.executor.clone(),
            board: self.board.clone(),
            clock: self.clock,
            node_ip: self.config.node_ip,
        };
        let (ended, uid) = (self.ended.0.clone(), id.uid.clone());
        tokio::spawn(async move {
            runner.run(pod, id, adopt, mail).await;
            let _ = ended.send(uid);
        });
    }

    fn trim_later(&mut self) {
        self.trim_at = Some(Instant::now() + TRIM_AFTER);
    }
}

/// Waits until the next list is due, lists, and sets the time of the one after it.
///
/// Cancel-safe: what is under way stays in `listing`.
async fn next_listing(listing: &mut Listing, client: &cri::Client) -> Result<Vec<Found>, String> {
    loop {
        match listing {
            Listing::Due { at, wait } => {
                tokio::time::sleep_until(*at).await;
                let list = Box::pin(list::everything(client.clone()));
                *listing = Listing::UnderWay { list, wait: *wait };
            }
            Listing::UnderWay { list, wait } => {
                let found = list.await;
                let (again, wait) = match found {
                    Ok(_) => (BACKSTOP, FIRST_WAIT),
                    Err(_) => (*wait, (*wait * 2).min(LONGEST_WAIT)),
                };
                *listing = Listing::Due {
                    at: Instant::now() + again,
                    wait,
                };
                return found;
            }
        }
    }
}

#[cfg(test)]
mod tests;
