//! What calls to containerd's own services have in common.

use tonic::Request;
use tonic::metadata::MetadataValue;

/// The namespace in which containerd's CRI plugin keeps everything.
pub(crate) const NAMESPACE: &str = "k8s.io";
/// Names the lease that holds what a call writes.
pub(crate) const LEASE_HEADER: &str = "containerd-lease";

/// A request in Kubernetes' namespace.
pub(crate) fn in_namespace<Q>(message: Q) -> Request<Q> {
    let mut request = Request::new(message);
    request
        .metadata_mut()
        .insert("containerd-namespace", MetadataValue::from_static(NAMESPACE));
    request
}
