//! From the bytes of one file to a pod: parse, decode strictly, default, validate.

use k8s_openapi::api::core::v1::Pod;
use serde_json::Value;

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
    let value = with_defaults(&pod).map_err(|error| internal(file, &error))?;
    fail(validate(&root, &value))?;
    serde_json::from_value(value).map_err(|error| internal(file, &error))
}

/// The pod as the API would store it.
fn with_defaults(pod: &Pod) -> Result<Value, serde_json::Error> {
    let mut value = serde_json::to_value(pod)?;
    controlplane_lite::defaults::apply("", "Pod", &mut value);
    Ok(value)
}

/// What the API would say about the pod, each with its place.
fn validate(root: &Located, pod: &Value) -> Vec<Problem> {
    let mut pod = pod.clone();
    // A request to the API carries the namespace; a file need not.
    let namespace = &mut pod["metadata"]["namespace"];
    if namespace.as_str().unwrap_or_default().is_empty() {
        *namespace = "default".into();
    }
    let mut problems = Vec::new();
    // The API could make a name from generateName, a new one each time; a file's pod has to keep its name.
    if pod["metadata"]["name"].as_str().unwrap_or_default().is_empty() {
        problems.push(at(root, "metadata.name".to_owned(), "Required value".to_owned()));
        pod["metadata"]["name"] = "unnamed".into();
    }
    let errors = controlplane_lite::validation::create("", "Pod", &pod);
    problems.extend(
        errors
            .into_iter()
            .map(|error| at(root, error.field.clone(), error.body())),
    );
    problems
}

fn internal(file: &str, error: &serde_json::Error) -> ManifestError {
    ManifestError::file(file, format!("cannot be given defaults: {error}"))
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
mod tests;
