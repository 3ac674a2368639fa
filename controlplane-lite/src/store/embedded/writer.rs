//! The one thread that writes: it takes what is queued, gives each write its revision, makes one durable commit
//! of them all, tells the watchers, and answers.
//!
//! Invariant: nobody is answered before the commit, and watchers never see what is not committed.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::Shared;
use super::file::{WriteFailure, need};
use super::tables::{Fault, Standing, Writing};
use crate::store::{Event, Put, Result, StoreError};

/// Most requests and bytes in one commit: enough to share an fsync, few enough to answer soon.
const BATCH: (usize, usize) = (256, 4 << 20);

/// Revisions cleaned per commit of a compaction, so that writers get their turn in between.
const CLEAN_STEP: u64 = 500;

/// Keys that expire per commit.
const EXPIRE_STEP: usize = 500;

pub(super) enum Operation {
    Put(Put),
    Delete { key: String, expected: u64 },
    Expire { now: u64 },
    Compact { upto: u64 },
}

/// What an operation came to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Done {
    /// A write at this revision.
    Revision(u64),
    /// So many keys expired.
    Expired(usize),
    /// Compaction stands here.
    Compacted(Standing),
}

pub(super) struct Request {
    pub(super) operation: Operation,
    pub(super) reply: oneshot::Sender<Result<Done>>,
}

impl Request {
    fn bytes(&self) -> usize {
        match &self.operation {
            Operation::Put(put) => put.value.len() + put.key.len(),
            _ => 0,
        }
    }

    fn grows(&self) -> bool {
        matches!(self.operation, Operation::Put(_))
    }
}

/// Bytes that puts may still take from free space inside the file while the disk is full.
#[derive(Default)]
struct Allowance(u64);

/// Runs until every sender is gone, then closes the file.
pub(super) fn run(shared: &Arc<Shared>, mut queue: mpsc::Receiver<Request>) {
    let mut allowance = Allowance::default();
    while let Some(first) = queue.blocking_recv() {
        let mut bytes = first.bytes();
        let mut batch = vec![first];
        while batch.len() < BATCH.0 && bytes < BATCH.1 {
            let Ok(next) = queue.try_recv() else { break };
            bytes += next.bytes();
            batch.push(next);
        }
        commit_what_fits(shared, batch, bytes, &mut allowance);
    }
    shared.close();
}

/// On a nearly full disk requests are looked at one by one: deletes may pass where puts may not.
fn commit_what_fits(shared: &Shared, batch: Vec<Request>, bytes: usize, allowance: &mut Allowance) {
    let room = shared.file.room();
    if room.fits(batch.len(), bytes, true) {
        *allowance = Allowance::default();
        return commit(shared, batch);
    }
    for request in batch {
        let bytes = request.bytes();
        if room.fits(1, bytes, request.grows()) || allowance.take(shared, need(1, bytes)) {
            commit(shared, vec![request]);
        } else {
            let full = StoreError::Full {
                place: shared.file.place(),
            };
            // Nobody waits any more: nothing to tell.
            let _ = request.reply.send(Err(full));
        }
    }
}

impl Allowance {
    /// Takes from what is free inside the file; measures that anew when it seems used up.
    fn take(&mut self, shared: &Shared, need: u64) -> bool {
        if self.0 < need {
            // Half of it: the free pages need not be where they are wanted.
            self.0 = shared.file.slack() / 2;
        }
        let enough = self.0 >= need;
        if enough {
            self.0 -= need;
        }
        enough
    }
}

fn commit(shared: &Shared, batch: Vec<Request>) {
    if !shared.file.is_open()
        && let Err(error) = shared.file.reopen()
    {
        return refuse(batch, &error);
    }
    match write(shared, &batch) {
        Ok((answers, standing, events)) => {
            shared.publish(events, standing);
            for (request, answer) in batch.into_iter().zip(answers) {
                let _ = request.reply.send(answer);
            }
        }
        Err(WriteFailure::Refused(error)) => refuse(batch, &error),
        Err(WriteFailure::Broken(error)) => {
            tracing::error!(%error, "the store could not commit");
            match shared.file.reopen() {
                // A commit whose fsync failed may be there or not: the counter tells.
                Ok(standing) if standing.revision != shared.standing().revision => {
                    shared.resync(standing);
                    refuse_unknown(batch, &error);
                }
                Ok(_) => refuse(batch, &error),
                Err(reopen) => {
                    tracing::error!(error = %reopen, "the store could not be opened again");
                    refuse(batch, &error);
                }
            }
        }
    }
}

type Written = (Vec<Result<Done>>, Standing, Vec<Event>);

fn write(shared: &Shared, batch: &[Request]) -> std::result::Result<Written, WriteFailure> {
    let now = (shared.clock)();
    let mut standing = shared.standing();
    shared.file.write(|txn| {
        let mut tables = Writing::open(txn)?;
        let (mut answers, mut events) = (Vec::with_capacity(batch.len()), Vec::new());
        let mut changed = false;
        for request in batch {
            let answer = match perform(&mut tables, &request.operation, now, &mut events) {
                Ok(done) => Ok(done),
                Err(Fault::Answer(error)) => Err(error),
                Err(fault) => return Err(fault),
            };
            match answer {
                Ok(Done::Compacted(now)) => {
                    changed =
                        changed || (standing.compacted, standing.cleaned) != (now.compacted, now.cleaned);
                    (standing.compacted, standing.cleaned) = (now.compacted, now.cleaned);
                }
                Ok(Done::Revision(_) | Done::Expired(1..)) => changed = true,
                Ok(Done::Expired(0)) | Err(_) => {}
            }
            answers.push(answer);
        }
        tables.finish()?;
        drop(tables);
        standing.revision = events.last().map_or(standing.revision, Event::revision);
        Ok(((answers, standing, events), changed))
    })
}

fn perform(
    tables: &mut Writing<'_>,
    operation: &Operation,
    now: u64,
    events: &mut Vec<Event>,
) -> super::tables::Result<Done> {
    let event = match operation {
        Operation::Put(put) => tables.put(put, put.ttl.map(|ttl| now + ttl.as_secs().max(1)))?,
        Operation::Delete { key, expected } => tables.delete(key, *expected)?,
        Operation::Expire { now } => {
            let expired = tables.expire(*now, EXPIRE_STEP)?;
            let done = Done::Expired(expired.len());
            events.extend(expired);
            return Ok(done);
        }
        Operation::Compact { upto } => return tables.compact(*upto, CLEAN_STEP).map(Done::Compacted),
    };
    let revision = event.revision();
    events.push(event);
    Ok(Done::Revision(revision))
}

fn refuse(batch: Vec<Request>, error: &StoreError) {
    for request in batch {
        let _ = request.reply.send(Err(error.clone()));
    }
}

fn refuse_unknown(batch: Vec<Request>, error: &StoreError) {
    for request in batch {
        let key = match &request.operation {
            Operation::Put(put) => put.key.to_string(),
            Operation::Delete { key, .. } => key.clone(),
            Operation::Expire { .. } | Operation::Compact { .. } => String::new(),
        };
        let _ = request.reply.send(Err(StoreError::Unknown {
            key,
            reason: error.to_string(),
        }));
    }
}
