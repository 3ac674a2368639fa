//! Kubelet, command line and process start of the node.

pub mod cli;
pub mod images;
pub mod kubelet;
pub mod manifests;
pub mod pause;
pub mod preflight;
pub mod version;
