//! Affinity to nodes and to other pods.

use crate::field::{At, Errors};
use crate::names::{dns_label, dns_subdomain, label_value};
use crate::validation::selector::{label_name, selector};

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

/// `affinity` of a pod; an absent one passes.
pub(super) fn affinity(at: &At<'_>, errs: &mut Errors) {
    let node = at.get("nodeAffinity");
    if node.has(REQUIRED) {
        node_selector(&node.get(REQUIRED), errs);
    }
    for term in node.get(PREFERRED).items() {
        weight(&term, errs);
        node_term(&term.get("preference"), false, errs);
    }
    for field in ["podAffinity", "podAntiAffinity"] {
        let pods = at.get(field);
        pods.get(REQUIRED).items().for_each(|term| pod_term(&term, errs));
        for term in pods.get(PREFERRED).items() {
            weight(&term, errs);
            pod_term(&term.get("podAffinityTerm"), errs);
        }
    }
}

fn weight(term: &At<'_>, errs: &mut Errors) {
    let weight = term.int_of("weight").unwrap_or(0);
    if !(1..=100).contains(&weight) {
        errs.push(
            term.get("weight")
                .invalid_as(weight, "must be in the range 1-100"),
        );
    }
}

/// A `NodeSelector`.
pub(in crate::validation) fn node_selector(at: &At<'_>, errs: &mut Errors) {
    let terms = at.get("nodeSelectorTerms");
    if terms.is_empty() {
        errs.push(terms.required("must have at least one node selector term"));
    }
    terms.items().for_each(|term| node_term(&term, true, errs));
}

/// One term; values of labels are checked where a wrong one could never match.
fn node_term(term: &At<'_>, check_values: bool, errs: &mut Errors) {
    for requirement in term.get("matchExpressions").items() {
        let (operator, values) = (requirement.get("operator"), requirement.get("values"));
        match (operator.str(), values.len()) {
            ("In" | "NotIn", 0) => {
                errs.push(values.required("must be specified when `operator` is 'In' or 'NotIn'"));
            }
            ("Exists" | "DoesNotExist", 1..) => {
                errs.push(
                    values.forbidden("may not be specified when `operator` is 'Exists' or 'DoesNotExist'"),
                );
            }
            ("Gt" | "Lt", n) if n != 1 => {
                errs.push(values.required("must be specified single value when `operator` is 'Lt' or 'Gt'"));
            }
            ("In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt", _) => {}
            _ => errs.push(operator.invalid_str("not a valid selector operator")),
        }
        label_name(&requirement.get("key"), errs);
        if check_values {
            values
                .items()
                .for_each(|value| value.invalid_each(label_value(value.str()), errs));
        }
    }
    for requirement in term.get("matchFields").items() {
        let (operator, values) = (requirement.get("operator"), requirement.get("values"));
        match operator.str() {
            "In" | "NotIn" if values.len() != 1 => errs.push(values.required(
                "must be only one value when `operator` is 'In' or 'NotIn' for node field selector",
            )),
            "In" | "NotIn" => {}
            _ => errs.push(operator.invalid_str("not a valid selector operator")),
        }
        let key = requirement.get("key");
        if key.str() == "metadata.name" {
            values
                .items()
                .for_each(|value| value.invalid_each(dns_subdomain(value.str()), errs));
        } else {
            errs.push(key.invalid_str("not a valid field selector key"));
        }
    }
}

fn pod_term(term: &At<'_>, errs: &mut Errors) {
    selector(&term.get("labelSelector"), errs);
    selector(&term.get("namespaceSelector"), errs);
    for namespace in term.get("namespaces").items() {
        let at = term.get("namespace");
        errs.extend(
            dns_label(namespace.str())
                .into_iter()
                .map(|m| at.invalid_as(namespace.str(), m)),
        );
    }
    label_keys(term, errs);
    let topology = term.get("topologyKey");
    if topology.str().is_empty() {
        errs.push(topology.required("can not be empty"));
    }
    label_name(&topology, errs);
}

/// `matchLabelKeys` and `mismatchLabelKeys` (KEP-3633). The keys of the former are merged into the selector by
/// the strategy, so that there they stand once; twice means that the client selected by them, too.
fn label_keys(term: &At<'_>, errs: &mut Errors) {
    let labels = term.get("labelSelector");
    for field in ["matchLabelKeys", "mismatchLabelKeys"] {
        let keys = term.get(field);
        if keys.is_empty() {
            continue;
        }
        if labels.present() {
            keys.items().for_each(|key| label_name(&key, errs));
        } else {
            errs.push(keys.forbidden("must not be specified when labelSelector is not set"));
        }
    }
    let keys = term.get("matchLabelKeys");
    let mut selected: Vec<&str> = labels.get("matchLabels").entries().map(|(key, _)| key).collect();
    for expression in labels.get("matchExpressions").items() {
        let key = expression.str_of("key");
        if let Some(index) = keys.items().position(|k| k.str() == key)
            && selected.contains(&key)
        {
            let path = term.path.index(index);
            let why = "exists in both matchLabelKeys and labelSelector";
            errs.push(crate::field::FieldError::invalid(&path, &key.into(), why));
        }
        selected.push(key);
    }
    let mismatched = term.get("mismatchLabelKeys");
    for key in keys
        .items()
        .filter(|k| mismatched.items().any(|m| m.str() == k.str()))
    {
        errs.push(key.invalid("exists in both matchLabelKeys and mismatchLabelKeys"));
    }
}
