//! The control plane with real clients and real etcd.
//!
//! They fail where a real part is missing: a test that skips itself proves nothing.
#![allow(clippy::disallowed_methods, reason = "tests start real programs")]

#[path = "controlplane/store_contract.rs"]
mod store_contract;
#[path = "controlplane/store_crash.rs"]
mod store_crash;
#[path = "controlplane/store_etcd.rs"]
mod store_etcd;
#[path = "controlplane/store_full.rs"]
mod store_full;
#[path = "controlplane/store_rig.rs"]
mod store_rig;
