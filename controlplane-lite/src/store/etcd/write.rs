//! Writing to etcd, exactly once.
//!
//! A member can die between taking a write and answering it. Such a write is in doubt: before it is tried
//! again, the key's history tells whether it happened. That is decidable because every write has a condition:
//! - a write that expects revision `e` can only be the first change of the key behind `e`, and that first change
//!   is found by bisection, since "the key is still at `e`" holds up to some revision and never again;
//! - a create is the one that made the key what it is now, or else one between the last revision known before
//!   and now, which are looked at one by one.
//!
//! The retry has the same condition, so a late first attempt and the retry cannot both succeed.

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::time::Instant;
use tonic::Status;

use super::connect::{Backoff, is_transient};
use super::convert::{Refusal, entry, header_revision, refusal, revision, signed};
use super::{Etcd, pb};
use crate::store::{At, Entry, Expect, Result, StoreError};

/// Most revisions looked at one by one for a create in doubt.
const TRACE_LIMIT: u64 = 5000;

/// What is to be written.
#[derive(Debug, Clone)]
pub(super) enum Wish {
    /// This value under this lease (0: none).
    Value(Bytes, i64),
    /// Nothing: the key is to be deleted.
    Gone,
}

/// A conditional write of one key.
#[derive(Debug, Clone)]
pub(super) struct Write {
    pub(super) key: String,
    pub(super) expect: Expect,
    pub(super) wish: Wish,
}

impl Write {
    fn transaction(&self) -> pb::TxnRequest {
        use pb::compare::{CompareTarget, TargetUnion};
        use pb::request_op::Request;
        let expected = match self.expect {
            Expect::Absent => 0,
            Expect::Revision(revision) => signed(revision),
        };
        let key = Bytes::copy_from_slice(self.key.as_bytes());
        let condition = pb::Compare {
            result: pb::compare::CompareResult::Equal as i32,
            target: CompareTarget::Mod as i32,
            key: key.clone(),
            target_union: Some(TargetUnion::ModRevision(expected)),
        };
        let write = match &self.wish {
            Wish::Value(value, lease) => Request::RequestPut(pb::PutRequest {
                key: key.clone(),
                value: value.clone(),
                lease: *lease,
            }),
            Wish::Gone => Request::RequestDeleteRange(pb::DeleteRangeRequest { key: key.clone() }),
        };
        let read = Request::RequestRange(pb::RangeRequest {
            key,
            ..Default::default()
        });
        let operation = |request| {
            vec![pb::RequestOp {
                request: Some(request),
            }]
        };
        pb::TxnRequest {
            compare: vec![condition],
            success: operation(write),
            failure: operation(read),
        }
    }

    /// Whether `entry`, the key after some write, is what this write would have made of it.
    fn made(&self, entry: Option<&Entry>) -> bool {
        match (&self.wish, entry) {
            (Wish::Value(value, _), Some(entry)) => entry.value == *value,
            (Wish::Gone, None) => true,
            _ => false,
        }
    }

    /// Why the condition did not hold, from what is there.
    fn mismatch(&self, response: pb::TxnResponse) -> StoreError {
        let current = response.responses.into_iter().find_map(|op| match op.response {
            Some(pb::response_op::Response::ResponseRange(range)) => range.kvs.into_iter().next(),
            _ => None,
        });
        match (current.map(entry), self.expect) {
            (None, _) => StoreError::Absent {
                key: self.key.clone(),
            },
            (Some(Err(error)), _) => error,
            (Some(Ok(current)), Expect::Absent) => StoreError::Exists {
                current: Box::new(current),
            },
            (Some(Ok(current)), Expect::Revision(_)) => StoreError::Conflict {
                current: Box::new(current),
            },
        }
    }
}

impl Etcd {
    /// Writes if the condition holds, and answers the revision of the write.
    pub(super) async fn write(&self, write: &Write) -> Result<u64> {
        // A create in doubt is looked for behind this revision.
        let floor = match write.expect {
            Expect::Revision(revision) => revision,
            Expect::Absent => self.known_revision().await?,
        };
        let deadline = Instant::now() + self.inner.members.times.call;
        let (mut doubt, mut pause) = (false, Backoff::default());
        loop {
            let request = write.transaction();
            let answer = self
                .inner
                .members
                .attempt(|channel| async move { self.kv(channel).txn(request).await })
                .await;
            let failure = match answer {
                Ok(response) => {
                    let at = header_revision(response.header.as_ref());
                    self.saw(at);
                    if response.succeeded {
                        return Ok(at);
                    }
                    let traced = if doubt {
                        self.trace(write, floor).await?
                    } else {
                        None
                    };
                    return traced.map_or_else(|| Err(write.mismatch(response)), Ok);
                }
                Err(status) if is_transient(&status) => status,
                Err(status) => return Err(self.refused(write, &status)),
            };
            doubt = true;
            if Instant::now() >= deadline {
                return Err(unknown(write, failure.message()));
            }
            pause.wait().await;
            if let Some(done) = self.trace(write, floor).await? {
                return Ok(done);
            }
        }
    }

