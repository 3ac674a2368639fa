//! RuntimeClass: overhead and scheduling constraints of a pod's runtime class (KEP-688).

use serde_json::{Map, Value};

use super::{Cluster, Refusal, list_mut, text};

/// Applies the class that a new pod names.
///
/// # Errors
/// The class does not exist, or pod and class ask for different things.
pub fn apply(cluster: &dyn Cluster, pod: &mut Value) -> Result<(), Refusal> {
    let Some(spec) = pod.get_mut("spec").filter(|spec| spec.is_object()) else {
        return Ok(());
    };
    let name = text(spec, "runtimeClassName").to_owned();
    if name.is_empty() {
        return match &spec["overhead"] {
            Value::Null => Ok(()),
            overhead if overhead.as_object().is_some_and(Map::is_empty) => Ok(()),
            _ => Err(
                "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead".into(),
            ),
        };
    }
    let class = cluster
        .get("runtimeclasses", "", &name)
        .ok_or_else(|| format!("pod rejected: RuntimeClass {name:?} not found"))?;
    set_overhead(spec, &class["overhead"]["podFixed"])?;
    merge_node_selector(spec, &class["scheduling"]["nodeSelector"])?;
    add_tolerations(spec, &class["scheduling"]["tolerations"]);
    Ok(())
}

fn set_overhead(spec: &mut Value, fixed: &Value) -> Result<(), Refusal> {
    let given = &spec["overhead"];
    let same = given.is_null() || given == fixed;
    if !same {
        return Err("pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead".into());
    }
    if fixed.is_object() {
        spec["overhead"] = fixed.clone();
    }
    Ok(())
}

fn merge_node_selector(spec: &mut Value, wanted: &Value) -> Result<(), Refusal> {
    let Some(wanted) = wanted.as_object().filter(|wanted| !wanted.is_empty()) else {
        return Ok(());
    };
    let mut selector = spec["nodeSelector"].as_object().cloned().unwrap_or_default();
    for (key, value) in wanted {
        match selector.get(key) {
            Some(given) if given != value => {
                let given = given.as_str().unwrap_or_default();
                let value = value.as_str().unwrap_or_default();
                return Err(format!(
                    "conflict: runtimeClass.scheduling.nodeSelector[{key}] = {value}; pod.spec.nodeSelector[{key}] = {given}"
                ));
            }
            _ => drop(selector.insert(key.clone(), value.clone())),
        }
    }
    spec["nodeSelector"] = selector.into();
    Ok(())
}

fn add_tolerations(spec: &mut Value, wanted: &Value) {
    let wanted = wanted.as_array().cloned().unwrap_or_default();
    if wanted.is_empty() {
        return;
    }
    let Some(tolerations) = list_mut(spec, "tolerations") else {
        return;
    };
    for toleration in wanted {
        if !tolerations.contains(&toleration) {
            tolerations.push(toleration);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::test_cluster::Objects;
    use super::*;

    fn sample() -> Value {
        json!({
            "metadata": {"name": "kata"},
            "handler": "kata",
            "overhead": {"podFixed": {"cpu": "250m"}},
            "scheduling": {"nodeSelector": {"kata": "yes"}, "tolerations": [{"key": "kata", "operator": "Exists"}]}
        })
    }

    fn applied(spec: Value) -> Result<Value, Refusal> {
        let mut pod = json!({ "spec": spec });
        apply(&Objects(vec![("runtimeclasses", sample())]), &mut pod).map(|()| pod["spec"].clone())
    }

    #[test]
    fn a_pod_gets_what_its_class_says() {
        let spec = applied(json!({"runtimeClassName": "kata", "nodeSelector": {"disk": "ssd"}})).unwrap();
        assert_eq!(spec["overhead"], json!({"cpu": "250m"}));
        assert_eq!(spec["nodeSelector"], json!({"disk": "ssd", "kata": "yes"}));
        assert_eq!(
            spec["tolerations"],
            json!([{"key": "kata", "operator": "Exists"}])
        );
    }

    #[test]
    fn contradictions_are_refused() {
        for spec in [
            json!({"runtimeClassName": "absent"}),
            json!({"runtimeClassName": "kata", "nodeSelector": {"kata": "no"}}),
            json!({"runtimeClassName": "kata", "overhead": {"cpu": "1"}}),
            json!({"overhead": {"cpu": "1"}}),
        ] {
            assert!(applied(spec.clone()).is_err(), "{spec}");
        }
        assert!(applied(json!({"containers": []})).is_ok());
    }
}
