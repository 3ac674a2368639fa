//! Priority classes, runtime classes and leases.

use super::pod::{resources, tolerations};
use super::{Rules, selector};
use crate::field::{At, Errors};
use crate::names::{dns_label, dns_subdomain};

/// The highest priority that is not the system's.
const USER_MAX: i64 = 1_000_000_000;
/// The system's own classes and their values.
const SYSTEM: &[(&str, i64)] = &[
    ("system-node-critical", 2_000_001_000),
    ("system-cluster-critical", 2_000_000_000),
];

/// Rules for `PriorityClass`.
pub(super) fn priority_class_rules() -> Rules {
    Rules::new(priority_class).cluster().update(|new, old, errs| {
        let value = new.get("value");
        if value.int().unwrap_or(0) != old.int_of("value").unwrap_or(0) {
            errs.push(value.forbidden("may not be changed in an update."));
        }
        new.get("preemptionPolicy")
            .immutable(old.get("preemptionPolicy").value, errs);
    })
}

fn priority_class(class: &At<'_>, errs: &mut Errors) {
    let (name, value) = (class.at(&["metadata", "name"]), class.get("value"));
    let number = value.int().unwrap_or(0);
    if name.str().starts_with("system-") {
        let known = SYSTEM.iter().any(|(n, v)| *n == name.str() && *v == number);
        if !known || class.flag("globalDefault") {
            let reason = match SYSTEM.iter().find(|(n, _)| *n == name.str()) {
                None => format!("{} is not a known system priority class", name.str()),
                Some((_, v)) if *v != number => format!("value of {} PriorityClass must be {v}", name.str()),
                Some(_) => format!("globalDefault of {} PriorityClass must be false", name.str()),
            };
            let why = format!(
                "priority class names with 'system-' prefix are reserved for system use only. error: {reason}"
            );
            errs.push(name.forbidden(why));
        }
    } else if number > USER_MAX {
        errs.push(value.forbidden(format!(
            "maximum allowed value of a user defined priority is {USER_MAX}"
        )));
    }
    if class.has("preemptionPolicy") {
        class
            .get("preemptionPolicy")
            .one_of(&["PreemptLowerPriority", "Never"], errs);
    }
}

/// Rules for `RuntimeClass`.
pub(super) fn runtime_class_rules() -> Rules {
    Rules::new(runtime_class).cluster().update(|new, old, errs| {
        new.get("handler").immutable(old.get("handler").value, errs);
    })
}

fn runtime_class(class: &At<'_>, errs: &mut Errors) {
    let handler = class.get("handler");
    handler.invalid_each(dns_label(handler.str()), errs);
    let overhead = class.at(&["overhead", "podFixed"]);
    for (name, entry) in overhead.entries() {
        resources::container_name(&entry, name, errs);
        resources::amount(&entry, name, errs);
    }
    let scheduling = class.get("scheduling");
    selector::labels(&scheduling.get("nodeSelector"), errs);
    let list = scheduling.get("tolerations");
    tolerations(&list, errs);
    let mut seen = Vec::new();
    for toleration in list.items() {
        if seen.contains(&toleration.value) {
            errs.push(toleration.duplicate());
        }
        seen.push(toleration.value);
    }
}

/// Rules for `Lease`.
pub(super) fn lease_rules() -> Rules {
    Rules::new(|lease, errs| lease_spec(&lease.get("spec"), errs))
        .update(|new, _, errs| lease_spec(&new.get("spec"), errs))
}

fn lease_spec(spec: &At<'_>, errs: &mut Errors) {
    let seconds = spec.get("leaseDurationSeconds");
    if seconds.int().is_some_and(|s| s <= 0) {
        errs.push(seconds.invalid("must be greater than 0"));
    }
    spec.get("leaseTransitions").non_negative(errs);
    let (strategy, preferred) = (spec.get("strategy"), spec.get("preferredHolder"));
    if strategy.present() {
        if strategy.str().contains('/') {
            strategy.invalid_each(crate::names::qualified_name(strategy.str()), errs);
        } else if strategy.str() != "OldestEmulationVersion" {
            errs.push(strategy.unsupported(&["OldestEmulationVersion"]));
        }
    }
    if preferred.present() && !preferred.str().is_empty() {
        if !strategy.present() || strategy.str().is_empty() {
            errs.push(preferred.forbidden("may not be specified when strategy is not set"));
        }
        preferred.invalid_each(dns_subdomain(preferred.str()), errs);
    }
}
