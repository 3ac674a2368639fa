//! Resources as the status shows them: what each container was given, and the pod's sums.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, Pod, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use crate::kubelet::podspec::{self, Kind, limit, milli, request};

type List = BTreeMap<String, Quantity>;

/// Requests of one container, with limits where it only names those.
pub(super) fn requests_of(spec: &Container) -> Option<List> {
    let mut list = List::new();
    let resources = spec.resources.as_ref()?;
    for name in names(resources) {
        if let Some(quantity) = request(spec, name) {
            list.insert(name.clone(), quantity.clone());
        }
    }
    (!list.is_empty()).then_some(list)
}

fn names(resources: &ResourceRequirements) -> impl Iterator<Item = &String> {
    let limits = resources.limits.iter().flat_map(BTreeMap::keys);
    limits.chain(resources.requests.iter().flat_map(BTreeMap::keys))
}

/// Requests and limits of one container.
pub(super) fn of_container(spec: &Container) -> ResourceRequirements {
    ResourceRequirements {
        limits: spec.resources.as_ref().and_then(|r| r.limits.clone()),
        requests: requests_of(spec),
        ..ResourceRequirements::default()
    }
}

/// Requests of the whole pod; `None` when it asks for nothing.
pub(super) fn requests(pod: &Pod) -> Option<List> {
    sums(pod, |c, name| request(c, name), false)
}

/// Requests and limits of the whole pod.
pub(super) fn of_pod(pod: &Pod) -> ResourceRequirements {
    ResourceRequirements {
        limits: sums(pod, |c, name| limit(c, name), true),
        requests: requests(pod),
        ..ResourceRequirements::default()
    }
}

/// Sums of CPU and memory over the containers that run together, or an init container's more.
fn sums<'a>(
    pod: &'a Pod,
    amount: impl Fn(&'a Container, &str) -> Option<&'a Quantity>,
    all: bool,
) -> Option<List> {
    let mut list = List::new();
    for name in ["cpu", "memory"] {
        let (mut running, mut peak, mut any, mut complete) = (0i64, 0i64, false, true);
        for (kind, container) in podspec::containers(pod) {
            let Some(value) = amount(container, name).and_then(milli) else {
                complete = false;
                continue;
            };
            any = true;
            match kind {
                Kind::Init => peak = peak.max(running + value),
                Kind::Sidecar | Kind::Regular => running += value,
            }
        }
        if any && (complete || !all) {
            list.insert(name.into(), Quantity(written(running.max(peak), name)));
        }
    }
    (!list.is_empty()).then_some(list)
}

/// An amount in thousandths in the API's canonical form.
fn written(milli: i64, name: &str) -> String {
    if milli % 1000 != 0 {
        return format!("{milli}m");
    }
    let mut value = milli / 1000;
    if name != "memory" || value == 0 {
        return value.to_string();
    }
    let mut suffix = "";
    for next in ["Ki", "Mi", "Gi", "Ti", "Pi"] {
        if value % 1024 != 0 {
            break;
        }
        value /= 1024;
        suffix = next;
    }
    format!("{value}{suffix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_written_in_the_apis_form() {
        let cases = [
            (250, "cpu", "250m"),
            (2000, "cpu", "2"),
            (67_108_864_000, "memory", "64Mi"),
            (1_000_000, "memory", "1000"),
            (0, "memory", "0"),
        ];
        for (milli, name, text) in cases {
            assert_eq!(written(milli, name), text);
        }
    }
}
