//! Leases: how keys expire in etcd. One lease serves all keys with the same time to live for a minute, because
//! a lease costs the cluster more than a key.

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::{Etcd, pb};
use crate::store::Result;

/// How long a lease takes new keys; it lives so much longer than they were promised.
const REUSE: Duration = Duration::from_secs(60);

/// Keys per lease: a lease's end deletes its keys in one step, which must stay short.
const KEYS: usize = 1000;

struct Lease {
    id: i64,
    until: Instant,
    keys: usize,
}

/// The leases in use, by time to live.
#[derive(Default)]
pub(super) struct Leases(Mutex<HashMap<Duration, Lease>>);

impl Etcd {
    /// A lease that ends after `ttl`, or up to [`REUSE`] later for a long one.
    pub(super) async fn lease(&self, ttl: Duration) -> Result<i64> {
        // For a short time the delay would be the larger part: not shared.
        let shared = ttl > REUSE;
        let mut leases = self.inner.leases.0.lock().await;
        if let Some(lease) = leases.get_mut(&ttl)
            && lease.until > Instant::now()
            && lease.keys < KEYS
        {
            lease.keys += 1;
            return Ok(lease.id);
        }
        let life = if shared { ttl + REUSE } else { ttl };
        let seconds = i64::try_from(life.as_secs().max(1)).unwrap_or(i64::MAX);
        let grant = pb::LeaseGrantRequest { ttl: seconds, id: 0 };
        // A grant repeated without need is a lease without keys, which ends by itself.
        let granted = self
            .inner
            .members
            .read(|channel| async move { self.lease_client(channel).lease_grant(grant).await });
        let id = granted.await.map_err(|status| self.error(&status))?.id;
        if shared {
            leases.insert(
                ttl,
                Lease {
                    id,
                    until: Instant::now() + REUSE,
                    keys: 1,
                },
            );
        }
        Ok(id)
    }

    /// etcd does not know a lease any more.
    pub(super) async fn forget_lease(&self, id: i64) {
        self.inner.leases.0.lock().await.retain(|_, lease| lease.id != id);
    }
}
