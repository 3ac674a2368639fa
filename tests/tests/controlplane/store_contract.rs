//! The contract that every storage engine keeps: the file of the control plane's own unit tests, compiled
//! here against the public interface.

pub(crate) use controlplane_lite::store::{
    At, Batch, Entry, Event, EventKind, EventStream, Expect, ListQuery, Put, Store, StoreError,
};

#[path = "../../../controlplane-lite/src/store/contract.rs"]
pub(crate) mod checks;
