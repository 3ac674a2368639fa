//! Namespaces.

use super::{Rules, meta};
use crate::field::{At, Errors};
use crate::names::{name_is_label, qualified_name};

/// Rules for `Namespace`.
pub(super) fn rules() -> Rules {
    Rules::new(create).cluster().named(name_is_label).status(status)
}

fn create(namespace: &At<'_>, errs: &mut Errors) {
    let list = namespace.at(&["spec", "finalizers"]);
    for finalizer in list.items() {
        finalizer_at(&At::new(list.path.clone(), finalizer.value), errs);
    }
}

fn finalizer_at(at: &At<'_>, errs: &mut Errors) {
    at.invalid_each(qualified_name(at.str()), errs);
    meta::standard_finalizer(at, errs);
}

/// The `finalize` subresource.
pub(super) fn finalize(namespace: &At<'_>, errs: &mut Errors) {
    namespace
        .at(&["spec", "finalizers"])
        .items()
        .for_each(|f| finalizer_at(&f, errs));
}

fn status(new: &At<'_>, _: &At<'_>, errs: &mut Errors) {
    let deleted = new.get("metadata").has("deletionTimestamp");
    let phase = new.at(&["status", "phase"]);
    let (wanted, state) = if deleted {
        ("Terminating", "not empty")
    } else {
        ("Active", "empty")
    };
    if phase.str() != wanted {
        let at = At::new(new.get("status").path.child("Phase"), phase.value);
        errs.push(at.invalid_str(format!(
            "may only be '{wanted}' if `deletionTimestamp` is {state}"
        )));
    }
}
