//! Bindings to nodes and evictions.

use crate::field::{At, Errors, FieldError};
use serde_json::Value;

/// A `Binding`, as object and as subresource of a pod.
pub(in crate::validation) fn binding(at: &At<'_>, errs: &mut Errors) {
    let target = at.get("target");
    if !matches!(target.str_of("kind"), "" | "Node") {
        let kind = target.get("kind");
        errs.push(FieldError::not_supported(
            &kind.path,
            &Value::from(kind.str()),
            &["Node", "<empty>"],
        ));
    }
    if target.str_of("name").is_empty() {
        errs.push(target.get("name").required(""));
    }
}

/// What is wrong with a `policy/v1` Eviction of the pod `name`: its options, and a name of another pod.
pub fn eviction(object: &Value, name: &str) -> Errors {
    let (at, mut errs) = (At::root(object), Errors::new());
    let own = at.at(&["metadata", "name"]);
    if !own.str().is_empty() && own.str() != name {
        errs.push(own.invalid("name in URL does not match name in Eviction object"));
    }
    let grace = at.at(&["deleteOptions", "gracePeriodSeconds"]);
    grace.non_negative(&mut errs);
    errs
}
