//! Questions about a pod's spec that several modules ask, with the API's defaults applied.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

/// When ended containers are started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestartPolicy {
    /// Whatever the exit code.
    Always,
    /// Only after an exit code other than 0.
    OnFailure,
    /// Not at all.
    Never,
}

/// What a container is for the order of starts and stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Runs to its end before the next one starts.
    Init,
    /// An init container with restart policy Always: runs beside all that follow it, and ends after them.
    Sidecar,
    /// One of `spec.containers`.
    Regular,
}

/// Quality of service class of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Qos {
    /// Every container has limits for CPU and memory, and requests equal to them.
    Guaranteed,
    /// Some container requests or limits CPU or memory.
    Burstable,
    /// None does.
    BestEffort,
}

impl Qos {
    /// The name in `status.qosClass`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Guaranteed => "Guaranteed",
            Self::Burstable => "Burstable",
            Self::BestEffort => "BestEffort",
        }
    }
}

/// The spec, or an empty one where a pod has none.
pub fn spec(pod: &Pod) -> &PodSpec {
    static EMPTY: std::sync::LazyLock<PodSpec> = std::sync::LazyLock::new(PodSpec::default);
    pod.spec.as_ref().unwrap_or(&EMPTY)
}

/// The pod's restart policy; Always when it names none.
#[must_use]
pub fn restart_policy(pod: &Pod) -> RestartPolicy {
    match spec(pod).restart_policy.as_deref() {
        Some("OnFailure") => RestartPolicy::OnFailure,
        Some("Never") => RestartPolicy::Never,
        _ => RestartPolicy::Always,
    }
}

/// How long containers get to end by themselves; 30 s when the pod does not say.
#[must_use]
pub fn grace(pod: &Pod) -> Duration {
    let secs = spec(pod).termination_grace_period_seconds.unwrap_or(30);
    Duration::from_secs(u64::try_from(secs).unwrap_or(0))
}

/// All containers in the order of starting: init containers and sidecars, then the regular ones.
pub fn containers(pod: &Pod) -> impl Iterator<Item = (Kind, &Container)> {
    let spec = spec(pod);
    let init = spec
        .init_containers
        .iter()
        .flatten()
        .map(|c| match c.restart_policy.as_deref() {
            Some("Always") => (Kind::Sidecar, c),
            _ => (Kind::Init, c),
        });
    init.chain(spec.containers.iter().map(|c| (Kind::Regular, c)))
}

/// The container `name` of any kind.
#[must_use]
pub fn container<'a>(pod: &'a Pod, name: &str) -> Option<(Kind, &'a Container)> {
    containers(pod).find(|(_, c)| c.name == name)
}

/// The value of a quantity in thousandths (of a core), rounded up; `None` when it cannot be read.
#[must_use]
pub fn milli(quantity: &Quantity) -> Option<i64> {
    scaled(&quantity.0, 1000)
}

/// The value of a quantity (bytes, counts), rounded up; `None` when it cannot be read.
#[must_use]
pub fn whole(quantity: &Quantity) -> Option<i64> {
    scaled(&quantity.0, 1)
}

/// Reads the API's quantity syntax: a decimal number with a binary (`Ki`…`Ei`), decimal (`n`…`E`) or
/// exponent (`e3`) suffix. Exact in 128 bits; rounded away from zero as the reference does.
fn scaled(text: &str, by: i128) -> Option<i64> {
    let text = text.trim();
    let split = text
        .find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '+' | '-')))
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at(split);
    let (negative, number) = match number.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, number.strip_prefix('+').unwrap_or(number)),
    };
    let (int, frac) = number.split_once('.').unwrap_or((number, ""));
    if int.is_empty() && frac.is_empty() {
        return None;
    }
    let (multiply, divide) = suffix_factor(suffix)?;
    let digits: i128 = format!("{int}{frac}").parse().ok()?;
    let divide = divide.checked_mul(10i128.checked_pow(u32::try_from(frac.len()).ok()?)?)?;
    let value = digits.checked_mul(multiply)?.checked_mul(by)?;
    let rounded = value / divide + i128::from(value % divide != 0);
    i64::try_from(if negative { -rounded } else { rounded }).ok()
}

