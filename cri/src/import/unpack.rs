//! Unpacks an image's layers into the snapshotter, through containerd's diff and snapshots services.
//!
//! containerd 1.6 to 2.x have both; the transfer service, which would do it in one call, is newer.

use super::digest::chain_ids;
use super::plan::{Blob, ImagePlan};
use super::store::Store;
use super::{Digest, ImportError};
use crate::error::Error;
use containerd_client::services::v1::ApplyRequest;
use containerd_client::services::v1::diff_client::DiffClient;
use containerd_client::services::v1::snapshots::snapshots_client::SnapshotsClient;
use containerd_client::services::v1::snapshots::{
    CommitSnapshotRequest, PrepareSnapshotRequest, RemoveSnapshotRequest, StatSnapshotRequest,
};
use containerd_client::types::{Descriptor, Mount};
use std::collections::HashMap;
use tonic::transport::Channel;

/// Makes sure that the whole chain of snapshots is there.
pub(super) async fn unpack(
    store: &Store<'_>,
    snapshotter: &str,
    plan: &ImagePlan,
) -> Result<(), ImportError> {
    let mut parent = String::new();
    let chain = chain_ids(&plan.diff_ids);
    for ((layer, diff_id), name) in plan.layers.iter().zip(&plan.diff_ids).zip(&chain) {
        let step = Step {
            store,
            snapshotter,
            parent: &parent,
            name,
            layer,
            diff_id,
        };
        if step.is_there().await? {
            store.lease.hold_snapshot(snapshotter, name.as_str()).await?;
        } else {
            step.run().await?;
        }
        parent = name.to_string();
    }
    Ok(())
}

/// One layer on top of `parent`, to become the snapshot `name`.
struct Step<'a> {
    store: &'a Store<'a>,
    snapshotter: &'a str,
    parent: &'a str,
    name: &'a Digest,
    layer: &'a Blob,
    diff_id: &'a Digest,
}

impl Step<'_> {
    fn snapshots(&self) -> SnapshotsClient<Channel> {
        SnapshotsClient::new(self.store.client.channel())
    }

    async fn is_there(&self) -> Result<bool, ImportError> {
        let request = StatSnapshotRequest {
            snapshotter: self.snapshotter.to_owned(),
            key: self.name.to_string(),
        };
        let mut service = self.snapshots();
        match self
            .answer("look for", service.stat(self.store.lease.request(request)))
            .await
        {
            Ok(_) => Ok(true),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    async fn run(&self) -> Result<(), ImportError> {
        let key = format!("{}-{}", self.store.lease.id(), self.name);
        let mounts = self.prepare(&key).await?;
        let unpacked = match self.apply(mounts).await {
            Ok(unpacked) if unpacked == self.diff_id.as_str() => self.commit(&key).await,
            Ok(actual) => Err(ImportError::LayerMismatch {
                layer: self.layer.digest.clone(),
                expected: self.diff_id.clone(),
                actual,
            }),
            Err(error) => Err(error.into()),
        };
        if unpacked.is_err() {
            self.discard(&key).await;
        }
        unpacked
    }

    async fn prepare(&self, key: &str) -> Result<Vec<Mount>, Error> {
        let request = PrepareSnapshotRequest {
            snapshotter: self.snapshotter.to_owned(),
            key: key.to_owned(),
            parent: self.parent.to_owned(),
            labels: HashMap::new(),
        };
        let mut service = self.snapshots();
        let sent = service.prepare(self.store.lease.request(request));
        Ok(self.answer("prepare a snapshot for", sent).await?.mounts)
    }

    /// Answers the digest of what was unpacked.
    async fn apply(&self, mounts: Vec<Mount>) -> Result<String, Error> {
        let diff = Descriptor {
            media_type: self.layer.media_type.clone(),
            digest: self.layer.digest.to_string(),
            size: i64::try_from(self.layer.size).unwrap_or(i64::MAX),
            annotations: HashMap::new(),
        };
        let request = ApplyRequest {
            diff: Some(diff),
            mounts,
            ..Default::default()
        };
        let mut service = DiffClient::new(self.store.client.channel());
        let answer = self
            .answer("unpack", service.apply(self.store.lease.request(request)))
            .await?;
        Ok(answer.applied.unwrap_or_default().digest)
    }

    async fn commit(&self, key: &str) -> Result<(), ImportError> {
        let request = CommitSnapshotRequest {
            snapshotter: self.snapshotter.to_owned(),
            name: self.name.to_string(),
            key: key.to_owned(),
            labels: HashMap::new(),
        };
        let mut service = self.snapshots();
        match self
            .answer("keep", service.commit(self.store.lease.request(request)))
            .await
        {
            Ok(()) => Ok(()),
            // Somebody else unpacked the same layer meanwhile.
            Err(Error::AlreadyExists { .. }) => {
                self.discard(key).await;
                Ok(self
                    .store
                    .lease
                    .hold_snapshot(self.snapshotter, self.name.as_str())
                    .await?)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Best effort: what stays goes with the lease.
    async fn discard(&self, key: &str) {
        let request = RemoveSnapshotRequest {
            snapshotter: self.snapshotter.to_owned(),
            key: key.to_owned(),
        };
        let mut service = self.snapshots();
        if let Err(error) = self
            .answer("discard", service.remove(self.store.lease.request(request)))
            .await
        {
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "an unfinished snapshot stays for now"
            );
        }
    }

    async fn answer<A>(
        &self,
        operation: &'static str,
        sent: impl Future<Output = Result<tonic::Response<A>, tonic::Status>>,
    ) -> Result<A, Error> {
        // Unpacking gigabytes takes its time: as long as a pull may stand still is not enough.
        let deadline = self.store.client.deadlines().usual * 5;
        self.store
            .client
            .answer(Store::call(self.layer, operation), deadline, sent)
            .await
    }
}
