//! networking.k8s.io/v1 and discovery.k8s.io/v1.

use serde_json::json;

use crate::resource::{Generation, Resource};
use crate::table::{cluster, core};

/// networking.k8s.io/v1, by plural name.
pub fn rows() -> Vec<Resource> {
    let row = |kind, plural| Resource::new("networking.k8s.io", "v1", kind, plural);
    vec![
        row("IngressClass", "ingressclasses")
            .cluster()
            .generation(Generation::Spec)
            .table(cluster::ingress_class_columns(), cluster::ingress_class),
        row("Ingress", "ingresses")
            .short(&["ing"])
            .stored_as("ingress")
            .generation(Generation::Spec)
            .status()
            .starts_with(|_, _| Some(json!({"loadBalancer": {}})))
            .table(cluster::ingress_columns(), cluster::ingress),
        row("IPAddress", "ipaddresses")
            .cluster()
            .short(&["ip"])
            .table(cluster::ip_address_columns(), cluster::ip_address),
        row("NetworkPolicy", "networkpolicies")
            .short(&["netpol"])
            .generation(Generation::Spec)
            .table(cluster::network_policy_columns(), cluster::network_policy),
        row("ServiceCIDR", "servicecidrs")
            .cluster()
            .status()
            .starts_with(|_, _| Some(json!({})))
            .table(cluster::service_cidr_columns(), cluster::service_cidr),
    ]
}

/// discovery.k8s.io/v1.
pub fn discovery() -> Vec<Resource> {
    vec![
        Resource::new("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices")
            .generation(Generation::Spec)
            .table(core::endpoint_slice_columns(), core::endpoint_slice),
    ]
}
