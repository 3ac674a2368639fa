//! Netlink and network namespaces, and the bridge CNI plugin.
