//! Reviews of tokens and access, and requests for tokens: objects that are answered, not stored.

use super::Rules;
use crate::field::{At, Errors};
use serde_json::Value;

/// Rules for the kinds of `authentication.k8s.io` and `authorization.k8s.io`.
pub(super) fn rules(kind: &str) -> Option<Rules> {
    Some(match kind {
        "TokenRequest" => Rules::new(token_request),
        "SubjectAccessReview" => Rules::new(|review, errs| {
            subject(&review.get("spec"), errs);
            empty_metadata(review, false, errs);
        }),
        "SelfSubjectAccessReview" => Rules::new(|review, errs| {
            access(&review.get("spec"), errs);
            empty_metadata(review, false, errs);
        }),
        "LocalSubjectAccessReview" => Rules::new(local),
        _ => return None,
    })
}

fn token_request(request: &At<'_>, errs: &mut Errors) {
    let seconds = request.at(&["spec", "expirationSeconds"]);
    let Some(number) = seconds.int() else { return };
    if number < 600 {
        errs.push(seconds.invalid("may not specify a duration less than 10 minutes"));
    }
    if number > 1 << 32 {
        errs.push(seconds.invalid("may not specify a duration larger than 2^32 seconds"));
    }
}

fn access(spec: &At<'_>, errs: &mut Errors) {
    let (resource, other) = (spec.get("resourceAttributes"), spec.get("nonResourceAttributes"));
    match (resource.present(), other.present()) {
        (true, true) => {
            errs.push(other.invalid("cannot be specified in combination with resourceAttributes"))
        }
        (false, false) => {
            let why = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
            errs.push(resource.invalid(why));
        }
        _ => {}
    }
}

fn subject(spec: &At<'_>, errs: &mut Errors) {
    access(spec, errs);
    if spec.str_of("user").is_empty() && spec.get("groups").is_empty() {
        errs.push(
            spec.get("user")
                .invalid_str("at least one of user or group must be specified"),
        );
    }
}

/// Metadata beyond managed fields (and the namespace of a local review) means nothing here.
fn empty_metadata(review: &At<'_>, local: bool, errs: &mut Errors) {
    let metadata = review.get("metadata");
    let ignored = |field: &str| field == "managedFields" || (local && field == "namespace");
    let set = |value: &Value| !value.is_null() && value != "" && value != &serde_json::json!({});
    if metadata
        .object()
        .is_some_and(|m| m.iter().any(|(k, v)| !ignored(k) && set(v)))
    {
        let why = if local {
            "must be empty except for namespace"
        } else {
            "must be empty"
        };
        errs.push(metadata.invalid(why));
    }
}

fn local(review: &At<'_>, errs: &mut Errors) {
    let spec = review.get("spec");
    subject(&spec, errs);
    empty_metadata(review, true, errs);
    let (asked, own) = (
        spec.at(&["resourceAttributes", "namespace"]),
        review.at(&["metadata", "namespace"]),
    );
    if spec.has("resourceAttributes") && asked.str() != own.str() {
        errs.push(asked.invalid_str("must match metadata.namespace"));
    }
    if spec.has("nonResourceAttributes") {
        let at = spec.get("nonResourceAttributes");
        errs.push(at.invalid("disallowed on this kind of request"));
    }
}
