//! What a pod asks for: the sums over its containers, and its quality of service.
//!
//! A sum follows the scheduler's rule (KEP-753): regular containers and sidecars run together, other init
//! containers one after the other beside the sidecars started before them, so the larger of both counts.

use super::Quantity;
use serde_json::Value;
use std::collections::BTreeMap;

/// Amounts by resource name.
pub type Amounts = BTreeMap<String, Quantity>;

/// The amounts at `requests` or `limits` of a container or pod; malformed ones are left out.
pub fn amounts(resources: Option<&Value>, field: &str) -> Amounts {
    let list = resources.and_then(|r| r.get(field)).and_then(Value::as_object);
    list.into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.clone(), Quantity::from_value(value).ok()?)))
        .collect()
}

fn containers<'a>(spec: &'a Value, field: &str) -> &'a [Value] {
    spec.get(field)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn add(sum: &mut Amounts, more: &Amounts) {
    for (name, amount) in more {
        let entry = sum.entry(name.clone()).or_default();
        *entry = entry.plus(amount);
    }
}

fn raise(sum: &mut Amounts, other: &Amounts) {
    for (name, amount) in other {
        let entry = sum.entry(name.clone()).or_insert(*amount);
        if *amount > *entry {
            *entry = *amount;
        }
    }
}

/// Whether an init container keeps running beside the others.
pub fn is_sidecar(init_container: &Value) -> bool {
    init_container.get("restartPolicy").and_then(Value::as_str) == Some("Always")
}

/// The `requests` (or `limits`) of all containers of a pod's spec together, without pod-level resources and
/// overhead.
pub fn container_total(spec: &Value, field: &str) -> Amounts {
    let mut sum = Amounts::new();
    for container in containers(spec, "containers") {
        add(&mut sum, &amounts(container.get("resources"), field));
    }
    let (mut sidecars, mut peak) = (Amounts::new(), Amounts::new());
    for container in containers(spec, "initContainers") {
        let mut own = amounts(container.get("resources"), field);
        if is_sidecar(container) {
            add(&mut sum, &own);
            add(&mut sidecars, &own);
            own = sidecars.clone();
        } else {
            add(&mut own, &sidecars);
        }
        raise(&mut peak, &own);
    }
    raise(&mut sum, &peak);
    sum
}

fn cpu_and_memory(list: Amounts) -> Amounts {
    let counts = |name: &str, amount: &Quantity| matches!(name, "cpu" | "memory") && !amount.is_zero();
    list.into_iter()
        .filter(|(name, amount)| counts(name, amount) && !amount.is_negative())
        .collect()
}

/// `Guaranteed`, `Burstable` or `BestEffort`, from a pod's spec.
pub fn qos_class(spec: &Value) -> &'static str {
    let (mut requests, mut limits) = (Amounts::new(), Amounts::new());
    let mut guaranteed = true;
    let mut count = |resources: Option<&Value>| {
        add(&mut requests, &cpu_and_memory(amounts(resources, "requests")));
        let own = cpu_and_memory(amounts(resources, "limits"));
        guaranteed &= own.len() == 2;
        add(&mut limits, &own);
    };
    let pod_level = spec.get("resources");
    if ["requests", "limits"]
        .iter()
        .any(|field| !amounts(pod_level, field).is_empty())
    {
        count(pod_level);
    } else {
        let all = containers(spec, "containers")
            .iter()
            .chain(containers(spec, "initContainers"));
        all.for_each(|c| count(c.get("resources")));
    }
    match (
        requests.is_empty() && limits.is_empty(),
        guaranteed && requests == limits,
    ) {
        (true, _) => "BestEffort",
        (false, true) => "Guaranteed",
        (false, false) => "Burstable",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_class_follows_requests_and_limits() {
        let both = json!({"cpu": "1", "memory": "1Gi"});
        let same = json!({"cpu": "1000m", "memory": "1024Mi"});
        let less = json!({"cpu": "0.5", "memory": "1Gi"});
        let guaranteed = json!({"resources": {"limits": both, "requests": same}});
        let table = [
            (json!({"containers": [{}]}), "BestEffort"),
            (
                json!({"containers": [{"resources": {"requests": {"cpu": "0"}}}]}),
                "BestEffort",
            ),
            (
                json!({"containers": [{"resources": {"requests": {"example.com/gpu": "1"}}}]}),
                "BestEffort",
            ),
            (
                json!({"containers": [{"resources": {"requests": {"cpu": "1"}}}]}),
                "Burstable",
            ),
            (json!({"containers": [guaranteed]}), "Guaranteed"),
            (
                json!({"containers": [{"resources": {"limits": both, "requests": less}}]}),
                "Burstable",
            ),
            (json!({"containers": [guaranteed, {}]}), "Burstable"),
            (
                json!({"containers": [guaranteed], "initContainers": [{}]}),
                "Burstable",
            ),
            (
                json!({"containers": [{}], "resources": {"limits": both, "requests": same}}),
                "Guaranteed",
            ),
            (
                json!({"containers": [guaranteed], "resources": {"requests": {"cpu": "2"}}}),
                "Burstable",
            ),
        ];
        for (spec, want) in table {
            assert_eq!(qos_class(&spec), want, "{spec}");
        }
    }

    #[test]
    fn init_containers_count_one_after_the_other_beside_their_sidecars() {
        let cpu = |amount: &str| json!({"requests": {"cpu": amount}});
        let spec = json!({
            "initContainers": [
                {"resources": cpu("3")},
                {"resources": cpu("1"), "restartPolicy": "Always"},
                {"resources": cpu("4")},
            ],
            "containers": [{"resources": cpu("1")}, {"resources": cpu("500m")}],
        });
        let total = container_total(&spec, "requests");
        assert_eq!(total["cpu"].to_string(), "5");
    }
}
