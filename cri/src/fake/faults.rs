//! Things that go wrong on demand.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;
use tonic::Status;

/// What goes wrong with one call.
#[derive(Debug, Clone)]
pub enum Fault {
    /// It takes this long before anything happens.
    Slow(Duration),
    /// Nothing happens, for ever.
    Hang,
    /// It fails with this, and nothing happens.
    Fail(Status),
    /// It takes effect, and fails with this.
    FailAfterEffect(Status),
    /// The connection is lost before anything happens.
    LoseConnection,
    /// It takes effect, and the connection is lost before the answer.
    CrashAfterEffect,
}

/// Faults that wait, by call.
#[derive(Debug, Default)]
pub(super) struct Faults(Mutex<HashMap<&'static str, VecDeque<Fault>>>);

impl Faults {
    pub(super) fn add(&self, call: &'static str, fault: Fault) {
        let mut waiting = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        waiting.entry(call).or_default().push_back(fault);
    }

    pub(super) fn take(&self, call: &str) -> Option<Fault> {
        let mut waiting = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        waiting.get_mut(call)?.pop_front()
    }
}
