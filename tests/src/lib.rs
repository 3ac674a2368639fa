//! The rig: real nodes for end-to-end tests and benches.
//!
//! A [`Node`] is a set of namespaces on this machine with its own containerd, so that several
//! nodes run side by side and a test cannot disturb the machine. Everything a node makes (processes,
//! mounts, links, cgroups, files) ends with the `Node` value, also after a panic; if the test
//! process itself is killed, the kernel ends the node's processes, and the next node started sweeps
//! the directories and cgroups that stayed.
//!
//! Out of scope: assertions about Kubernetes. They belong to the tests, and are judged by outsiders
//! (`ip`, `ctr`, a plain HTTP request) wherever one exists.
#![allow(
    clippy::disallowed_methods,
    reason = "the rig is the edge: it starts processes and reads the clock"
)]

pub mod agent;
mod cgroup;
pub mod http;
pub mod image;
pub mod leftovers;
pub mod node;
pub mod require;
pub mod wait;

pub use agent::{Agent, agent_binary};
pub use node::Node;
pub use wait::eventually;
