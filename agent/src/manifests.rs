//! Pods from files: the manifest directory of the node.
//!
//! Purpose: turns a directory of YAML and JSON files into a stream of [`ManifestEvent`]s, one pod per file.
//!
//! Invariants:
//! - the pod in [`ManifestEvent::Set`] is decoded strictly, validated, and carries the API's defaults; the identity
//!   that a pod from a file has on its node (name suffix, uid) is the kubelet's to give;
//! - a file that became broken is reported by [`ManifestEvent::Broken`] and changes nothing else: the pod of its
//!   last good version stays what it was, also over a restart of the agent; nothing ends because of a typo;
//! - an event is sent once per change of content, never once per scan.
//!
//! Out of scope: what happens to the pods (pod workers), the mirror pods of an API server.

mod catalog;
mod decode;
mod document;
mod event;
mod last_good;
mod problem;
mod read;
mod references;
mod watch;

pub use event::{ManifestError, ManifestEvent, Position, Source};
pub use read::read;
pub use watch::{Options, watch};
