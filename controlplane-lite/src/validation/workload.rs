//! Controllers of pods in `apps`, replication controllers, and scale.

mod stateful;

use self::stateful::{stateful_set, stateful_set_update};
use super::Rules;
use super::pod::template;
use super::selector::{self, Match};
use crate::field::{At, ErrorKind, Errors, FieldError, quote};
use crate::names::name_is_label;
use crate::names::text::{at_most_100_percent, int_or_percent};
use serde_json::Value;

const MISMATCH: &str = "`selector` does not match template `labels`";

/// Rules for the kinds of `apps`.
pub(super) fn rules(kind: &str) -> Option<Rules> {
    Some(match kind {
        "Deployment" => Rules::new(|d, errs| deployment(&d.get("spec"), errs))
            .update(|new, old, errs| {
                deployment(&new.get("spec"), errs);
                fixed_selector(new, old, errs);
            })
            .status(|new, old, errs| {
                counts(new, DEPLOYMENT_COUNTS, errs);
                not_decremented(new, old, errs);
            }),
        "ReplicaSet" => Rules::new(|r, errs| replica_set(&r.get("spec"), errs))
            .update(|new, old, errs| {
                replica_set(&new.get("spec"), errs);
                fixed_selector(new, old, errs);
            })
            .status(|new, _, errs| counts(new, REPLICA_COUNTS, errs)),
        "DaemonSet" => Rules::new(|d, errs| daemon_set(&d.get("spec"), errs))
            .update(|new, old, errs| {
                daemon_set(&new.get("spec"), errs);
                fixed_selector(new, old, errs);
            })
            .status(|new, old, errs| {
                DAEMON_COUNTS
                    .iter()
                    .for_each(|f| new.get("status").get(f).non_negative(errs));
                not_decremented(new, old, errs);
            }),
        "StatefulSet" => Rules::new(|s, errs| stateful_set(&s.get("spec"), errs))
            .named(name_is_label)
            .update(stateful_set_update)
            .status(|new, old, errs| {
                counts(new, STATEFUL_COUNTS, errs);
                not_decremented(new, old, errs);
            }),
        "ControllerRevision" => Rules::new(revision).again().update(|new, old, errs| {
            revision(new, errs);
            new.get("data").immutable(old.get("data").value, errs);
        }),
        _ => return None,
    })
}

/// Rules for `ReplicationController`.
pub(super) fn replication_controller_rules() -> Rules {
    Rules::new(|rc, errs| replication_controller(&rc.get("spec"), errs))
        .update(|new, _, errs| replication_controller(&new.get("spec"), errs))
        .status(|new, _, errs| counts(new, REPLICA_COUNTS, errs))
}

const REPLICA_COUNTS: &[&str] = &[
    "replicas",
    "fullyLabeledReplicas",
    "readyReplicas",
    "availableReplicas",
];
const DEPLOYMENT_COUNTS: &[&str] = &[
    "replicas",
    "updatedReplicas",
    "readyReplicas",
    "availableReplicas",
    "unavailableReplicas",
];
const STATEFUL_COUNTS: &[&str] = &[
    "replicas",
    "readyReplicas",
    "currentReplicas",
    "updatedReplicas",
    "availableReplicas",
];
const DAEMON_COUNTS: &[&str] = &[
    "currentNumberScheduled",
    "numberMisscheduled",
    "desiredNumberScheduled",
    "numberReady",
    "observedGeneration",
    "updatedNumberScheduled",
    "numberAvailable",
    "numberUnavailable",
    "collisionCount",
];

/// Counts of a status: none negative, parts no larger than the whole.
fn counts(object: &At<'_>, fields: &[&'static str], errs: &mut Errors) {
    let status = object.get("status");
    fields
        .iter()
        .chain(&["observedGeneration", "collisionCount"])
        .for_each(|f| status.get(f).non_negative(errs));
    let count = |field| status.int_of(field).unwrap_or(0);
    for field in fields
        .iter()
        .filter(|f| !matches!(**f, "replicas" | "unavailableReplicas"))
    {
        if count(field) > count("replicas") {
            errs.push(
                status
                    .get(field)
                    .invalid("cannot be greater than status.replicas"),
            );
        }
    }
    if fields.contains(&"availableReplicas") && count("availableReplicas") > count("readyReplicas") {
        let of = if fields == STATEFUL_COUNTS {
            "status.readyReplicas"
        } else {
            "readyReplicas"
        };
        errs.push(
            status
                .get("availableReplicas")
                .invalid(format!("cannot be greater than {of}")),
        );
    }
}

