//! Labels and label selectors: what is valid, and what matches.

use crate::field::{At, Errors};
use crate::names::{label_value, qualified_name};
use serde_json::Value;

/// A map of labels. Faults are reported at the map.
pub(super) fn labels(at: &At<'_>, errs: &mut Errors) {
    for (key, value) in at.entries() {
        errs.extend(qualified_name(key).into_iter().map(|m| at.invalid_as(key, m)));
        errs.extend(
            label_value(value.str())
                .into_iter()
                .map(|m| at.invalid_as(value.str(), m)),
        );
    }
}

/// The name of a label at a field.
pub(super) fn label_name(at: &At<'_>, errs: &mut Errors) {
    at.invalid_each(qualified_name(at.str()), errs);
}

/// A `metav1.LabelSelector`; an absent one passes.
pub(super) fn selector(at: &At<'_>, errs: &mut Errors) {
    labels(&at.get("matchLabels"), errs);
    for expression in at.get("matchExpressions").items() {
        let values = expression.get("values");
        let operator = expression.get("operator");
        match operator.str() {
            "In" | "NotIn" if values.is_empty() => {
                errs.push(values.required("must be specified when `operator` is 'In' or 'NotIn'"));
            }
            "Exists" | "DoesNotExist" if !values.is_empty() => {
                errs.push(
                    values.forbidden("may not be specified when `operator` is 'Exists' or 'DoesNotExist'"),
                );
            }
            "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
            _ => errs.push(operator.invalid_str("not a valid selector operator")),
        }
        label_name(&expression.get("key"), errs);
        for value in values.items() {
            value.invalid_each(label_value(value.str()), errs);
        }
    }
}

/// Whether a selector has neither labels nor expressions.
pub(super) fn is_empty(selector: &At<'_>) -> bool {
    selector.get("matchLabels").is_empty() && selector.get("matchExpressions").is_empty()
}

/// What a selector says of labels; an absent selector matches nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Match {
    /// The selector is malformed.
    Malformed,
    /// It selects everything.
    Everything,
    /// It selects these labels.
    Yes,
    /// It does not.
    No,
}

/// Matches a `metav1.LabelSelector` against labels.
pub(super) fn matches(selector: &At<'_>, labels: &Value) -> Match {
    if !selector.present() {
        return Match::No;
    }
    let mut errs = Errors::new();
    self::selector(selector, &mut errs);
    if !errs.is_empty() {
        return Match::Malformed;
    }
    if is_empty(selector) {
        return Match::Everything;
    }
    let label = |key: &str| labels.get(key).and_then(Value::as_str);
    let equal = selector
        .get("matchLabels")
        .entries()
        .all(|(key, value)| label(key) == Some(value.str()));
    let expressed = selector.get("matchExpressions").items().all(|expression| {
        let found = label(expression.str_of("key"));
        let listed = || found.is_some_and(|f| expression.get("values").items().any(|v| v.str() == f));
        match expression.str_of("operator") {
            "In" => listed(),
            "NotIn" => !listed(),
            "Exists" => found.is_some(),
            _ => found.is_none(),
        }
    });
    if equal && expressed { Match::Yes } else { Match::No }
}
