//! The kubelet: keeps the pods that somebody wants on this machine running in the runtime.
//!
//! Purpose: take desired pods from sources (manifest files now, the API server in a later part), hand each
//! to one worker, and drive the workers with what the runtime reports.
//!
//! Invariants:
//! - One worker task owns each pod; the same pod is never worked on twice at once, and a new pod of the same
//!   name waits until the old one has left nothing behind.
//! - Decisions are pure (`worker::step`); only the executor talks to the runtime and the disk.
//! - Nothing polls: workers wake for runtime events, results of their own actions and computed times.
//!
//! Out of scope: parsing manifests (`crate::manifests`), the CRI protocol (crate `cri`), pod networks
//! (crate `cni`).

pub mod backoff;
pub mod clock;
pub mod config;
pub mod container_hash;
mod criconfig;
pub mod event;
mod executor;
pub mod image_name;
mod node;
pub mod pod_id;
pub mod podspec;
pub mod static_pod;
mod status;
pub mod unsupported;
pub mod worker;

pub use config::NodeConfig;
pub use node::{NodeError, run};
