//! A pod as the checks look at it.

use serde_json::Value;

/// Metadata and spec of a pod or of a pod template.
#[derive(Debug, Clone, Copy)]
pub(super) struct PodView<'a> {
    pub(super) metadata: &'a Value,
    pub(super) spec: &'a Value,
}

impl<'a> PodView<'a> {
    /// Init containers, containers and ephemeral containers, in this order.
    pub(super) fn containers(&self) -> impl Iterator<Item = &'a Value> {
        let spec = self.spec;
        ["initContainers", "containers", "ephemeralContainers"]
            .into_iter()
            .filter_map(move |field| spec[field].as_array())
            .flatten()
    }

    /// Names of the containers for which `test` holds.
    pub(super) fn named(&self, test: impl Fn(&'a Value) -> bool) -> Vec<&'a str> {
        self.containers().filter(|c| test(c)).map(name).collect()
    }

    /// The pod-wide security context.
    pub(super) fn context(&self) -> &'a Value {
        &self.spec["securityContext"]
    }

    pub(super) fn is_windows(&self) -> bool {
        self.spec["os"]["name"] == "windows"
    }

    /// Whether the pod's users are its own: then being root inside harms nobody outside.
    pub(super) fn has_user_namespace(&self) -> bool {
        self.spec["hostUsers"] == false
    }
}

pub(super) fn name(container: &Value) -> &str {
    container["name"].as_str().unwrap_or_default()
}

/// `container "a"` or `containers "a", "b"`.
pub(super) fn containers(names: &[&str]) -> String {
    format!("{} {}", plural(names.len(), "container"), quoted(names))
}

/// `word` or `words`.
pub(super) fn plural(count: usize, word: &str) -> String {
    if count == 1 {
        word.to_owned()
    } else {
        format!("{word}s")
    }
}

/// `"a", "b"`.
pub(super) fn quoted(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
    quoted.join(", ")
}
