//! The engine for an external etcd v3 cluster.
//!
//! Guarantees: those of [`Store`]; reads are linearizable. The members may come and go; a write is done exactly
//! once or its failure says that this is not known (see `etcd/write.rs`).
//!
//! Assumptions: nobody restores the cluster to an older state while we run. Other API servers may use the same
//! keys. Out of scope: managing the cluster.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tonic::Status;
use tonic::transport::Channel;

use self::connect::Members;
pub use self::connect::{EtcdTimes, EtcdTls};
use self::convert::{Refusal, behind, entry, header_revision, prefix_end, refusal, revision, signed};
use self::lease::Leases;
use self::write::{Wish, Write};
use super::{At, EventStream, Expect, ListQuery, Lookup, Page, Put, Result, Store, StoreError};

mod compact;
mod connect;
mod convert;
mod lease;
mod pb;
mod watch;
mod write;

/// Largest message we take: a page of large objects.
const MESSAGE_LIMIT: usize = 256 << 20;

/// Entries asked for at once.
const PAGE: usize = 1000;

/// How to reach etcd.
#[derive(Debug, Clone, Default)]
pub struct EtcdOptions {
    /// `https://host:port` of each member.
    pub endpoints: Vec<String>,
    /// Certificates; needed for `https`.
    pub tls: Option<EtcdTls>,
    /// Time limits.
    pub times: EtcdTimes,
}

/// The etcd engine; see the module. Clones share connections.
#[derive(Clone)]
pub struct Etcd {
    inner: Arc<Inner>,
}

struct Inner {
    members: Members,
    /// The highest revision in any answer.
    seen: AtomicU64,
    leases: Leases,
    compaction: tokio::sync::Mutex<compact::Turn>,
    /// Open watches that want to hear of requests for progress.
    listeners: Mutex<Vec<Weak<Notify>>>,
}

impl Etcd {
    /// Connects to a cluster.
    ///
    /// # Errors
    /// [`StoreError::Open`] if the options make no sense, [`StoreError::Unavailable`] if no member answers.
    pub async fn connect(options: EtcdOptions) -> Result<Self> {
        let members = Members::new(&options.endpoints, options.tls.as_ref(), options.times)?;
        let inner = Inner {
            members,
            seen: AtomicU64::new(0),
            leases: Leases::default(),
            compaction: tokio::sync::Mutex::default(),
            listeners: Mutex::default(),
        };
        let etcd = Self {
            inner: Arc::new(inner),
        };
        etcd.revision().await?;
        Ok(etcd)
    }

    fn seen(&self) -> u64 {
        self.inner.seen.load(Ordering::Acquire)
    }

    fn saw(&self, revision: u64) {
        self.inner.seen.fetch_max(revision, Ordering::AcqRel);
    }

    fn kv(&self, channel: Channel) -> pb::kv_client::KvClient<Channel> {
        pb::kv_client::KvClient::new(channel)
            .max_decoding_message_size(MESSAGE_LIMIT)
            .max_encoding_message_size(MESSAGE_LIMIT)
    }

    fn watch_client(&self, channel: Channel) -> pb::watch_client::WatchClient<Channel> {
        pb::watch_client::WatchClient::new(channel).max_decoding_message_size(MESSAGE_LIMIT)
    }

    fn lease_client(&self, channel: Channel) -> pb::lease_client::LeaseClient<Channel> {
        pb::lease_client::LeaseClient::new(channel)
    }

    async fn version(&self, channel: Channel) -> Result<String, Status> {
        let mut client = pb::maintenance_client::MaintenanceClient::new(channel);
        Ok(client.status(pb::StatusRequest {}).await?.into_inner().version)
    }

    fn listen_for_progress(&self) -> Arc<Notify> {
        let notify = Arc::new(Notify::new());
        self.inner.listeners.lock().push(Arc::downgrade(&notify));
        notify
    }

    /// Writes a key that makes progress visible.
    async fn mark(&self, key: String, expect: Expect) -> Result<u64> {
        self.write(&Write {
            key,
            expect,
            wish: Wish::Value(Bytes::new(), 0),
        })
        .await
    }

    fn error(&self, status: &Status) -> StoreError {
        let place = self.inner.members.place();
        match refusal(status) {
            Refusal::Full => StoreError::Full { place },
            _ => {
                let reason = format!("{:?}: {}", status.code(), status.message());
                StoreError::Unavailable { place, reason }
            }
        }
    }

