//! What every call has in common: the record, the faults, the clock.

use super::connections::Connections;
use super::faults::{Fault, Faults};
use super::state::State;
use super::{FakeOptions, RecordedCall};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::time::Instant;
use tonic::{Response, Status};

/// The time at which a fake begins, in nanoseconds since 1970: far from zero, which means "not yet".
const BEGINNING: i64 = 1_700_000_000_000_000_000;

/// Serves all calls. Clones share everything.
#[derive(Debug, Clone)]
pub(super) struct Handler(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    options: FakeOptions,
    state: Mutex<State>,
    faults: Faults,
    connections: Arc<Connections>,
    begun: Instant,
}

impl Handler {
    pub(super) fn new(options: FakeOptions, connections: Arc<Connections>) -> Self {
        let (state, faults) = (Mutex::default(), Faults::default());
        Self(Arc::new(Shared {
            options,
            state,
            faults,
            connections,
            begun: Instant::now(),
        }))
    }

    pub(super) fn options(&self) -> &FakeOptions {
        &self.0.options
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // A test that panicked elsewhere leaves nothing half done here.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn faults(&self) -> &Faults {
        &self.0.faults
    }

    /// Nanoseconds since 1970, by tokio's clock.
    pub(super) fn now(&self) -> i64 {
        BEGINNING + i64::try_from(self.0.begun.elapsed().as_nanos()).unwrap_or(i64::MAX - BEGINNING)
    }

    /// Records a call and does its work, unless a fault gets in the way.
    pub(super) async fn serve<A>(
        &self,
        name: &'static str,
        about: &str,
        work: impl Future<Output = Result<A, Status>>,
    ) -> Result<Response<A>, Status> {
        self.state().calls.push(RecordedCall {
            name,
            about: about.to_owned(),
        });
        let fault = self.faults().take(name);
        match &fault {
            Some(Fault::Slow(time)) => tokio::time::sleep(*time).await,
            Some(Fault::Hang) => std::future::pending().await,
            Some(Fault::Fail(status)) => return Err(status.clone()),
            Some(Fault::LoseConnection) => self.crash().await,
            _ => {}
        }
        let answer = work.await;
        match fault {
            Some(Fault::FailAfterEffect(status)) => Err(status),
            Some(Fault::CrashAfterEffect) => self.crash().await,
            _ => answer.map(Response::new),
        }
    }

    /// Cuts the connection; the call ends with it.
    async fn crash<A>(&self) -> A {
        self.0.connections.cut();
        std::future::pending().await
    }
}
