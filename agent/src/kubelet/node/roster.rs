//! Who should have a worker: desired pods, pods that the runtime shows, and workers that run. Pure.
//!
//! Invariants: one worker per uid; one worker per name, so that a changed manifest's pod waits for the end of
//! the pod before it; no pod is ended before every source has spoken.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::kubelet::pod_id::{PodId, PodUid};
use crate::kubelet::worker::{Event, Listing};

/// What a list of the runtime shows of one pod.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// Who it is, from its labels.
    pub(super) id: PodId,
    /// Its sandboxes and containers.
    pub(super) listing: Listing,
    /// Names of its containers.
    pub(super) containers: Vec<String>,
    /// Grace that its containers were made with.
    pub(super) grace: Option<Duration>,
}

/// What the loop has to do.
#[derive(Debug)]
pub(super) enum Command {
    /// Start a worker; `adopt` when the runtime may have something of the pod.
    Spawn { pod: Arc<Pod>, id: PodId, adopt: bool },
    /// Send an event to a worker.
    Tell { uid: PodUid, event: Box<Event> },
    /// Remove the directories of all pods but these.
    Sweep { known: HashSet<String> },
    /// Two sources name the same pod; this one waits for the other's end.
    Conflict { source: String, name: String },
}

/// How far the node's knowledge goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// Neither the runtime nor all sources have been heard.
    #[default]
    Begun,
    /// The runtime has been listed; sources may still speak for what runs.
    Listed,
    /// All sources have spoken; the runtime has not been listed.
    Synced,
    /// Both.
    Complete,
}

#[derive(Clone, Debug)]
struct Worker {
    name: String,
    leaving: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Roster {
    phase: Phase,
    desired: BTreeMap<String, (PodId, Arc<Pod>)>,
    workers: HashMap<PodUid, Worker>,
    found: HashMap<PodUid, Found>,
}

impl Roster {
    /// `source` wants this pod.
    pub(super) fn set(&mut self, source: String, pod: Arc<Pod>, id: PodId) -> Vec<Command> {
        let name = id.full_name();
        // A uid written in the manifest stays the same when the rest changes: the worker takes the new spec over.
        let before = self
            .desired
            .get(&source)
            .filter(|(before, was)| before.uid == id.uid && *was != pod);
        let changed = before.is_some() && self.workers.get(&id.uid).is_some_and(|w| !w.leaving);
        let news = changed.then(|| Command::Tell {
            uid: id.uid.clone(),
            event: Box::new(Event::Desired(pod.clone())),
        });
        let other =
            |(s, (other, _)): (&String, &(PodId, Arc<Pod>))| *s != source && other.full_name() == name;
        let conflict = self.desired.iter().any(other);
        self.desired.insert(source.clone(), (id, pod));
        let mut commands = self.settle();
        commands.extend(news);
        if conflict {
            commands.push(Command::Conflict { source, name });
        }
        commands
    }

    /// `source` wants nothing any more.
    pub(super) fn remove(&mut self, source: &str) -> Vec<Command> {
        self.desired.remove(source);
        self.settle()
    }

    /// Every source has said what it had at the start.
    pub(super) fn synced(&mut self) -> Vec<Command> {
        match self.phase {
            Phase::Begun => self.phase = Phase::Synced,
            Phase::Listed => return self.complete(),
            Phase::Synced | Phase::Complete => {}
        }
        Vec::new()
    }

    /// The runtime has been listed.
    pub(super) fn listed(&mut self, found: Vec<Found>) -> Vec<Command> {
        self.found = found.into_iter().map(|f| (f.id.uid.clone(), f)).collect();
        let mut commands: Vec<Command> = self
            .workers
            .keys()
            .map(|uid| Command::Tell {
                uid: uid.clone(),
                event: Box::new(Event::Listed(
                    self.found.get(uid).map(|f| f.listing.clone()).unwrap_or_default(),
                )),
            })
            .collect();
        commands.extend(match self.phase {
            Phase::Begun => {
                self.phase = Phase::Listed;
                self.settle()
            }
            Phase::Synced => self.complete(),
            Phase::Listed | Phase::Complete => self.settle(),
        });
        commands
    }

