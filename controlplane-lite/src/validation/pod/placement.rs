//! Tolerations, spreading, scheduling gates.

use crate::field::{At, Errors, FieldError};
use crate::names::label_value;
use crate::validation::selector::{label_name, selector};
use serde_json::Value;

const EFFECTS: &[&str] = &["NoSchedule", "PreferNoSchedule", "NoExecute"];

/// Tolerations of a pod or of a runtime class.
pub(in crate::validation) fn tolerations(list: &At<'_>, errs: &mut Errors) {
    for toleration in list.items() {
        let (key, operator, effect) = (
            toleration.get("key"),
            toleration.get("operator"),
            toleration.get("effect"),
        );
        let value = toleration.str_of("value");
        if !key.str().is_empty() {
            label_name(&key, errs);
        } else if operator.str() != "Exists" {
            let why =
                "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
            errs.push(operator.invalid_str(why));
        }
        if toleration.has("tolerationSeconds") && effect.str() != "NoExecute" {
            errs.push(effect.invalid_str("effect must be 'NoExecute' when `tolerationSeconds` is set"));
        }
        match operator.str() {
            "Equal" | "" => {
                let wrong = label_value(value);
                if !wrong.is_empty() {
                    errs.push(operator.invalid_as(value, wrong.join(";")));
                }
            }
            "Exists" if !value.is_empty() => {
                errs.push(operator.invalid_as(value, "value must be empty when `operator` is 'Exists'"));
            }
            "Exists" => {}
            _ => errs.push(operator.unsupported(&["Equal", "Exists"])),
        }
        if !effect.str().is_empty() {
            taint_effect(&effect, errs);
        }
    }
}

/// The effect of a taint, which must be given.
pub(in crate::validation) fn taint_effect(at: &At<'_>, errs: &mut Errors) {
    at.one_of(EFFECTS, errs);
}

/// `topologySpreadConstraints`.
pub(super) fn topology_spread(list: &At<'_>, errs: &mut Errors) {
    let constraints: Vec<At<'_>> = list.items().collect();
    for (index, constraint) in constraints.iter().enumerate() {
        let skew = constraint.int_of("maxSkew").unwrap_or(0);
        if skew <= 0 {
            errs.push(
                constraint
                    .get("maxSkew")
                    .invalid_as(skew, "must be greater than zero"),
            );
        }
        let (key, action) = (
            constraint.str_of("topologyKey"),
            constraint.str_of("whenUnsatisfiable"),
        );
        if key.is_empty() {
            errs.push(constraint.get("topologyKey").required("can not be empty"));
        }
        if !matches!(action, "DoNotSchedule" | "ScheduleAnyway") {
            errs.push(
                constraint
                    .get("whenUnsatisfiable")
                    .unsupported(&["DoNotSchedule", "ScheduleAnyway"]),
            );
        }
        let same = |c: &At<'_>| c.str_of("topologyKey") == key && c.str_of("whenUnsatisfiable") == action;
        if constraints[index + 1..].iter().any(same) {
            let path = constraint.path.child("{topologyKey, whenUnsatisfiable}");
            errs.push(FieldError::duplicate(
                &path,
                &Value::from(format!("{{{key}, {action}}}")),
            ));
        }
        min_domains(constraint, action, errs);
        for field in ["nodeAffinityPolicy", "nodeTaintsPolicy"] {
            constraint.get(field).one_of_if_set(&["Honor", "Ignore"], errs);
        }
        label_keys(constraint, errs);
        selector(&constraint.get("labelSelector"), errs);
    }
}

fn min_domains(constraint: &At<'_>, action: &str, errs: &mut Errors) {
    let at = constraint.get("minDomains");
    if !at.present() {
        return;
    }
    at.positive(errs);
    if action != "DoNotSchedule" {
        let why = format!("can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}");
        errs.push(at.invalid(why));
    }
}

fn label_keys(constraint: &At<'_>, errs: &mut Errors) {
    let (keys, labels) = (constraint.get("matchLabelKeys"), constraint.get("labelSelector"));
    if keys.is_empty() {
        return;
    }
    if !labels.present() {
        errs.push(keys.forbidden("must not be specified when labelSelector is not set"));
    }
    for key in keys.items() {
        label_name(&key, errs);
        // The strategy merged the keys into the expressions: there they stand once (KEP-3243).
        let expressed = labels
            .get("matchExpressions")
            .items()
            .filter(|e| e.str_of("key") == key.str())
            .count();
        let selected = labels.get("matchLabels").key(key.str()).present() || expressed > 1;
        if selected {
            errs.push(key.invalid("exists in both matchLabelKeys and labelSelector"));
        }
    }
}

/// `schedulingGates`.
pub(super) fn scheduling_gates(list: &At<'_>, errs: &mut Errors) {
    let mut seen = Vec::new();
    for gate in list.items() {
        let name = gate.get("name");
        let at = At::new(gate.path.clone(), name.value);
        super::qualified(&at, errs);
        if seen.contains(&name.str()) {
            errs.push(at.duplicate());
        }
        seen.push(name.str());
    }
}