    fn refused(&self, write: &Write, status: &Status) -> StoreError {
        let size = if let Wish::Value(value, _) = &write.wish {
            value.len()
        } else {
            0
        };
        match refusal(status) {
            Refusal::TooLarge => StoreError::TooLarge {
                key: write.key.clone(),
                size,
            },
            _ => self.error(status),
        }
    }

    /// Whether a write in doubt has happened by now, and at which revision.
    async fn trace(&self, write: &Write, floor: u64) -> Result<Option<u64>> {
        let in_doubt = |error: StoreError| unknown(write, &error.to_string());
        match write.expect {
            Expect::Revision(expected) => self.trace_change(write, expected).await.map_err(in_doubt),
            Expect::Absent => self.trace_create(write, floor).await.map_err(in_doubt),
        }
    }

    /// Finds the first change behind `expected` by bisection.
    async fn trace_change(&self, write: &Write, expected: u64) -> Result<Option<u64>> {
        let unchanged = |entry: &Option<Entry>| entry.as_ref().is_some_and(|e| e.mod_revision == expected);
        let (mut entry, mut changed) = self.range_one(&write.key, At::Latest).await?;
        if unchanged(&entry) {
            return Ok(None);
        }
        let mut same = expected;
        while changed - same > 1 {
            let middle = same + (changed - same) / 2;
            let (there, _) = self.range_one(&write.key, At::Exactly(middle)).await?;
            if unchanged(&there) {
                same = middle;
            } else {
                (entry, changed) = (there, middle);
            }
        }
        Ok(write.made(entry.as_ref()).then_some(changed))
    }

    /// Finds the creation with our value between `floor` and now.
    async fn trace_create(&self, write: &Write, floor: u64) -> Result<Option<u64>> {
        let (entry, now) = self.range_one(&write.key, At::Latest).await?;
        if let Some(entry) = entry {
            let (created, _) = self
                .range_one(&write.key, At::Exactly(entry.create_revision))
                .await?;
            if write.made(created.as_ref()) {
                return Ok(Some(entry.create_revision));
            }
        }
        if now.saturating_sub(floor) > TRACE_LIMIT {
            return Err(unknown(write, "too much was written since"));
        }
        let mut reads = stream::iter(floor + 1..now)
            .map(async |at| {
                self.range_one(&write.key, At::Exactly(at))
                    .await
                    .map(|(entry, _)| (at, entry))
            })
            .buffered(32);
        while let Some(read) = reads.next().await {
            let (at, entry) = read?;
            if entry.is_some_and(|e| e.create_revision == at && write.made(Some(&e))) {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    /// A revision the store has certainly reached.
    async fn known_revision(&self) -> Result<u64> {
        match self.seen() {
            0 => Ok(self.range_one("\0", At::Latest).await?.1),
            seen => Ok(seen),
        }
    }

    /// One key at a moment, and the revision of the answer.
    pub(super) async fn range_one(&self, key: &str, at: At) -> Result<(Option<Entry>, u64)> {
        let request = pb::RangeRequest {
            key: Bytes::copy_from_slice(key.as_bytes()),
            ..Default::default()
        };
        let response = self.range(request, at).await?;
        let now = header_revision(response.header.as_ref());
        let answered = if let At::Exactly(at) = at { at } else { now };
        let entry = response.kvs.into_iter().next().map(entry).transpose()?;
        Ok((entry, answered))
    }

    /// Reads a range at a moment.
    pub(super) async fn range(&self, mut request: pb::RangeRequest, at: At) -> Result<pb::RangeResponse> {
        if let At::Exactly(exactly) = at {
            if exactly == 0 {
                // etcd would take that for now.
                return Err(self.compacted(0).await);
            }
            request.revision = signed(exactly);
        }
        let answer = self
            .inner
            .members
            .read(|channel| {
                let request = request.clone();
                async move { self.kv(channel).range(request).await }
            })
            .await;
        let response = match answer {
            Ok(response) => response,
            Err(status) => return Err(self.read_error(&status, revision(request.revision)).await),
        };
        let current = header_revision(response.header.as_ref());
        self.saw(current);
        match at {
            At::NotOlderThan(requested) if requested > current => {
                Err(StoreError::Future { requested, current })
            }
            _ => Ok(response),
        }
    }
}

fn unknown(write: &Write, reason: &str) -> StoreError {
    StoreError::Unknown {
        key: write.key.clone(),
        reason: reason.to_owned(),
    }
}
