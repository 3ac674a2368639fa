//! From the bytes of one file to a pod: parse, decode strictly, default, validate.

use k8s_openapi::api::core::v1::Pod;

use super::document::{self, Located, Node};
use super::event::ManifestError;
use super::problem::{self, Problem};
use super::{decode, references};

/// Largest manifest that is read, in bytes; the reference's limit.
pub(super) const MAX_SIZE: u64 = 10 << 20;

/// Reads the pod in `bytes`; `file` is the name that errors carry.
///
/// The pod has the API's defaults. Its name and namespace are as written.
///
/// # Errors
/// All problems of the file that can be told at once: unknown fields and the first type mismatch, or else
/// everything that validation finds, in the order of the text.
pub fn read(file: &str, bytes: &[u8]) -> Result<Pod, ManifestError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| ManifestError::file(file, format!("not UTF-8 at byte {}", error.valid_up_to())))?;
    let root = document::parse(text).map_err(|error| ManifestError {
        position: error.position,
        ..ManifestError::file(file, error.message)
    })?;
    let fail = |problems| problem::into_error(file, problems).map_or(Ok(()), Err);
    fail(check_kind(&root))?;
    let pod = match decode::decode::<Pod>(&root) {
        Ok(pod) => pod,
        Err(problems) => {
            fail(problems)?;
            return Err(ManifestError::file(file, "cannot be decoded"));
        }
    };
    fail(
        references::check(&pod)
            .into_iter()
            .map(|(field, message)| at(&root, field, message))
            .collect(),
    )?;
    with_defaults(&pod)
        .map_err(|error| ManifestError::file(file, format!("cannot be given defaults: {error}")))
}

/// The pod as the API would store it.
fn with_defaults(pod: &Pod) -> Result<Pod, serde_json::Error> {
    let mut value = serde_json::to_value(pod)?;
    controlplane_lite::defaults::apply("", "Pod", &mut value);
    serde_json::from_value(value)
}

/// A problem of `field` with its place.
fn at(root: &Located, field: String, message: String) -> Problem {
    Problem {
        position: Some(problem::locate(root, &field)),
        field,
        message,
    }
}

/// The type is looked at first: a Deployment would otherwise drown in unknown fields.
fn check_kind(root: &Located) -> Vec<Problem> {
    if !matches!(root.node, Node::Object(_)) {
        return vec![at(
            root,
            String::new(),
            "expected an object with apiVersion, kind, metadata and spec".to_owned(),
        )];
    }
    [("apiVersion", "v1"), ("kind", "Pod")]
        .into_iter()
        .filter_map(|(field, expected)| {
            let message = match root.member(field).map(|(_, value)| &value.node) {
                Some(Node::String(found)) if found == expected => return None,
                Some(Node::String(found)) if field == "kind" && found.ends_with("List") => {
                    format!("expected {expected:?}, found {found:?}; put each pod into a file of its own")
                }
                Some(Node::String(found)) => {
                    format!("expected {expected:?}, found {found:?}; a manifest file holds a pod")
                }
                Some(_) => format!("expected {expected:?}"),
                None => format!("Required value: {expected:?}"),
            };
            Some(at(root, field.to_owned(), message))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_gets_the_defaults_of_the_api() {
        let text = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - {name: c, image: i, ports: [{containerPort: 80}]}\n";
        let spec = read("a.yaml", text.as_bytes()).expect("pod").spec.expect("spec");
        let container = &spec.containers[0];
        assert_eq!(
            (
                spec.restart_policy.as_deref(),
                spec.dns_policy.as_deref(),
                spec.termination_grace_period_seconds,
                spec.scheduler_name.as_deref(),
                spec.security_context.is_some(),
                container.image_pull_policy.as_deref(),
                container.termination_message_path.as_deref(),
                container.termination_message_policy.as_deref(),
                container
                    .ports
                    .as_ref()
                    .and_then(|ports| ports[0].protocol.as_deref()),
            ),
            (
                Some("Always"),
                Some("ClusterFirst"),
                Some(30),
                Some("default-scheduler"),
                true,
                Some("Always"),
                Some("/dev/termination-log"),
                Some("File"),
                Some("TCP"),
            )
        );
    }

    #[test]
    fn what_is_no_pod_is_refused_in_one_line() {
        for (text, error) in [
            ("kind: Pod\n", "a.yaml:1:1: apiVersion: Required value: \"v1\""),
            (
                "apiVersion: v1\nkind: pod\n",
                "a.yaml:2:7: kind: expected \"Pod\", found \"pod\"; a manifest file holds a pod",
            ),
            (
                "apiVersion: v1\nkind: PodList\nitems: []\n",
                "a.yaml:2:7: kind: expected \"Pod\", found \"PodList\"; put each pod into a file of its own",
            ),
            (
                "hello\n",
                "a.yaml:1:1: expected an object with apiVersion, kind, metadata and spec",
            ),
        ] {
            assert_eq!(
                read("a.yaml", text.as_bytes()).expect_err(text).to_string(),
                error
            );
        }
        assert_eq!(
            read("a.yaml", b"a: \xff").expect_err("bytes").to_string(),
            "a.yaml: not UTF-8 at byte 3"
        );
    }

    #[test]
    fn references_to_api_objects_are_refused_each_with_its_place() {
        let text = "\
apiVersion: v1
kind: Pod
metadata: {name: a}
spec:
  serviceAccountName: robot
  containers:
  - name: c
    image: i
    env:
    - name: A
      valueFrom: {secretKeyRef: {name: s, key: k}}
  volumes:
  - name: v
    configMap: {name: c}
";
        let tail = "a pod from a file runs without an API server";
        assert_eq!(
            read("a.yaml", text.as_bytes())
                .expect_err("refused")
                .to_string()
                .lines()
                .collect::<Vec<_>>(),
            [
                format!(
                    "a.yaml:5:23: spec.serviceAccountName: Forbidden: static pods may not reference serviceaccounts; {tail}"
                ),
                format!(
                    "a.yaml:11:33: spec.containers[0].env[0].valueFrom.secretKeyRef: Forbidden: static pods may not \
                     reference secrets; {tail}"
                ),
                format!(
                    "a.yaml:14:16: spec.volumes[0].configMap: Forbidden: static pods may not reference configmaps; {tail}"
                ),
            ]
        );
    }
}