fn not_decremented(new: &At<'_>, old: &At<'_>, errs: &mut Errors) {
    let at = new.at(&["status", "collisionCount"]);
    let before = old.at(&["status", "collisionCount"]).int();
    let now = at.int();
    if before.is_some() && now.unwrap_or(0) < before.unwrap_or(0) || (before.is_some() && now.is_none()) {
        errs.push(at.invalid_as(now.unwrap_or(0), "cannot be decremented"));
    }
}

fn fixed_selector(new: &At<'_>, old: &At<'_>, errs: &mut Errors) {
    new.at(&["spec", "selector"])
        .immutable(old.at(&["spec", "selector"]).value, errs);
}

/// The selector of a controller, which must be there and select something.
fn required_selector(spec: &At<'_>, kind: &str, errs: &mut Errors) {
    let at = spec.get("selector");
    if !at.present() {
        return errs.push(at.required(""));
    }
    selector::selector(&at, errs);
    if selector::is_empty(&at) {
        errs.push(at.invalid(format!("empty selector is invalid for {kind}")));
    }
}

/// Labels that the selector selects; `false` if it is malformed.
fn selects_template(spec: &At<'_>, errs: &mut Errors) -> bool {
    let labels = spec.at(&["template", "metadata", "labels"]);
    match selector::matches(&spec.get("selector"), labels.value) {
        Match::Malformed => return false,
        Match::No => errs.push(labels.invalid(MISMATCH)),
        Match::Yes | Match::Everything => {}
    }
    true
}

/// Pods of a controller are restarted and have no deadline.
fn always_running(spec: &At<'_>, kind: &str, errs: &mut Errors) {
    let pod = spec.at(&["template", "spec"]);
    let policy = pod.get("restartPolicy");
    if policy.str() != "Always" {
        errs.push(policy.unsupported(&["Always"]));
    }
    if pod.has("activeDeadlineSeconds") {
        let why = format!("activeDeadlineSeconds in {kind} is not Supported");
        errs.push(pod.get("activeDeadlineSeconds").forbidden(why));
    }
}

fn selected_template(spec: &At<'_>, errs: &mut Errors) {
    if selects_template(spec, errs) {
        template(&spec.get("template"), errs);
        always_running(spec, "ReplicaSet", errs);
    } else {
        errs.push(spec.get("selector").invalid("invalid label selector"));
    }
}

fn deployment(spec: &At<'_>, errs: &mut Errors) {
    spec.get("replicas").non_negative(errs);
    required_selector(spec, "deployment", errs);
    selected_template(spec, errs);
    deployment_strategy(&spec.get("strategy"), errs);
    for field in [
        "minReadySeconds",
        "revisionHistoryLimit",
        "progressDeadlineSeconds",
    ] {
        spec.get(field).non_negative(errs);
    }
    let deadline = spec.get("progressDeadlineSeconds");
    if deadline
        .int()
        .is_some_and(|d| d <= spec.int_of("minReadySeconds").unwrap_or(0))
    {
        errs.push(deadline.invalid("must be greater than minReadySeconds"));
    }
}

/// A strategy as the reference shows it: with the names of its Go fields.
fn shown_strategy(strategy: &At<'_>) -> String {
    format!(
        "{{\"Type\":{},\"RollingUpdate\":{}}}",
        quote(strategy.str_of("type")),
        strategy.get("rollingUpdate").value
    )
}

/// Whether a number or percentage is zero.
fn is_zero(value: &Value) -> bool {
    match value {
        Value::String(text) => text.trim_end_matches('%').parse::<i64>().unwrap_or(0) == 0,
        other => other.as_i64().unwrap_or(0) == 0,
    }
}

