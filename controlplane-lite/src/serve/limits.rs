//! Bounds on what clients can make the server hold at once.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::status::{Result, Status};

/// The numbers; the defaults are those of the reference where it has them.
#[derive(Debug, Clone)]
pub struct Limits {
    /// `--max-requests-inflight`: reads in flight.
    pub reads: usize,
    /// `--max-mutating-requests-inflight`: writes in flight.
    pub writes: usize,
    /// `--request-timeout`: everything but watches and connections.
    pub request_timeout: Duration,
    /// Shortest life of a watch without `timeoutSeconds`; the longest is twice that.
    pub watch_timeout: Duration,
    /// TLS handshake, and the first request's headers.
    pub handshake: Duration,
    /// Header block of one request, in bytes.
    pub header_bytes: u32,
    /// Streams of one HTTP/2 connection.
    pub streams: u32,
    /// Open connections.
    pub connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            reads: 400,
            writes: 200,
            request_timeout: Duration::from_secs(60),
            watch_timeout: Duration::from_secs(1800),
            handshake: Duration::from_secs(10),
            header_bytes: 64 * 1024,
            streams: 100,
            connections: 20_000,
        }
    }
}

/// Counts requests in flight.
#[derive(Debug, Clone)]
pub struct InFlight {
    reads: Arc<Semaphore>,
    writes: Arc<Semaphore>,
}

impl InFlight {
    /// Counters for these limits.
    pub fn new(limits: &Limits) -> Self {
        Self {
            reads: Arc::new(Semaphore::new(limits.reads)),
            writes: Arc::new(Semaphore::new(limits.writes)),
        }
    }

    /// Takes a place, held until the guard is dropped.
    ///
    /// # Errors
    /// 429 with a second to wait when all are taken.
    pub fn enter(&self, write: bool) -> Result<OwnedSemaphorePermit> {
        let places = if write { &self.writes } else { &self.reads };
        Arc::clone(places)
            .try_acquire_owned()
            .map_err(|_| Status::too_many_requests("Too many requests, please try again later.", 1))
    }

    /// Free places for reads and writes.
    pub fn free(&self) -> (usize, usize) {
        (self.reads.available_permits(), self.writes.available_permits())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_over_the_limit_is_told_to_wait_and_a_freed_place_is_used_again() {
        let gate = InFlight::new(&Limits {
            reads: 1,
            writes: 1,
            ..Limits::default()
        });
        let held = gate.enter(false).expect("a free place");
        let refused = gate.enter(false).expect_err("no place");
        assert_eq!((refused.code, refused.retry_after()), (429, Some(1)));
        assert!(gate.enter(true).is_ok(), "writes have places of their own");
        drop(held);
        assert!(gate.enter(false).is_ok());
    }
}
