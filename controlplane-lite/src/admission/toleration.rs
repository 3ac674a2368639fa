//! DefaultTolerationSeconds, and TaintNodesByCondition for new nodes.

use serde_json::{Value, json};

use super::{list_mut, text};

const NOT_READY: &str = "node.kubernetes.io/not-ready";
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";

/// Gives a pod five minutes on a node that is not ready or cannot be reached, unless it says how long it tolerates
/// that. `seconds` are those of `--default-not-ready-toleration-seconds` and its sibling.
pub fn add_defaults(pod: &mut Value, not_ready_seconds: i64, unreachable_seconds: i64) {
    let Some(tolerations) = pod.get_mut("spec").and_then(|spec| list_mut(spec, "tolerations")) else {
        return;
    };
    let tolerated = |tolerations: &[Value], taint: &str| {
        tolerations.iter().any(|t| {
            (text(t, "key") == taint || text(t, "key").is_empty())
                && (text(t, "effect") == "NoExecute" || text(t, "effect").is_empty())
        })
    };
    let missing: Vec<(&str, i64)> = [(NOT_READY, not_ready_seconds), (UNREACHABLE, unreachable_seconds)]
        .into_iter()
        .filter(|(taint, _)| !tolerated(tolerations, taint))
        .collect();
    for (key, seconds) in missing {
        tolerations.push(json!({
            "key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": seconds,
        }));
    }
}

/// A node starts with the taint of one that is not ready; the node controller takes it away.
pub fn taint_new_node(node: &mut Value) {
    let Some(spec) = node
        .as_object_mut()
        .map(|node| node.entry("spec").or_insert_with(|| json!({})))
    else {
        return;
    };
    let Some(taints) = list_mut(spec, "taints") else {
        return;
    };
    if !taints
        .iter()
        .any(|t| text(t, "key") == NOT_READY && text(t, "effect") == "NoSchedule")
    {
        taints.push(json!({"key": NOT_READY, "effect": "NoSchedule"}));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(tolerations: Value) -> Vec<String> {
        let mut pod = json!({"spec": {"tolerations": tolerations}});
        add_defaults(&mut pod, 300, 300);
        let list = pod["spec"]["tolerations"].as_array().unwrap().iter();
        list.map(|t| text(t, "key").to_owned()).collect()
    }

    #[test]
    fn defaults_are_added_where_nothing_is_said() {
        let table = [
            (Value::Null, vec![NOT_READY, UNREACHABLE]),
            (
                json!([{"key": UNREACHABLE, "operator": "Exists"}]),
                vec![UNREACHABLE, NOT_READY],
            ),
            (json!([{"operator": "Exists"}]), vec![""]),
            (
                json!([{"operator": "Exists", "effect": "NoSchedule"}]),
                vec!["", NOT_READY, UNREACHABLE],
            ),
        ];
        for (tolerations, wanted) in table {
            assert_eq!(keys(tolerations.clone()), wanted, "{tolerations}");
        }
    }

    #[test]
    fn a_new_node_is_tainted_once() {
        let mut node = json!({"metadata": {"name": "one"}});
        taint_new_node(&mut node);
        taint_new_node(&mut node);
        assert_eq!(
            node["spec"]["taints"],
            json!([{"key": NOT_READY, "effect": "NoSchedule"}])
        );
    }
}
