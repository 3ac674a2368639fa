//! What a job's policies say of failed and of finished pods.

use crate::field::{At, ErrorKind, Errors, FieldError};
use crate::names::qualified_name;

fn omitted(at: &At<'_>, why: &str) -> FieldError {
    FieldError::with_shown(ErrorKind::Invalid, &at.path, "", why)
}

pub(super) fn failure_policy(spec: &At<'_>, errs: &mut Errors) {
    const ACTIONS: &[&str] = &["Count", "FailIndex", "FailJob", "Ignore"];
    let rules = spec.at(&["podFailurePolicy", "rules"]);
    if rules.len() > 20 {
        errs.push(FieldError::too_many(&rules.path, rules.len(), 20));
    }
    for rule in rules.items() {
        let action = rule.get("action");
        if action.str().is_empty() {
            errs.push(action.required("valid values: [\"Count\" \"FailIndex\" \"FailJob\" \"Ignore\"]"));
        } else if action.str() == "FailIndex" && !spec.has("backoffLimitPerIndex") {
            errs.push(action.invalid("requires the backoffLimitPerIndex to be set"));
        } else if !ACTIONS.contains(&action.str()) {
            errs.push(action.unsupported(ACTIONS));
        }
        let (codes, conditions) = (rule.get("onExitCodes"), rule.get("onPodConditions"));
        if codes.present() {
            exit_codes(&codes, spec, errs);
        }
        pod_conditions(&conditions, errs);
        match (codes.present(), !conditions.is_empty()) {
            (true, true) => {
                errs.push(omitted(
                    &rule,
                    "specifying both OnExitCodes and OnPodConditions is not supported",
                ));
            }
            (false, false) => {
                errs.push(omitted(
                    &rule,
                    "specifying one of OnExitCodes and OnPodConditions is required",
                ));
            }
            _ => {}
        }
    }
}

fn exit_codes(at: &At<'_>, spec: &At<'_>, errs: &mut Errors) {
    let (operator, name, values) = (at.get("operator"), at.get("containerName"), at.get("values"));
    match operator.str() {
        "" => errs.push(operator.required("valid values: [\"In\" \"NotIn\"]")),
        "In" | "NotIn" => {}
        _ => errs.push(operator.unsupported(&["In", "NotIn"])),
    }
    let pod = spec.at(&["template", "spec"]);
    let mut containers = pod
        .get("containers")
        .items()
        .chain(pod.get("initContainers").items());
    if name.present() && !containers.any(|c| c.str_of("name") == name.str()) {
        errs.push(name.invalid("must be one of the container or initContainer names in the pod template"));
    }
    if values.is_empty() {
        errs.push(values.invalid("at least one value is required"));
    } else if values.len() > 255 {
        errs.push(FieldError::too_many(&values.path, values.len(), 255));
    }
    let mut seen = Vec::new();
    for value in values.items() {
        let number = value.int().unwrap_or(0);
        if operator.str() == "In" && number == 0 {
            errs.push(value.invalid("must not be 0 for the In operator"));
        }
        if seen.contains(&number) {
            errs.push(value.duplicate());
        }
        seen.push(number);
    }
    if !seen.is_sorted() {
        errs.push(values.invalid("must be ordered"));
    }
}

fn pod_conditions(list: &At<'_>, errs: &mut Errors) {
    if list.len() > 20 {
        errs.push(FieldError::too_many(&list.path, list.len(), 20));
    }
    for condition in list.items() {
        let (kind, status) = (condition.get("type"), condition.get("status"));
        kind.invalid_each(qualified_name(kind.str()), errs);
        match status.str() {
            "" => errs.push(status.required("valid values: [\"False\" \"True\" \"Unknown\"]")),
            "True" | "False" | "Unknown" => {}
            _ => errs.push(status.unsupported(&["False", "True", "Unknown"])),
        }
    }
}

pub(super) fn success_policy(spec: &At<'_>, errs: &mut Errors) {
    let policy = spec.get("successPolicy");
    if !policy.present() {
        return;
    }
    if spec.str_of("completionMode") != "Indexed" {
        return errs.push(policy.invalid("requires indexed completion mode"));
    }
    let rules = policy.get("rules");
    if rules.is_empty() {
        errs.push(rules.required("at least one rules must be specified when the successPolicy is specified"));
    } else if rules.len() > 20 {
        errs.push(FieldError::too_many(&rules.path, rules.len(), 20));
    }
    let completions = spec.int_of("completions").unwrap_or(0);
    for rule in rules.items() {
        let (count, indexes) = (rule.get("succeededCount"), rule.get("succeededIndexes"));
        if !count.present() && !indexes.present() {
            let why = "at least one of succeededCount or succeededIndexes must be specified";
            errs.push(rule.required(why));
        }
        count.non_negative(errs);
        if count.int().is_some_and(|n| n > completions) {
            let why =
                format!("must be less than or equal to {completions} (the number of specified completions)");
            errs.push(count.invalid(why));
        }
        if indexes.present() && !valid_indexes(indexes.str(), completions) {
            errs.push(indexes.invalid("error parsing succeededIndexes"));
        }
    }
}

/// `1,3-5`: ascending numbers and ranges below the number of completions.
fn valid_indexes(text: &str, completions: i64) -> bool {
    let mut last = -1;
    text.is_empty()
        || text.split(',').all(|part| {
            let (low, high) = part.split_once('-').unwrap_or((part, part));
            match (low.parse::<i64>(), high.parse::<i64>()) {
                (Ok(low), Ok(high)) if low > last && high >= low && high < completions => {
                    last = high;
                    true
                }
                _ => false,
            }
        })
}

pub(super) fn replacement_policy(spec: &At<'_>, errs: &mut Errors) {
    let at = spec.get("podReplacementPolicy");
    if !at.present() {
        return;
    }
    if spec.has("podFailurePolicy") {
        if at.str() != "Failed" {
            errs.push(at.unsupported(&["Failed"]));
        }
    } else {
        at.one_of(&["Failed", "TerminatingOrFailed"], errs);
    }
}
