//! Columns and cells of rbac, certificates, policy, networking, scheduling and node resources.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::format::{self, NONE, age, at, duration, int, items, or, text};
use crate::resource::Column;
use crate::table::{column, name, wide};

/// Columns of role bindings, with and without namespace.
pub fn binding_columns() -> Vec<Column> {
    vec![
        name(),
        column("Role", "string", "@io.k8s.api.rbac.v1.RoleBinding.roleRef"),
        super::age(),
        wide("Users", "string", "Users in the roleBinding"),
        wide("Groups", "string", "Groups in the roleBinding"),
        wide("ServiceAccounts", "string", "ServiceAccounts in the roleBinding"),
    ]
}

/// Cells of a role binding.
pub fn binding(object: &Value, now: Timestamp) -> Vec<Value> {
    let of_kind = |kind: &str| {
        let subjects = items(object, "subjects")
            .iter()
            .filter(|s| text(s, "kind") == kind);
        let names = subjects.map(|s| match kind {
            "ServiceAccount" => format!("{}/{}", text(s, "namespace"), text(s, "name")),
            _ => text(s, "name").to_owned(),
        });
        names.collect::<Vec<_>>().join(", ")
    };
    vec![
        object["metadata"]["name"].clone(),
        json!(format!(
            "{}/{}",
            text(object, "roleRef.kind"),
            text(object, "roleRef.name")
        )),
        json!(age(object, now)),
        json!(of_kind("User")),
        json!(of_kind("Group")),
        json!(of_kind("ServiceAccount")),
    ]
}

/// Columns of certificate signing requests.
pub fn csr_columns() -> Vec<Column> {
    vec![
        name(),
        super::age(),
        column(
            "SignerName",
            "string",
            "@io.k8s.api.certificates.v1.CertificateSigningRequestSpec.signerName",
        ),
        column(
            "Requestor",
            "string",
            "@io.k8s.api.certificates.v1.CertificateSigningRequestSpec.username",
        ),
        column(
            "RequestedDuration",
            "string",
            "@io.k8s.api.certificates.v1.CertificateSigningRequestSpec.expirationSeconds",
        ),
        column(
            "Condition",
            "string",
            "@io.k8s.api.certificates.v1.CertificateSigningRequestStatus.conditions",
        ),
    ]
}

/// Cells of a certificate signing request.
pub fn csr(object: &Value, now: Timestamp) -> Vec<Value> {
    let wanted = at(object, "spec.expirationSeconds")
        .as_i64()
        .map_or(NONE.to_owned(), duration);
    let has = |kind: &str| {
        items(object, "status.conditions")
            .iter()
            .any(|c| text(c, "type") == kind)
    };
    let mut condition = match () {
        () if has("Denied") => "Denied",
        () if has("Approved") => "Approved",
        () => "Pending",
    }
    .to_owned();
    if has("Failed") {
        condition.push_str(",Failed");
    }
    if !text(object, "status.certificate").is_empty() {
        condition.push_str(",Issued");
    }
    vec![
        object["metadata"]["name"].clone(),
        json!(age(object, now)),
        json!(or(text(object, "spec.signerName"), NONE)),
        json!(text(object, "spec.username")),
        json!(wanted),
        json!(condition),
    ]
}

/// Columns of disruption budgets.
pub fn pdb_columns() -> Vec<Column> {
    vec![
        name(),
        column(
            "Min Available",
            "string",
            "The minimum number of pods that must be available.",
        ),
        column(
            "Max Unavailable",
            "string",
            "The maximum number of pods that may be unavailable.",
        ),
        column(
            "Allowed Disruptions",
            "integer",
            "Calculated number of pods that may be disrupted at this time.",
        ),
        super::age(),
    ]
}

/// Cells of a disruption budget.
pub fn pdb(object: &Value, now: Timestamp) -> Vec<Value> {
    let amount = |path| match at(object, path) {
        Value::String(s) => s.clone(),
        Value::Number(n) => n.to_string(),
        _ => "N/A".into(),
    };
    vec![
        object["metadata"]["name"].clone(),
        json!(amount("spec.minAvailable")),
        json!(amount("spec.maxUnavailable")),
        json!(int(object, "status.disruptionsAllowed")),
        json!(age(object, now)),
    ]
}

/// Columns of ingresses.
pub fn ingress_columns() -> Vec<Column> {
    vec![
        name(),
        column(
            "Class",
            "string",
            "The name of the IngressClass resource that should be used for additional configuration",
        ),
        column(
            "Hosts",
            "string",
            "Hosts that incoming requests are matched against before the ingress rule",
        ),
        column(
            "Address",
            "string",
            "Address is a list containing ingress points for the load-balancer",
        ),
        column("Ports", "string", "Ports of TLS configurations that open"),
        super::age(),
    ]
}

