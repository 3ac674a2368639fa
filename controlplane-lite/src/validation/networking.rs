//! Ingresses, their classes, network policies, addresses and ranges of services.

mod address;
mod ingress;
mod policy;

use super::Rules;

/// Rules for the kinds of `networking.k8s.io`.
pub(super) fn rules(kind: &str) -> Option<Rules> {
    Some(match kind {
        "Ingress" => ingress::rules(),
        "IngressClass" => ingress::class_rules(),
        "NetworkPolicy" => policy::rules(),
        "IPAddress" => address::rules(),
        "ServiceCIDR" => address::range_rules(),
        _ => return None,
    })
}
