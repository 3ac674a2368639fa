//! A lease holds what an import writes until the images hold it.

use crate::Client;
use crate::containerd::{LEASE_HEADER, in_namespace};
use crate::error::{Call, Error};
use containerd_client::services::v1::leases_client::LeasesClient;
use containerd_client::services::v1::{AddResourceRequest, CreateRequest, DeleteRequest, Resource};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};
use tonic::Request;
use tonic::metadata::{Ascii, MetadataValue};

/// A lease that nobody ends (the process was killed) expires after this.
const EXPIRES_AFTER: Duration = Duration::from_secs(24 * 3600);

/// A lease. Ended by [`Lease::end`]; if the import is cancelled, by dropping it.
#[derive(Debug)]
pub(super) struct Lease {
    client: Client,
    id: String,
    header: MetadataValue<Ascii>,
    ended: bool,
}

impl Lease {
    pub(super) async fn create(client: &Client, now: SystemTime) -> Result<Self, Error> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let since_1970 = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let id = format!(
            "agent-import-{}-{number}-{}",
            std::process::id(),
            since_1970.as_nanos()
        );
        let expiry = prost_types::Timestamp::from(now + EXPIRES_AFTER).to_string();
        let labels = HashMap::from([("containerd.io/gc.expire".to_owned(), expiry)]);
        let call = Call::runtime("take a lease for an image import");
        let header = id.parse().map_err(|_| Error::Incomplete {
            call: call.clone(),
            missing: "usable id",
        })?;
        // The guard is there first: who cancels the call does not know whether the lease was made.
        let lease = Self {
            client: client.clone(),
            id: id.clone(),
            header,
            ended: false,
        };
        let request = in_namespace(CreateRequest { id, labels });
        let mut service = LeasesClient::new(client.channel());
        client
            .answer(call, client.deadlines().usual, service.create(request))
            .await?;
        Ok(lease)
    }

    /// The id, unique for each import.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// A request whose writes this lease holds.
    pub(super) fn request<Q>(&self, message: Q) -> Request<Q> {
        let mut request = in_namespace(message);
        request.metadata_mut().insert(LEASE_HEADER, self.header.clone());
        request
    }

    /// Holds a snapshot that was there before.
    pub(super) async fn hold_snapshot(&self, snapshotter: &str, key: &str) -> Result<(), Error> {
        let resource = Some(Resource {
            id: key.to_owned(),
            r#type: format!("snapshots/{snapshotter}"),
        });
        let request = in_namespace(AddResourceRequest {
            id: self.id.clone(),
            resource,
        });
        let mut service = LeasesClient::new(self.client.channel());
        let call = Call::runtime("hold a layer that is there already");
        match self
            .client
            .answer(call, self.client.deadlines().usual, service.add_resource(request))
            .await
        {
            Ok(()) | Err(Error::AlreadyExists { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Lets go. A failure is not the import's: the lease expires by itself.
    pub(super) async fn end(mut self) {
        self.ended = true;
        delete(self.client.clone(), std::mem::take(&mut self.id)).await;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.ended
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(delete(self.client.clone(), std::mem::take(&mut self.id)));
        }
    }
}

async fn delete(client: Client, id: String) {
    let request = in_namespace(DeleteRequest { id, sync: false });
    let mut service = LeasesClient::new(client.channel());
    let call = Call::runtime("end the lease of an image import");
    if let Err(error) = client
        .answer(call, client.deadlines().usual, service.delete(request))
        .await
    {
        tracing::debug!(
            error = &error as &dyn std::error::Error,
            "a lease stays until it expires"
        );
    }
}