fn deployment_strategy(strategy: &At<'_>, errs: &mut Errors) {
    let rolling = strategy.get("rollingUpdate");
    match strategy.str_of("type") {
        "Recreate" if rolling.present() => {
            errs.push(rolling.forbidden("may not be specified when strategy `type` is 'Recreate'"));
        }
        "Recreate" => {}
        "RollingUpdate" if !rolling.present() => {
            errs.push(rolling.required("this should be defaulted and never be nil"));
        }
        "RollingUpdate" => {
            let (unavailable, surge) = (rolling.get("maxUnavailable"), rolling.get("maxSurge"));
            int_or_percent(&unavailable, errs);
            int_or_percent(&surge, errs);
            if is_zero(unavailable.value) && is_zero(surge.value) {
                errs.push(unavailable.invalid("may not be 0 when `maxSurge` is 0"));
            }
            at_most_100_percent(&unavailable, errs);
        }
        _ => unsupported_strategy(strategy, &["Recreate", "RollingUpdate"], errs),
    }
}

fn unsupported_strategy(strategy: &At<'_>, supported: &[&str], errs: &mut Errors) {
    let list: Vec<String> = supported.iter().map(|s| quote(s)).collect();
    let why = format!("supported values: {}", list.join(", "));
    errs.push(FieldError::with_shown(
        ErrorKind::NotSupported,
        &strategy.path,
        shown_strategy(strategy),
        why,
    ));
}

fn replica_set(spec: &At<'_>, errs: &mut Errors) {
    spec.get("replicas").non_negative(errs);
    spec.get("minReadySeconds").non_negative(errs);
    // The reference says deployment here, too.
    required_selector(spec, "deployment", errs);
    selected_template(spec, errs);
}

fn daemon_set(spec: &At<'_>, errs: &mut Errors) {
    let at = spec.get("selector");
    selector::selector(&at, errs);
    selects_template(spec, errs);
    if at.present() && selector::is_empty(&at) {
        errs.push(at.invalid("empty selector is invalid for daemonset"));
    }
    template(&spec.get("template"), errs);
    always_running(spec, "DaemonSet", errs);
    spec.get("minReadySeconds").non_negative(errs);
    let strategy = spec.get("updateStrategy");
    let rolling = strategy.get("rollingUpdate");
    match strategy.str_of("type") {
        "OnDelete" => {}
        "RollingUpdate" if !rolling.present() => errs.push(rolling.required("")),
        "RollingUpdate" => daemon_rolling(&rolling, errs),
        _ => unsupported_strategy(&strategy, &["RollingUpdate", "OnDelete"], errs),
    }
    spec.get("revisionHistoryLimit").non_negative(errs);
}

fn daemon_rolling(rolling: &At<'_>, errs: &mut Errors) {
    let both = [rolling.get("maxUnavailable"), rolling.get("maxSurge")];
    both.iter().for_each(|at| int_or_percent(at, errs));
    both.iter().for_each(|at| at_most_100_percent(at, errs));
    match both.each_ref().map(|at| is_zero(at.value)) {
        [false, false] => errs.push(both[1].invalid("may not be set when maxUnavailable is non-zero")),
        [true, true] => errs.push(both[0].required("cannot be 0 when maxSurge is 0")),
        _ => {}
    }
}

fn revision(revision: &At<'_>, errs: &mut Errors) {
    if !revision.has("data") {
        errs.push(revision.get("data").required("data is mandatory"));
    }
    revision.get("revision").non_negative(errs);
}

fn replication_controller(spec: &At<'_>, errs: &mut Errors) {
    spec.get("minReadySeconds").non_negative(errs);
    let (labels, at) = (spec.get("selector"), spec.get("template"));
    if labels.is_empty() {
        errs.push(labels.required(""));
    }
    spec.get("replicas").non_negative(errs);
    if !at.present() {
        return errs.push(at.required(""));
    }
    let template_labels = at.at(&["metadata", "labels"]);
    if !labels
        .entries()
        .all(|(key, value)| template_labels.key(key).value == value.value)
    {
        errs.push(template_labels.invalid(MISMATCH));
    }
    template(&at, errs);
    always_running(spec, "ReplicationController", errs);
}

/// `autoscaling/v1` Scale.
pub(super) fn scale(scale: &At<'_>, errs: &mut Errors) {
    scale.at(&["spec", "replicas"]).non_negative(errs);
}
