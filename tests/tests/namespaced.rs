//! Tests in private network namespaces, as root, without containerd.
//!
//! They fail without root: a test that skips itself proves nothing.
#![allow(
    clippy::disallowed_methods,
    reason = "outsiders judge the kernel's state: they are programs"
)]

#[path = "namespaced/cni_faults.rs"]
mod cni_faults;
#[path = "namespaced/cni_nat.rs"]
mod cni_nat;
#[path = "namespaced/cni_netlink.rs"]
mod cni_netlink;
#[path = "namespaced/cni_plugin.rs"]
mod cni_plugin;
#[path = "namespaced/cni_rig.rs"]
mod cni_rig;
