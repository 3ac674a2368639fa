//! Compaction of etcd, shared with every other API server on it.
//!
//! All of them, also the reference's, agree through the key `compact_rev_key`: its version is a clock that
//! everybody tries to advance; who succeeds compacts to the revision at which he saw the clock before.

use bytes::Bytes;
use tonic::Code;

use super::convert::{Refusal, header_revision, refusal, revision, signed};
use super::{Etcd, pb};
use crate::store::{Result, StoreError};

const CLOCK: &[u8] = b"compact_rev_key";

/// What this process knows of the clock.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Turn {
    /// The clock when it was last looked at.
    time: i64,
    /// The store's revision then; 0 before the first look.
    revision: u64,
}

impl Etcd {
    /// Compacts; already done is done.
    pub(super) async fn compact_to(&self, upto: i64) -> Result<()> {
        let request = pb::CompactionRequest { revision: upto };
        let answer = self
            .inner
            .members
            .read(|channel| async move { self.kv(channel).compact(request).await })
            .await;
        match answer {
            Ok(_) => Ok(()),
            Err(status) if refusal(&status) == Refusal::Compacted => Ok(()),
            Err(status) if status.code() == Code::OutOfRange => Err(StoreError::Future {
                requested: revision(upto),
                current: self.seen(),
            }),
            Err(status) => Err(self.error(&status)),
        }
    }

    /// Tries to advance the clock and compacts if it was us.
    pub(super) async fn compact_in_turn(&self) -> Result<()> {
        let mut turn = self.inner.compaction.lock().await;
        let request = advance(*turn);
        let answer = self
            .inner
            .members
            .attempt(|channel| async move { self.kv(channel).txn(request).await })
            .await;
        let response = answer.map_err(|status| self.error(&status))?;
        let (before, now) = (turn.revision, header_revision(response.header.as_ref()));
        self.saw(now);
        turn.revision = now;
        if !response.succeeded {
            turn.time = clock(response).unwrap_or(0);
            return Ok(());
        }
        turn.time += 1;
        if before == 0 {
            Ok(())
        } else {
            self.compact_to(signed(before)).await
        }
    }
}

fn advance(turn: Turn) -> pb::TxnRequest {
    use pb::compare::{CompareTarget, TargetUnion};
    use pb::request_op::Request;
    let key = Bytes::from_static(CLOCK);
    let same = pb::Compare {
        result: pb::compare::CompareResult::Equal as i32,
        target: CompareTarget::Version as i32,
        key: key.clone(),
        target_union: Some(TargetUnion::Version(turn.time)),
    };
    let put = pb::PutRequest {
        key: key.clone(),
        value: turn.revision.to_string().into(),
        lease: 0,
    };
    let read = pb::RangeRequest {
        key,
        ..Default::default()
    };
    let operation = |request| {
        vec![pb::RequestOp {
            request: Some(request),
        }]
    };
    pb::TxnRequest {
        compare: vec![same],
        success: operation(Request::RequestPut(put)),
        failure: operation(Request::RequestRange(read)),
    }
}

/// The clock in the answer of somebody who did not advance it.
fn clock(response: pb::TxnResponse) -> Option<i64> {
    response.responses.into_iter().find_map(|op| match op.response {
        Some(pb::response_op::Response::ResponseRange(range)) => range.kvs.first().map(|kv| kv.version),
        _ => None,
    })
}
