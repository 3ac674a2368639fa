//! Controllers of pods.

use serde_json::Value;

/// The annotation behind the former field `spec.templateGeneration` of daemon sets.
const GENERATION: &str = "deprecated.daemonset.template.generation";

/// Counts the changes of a daemon set's template, which old nodes' history still reads.
pub(super) fn template_generation(new: &mut Value, old: Option<&Value>) {
    let count = |object: &Value| -> i64 {
        object["metadata"]["annotations"][GENERATION]
            .as_str()
            .and_then(|n| n.parse().ok())
            .unwrap_or(0)
    };
    let number = match old {
        None => 1,
        Some(old) if old["spec"]["template"] != new["spec"]["template"] => count(old) + 1,
        Some(old) => count(old),
    };
    if number > 0 {
        new["metadata"]["annotations"][GENERATION] = number.to_string().into();
    }
}
