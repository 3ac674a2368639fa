//! The kinds with only a few defaults, by API group.

use super::set::{Object, absent, each, empty, ensure, has, text, within};
use serde_json::{Value, json};

/// `autoscaling` Scale.
pub(super) fn scale(object: &mut Object) {
    ensure(object, "spec");
}

/// `autoscaling/v2` HorizontalPodAutoscaler.
pub(super) fn horizontal_pod_autoscaler(object: &mut Object) {
    let Some(spec) = ensure(object, "spec") else {
        return;
    };
    absent(spec, "minReplicas", 1);
    if spec
        .get("metrics")
        .and_then(Value::as_array)
        .is_none_or(Vec::is_empty)
    {
        let cpu = json!({"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}});
        spec.insert("metrics".into(), json!([{"type": "Resource", "resource": cpu}]));
    }
}

/// EndpointSlice: ports without a name have the empty one.
pub(super) fn endpoint_slice(object: &mut Object) {
    each(object, "ports", |port| {
        absent(port, "name", "");
        absent(port, "protocol", "TCP");
    });
}

/// NetworkPolicy: the policy types follow from the rules that are there.
pub(super) fn network_policy(object: &mut Object) {
    let Some(spec) = ensure(object, "spec") else {
        return;
    };
    for rules in ["ingress", "egress"] {
        each(spec, rules, |rule| {
            each(rule, "ports", |port| absent(port, "protocol", "TCP"))
        });
    }
    if spec
        .get("policyTypes")
        .and_then(Value::as_array)
        .is_none_or(Vec::is_empty)
    {
        let egress = spec
            .get("egress")
            .and_then(Value::as_array)
            .is_some_and(|e| !e.is_empty());
        spec.insert(
            "policyTypes".into(),
            if egress {
                json!(["Ingress", "Egress"])
            } else {
                json!(["Ingress"])
            },
        );
    }
    ensure(spec, "podSelector");
}

/// IngressClass: parameters belong to the cluster unless they say otherwise.
pub(super) fn ingress_class(object: &mut Object) {
    if let Some(parameters) = within(object, "spec").and_then(|s| within(s, "parameters")) {
        absent(parameters, "scope", "Cluster");
    }
}

/// RoleBinding and ClusterRoleBinding: users and groups belong to the RBAC group.
pub(super) fn role_binding(object: &mut Object) {
    const RBAC: &str = "rbac.authorization.k8s.io";
    if let Some(role) = ensure(object, "roleRef") {
        empty(role, "apiGroup", RBAC);
    }
    each(object, "subjects", |subject| {
        if matches!(text(subject, "kind"), "User" | "Group") {
            empty(subject, "apiGroup", RBAC);
        }
    });
}

/// PriorityClass.
pub(super) fn priority_class(object: &mut Object) {
    absent(object, "preemptionPolicy", "PreemptLowerPriority");
}

/// StorageClass.
pub(super) fn storage_class(object: &mut Object) {
    absent(object, "reclaimPolicy", "Delete");
    absent(object, "volumeBindingMode", "Immediate");
}

/// CSIDriver.
pub(super) fn csi_driver(object: &mut Object) {
    let Some(spec) = ensure(object, "spec") else {
        return;
    };
    absent(spec, "attachRequired", true);
    absent(spec, "podInfoOnMount", false);
    absent(spec, "storageCapacity", false);
    absent(spec, "fsGroupPolicy", "ReadWriteOnceWithFSType");
    if spec
        .get("volumeLifecycleModes")
        .and_then(Value::as_array)
        .is_none_or(Vec::is_empty)
    {
        spec.insert("volumeLifecycleModes".into(), json!(["Persistent"]));
    }
    absent(spec, "requiresRepublish", false);
    absent(spec, "seLinuxMount", false);
}

/// CertificateSigningRequest.
pub(super) fn certificate_signing_request(object: &mut Object) {
    if let Some(spec) = ensure(object, "spec")
        && !has(spec, "usages")
    {
        spec.insert("usages".into(), json!(["digital signature", "key encipherment"]));
    }
}

/// TokenRequest: an hour.
pub(super) fn token_request(object: &mut Object) {
    if let Some(spec) = ensure(object, "spec") {
        absent(spec, "expirationSeconds", 3600);
    }
}

/// ValidatingWebhookConfiguration.
pub(super) fn validating_webhooks(object: &mut Object) {
    each(object, "webhooks", webhook);
}

/// MutatingWebhookConfiguration.
pub(super) fn mutating_webhooks(object: &mut Object) {
    each(object, "webhooks", |hook| {
        webhook(hook);
        absent(hook, "reinvocationPolicy", "Never");
    });
}

fn webhook(hook: &mut Object) {
    absent(hook, "failurePolicy", "Fail");
    absent(hook, "matchPolicy", "Equivalent");
    absent(hook, "namespaceSelector", json!({}));
    absent(hook, "objectSelector", json!({}));
    absent(hook, "timeoutSeconds", 10);
    each(hook, "rules", |rule| absent(rule, "scope", "*"));
    if let Some(service) = within(hook, "clientConfig").and_then(|c| within(c, "service")) {
        absent(service, "port", 443);
    }
}
