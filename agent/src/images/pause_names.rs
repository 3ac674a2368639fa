//! Under which name the runtime looks for the sandbox image. Pure.
//!
//! containerd 1.x tells it in its verbose status. containerd 2 moved the setting to its images plugin, which has no
//! status: there it is read from the configuration file, or else it is containerd's default. What all of this misses
//! shows itself in the first error of `RunPodSandbox`.

use serde_json::Value;

/// What containerd 2.x uses without configuration (2.0 and 2.1, then 2.2).
const DEFAULTS: [&str; 2] = ["registry.k8s.io/pause:3.10", "registry.k8s.io/pause:3.10.1"];

/// The names to provide; `info` is the `config` of the runtime's verbose status, `config_file` the text of
/// containerd's configuration.
pub fn sandbox_images(info: &Value, config_file: Option<&str>) -> Vec<String> {
    if let Some(name) = info["sandboxImage"].as_str().filter(|name| !name.is_empty()) {
        return vec![name.to_owned()];
    }
    let written =
        config_file.and_then(|text| setting(text, "sandbox").or_else(|| setting(text, "sandbox_image")));
    match written {
        Some(name) => vec![name],
        None => DEFAULTS.map(str::to_owned).to_vec(),
    }
}

/// The first string that a TOML text assigns to `key`, in whatever table: both names here are used once.
pub(super) fn setting(text: &str, key: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let (name, value) = line.split_once('=')?;
        if name.trim() != key {
            return None;
        }
        let value = value.trim();
        let quote = value.chars().next().filter(|quote| ['"', '\''].contains(quote))?;
        let end = value[1..].find(quote)?;
        Some(value[1..=end].to_owned())
    })
}

/// The image that a failed `RunPodSandbox` was looking for, out of containerd's error text.
pub fn missing_sandbox_image(error: &str) -> Option<&str> {
    let (_, rest) = error.split_once("failed to get sandbox image \"")?;
    rest.split('"').next().filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_goes_before_the_file_and_the_file_before_the_defaults() {
        let told = serde_json::json!({"sandboxImage": "registry.k8s.io/pause:3.6"});
        let file_2 =
            "version = 3\n[plugins.'io.containerd.cri.v1.images'.pinned_images]\n  sandbox = 'a.b/pause:1'\n";
        let file_1 = "  sandbox_image = \"c.d/pause:2\" # ours\n";
        for (info, file, names) in [
            (&told, Some(file_2), vec!["registry.k8s.io/pause:3.6"]),
            (&Value::Null, Some(file_2), vec!["a.b/pause:1"]),
            (&Value::Null, Some(file_1), vec!["c.d/pause:2"]),
            (&Value::Null, Some("sandboxes = 1\n"), DEFAULTS.to_vec()),
            (&Value::Null, None, DEFAULTS.to_vec()),
        ] {
            assert_eq!(sandbox_images(info, file), names);
        }
    }

    #[test]
    fn the_runtimes_error_names_the_image() {
        let error = "rpc error: code = Unknown desc = failed to get sandbox image \"registry.k8s.io/pause:3.6\": \
                     failed to pull image \"registry.k8s.io/pause:3.6\": dial tcp";
        assert_eq!(missing_sandbox_image(error), Some("registry.k8s.io/pause:3.6"));
        assert_eq!(missing_sandbox_image("failed to create containerd task"), None);
    }
}