fn suffix_factor(suffix: &str) -> Option<(i128, i128)> {
    let binary = |power: u32| Some((1i128 << (10 * power), 1));
    let decimal = |power: u32| Some((10i128.pow(power), 1));
    match suffix {
        "" => Some((1, 1)),
        "Ki" => binary(1),
        "Mi" => binary(2),
        "Gi" => binary(3),
        "Ti" => binary(4),
        "Pi" => binary(5),
        "Ei" => binary(6),
        "n" => Some((1, 1_000_000_000)),
        "u" => Some((1, 1_000_000)),
        "m" => Some((1, 1000)),
        "k" => decimal(3),
        "M" => decimal(6),
        "G" => decimal(9),
        "T" => decimal(12),
        "P" => decimal(15),
        "E" => decimal(18),
        _ => {
            let power: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            let factor = 10i128.checked_pow(power.unsigned_abs())?;
            Some(if power < 0 { (1, factor) } else { (factor, 1) })
        }
    }
}

/// The amount of `resource` that a container may use (`limits`), if it is limited.
#[must_use]
pub fn limit<'a>(container: &'a Container, resource: &str) -> Option<&'a Quantity> {
    container.resources.as_ref()?.limits.as_ref()?.get(resource)
}

/// The amount of `resource` that a container asks for; its limit where it only names that.
#[must_use]
pub fn request<'a>(container: &'a Container, resource: &str) -> Option<&'a Quantity> {
    let requests = container.resources.as_ref().and_then(|r| r.requests.as_ref());
    requests
        .and_then(|r| r.get(resource))
        .or_else(|| limit(container, resource))
}

/// The pod's class, computed from the resources of all its containers.
#[must_use]
pub fn qos(pod: &Pod) -> Qos {
    let positive = |q: Option<&Quantity>| q.and_then(milli).filter(|value| *value > 0);
    let mut guaranteed = true;
    let mut any = false;
    for (_, c) in containers(pod) {
        for resource in ["cpu", "memory"] {
            let (asked, limited) = (positive(request(c, resource)), positive(limit(c, resource)));
            any |= asked.is_some() || limited.is_some();
            guaranteed &= limited.is_some() && asked == limited;
        }
    }
    match (any, guaranteed) {
        (false, _) => Qos::BestEffort,
        (true, true) => Qos::Guaranteed,
        (true, false) => Qos::Burstable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_exactly_and_rounded_up() {
        let cases = [
            ("1", 1000, 1),
            ("250m", 250, 1),
            ("1.5", 1500, 2),
            ("64Mi", 67_108_864_000, 67_108_864),
            ("1e3", 1_000_000, 1000),
            ("100n", 1, 1),
            ("1k", 1_000_000, 1000),
            ("0.5Gi", 536_870_912_000, 536_870_912),
            ("-2", -2000, -2),
        ];
        for (text, thousandths, units) in cases {
            let quantity = Quantity(text.into());
            assert_eq!(
                (milli(&quantity), whole(&quantity)),
                (Some(thousandths), Some(units)),
                "{text}"
            );
        }
        for bad in ["", "x", "1X", "Mi", "99999999999999999999E"] {
            assert_eq!(whole(&Quantity(bad.into())), None, "{bad}");
        }
    }

    #[test]
    fn class_of_service_follows_requests_and_limits() {
        let pod = |resources: serde_json::Value| -> Pod {
            serde_json::from_value(serde_json::json!({
                "spec": {"containers": [{"name": "c", "resources": resources}]}
            }))
            .expect("a pod")
        };
        let cases = [
            (serde_json::json!({}), Qos::BestEffort),
            (
                serde_json::json!({"limits": {"cpu": "1", "memory": "1Mi"}}),
                Qos::Guaranteed,
            ),
            (serde_json::json!({"limits": {"cpu": "1"}}), Qos::Burstable),
            (serde_json::json!({"requests": {"memory": "1Mi"}}), Qos::Burstable),
            (
                serde_json::json!({"limits": {"cpu": "1", "memory": "2Mi"}, "requests": {"memory": "1Mi"}}),
                Qos::Burstable,
            ),
        ];
        for (resources, class) in cases {
            assert_eq!(qos(&pod(resources.clone())), class, "{resources}");
        }
    }
}
