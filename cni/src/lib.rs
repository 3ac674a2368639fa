//! Netlink and network namespaces, and the bridge CNI plugin.
//!
//! This crate is the project's one place for netlink and for network namespaces: the plugin, the
//! node process and the service proxy all go through [`netlink`] and [`netns`].
//!
//! Nothing here starts a thread pool, an async runtime or a logger: a CNI plugin is a process that
//! lives for a few milliseconds, and the same code must be usable from it.

pub mod conntrack;
pub mod garbage;
pub mod install;
pub mod lease;
pub mod netfilter;
pub mod netlink;
pub mod netns;
pub mod nft;
pub mod plugin;
pub mod sysctl;
