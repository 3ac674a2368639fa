//! State layer: puts subjects to ids, and holds a container's end back until CRI shows it.
//!
//! containerd's events name an id alone; whether it is a sandbox or a container has to be asked once per id.
//! An exit is published before CRI's own bookkeeping has seen it, so a status call made at once would still
//! say "running": the tracker asks for a confirmation first.
//!
//! A tracker lives as long as one connection; the next begins with what a list shows ([`Tracker::seed`]).
//!
//! Invariants: one question of a kind per id is under way at a time; events of one id leave in their order.

use super::decode::Happening;
use crate::events::{Change, Changed, Subject};
use std::collections::{HashMap, VecDeque};

/// What an id stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) is_sandbox: bool,
    pub(super) pod_uid: Option<Box<str>>,
}

/// What comes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Input {
    /// An event of containerd.
    Happened(Happening),
    /// The answer to [`Action::Identify`]; `None`: it is gone, or not of Kubernetes.
    Identified { id: String, identity: Option<Identity> },
    /// The answer to [`Action::Confirm`]: CRI shows the end now, or never will.
    Confirmed { id: String },
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    /// Hand this to the reader.
    Emit(Changed),
    /// Ask containerd what `id` is.
    Identify { id: String },
    /// Wait until CRI's status shows that it ended.
    Confirm { id: String, is_sandbox: bool },
}

/// What is known of one id.
#[derive(Debug)]
enum Known {
    /// Asked; these changes wait for the answer.
    Asking(VecDeque<Change>),
    /// Answered; changes wait behind an end that is being confirmed.
    Is {
        identity: Identity,
        unconfirmed: VecDeque<Change>,
    },
    /// Answered: not ours.
    Foreign,
}

/// Everything known, by id.
#[derive(Debug, Default)]
pub(super) struct Tracker {
    known: HashMap<String, Known>,
}

impl Tracker {
    /// Handles one input.
    pub(super) fn step(&mut self, input: Input) -> Vec<Action> {
        match input {
            Input::Happened(Happening::Created { id }) => self.change(id, Change::Created),
            Input::Happened(Happening::Started { id }) => self.change(id, Change::Started),
            Input::Happened(Happening::Exited { id, exit_code }) => self.change(
                id,
                Change::Stopped {
                    exit_code: Some(exit_code),
                },
            ),
            Input::Happened(Happening::OutOfMemory { id }) => self.change(id, Change::OutOfMemory),
            Input::Happened(Happening::Deleted { id }) => self.change(id, Change::Deleted),
            Input::Happened(Happening::Marker { .. }) => Vec::new(),
            Input::Identified { id, identity } => self.identified(id, identity),
            Input::Confirmed { id } => self.confirmed(&id),
        }
    }

    /// Takes over what a list showed, so that ids from before the connection need not be asked for.
    pub(super) fn seed(&mut self, id: String, identity: Identity) {
        self.known.insert(
            id,
            Known::Is {
                identity,
                unconfirmed: VecDeque::new(),
            },
        );
    }

    fn change(&mut self, id: String, change: Change) -> Vec<Action> {
        match self.known.get_mut(&id) {
            None if change == Change::Deleted => Vec::new(),
            None => {
                self.known
                    .insert(id.clone(), Known::Asking(VecDeque::from([change])));
                vec![Action::Identify { id }]
            }
            Some(Known::Asking(waiting)) => {
                waiting.push_back(change);
                Vec::new()
            }
            Some(Known::Foreign) => {
                if change == Change::Deleted {
                    self.known.remove(&id);
                }
                Vec::new()
            }
            Some(Known::Is { unconfirmed, .. }) => {
                unconfirmed.push_back(change);
                if unconfirmed.len() > 1 && change != Change::Deleted {
                    return Vec::new();
                }
                self.release(&id, change == Change::Deleted)
            }
        }
    }

    fn identified(&mut self, id: String, identity: Option<Identity>) -> Vec<Action> {
        let Some(Known::Asking(waiting)) = self.known.remove(&id) else {
            return Vec::new();
        };
        let deleted = waiting.contains(&Change::Deleted);
        match identity {
            // Gone before it could be asked: nothing is left that anybody could look at.
            None if deleted => Vec::new(),
            None => {
                self.known.insert(id, Known::Foreign);
                Vec::new()
            }
            Some(identity) => {
                self.known.insert(
                    id.clone(),
                    Known::Is {
                        identity,
                        unconfirmed: waiting,
                    },
                );
                self.release(&id, deleted)
            }
        }
    }

    fn confirmed(&mut self, id: &str) -> Vec<Action> {
        let Some(Known::Is {
            identity,
            unconfirmed,
        }) = self.known.get_mut(id)
        else {
            return Vec::new();
        };
        let Some(Change::Stopped { .. }) = unconfirmed.front() else {
            return Vec::new();
        };
        let mut actions: Vec<Action> = unconfirmed
            .pop_front()
            .map(|c| emit(id, identity, c))
            .into_iter()
            .collect();
        actions.extend(self.release(id, false));
        actions
    }

    /// Lets changes go up to the first end that needs confirmation; all of them if `deleted`, since CRI then
    /// has nothing left to confirm.
    fn release(&mut self, id: &str, deleted: bool) -> Vec<Action> {
        let Some(Known::Is {
            identity,
            unconfirmed,
        }) = self.known.get_mut(id)
        else {
            return Vec::new();
        };
        let mut actions = Vec::new();
        while let Some(change) = unconfirmed.front().copied() {
            if matches!(change, Change::Stopped { .. }) && !deleted {
                actions.push(Action::Confirm {
                    id: id.to_owned(),
                    is_sandbox: identity.is_sandbox,
                });
                return actions;
            }
            actions.push(emit(id, identity, change));
            unconfirmed.pop_front();
        }
        if deleted {
            self.known.remove(id);
        }
        actions
    }
}

fn emit(id: &str, identity: &Identity, change: Change) -> Action {
    let subject = if identity.is_sandbox {
        Subject::Sandbox(id.into())
    } else {
        Subject::Container(id.into())
    };
    Action::Emit(Changed {
        subject,
        pod_uid: identity.pod_uid.clone(),
        change,
    })
}

#[cfg(test)]
mod tests;
