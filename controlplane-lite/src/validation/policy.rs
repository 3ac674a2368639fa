//! Pod disruption budgets.

use super::{Rules, meta, selector};
use crate::field::{At, Errors};
use crate::names::text::{at_most_100_percent, int_or_percent};

/// The fields of a budget's spec as the reference shows them.
const SHOWN: &[(&str, &str, &str)] = &[
    ("MinAvailable", "minAvailable", "null"),
    ("Selector", "selector", "null"),
    ("MaxUnavailable", "maxUnavailable", "null"),
    ("UnhealthyPodEvictionPolicy", "unhealthyPodEvictionPolicy", "null"),
];

/// Rules for `PodDisruptionBudget`.
pub(super) fn rules() -> Rules {
    Rules::new(|pdb, errs| spec(&pdb.get("spec"), errs))
        .again()
        .update(|new, _, errs| spec(&new.get("spec"), errs))
        .status(|new, _, errs| {
            let status = new.get("status");
            meta::conditions(&status.get("conditions"), errs);
            for field in [
                "disruptionsAllowed",
                "currentHealthy",
                "desiredHealthy",
                "expectedPods",
            ] {
                status.get(field).non_negative(errs);
            }
        })
}

fn spec(spec: &At<'_>, errs: &mut Errors) {
    let (min, max) = (spec.get("minAvailable"), spec.get("maxUnavailable"));
    if min.present() && max.present() {
        errs.push(spec.invalid_struct(SHOWN, "minAvailable and maxUnavailable cannot be both set"));
    }
    for at in [min, max].iter().filter(|at| at.present()) {
        int_or_percent(at, errs);
        at_most_100_percent(at, errs);
    }
    selector::selector(&spec.get("selector"), errs);
    spec.get("unhealthyPodEvictionPolicy")
        .one_of_if_set(&["AlwaysAllow", "IfHealthyBudget"], errs);
}
