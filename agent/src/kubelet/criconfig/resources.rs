//! CPU, memory and OOM settings from requests and limits, in the kernel's cgroup v1 units; the runtime converts
//! them for v2.

use cri::v1::{HugepageLimit, LinuxContainerResources};
use k8s_openapi::api::core::v1::{Container, Pod};

use super::NodeFacts;
use crate::kubelet::podspec::{self, Kind, Qos, limit, milli, request, whole};

/// Period of CPU quotas in microseconds.
const PERIOD: i64 = 100_000;
/// Smallest quota that the kernel takes.
const LEAST_QUOTA: i64 = 1000;
/// Fewest and most CPU shares that the kernel takes.
const SHARES: std::ops::RangeInclusive<i64> = 2..=262_144;
/// Priority from which a pod is critical for its node (`system-node-critical`).
const NODE_CRITICAL: i32 = 2_000_001_000;

fn shares(milli_cpu: i64) -> i64 {
    (milli_cpu.saturating_mul(1024) / 1000).clamp(*SHARES.start(), *SHARES.end())
}

fn quota(milli_cpu: i64) -> i64 {
    match milli_cpu {
        0 => 0,
        some => (some.saturating_mul(PERIOD) / 1000).max(LEAST_QUOTA),
    }
}

/// Requests and limits of a whole pod; a limit only where every container has one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    /// Thousandths of a core asked for.
    pub(super) cpu_request: i64,
    /// Thousandths of a core, when limited.
    pub(super) cpu_limit: Option<i64>,
    /// Bytes, when limited.
    pub(super) memory_limit: Option<i64>,
}

/// What `pod` may use: regular containers and sidecars together, or more where an init container needs more.
fn sums(pod: &Pod) -> Sums {
    let total = |value: &dyn Fn(&Container) -> Option<i64>| -> Option<i64> {
        let (mut running, mut peak) = (0i64, 0i64);
        let mut complete = true;
        for (kind, container) in podspec::containers(pod) {
            let Some(amount) = value(container) else {
                complete = false;
                continue;
            };
            match kind {
                Kind::Init => peak = peak.max(running.saturating_add(amount)),
                Kind::Sidecar | Kind::Regular => running = running.saturating_add(amount),
            }
        }
        complete.then_some(running.max(peak))
    };
    let positive = |value: Option<i64>| value.filter(|v| *v > 0);
    Sums {
        cpu_request: total(&|c| Some(request(c, "cpu").and_then(milli).unwrap_or(0))).unwrap_or(0),
        cpu_limit: total(&|c| positive(limit(c, "cpu").and_then(milli))),
        memory_limit: total(&|c| positive(limit(c, "memory").and_then(whole))),
    }
}

/// The sandbox's resources: those of the pod as a whole.
pub(super) fn of_sandbox(pod: &Pod) -> LinuxContainerResources {
    let sums = sums(pod);
    LinuxContainerResources {
        cpu_period: PERIOD,
        cpu_quota: quota(sums.cpu_limit.unwrap_or(0)),
        cpu_shares: shares(sums.cpu_request),
        memory_limit_in_bytes: sums.memory_limit.unwrap_or(0),
        ..Default::default()
    }
}

/// One container's resources.
pub(super) fn of_container(pod: &Pod, container: &Container, node: &NodeFacts) -> LinuxContainerResources {
    let memory = limit(container, "memory").and_then(whole).unwrap_or(0);
    LinuxContainerResources {
        cpu_period: PERIOD,
        cpu_quota: quota(limit(container, "cpu").and_then(milli).unwrap_or(0)),
        cpu_shares: shares(request(container, "cpu").and_then(milli).unwrap_or(0)),
        memory_limit_in_bytes: memory,
        // Memory and swap together: equal to the memory alone means no swap.
        memory_swap_limit_in_bytes: memory,
        oom_score_adj: oom_score_adj(pod, container, node.memory),
        hugepage_limits: node
            .hugepages
            .iter()
            .map(|size| hugepages(container, size))
            .collect(),
        ..Default::default()
    }
}

fn hugepages(container: &Container, size: &str) -> HugepageLimit {
    // The resource spells the size in binary units (`hugepages-2Mi`), the runtime does not.
    let resource = format!("hugepages-{}i", size.trim_end_matches('B'));
    let bytes = limit(container, &resource).and_then(whole).unwrap_or(0);
    HugepageLimit {
        page_size: size.into(),
        limit: u64::try_from(bytes).unwrap_or(0),
    }
}

/// How soon the kernel ends the container when memory runs out: the more it asked for, the later.
fn oom_score_adj(pod: &Pod, container: &Container, capacity: i64) -> i64 {
    if podspec::spec(pod).priority.is_some_and(|p| p >= NODE_CRITICAL) {
        return -997;
    }
    match podspec::qos(pod) {
        Qos::Guaranteed => -997,
        Qos::BestEffort => 1000,
        Qos::Burstable => {
            let asked = request(container, "memory").and_then(whole).unwrap_or(0);
            let share = i128::from(asked) * 1000 / i128::from(capacity.max(1));
            let adj = 1000 - i64::try_from(share).unwrap_or(1000);
            // Later than best effort, sooner than guaranteed.
            adj.clamp(3, 999)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_quota_stay_within_what_the_kernel_takes() {
        assert_eq!([0, 1, 100, 250, 1000].map(shares), [2, 2, 102, 256, 1024]);
        assert_eq!([0, 1, 250, 2000].map(quota), [0, 1000, 25_000, 200_000]);
    }

    #[test]
    fn pod_limit_needs_a_limit_on_every_container_and_init_containers_raise_it() {
        let pod: Pod = serde_json::from_value(serde_json::json!({"spec": {
            "initContainers": [
                {"name": "i", "resources": {"limits": {"cpu": "3"}}},
                {"name": "s", "restartPolicy": "Always", "resources": {"limits": {"cpu": "1", "memory": "1"}}}
            ],
            "containers": [{"name": "c", "resources": {"limits": {"cpu": "1", "memory": "1"}}}]
        }}))
        .expect("a pod");
        let expected = Sums {
            cpu_request: 3000,
            cpu_limit: Some(3000),
            memory_limit: None,
        };
        assert_eq!(sums(&pod), expected);
    }
}
