//! containerd's event service, for runtimes without CRI events.

pub(super) mod decode;
pub(super) mod identify;
pub(super) mod session;
pub(super) mod tracker;