/// Cells of an ingress.
pub fn ingress(object: &Value, now: Timestamp) -> Vec<Value> {
    let hosts: Vec<String> = items(object, "spec.rules")
        .iter()
        .map(|r| text(r, "host"))
        .filter(|h| !h.is_empty())
        .map(Into::into)
        .collect();
    let hosts = if hosts.is_empty() {
        "*".to_owned()
    } else {
        format::shortened(&hosts, 3)
    };
    let points = items(object, "status.loadBalancer.ingress");
    let address: Vec<&str> = points
        .iter()
        .map(|i| or(text(i, "ip"), text(i, "hostname")))
        .collect();
    let ports = if items(object, "spec.tls").is_empty() {
        "80"
    } else {
        "80, 443"
    };
    vec![
        object["metadata"]["name"].clone(),
        json!(or(text(object, "spec.ingressClassName"), NONE)),
        json!(hosts),
        json!(address.join(",")),
        json!(ports),
        json!(age(object, now)),
    ]
}

/// Columns of ingress classes.
pub fn ingress_class_columns() -> Vec<Column> {
    vec![
        name(),
        column(
            "Controller",
            "string",
            "Controller that is responsible for handling this class",
        ),
        column(
            "Parameters",
            "string",
            "A reference to a resource with additional parameters",
        ),
        super::age(),
    ]
}

/// Cells of an ingress class.
pub fn ingress_class(object: &Value, now: Timestamp) -> Vec<Value> {
    let parameters = match at(object, "spec.parameters") {
        Value::Null => NONE.to_owned(),
        p => match text(p, "apiGroup") {
            "" => format!("{}/{}", text(p, "kind"), text(p, "name")),
            group => format!("{}.{group}/{}", text(p, "kind"), text(p, "name")),
        },
    };
    vec![
        object["metadata"]["name"].clone(),
        json!(text(object, "spec.controller")),
        json!(parameters),
        json!(age(object, now)),
    ]
}

/// Columns of network policies.
pub fn network_policy_columns() -> Vec<Column> {
    vec![
        name(),
        column(
            "Pod-Selector",
            "string",
            "@io.k8s.api.networking.v1.NetworkPolicySpec.podSelector",
        ),
        super::age(),
    ]
}

/// Cells of a network policy.
pub fn network_policy(object: &Value, now: Timestamp) -> Vec<Value> {
    let selector = format::selector(at(object, "spec.podSelector"));
    vec![
        object["metadata"]["name"].clone(),
        json!(or(&selector, NONE)),
        json!(age(object, now)),
    ]
}

/// Columns of addresses.
pub fn ip_address_columns() -> Vec<Column> {
    vec![
        name(),
        column(
            "ParentRef",
            "string",
            "@io.k8s.api.networking.v1.IPAddressSpec.parentRef",
        ),
    ]
}

/// Cells of an address.
pub fn ip_address(object: &Value, _now: Timestamp) -> Vec<Value> {
    let parent = at(object, "spec.parentRef");
    let mut out = text(parent, "resource").to_owned();
    for (separator, field) in [('.', "group"), ('/', "namespace"), ('/', "name")] {
        let part = text(parent, field);
        if !part.is_empty() {
            out.push(separator);
            out.push_str(part);
        }
    }
    vec![object["metadata"]["name"].clone(), json!(or(&out, NONE))]
}

/// Columns of service address ranges.
pub fn service_cidr_columns() -> Vec<Column> {
    vec![
        name(),
        column(
            "CIDRs",
            "string",
            "@io.k8s.api.networking.v1.ServiceCIDRSpec.cidrs",
        ),
        super::age(),
    ]
}

/// Cells of a service address range.
pub fn service_cidr(object: &Value, now: Timestamp) -> Vec<Value> {
    let ranges: Vec<&str> = items(object, "spec.cidrs")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    vec![
        object["metadata"]["name"].clone(),
        json!(ranges.join(",")),
        json!(age(object, now)),
    ]
}

/// Columns of priority classes.
pub fn priority_class_columns() -> Vec<Column> {
    vec![
        name(),
        column(
            "Value",
            "integer",
            "@io.k8s.api.scheduling.v1.PriorityClass.value",
        ),
        column(
            "Global-Default",
            "boolean",
            "@io.k8s.api.scheduling.v1.PriorityClass.globalDefault",
        ),
        super::age(),
        column(
            "PreemptionPolicy",
            "string",
            "@io.k8s.api.scheduling.v1.PriorityClass.preemptionPolicy",
        ),
    ]
}

/// Cells of a priority class.
pub fn priority_class(object: &Value, now: Timestamp) -> Vec<Value> {
    vec![
        object["metadata"]["name"].clone(),
        json!(int(object, "value")),
        json!(object["globalDefault"] == true),
        json!(age(object, now)),
        json!(or(text(object, "preemptionPolicy"), "PreemptLowerPriority")),
    ]
}

/// Columns of runtime classes.
pub fn runtime_class_columns() -> Vec<Column> {
    vec![
        name(),
        column("Handler", "string", "@io.k8s.api.node.v1.RuntimeClass.handler"),
        super::age(),
    ]
}

/// Cells of a runtime class.
pub fn runtime_class(object: &Value, now: Timestamp) -> Vec<Value> {
    vec![
        object["metadata"]["name"].clone(),
        json!(text(object, "handler")),
        json!(age(object, now)),
    ]
}
