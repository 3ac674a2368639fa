//! Kubelet, command line and process start of the node.