    async fn read_error(&self, status: &Status, requested: u64) -> StoreError {
        match refusal(status) {
            Refusal::Compacted => self.compacted(requested).await,
            Refusal::Future => StoreError::Future {
                requested,
                current: self.seen(),
            },
            _ => self.error(status),
        }
    }

    /// The error for a compacted revision, with the oldest one that is left: only a watch tells that.
    async fn compacted(&self, requested: u64) -> StoreError {
        use futures_util::StreamExt;
        let mut probe = watch::open(self.clone(), "\0", 1);
        let limit = self.inner.members.times.attempt;
        match tokio::time::timeout(limit, probe.next()).await {
            Ok(Some(Err(StoreError::Compacted { oldest, .. }))) => {
                StoreError::Compacted { requested, oldest }
            }
            _ => StoreError::Compacted {
                requested,
                oldest: requested + 1,
            },
        }
    }

    async fn list_page(&self, query: &ListQuery, limit: usize) -> Result<Page> {
        let key = match &query.start_after {
            Some(key) if *key >= query.prefix => behind(key),
            _ => query.prefix.clone().into_bytes(),
        };
        let request = pb::RangeRequest {
            key: key.into(),
            range_end: prefix_end(&query.prefix).into(),
            limit: i64::try_from(limit).unwrap_or(i64::MAX),
            ..Default::default()
        };
        let response = self.range(request, query.at).await?;
        let revision = match query.at {
            At::Exactly(revision) => revision,
            _ => header_revision(response.header.as_ref()),
        };
        let behind = revision_count(response.count).saturating_sub(response.kvs.len() as u64);
        let mut entries = response.kvs.into_iter().map(entry).collect::<Result<Vec<_>>>()?;
        let next = entries
            .last()
            .filter(|_| response.more)
            .map(|e| e.key.to_string());
        entries.retain(|e| !watch::is_mark(&e.key));
        Ok(Page {
            entries,
            revision,
            remaining: if next.is_some() { behind } else { 0 },
            next,
        })
    }
}

fn revision_count(count: i64) -> u64 {
    revision(count)
}

#[tonic::async_trait]
impl Store for Etcd {
    async fn get(&self, key: &str, at: At) -> Result<Lookup> {
        let (entry, revision) = self.range_one(key, at).await?;
        Ok(Lookup { entry, revision })
    }

    async fn list(&self, mut query: ListQuery) -> Result<Page> {
        let mut all = self
            .list_page(&query, if query.limit == 0 { PAGE } else { query.limit })
            .await?;
        while query.limit == 0 && all.next.is_some() {
            query.at = At::Exactly(all.revision);
            query.start_after = all.next.take();
            let page = self.list_page(&query, PAGE).await?;
            all.entries.extend(page.entries);
            (all.next, all.remaining) = (page.next, page.remaining);
        }
        Ok(all)
    }

    async fn put(&self, put: Put) -> Result<u64> {
        let Put {
            key,
            expect,
            value,
            ttl,
        } = put;
        loop {
            let lease = match ttl {
                Some(ttl) => self.lease(ttl).await?,
                None => 0,
            };
            let wish = Wish::Value(value.clone(), lease);
            match self
                .write(&Write {
                    key: key.to_string(),
                    expect,
                    wish,
                })
                .await
            {
                Err(StoreError::Unavailable { reason, .. })
                    if lease != 0 && reason.contains("lease not found") =>
                {
                    self.forget_lease(lease).await;
                }
                result => return result,
            }
        }
    }

    async fn delete(&self, key: &str, expected: u64) -> Result<u64> {
        let (key, expect) = (key.to_owned(), Expect::Revision(expected));
        self.write(&Write {
            key,
            expect,
            wish: Wish::Gone,
        })
        .await
    }

    async fn watch(&self, prefix: &str, from: u64) -> Result<EventStream> {
        Ok(watch::open(self.clone(), prefix, from))
    }

    async fn revision(&self) -> Result<u64> {
        Ok(self.range_one("\0", At::Latest).await?.1)
    }

    async fn request_progress(&self) -> Result<()> {
        self.inner.listeners.lock().retain(|listener| {
            let listener = listener.upgrade();
            listener.inspect(|l| l.notify_one()).is_some()
        });
        Ok(())
    }

    async fn compact(&self, upto: u64) -> Result<()> {
        self.compact_to(signed(upto)).await
    }

    async fn compact_previous(&self) -> Result<()> {
        self.compact_in_turn().await
    }
}
