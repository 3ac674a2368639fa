//! The versions that the program reports.

/// The Kubernetes version whose behaviour and API the node speaks.
pub const KUBERNETES: &str = "1.36.3";

/// What the node reports as `kubeletVersion`: the Kubernetes version and, as build metadata, our release for it.
pub const KUBELET: &str = "v1.36.3+agent.1";

/// The version of this program's own packages.
pub const AGENT: &str = env!("CARGO_PKG_VERSION");

/// Operating system and processor in Go's words, such as `linux/amd64`.
pub fn platform() -> String {
    let platform = cri::oci_archive::Platform::current();
    format!("{}/{}", platform.os, platform.architecture)
}
