//! Jobs: their selector is made from their uid, so that no two jobs select the same pods.

use serde_json::{Value, json};

/// Makes the selector and the labels of the template, unless the client takes them over.
pub(super) fn create(job: &mut Value) {
    let uid = job["metadata"]["uid"].as_str().unwrap_or("").to_owned();
    let name = job["metadata"]["name"].as_str().unwrap_or("").to_owned();
    if uid.is_empty() || job["spec"]["manualSelector"] == Value::Bool(true) {
        return;
    }
    let labels = [
        ("batch.kubernetes.io/controller-uid", uid.as_str()),
        ("batch.kubernetes.io/job-name", name.as_str()),
        ("controller-uid", uid.as_str()),
        ("job-name", name.as_str()),
    ];
    let had_labels = job["metadata"]["labels"]
        .as_object()
        .is_some_and(|l| !l.is_empty());
    let template = &mut job["spec"]["template"]["metadata"]["labels"];
    if template.is_null() {
        *template = json!({});
    }
    for (key, value) in labels {
        // A wrong label of the client is left for validation to refuse.
        if template.get(key).is_none() {
            template[key] = value.into();
        }
    }
    let template = template.clone();
    let selector = &mut job["spec"]["selector"];
    if selector.is_null() {
        *selector = json!({});
    }
    if selector["matchLabels"].is_null() {
        selector["matchLabels"] = json!({});
    }
    let matched = &mut selector["matchLabels"];
    if matched.get("controller-uid").is_none() && matched.get(labels[0].0).is_none() {
        matched[labels[0].0] = uid.as_str().into();
    }
    if !had_labels {
        job["metadata"]["labels"] = template;
    }
}
