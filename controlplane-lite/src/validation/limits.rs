//! Limit ranges and resource quotas.

use super::Rules;
use super::pod::resources::{amount, any_name, container_name, is_quota_name, may_overcommit};
use crate::field::{At, Errors};
use crate::names::qualified_name;
use crate::quantity::Quantity;
use serde_json::Value;
use std::collections::BTreeSet;

/// Rules for `LimitRange`.
pub(super) fn range_rules() -> Rules {
    Rules::new(limit_range)
        .again()
        .update(|new, _, errs| limit_range(new, errs))
}

fn limit_range(range: &At<'_>, errs: &mut Errors) {
    let mut types = Vec::new();
    for limit in range.at(&["spec", "limits"]).items() {
        let kind = limit.get("type");
        let wrong = qualified_name(kind.str());
        let standard = matches!(kind.str(), "Pod" | "Container" | "PersistentVolumeClaim");
        if wrong.is_empty() && !kind.str().contains('/') && !standard {
            errs.push(kind.invalid("must be a standard limit type or fully qualified"));
        }
        kind.invalid_each(wrong, errs);
        if types.contains(&kind.str()) {
            errs.push(kind.duplicate());
        }
        types.push(kind.str());
        let names = names(&limit, errs);
        names.iter().for_each(|name| relations(&limit, name, errs));
    }
}

/// Checks the names in all lists of a limit and answers them.
fn names<'v>(limit: &At<'v>, errs: &mut Errors) -> BTreeSet<&'v str> {
    let kind = limit.str_of("type");
    let mut names = BTreeSet::new();
    let mut check = |field: &'static str, errs: &mut Errors| {
        for (name, entry) in limit.get(field).entries() {
            match kind {
                "Pod" | "Container" => container_name(&entry, name, errs),
                _ => {
                    any_name(&entry, name, errs);
                }
            }
            names.insert(name);
        }
    };
    check("max", errs);
    check("min", errs);
    for field in ["default", "defaultRequest"] {
        if kind != "Pod" {
            check(field, errs);
        } else if !limit.get(field).is_empty() {
            errs.push(
                limit
                    .get(field)
                    .forbidden("may not be specified when `type` is 'Pod'"),
            );
        }
    }
    let bounded = ["min", "max"]
        .iter()
        .any(|f| limit.get(f).key("storage").present());
    if kind == "PersistentVolumeClaim" && !bounded {
        let why = "either minimum or maximum storage value is required, but neither was provided";
        errs.push(limit.get("limits").required(why));
    }
    check("maxLimitRequestRatio", errs);
    names
}

fn relations(limit: &At<'_>, name: &str, errs: &mut Errors) {
    let at = |field: &'static str| limit.get(field).key(name);
    let of = |field| at(field).present().then(|| Quantity::of(Some(at(field).value)));
    let (min, max, default, request) = (of("min"), of("max"), of("default"), of("defaultRequest"));
    let ratio = of("maxLimitRequestRatio");
    let mut above = |low: Option<Quantity>,
                     high: Option<Quantity>,
                     field,
                     shown: Option<Quantity>,
                     words: (&str, &str)| {
        if let (Some(low), Some(high), Some(shown)) = (low, high, shown)
            && low > high
        {
            let why = format!("{} value {low} is greater than {} value {high}", words.0, words.1);
            errs.push(at(field).invalid_as(shown.to_string(), why));
        }
    };
    above(min, max, "min", min, ("min", "max"));
    above(
        min,
        request,
        "defaultRequest",
        request,
        ("min", "default request"),
    );
    above(
        request,
        max,
        "defaultRequest",
        request,
        ("default request", "max"),
    );
    above(
        request,
        default,
        "defaultRequest",
        request,
        ("default request", "default limit"),
    );
    above(min, default, "default", min, ("min", "default"));
    above(default, max, "default", max, ("default", "max"));
    if let Some(ratio) = ratio {
        let at = at("maxLimitRequestRatio");
        if ratio < Quantity::units(1) {
            errs.push(at.invalid_as(ratio.to_string(), format!("ratio {ratio} is less than 1")));
        }
        if let (Some(min), Some(max)) = (min, max) {
            let bound = max.milli_value() as f64 / min.milli_value() as f64;
            if ratio.milli_value() as f64 / 1000.0 > bound {
                let why = format!("ratio {ratio} is greater than max/min = {bound:.6}");
                errs.push(at.invalid_as(ratio.to_string(), why));
            }
        }
    }
    if let (false, Some(default), Some(request)) = (may_overcommit(name), default, request)
        && default != request
    {
        let why = format!("default value {default} must equal to defaultRequest value {request} in {name}");
        errs.push(at("defaultRequest").invalid_as(request.to_string(), why));
    }
}

