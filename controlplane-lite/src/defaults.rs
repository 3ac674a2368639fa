//! Fills what a client may leave out with the reference's defaults.
//!
//! Runs on decoded objects of a known kind, on the way in and on objects read from elsewhere; it is idempotent
//! and never fails: a malformed field is left for validation. Source: the `SetDefaults_*` functions per API
//! group, and the defaults that the OpenAPI definitions state.
//!
//! Out of scope: allocation (cluster IPs, node ports), admission (tolerations, priorities, service accounts)
//! and what a create or update changes beyond defaults (see `strategy`).

mod batch;
mod core;
mod other;
mod pod;
mod set;
mod volume;
mod workload;

pub use pod::pull_policy;

use serde_json::Value;
use set::Object;

/// Fills the defaults of an object of this API group (empty for core) and kind; unknown kinds stay as they are.
pub fn apply(group: &str, kind: &str, object: &mut Value) {
    let Some(object) = object.as_object_mut() else {
        return;
    };
    let fill: fn(&mut Object) = match (group, kind) {
        ("", "Pod") => pod::pod,
        ("", "PodTemplate") => pod::pod_template,
        ("", "ReplicationController") => workload::replication_controller,
        ("", "Service") => core::service,
        ("", "Endpoints") => core::endpoints,
        ("", "Namespace") => core::namespace,
        ("", "Node") => core::node,
        ("", "Secret") => core::secret,
        ("", "LimitRange") => core::limit_range,
        ("", "ResourceQuota") => core::resource_quota,
        ("", "PersistentVolume") => volume::persistent_volume,
        ("", "PersistentVolumeClaim") => volume::persistent_volume_claim,
        ("apps", "Deployment") => workload::deployment,
        ("apps", "ReplicaSet") => workload::replica_set,
        ("apps", "DaemonSet") => workload::daemon_set,
        ("apps", "StatefulSet") => workload::stateful_set,
        ("batch", "Job") => batch::job,
        ("batch", "CronJob") => batch::cron_job,
        ("autoscaling", "Scale") => other::scale,
        ("autoscaling", "HorizontalPodAutoscaler") => other::horizontal_pod_autoscaler,
        ("discovery.k8s.io", "EndpointSlice") => other::endpoint_slice,
        ("networking.k8s.io", "NetworkPolicy") => other::network_policy,
        ("networking.k8s.io", "IngressClass") => other::ingress_class,
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => other::role_binding,
        ("scheduling.k8s.io", "PriorityClass") => other::priority_class,
        ("storage.k8s.io", "StorageClass") => other::storage_class,
        ("storage.k8s.io", "CSIDriver") => other::csi_driver,
        ("certificates.k8s.io", "CertificateSigningRequest") => other::certificate_signing_request,
        ("authentication.k8s.io", "TokenRequest") => other::token_request,
        ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration") => other::validating_webhooks,
        ("admissionregistration.k8s.io", "MutatingWebhookConfiguration") => other::mutating_webhooks,
        _ => return,
    };
    fill(object);
}

#[cfg(test)]
mod tests;
