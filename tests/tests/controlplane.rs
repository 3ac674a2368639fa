//! The control plane with real clients and real etcd.
//!
//! They fail where a real part is missing: a test that skips itself proves nothing.
#![allow(clippy::disallowed_methods, reason = "tests start real programs")]

#[path = "controlplane/api_conversations.rs"]
mod api_conversations;
#[path = "controlplane/api_rig.rs"]
mod api_rig;
#[path = "controlplane/kubectl_apply.rs"]
mod kubectl_apply;
#[path = "controlplane/kubectl_basics.rs"]
mod kubectl_basics;
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
