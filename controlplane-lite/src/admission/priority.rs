//! Priority: the number and the preemption policy behind a pod's priority class.

use serde_json::Value;

use super::{Cluster, Refusal, text};

/// What a pod without any class gets.
const DEFAULT_POLICY: &str = "PreemptLowerPriority";

/// Resolves the class of a new pod.
///
/// # Errors
/// The class does not exist, or the pod names a number or a policy that is not the class's.
pub fn resolve(cluster: &dyn Cluster, pod: &mut Value) -> Result<(), Refusal> {
    let Some(spec) = pod.get_mut("spec").filter(|spec| spec.is_object()) else {
        return Ok(());
    };
    let named = text(spec, "priorityClassName").to_owned();
    let class = match named.as_str() {
        "" => default_class(cluster),
        name => Some(
            cluster
                .get("priorityclasses", "", name)
                .ok_or_else(|| format!("no PriorityClass with name {name} was found"))?,
        ),
    };
    let priority = class
        .as_ref()
        .and_then(|class| class["value"].as_i64())
        .unwrap_or(0);
    let policy = class.as_ref().map_or("", |class| text(class, "preemptionPolicy"));
    let policy = if policy.is_empty() { DEFAULT_POLICY } else { policy }.to_owned();
    if let Some(given) = spec["priority"].as_i64().filter(|given| *given != priority) {
        return Err(format!(
            "the integer value of priority ({given}) must not be provided in pod spec; priority admission controller \
             computed {priority} from the given PriorityClass name"
        ));
    }
    if let Some(given) = spec["preemptionPolicy"]
        .as_str()
        .filter(|given| *given != policy.as_str())
    {
        return Err(format!(
            "the string value of PreemptionPolicy ({given}) must not be provided in pod spec; priority admission \
             controller computed {policy} from the given PriorityClass name"
        ));
    }
    if let Some(class) = class.as_ref().filter(|_| named.is_empty()) {
        spec["priorityClassName"] = class["metadata"]["name"].clone();
    }
    spec["priority"] = priority.into();
    spec["preemptionPolicy"] = policy.into();
    Ok(())
}

/// Checks that a class that wants to be the default is the only one.
///
/// # Errors
/// Another class is the default.
pub fn check_class(cluster: &dyn Cluster, class: &Value) -> Result<(), Refusal> {
    if class["globalDefault"] != true {
        return Ok(());
    }
    let own = &class["metadata"]["name"];
    let other = cluster
        .list("priorityclasses", "")
        .into_iter()
        .find(|other| other["globalDefault"] == true && other["metadata"]["name"] != *own);
    match other {
        Some(other) => Err(format!(
            "PriorityClass {} is already marked as default. Only one default can exist",
            text(&other["metadata"], "name")
        )),
        None => Ok(()),
    }
}

/// Two defaults can exist after a race: the lower one counts, as in the reference.
fn default_class(cluster: &dyn Cluster) -> Option<Value> {
    let classes = cluster.list("priorityclasses", "");
    classes
        .into_iter()
        .filter(|class| class["globalDefault"] == true)
        .min_by_key(|class| class["value"].as_i64().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::test_cluster::Objects;
    use super::*;

    fn cluster() -> Objects {
        let class = |name: &str, value: i64, default: bool| json!({"metadata": {"name": name}, "value": value, "globalDefault": default});
        Objects(vec![
            ("priorityclasses", class("high", 1000, false)),
            ("priorityclasses", class("usual", 10, true)),
        ])
    }

    fn resolved(cluster: &Objects, spec: Value) -> Result<Value, Refusal> {
        let mut pod = json!({ "spec": spec });
        resolve(cluster, &mut pod).map(|()| pod["spec"].clone())
    }

    #[test]
    fn a_pod_gets_its_classs_number() {
        let spec = resolved(&cluster(), json!({"priorityClassName": "high"})).unwrap();
        assert_eq!(
            (&spec["priority"], &spec["preemptionPolicy"]),
            (&json!(1000), &json!(DEFAULT_POLICY))
        );
        let spec = resolved(&cluster(), json!({})).unwrap();
        assert_eq!(
            (&spec["priority"], &spec["priorityClassName"]),
            (&json!(10), &json!("usual"))
        );
        let spec = resolved(&Objects(Vec::new()), json!({})).unwrap();
        assert_eq!(
            (&spec["priority"], &spec["priorityClassName"]),
            (&json!(0), &Value::Null)
        );
    }

    #[test]
    fn a_pod_cannot_choose_its_own_number() {
        let error = resolved(&cluster(), json!({"priorityClassName": "absent"})).unwrap_err();
        assert_eq!(error, "no PriorityClass with name absent was found");
        assert!(resolved(&cluster(), json!({"priorityClassName": "high", "priority": 7})).is_err());
        assert!(resolved(&cluster(), json!({"preemptionPolicy": "Never"})).is_err());
        assert!(resolved(&cluster(), json!({"priorityClassName": "high", "priority": 1000})).is_ok());
    }

    #[test]
    fn there_is_one_default_class() {
        let second = json!({"metadata": {"name": "other"}, "globalDefault": true});
        assert!(
            check_class(&cluster(), &second)
                .unwrap_err()
                .contains("usual is already marked")
        );
        let itself = json!({"metadata": {"name": "usual"}, "globalDefault": true});
        assert!(check_class(&cluster(), &itself).is_ok());
    }
}
