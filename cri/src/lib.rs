//! Typed CRI v1 client, runtime events, image import, and a fake runtime for tests.
//!
//! # Expected flow
//! [`Client::new`] for a socket, [`Client::connect_and_check`] once at start and after every lost connection,
//! then the calls. All of it goes over one Unix socket and one HTTP/2 connection, which opens itself again.
//!
//! # Guarantees
//! - Every call has a deadline ([`Deadlines`]), except a pull, which is bounded by lack of progress.
//! - Dropping a call's future cancels the call: the runtime sees its context end. The effect may have
//!   happened all the same, so the caller looks before it tries again.
//! - Errors ([`Error`]) are grouped by what the caller should do, and name operation and object.
//!
//! # Out of scope
//! Pod policy: what to create, when to restart, what to remove. That is the kubelet's.

mod channel;
mod check;
mod client;
mod containerd;
#[cfg(any(test, feature = "fake"))]
pub mod contract;
pub mod credentials;
mod deadline;
mod error;
pub mod events;
#[cfg(any(test, feature = "fake"))]
pub mod fake;
pub mod import;
pub mod oci_archive;
mod pull;
mod redact;
pub mod reference;

pub use check::{Readiness, RuntimeInfo};
pub use client::{Client, Streams};
pub use deadline::Deadlines;
pub use error::{Call, Error, Object, Reported};
pub use pull::PullProgress;

/// The CRI messages and services, generated from `proto/runtime.proto`.
#[allow(missing_docs, unreachable_pub, unused_qualifications, clippy::all)]
pub mod v1 {
    tonic::include_proto!("runtime.v1");
}
