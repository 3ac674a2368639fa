//! Pods from files: the manifest directory of the node.
//!
//! Purpose: turns a directory of YAML and JSON files into a stream of [`ManifestEvent`]s, one pod per file.
//!
//! Invariants:
//! - the pod in [`ManifestEvent::Set`] is complete: decoded strictly, validated, with the API's defaults and the
//!   node's own additions for pods from files (name suffix, uid, node name, tolerations, annotations);
//! - a file that became broken is reported by [`ManifestEvent::Broken`] and changes nothing else: the pod of its
//!   last good version stays what it was, also over a restart of the agent; nothing ends because of a typo;
//! - an event is sent once per change of content, never once per scan.
//!
//! Out of scope: what happens to the pods (pod workers), the mirror pods of an API server.

mod event;

pub use event::{ManifestError, ManifestEvent, Position, Source};