    /// A worker has ended; nothing of its pod is left.
    pub(super) fn ended(&mut self, uid: &PodUid) -> Vec<Command> {
        self.workers.remove(uid);
        self.found.remove(uid);
        self.settle()
    }

    fn complete(&mut self) -> Vec<Command> {
        self.phase = Phase::Complete;
        let mut commands = self.settle();
        let desired = self.desired.values().map(|(id, _)| id.uid.to_string());
        let known = desired
            .chain(self.workers.keys().map(ToString::to_string))
            .collect();
        commands.push(Command::Sweep { known });
        commands
    }

    /// Starts the workers that should be there and tells those that should not to end.
    fn settle(&mut self) -> Vec<Command> {
        let mut commands = Vec::new();
        if matches!(self.phase, Phase::Begun | Phase::Synced) {
            return commands;
        }
        let wanted: HashSet<PodUid> = self.desired.values().map(|(id, _)| id.uid.clone()).collect();
        if self.phase == Phase::Complete {
            self.dismiss(&wanted, &mut commands);
        }
        for (id, pod) in self.desired.values().cloned().collect::<Vec<_>>() {
            self.engage(id, pod, &mut commands);
        }
        commands
    }

    /// Ends pods that nobody wants: workers, and what the runtime has without a worker.
    fn dismiss(&mut self, wanted: &HashSet<PodUid>, commands: &mut Vec<Command>) {
        let orphans: Vec<Found> = self
            .found
            .values()
            .filter(|f| !wanted.contains(&f.id.uid) && !self.workers.contains_key(&f.id.uid))
            .cloned()
            .collect();
        for orphan in orphans {
            let pod = Arc::new(stand_in(&orphan));
            self.engage(orphan.id, pod, commands);
        }
        for (uid, worker) in &mut self.workers {
            if !wanted.contains(uid) && !worker.leaving {
                worker.leaving = true;
                let event = Box::new(Event::Delete { grace: None });
                commands.push(Command::Tell {
                    uid: uid.clone(),
                    event,
                });
            }
        }
    }

    /// Starts a worker, unless the pod has one or its name is in use. Orphans do not wait for their name.
    fn engage(&mut self, id: PodId, pod: Arc<Pod>, commands: &mut Vec<Command>) {
        let name = id.full_name();
        let desired = self.desired.values().any(|(other, _)| other.uid == id.uid);
        // What the runtime still has under this name ends first, even before it has a worker.
        let in_use = |(uid, found): (&PodUid, &Found)| *uid != id.uid && found.id.full_name() == name;
        let taken = self.workers.values().any(|w| w.name == name) || self.found.iter().any(in_use);
        if self.workers.contains_key(&id.uid) || (desired && taken) {
            return;
        }
        self.workers
            .insert(id.uid.clone(), Worker { name, leaving: false });
        let adopt = self.found.contains_key(&id.uid);
        commands.push(Command::Spawn { pod, id, adopt });
    }
}

/// The pod that an orphan must have been, as far as the runtime tells: enough to end it properly.
fn stand_in(found: &Found) -> Pod {
    let containers = found.containers.iter().map(|name| Container {
        name: name.clone(),
        ..Container::default()
    });
    Pod {
        metadata: ObjectMeta {
            uid: Some(found.id.uid.to_string()),
            namespace: Some(found.id.namespace.to_string()),
            name: Some(found.id.name.to_string()),
            ..ObjectMeta::default()
        },
        spec: Some(PodSpec {
            containers: containers.collect(),
            termination_grace_period_seconds: found.grace.and_then(|g| i64::try_from(g.as_secs()).ok()),
            ..PodSpec::default()
        }),
        status: None,
    }
}

#[cfg(test)]
mod tests;