/// Rules for `ResourceQuota`.
pub(super) fn quota_rules() -> Rules {
    Rules::new(|quota, errs| {
        quota_spec(&quota.get("spec"), errs);
        ["hard", "used"]
            .iter()
            .for_each(|f| hard(&quota.get("status").get(f), errs));
    })
    .update(|new, old, errs| {
        quota_spec(&new.get("spec"), errs);
        let set = |quota: &At<'_>| -> BTreeSet<String> {
            quota
                .at(&["spec", "scopes"])
                .items()
                .map(|s| s.str().to_owned())
                .collect()
        };
        if set(new) != set(old) {
            errs.push(new.at(&["spec", "scopes"]).invalid("field is immutable"));
        }
    })
    .status(|new, _, errs| {
        ["hard", "used"]
            .iter()
            .for_each(|f| hard(&new.get("status").get(f), errs))
    })
}

fn hard(list: &At<'_>, errs: &mut Errors) {
    for (name, entry) in list.entries() {
        any_name(&entry, name, errs);
        if !name.contains('/') && !is_quota_name(name) {
            errs.push(entry.invalid_as(name, "must be a standard resource for quota"));
        }
        amount(&entry, name, errs);
    }
}

fn quota_spec(spec: &At<'_>, errs: &mut Errors) {
    hard(&spec.get("hard"), errs);
    scopes(spec, errs);
    if spec.has("scopeSelector") {
        scope_selector(spec, errs);
    }
}

fn is_scope(name: &str) -> bool {
    matches!(
        name,
        "Terminating"
            | "NotTerminating"
            | "BestEffort"
            | "NotBestEffort"
            | "PriorityClass"
            | "CrossNamespacePodAffinity"
            | "VolumeAttributesClass"
    )
}

/// Whether a scope says anything about a resource that is counted.
fn scope_fits(scope: &str, resource: &str) -> bool {
    const COMPUTE: &[&str] = &[
        "cpu",
        "memory",
        "limits.cpu",
        "limits.memory",
        "requests.cpu",
        "requests.memory",
        "pods",
    ];
    match scope {
        "BestEffort" => resource == "pods",
        "VolumeAttributesClass" => matches!(resource, "persistentvolumeclaims" | "requests.storage"),
        _ => COMPUTE.contains(&resource) || !is_scope(scope),
    }
}

fn conflict(spec: &At<'_>, at: &At<'_>, names: &[&str], errs: &mut Errors) {
    for pair in [["BestEffort", "NotBestEffort"], ["Terminating", "NotTerminating"]] {
        if pair.iter().all(|p| names.contains(p)) {
            let shown = if spec.has("scopes") {
                spec.get("scopes").value.clone()
            } else {
                Value::Null
            };
            errs.push(at.invalid_as(shown, "conflicting scopes"));
        }
    }
}

fn scopes(spec: &At<'_>, errs: &mut Errors) {
    let list = spec.get("scopes");
    let names: Vec<&str> = list.items().map(|s| s.str()).collect();
    for scope in &names {
        if !is_scope(scope) {
            errs.push(list.invalid("unsupported scope"));
        }
        for (resource, _) in spec.get("hard").entries() {
            if is_quota_name(resource) && !scope_fits(scope, resource) {
                errs.push(list.invalid("unsupported scope applied to resource"));
            }
        }
    }
    conflict(spec, &list, &names, errs);
}

fn scope_selector(spec: &At<'_>, errs: &mut Errors) {
    let list = spec.at(&["scopeSelector", "matchExpressions"]);
    let mut names = Vec::new();
    for entry in list.items() {
        // The reference reports faults of the entries at the list.
        let field = |name| At::new(list.path.child(name), entry.get(name).value);
        let (scope, operator, values) = (field("scopeName"), field("operator"), field("values"));
        if !is_scope(scope.str()) {
            errs.push(scope.invalid_str("unsupported scope"));
        }
        for (resource, _) in spec.get("hard").entries() {
            if is_quota_name(resource) && !scope_fits(scope.str(), resource) {
                let shown = spec.get("scopeSelector").value.clone();
                errs.push(list.invalid_as(shown, "unsupported scope applied to resource"));
            }
        }
        let existence =
            !matches!(scope.str(), "PriorityClass" | "VolumeAttributesClass") && is_scope(scope.str());
        if existence && operator.str() != "Exists" {
            errs.push(operator.invalid_str("must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"));
        }
        match operator.str() {
            "In" | "NotIn" if values.is_empty() => errs.push(values.required(
                "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector",
            )),
            "Exists" | "DoesNotExist" if !values.is_empty() => {
                errs.push(values.invalid(
                    "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector",
                ))
            }
            "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
            _ => errs.push(operator.invalid_str("not a valid selector operator")),
        }
        names.push(scope.str());
    }
    conflict(spec, &list, &names, errs);
}
