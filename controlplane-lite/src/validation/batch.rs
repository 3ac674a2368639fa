//! Jobs and cron jobs.

mod policy;

use self::policy::{failure_policy, replacement_policy, success_policy};
use super::Rules;
use super::pod::template;
use super::selector::{self, Match};
use crate::field::{At, Errors, FieldError};
use crate::names::text::domain_prefixed_path;
use crate::names::{cron, dns_label};
use serde_json::{Value, json};

/// Parallel pods of an indexed job.
const INDEXED_MAX: i64 = 100_000;
/// A job's name gets eleven characters from its cron job.
const CRON_NAME_MAX: usize = 52;

/// Rules for the kinds of `batch`.
pub(super) fn rules(kind: &str) -> Option<Rules> {
    Some(match kind {
        "Job" => Rules::new(job).update(job_update).status(job_status),
        "CronJob" => Rules::new(|cron_job, errs| {
            cron_spec(cron_job, None, errs);
            let name = cron_job.at(&["metadata", "name"]);
            if name.len() > CRON_NAME_MAX {
                errs.push(name.invalid(format!("must be no more than {CRON_NAME_MAX} characters")));
            }
        })
        .update(|new, old, errs| cron_spec(new, Some(old), errs)),
        _ => return None,
    })
}

fn job(job: &At<'_>, errs: &mut Errors) {
    generated_selector(job, errs);
    job_spec(&job.get("spec"), errs);
    let spec = job.get("spec");
    let completions = spec.int_of("completions").unwrap_or(0);
    if spec.str_of("completionMode") == "Indexed" && completions > 0 {
        let name = job.at(&["metadata", "name"]);
        let host = format!("{}-{}", name.str(), completions - 1);
        if !dns_label(&host).is_empty() {
            errs.push(name.invalid(format!(
                "will not able to create pod with invalid DNS label: {host}"
            )));
        }
    }
}

/// The selector and labels that `strategy` made, unless the client took them over.
fn generated_selector(job: &At<'_>, errs: &mut Errors) {
    let spec = job.get("spec");
    if spec.flag("manualSelector") || !spec.has("selector") {
        return;
    }
    let (uid, name) = (job.at(&["metadata", "uid"]), job.at(&["metadata", "name"]));
    if uid.str().is_empty() {
        errs.push(uid.required(""));
    }
    let labels = spec.at(&["template", "metadata", "labels"]);
    let expected = [
        ("batch.kubernetes.io/controller-uid", uid.str()),
        ("batch.kubernetes.io/job-name", name.str()),
        ("controller-uid", uid.str()),
        ("job-name", name.str()),
    ];
    for (key, value) in expected {
        let at = labels.key(key);
        if !at.present() {
            errs.push(at.required(format!("must be '{value}'")));
        } else if at.str() != value {
            errs.push(At::new(at.path, labels.value).invalid(format!("must be '{value}'")));
        }
    }
    let all: Value = expected
        .iter()
        .map(|(k, v)| ((*k).to_owned(), json!(v)))
        .collect::<serde_json::Map<_, _>>()
        .into();
    if selector::matches(&spec.get("selector"), &all) == Match::No {
        errs.push(spec.get("selector").invalid("`selector` not auto-generated"));
    }
}

/// The spec of a job with its selector.
fn job_spec(spec: &At<'_>, errs: &mut Errors) {
    job_body(spec, errs);
    let at = spec.get("selector");
    if at.present() {
        selector::selector(&at, errs);
    } else {
        errs.push(at.required(""));
    }
    let labels = spec.at(&["template", "metadata", "labels"]);
    if selector::matches(&at, labels.value) == Match::No {
        errs.push(labels.invalid("`selector` does not match template `labels`"));
    }
}

/// The spec of a job, also within a cron job.
fn job_body(spec: &At<'_>, errs: &mut Errors) {
    let numbers = [
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
        "backoffLimitPerIndex",
        "maxFailedIndexes",
    ];
    numbers
        .iter()
        .for_each(|field| spec.get(field).non_negative(errs));
    if spec.has("maxFailedIndexes") && !spec.has("backoffLimitPerIndex") {
        errs.push(
            spec.get("backoffLimitPerIndex")
                .required("when maxFailedIndexes is specified"),
        );
    }
    let manager = spec.get("managedBy");
    if manager.present() {
        domain_prefixed_path(&manager, errs);
        if manager.len() > 63 {
            errs.push(FieldError::too_long(&manager.path, 63));
        }
    }
    completion_mode(spec, errs);
    failure_policy(spec, errs);
    success_policy(spec, errs);
    replacement_policy(spec, errs);
    template(&spec.get("template"), errs);
    let policy = spec.at(&["template", "spec", "restartPolicy"]);
    match policy.str() {
        "Always" => errs.push(policy.required("valid values: \"OnFailure\", \"Never\"")),
        "OnFailure" | "Never" => {}
        _ => errs.push(policy.unsupported(&["OnFailure", "Never"])),
    }
    if spec.has("podFailurePolicy") && policy.str() != "Never" {
        errs.push(policy.invalid("only \"Never\" is supported when podFailurePolicy is specified"));
    }
}

fn completion_mode(spec: &At<'_>, errs: &mut Errors) {
    let mode = spec.get("completionMode");
    mode.one_of_if_set(&["NonIndexed", "Indexed"], errs);
    if mode.str() != "Indexed" {
        for field in ["backoffLimitPerIndex", "maxFailedIndexes"] {
            if spec.has(field) && matches!(mode.str(), "" | "NonIndexed") {
                errs.push(spec.get(field).invalid("requires indexed completion mode"));
            }
        }
        return;
    }
    if !spec.has("completions") {
        errs.push(
            spec.get("completions")
                .required("when completion mode is Indexed"),
        );
    }
    let parallelism = spec.get("parallelism");
    if parallelism.int().is_some_and(|p| p > INDEXED_MAX) {
        let why = format!("must be less than or equal to {INDEXED_MAX} when completion mode is Indexed");
        errs.push(parallelism.invalid(why));
    }
    let failed = spec.get("maxFailedIndexes");
    if let (Some(max), Some(completions)) = (failed.int(), spec.int_of("completions"))
        && max > completions
    {
        errs.push(failed.invalid("must be less than or equal to completions"));
    }
    if failed.int().is_some_and(|f| f > INDEXED_MAX) {
        errs.push(failed.invalid(format!("must be less than or equal to {INDEXED_MAX}")));
    }
}

fn job_update(new: &At<'_>, old: &At<'_>, errs: &mut Errors) {
    let (spec, old_spec) = (new.get("spec"), old.get("spec"));
    job_spec(&spec, errs);
    completions_update(&spec, &old_spec, errs);
    spec.get("selector")
        .immutable(old_spec.get("selector").value, errs);
    template_update(new, old, errs);
    for field in [
        "completionMode",
        "podFailurePolicy",
        "backoffLimitPerIndex",
        "managedBy",
        "successPolicy",
    ] {
        spec.get(field).immutable(old_spec.get(field).value, errs);
    }
}

/// Indexed jobs grow and shrink, with as many workers as completions.
fn completions_update(spec: &At<'_>, old: &At<'_>, errs: &mut Errors) {
    let (at, before) = (spec.get("completions"), old.get("completions"));
    if spec.str_of("completionMode") != "Indexed" || !before.present() || !at.present() {
        return at.immutable(before.value, errs);
    }
    if at.value != before.value && at.value != spec.get("parallelism").value {
        errs.push(at.invalid("can only be modified in tandem with spec.parallelism"));
    }
}

/// The template is fixed, but for directives of placement while the job has not started.
fn template_update(new: &At<'_>, old: &At<'_>, errs: &mut Errors) {
    let mut before = old.at(&["spec", "template"]).value.clone();
    let now = new.at(&["spec", "template"]);
    let started = old.get("status").has("startTime");
    if old.get("spec").flag("suspend") && !started && before["spec"].is_object() {
        for field in ["nodeSelector", "affinity", "tolerations", "schedulingGates"] {
            copy_field(&mut before["spec"], now.get("spec").value, field);
        }
        for field in ["annotations", "labels"] {
            copy_field(&mut before["metadata"], now.get("metadata").value, field);
        }
    }
    now.immutable(&before, errs);
}

fn copy_field(to: &mut Value, from: &Value, field: &str) {
    if !to.is_object() {
        *to = json!({});
    }
    let Some(object) = to.as_object_mut() else { return };
    match from.get(field) {
        Some(value) => object.insert(field.to_owned(), value.clone()),
        None => object.remove(field),
    };
}

fn job_status(new: &At<'_>, old: &At<'_>, errs: &mut Errors) {
    let (status, old_status) = (new.get("status"), old.get("status"));
    for field in ["active", "succeeded", "failed", "ready", "terminating"] {
        status.get(field).non_negative(errs);
    }
    let condition = |status: &At<'_>, kind: &str| {
        status
            .get("conditions")
            .items()
            .any(|c| c.str_of("type") == kind && c.str_of("status") == "True")
    };
    if condition(&status, "Complete") && condition(&status, "Failed") {
        let why = "cannot set Complete=True and Failed=True conditions";
        errs.push(status.get("conditions").invalid(why));
    }
    for (kind, why) in [
        ("Complete", "cannot disable the terminal Complete=True condition"),
        ("Failed", "cannot disable the terminal Failed=True condition"),
        (
            "FailureTarget",
            "cannot disable the terminal FailureTarget=True condition",
        ),
    ] {
        if condition(&old_status, kind) && !condition(&status, kind) {
            errs.push(status.get("conditions").invalid(why));
        }
    }
}

fn cron_spec(cron_job: &At<'_>, old: Option<&At<'_>>, errs: &mut Errors) {
    let spec = cron_job.get("spec");
    let (at, zone) = (spec.get("schedule"), spec.get("timeZone"));
    if at.str().is_empty() {
        errs.push(at.required(""));
    } else {
        let before = old.map_or("", |o| o.get("spec").get("schedule").str());
        schedule(&at, &zone, before.contains("TZ"), errs);
    }
    spec.get("startingDeadlineSeconds").non_negative(errs);
    if zone.present() {
        let unchanged = old.is_some_and(|o| o.at(&["spec", "timeZone"]).value == zone.value);
        if !unchanged {
            time_zone(&zone, errs);
        }
    }
    spec.get("concurrencyPolicy")
        .one_of(&["Allow", "Forbid", "Replace"], errs);
    let job = spec.at(&["jobTemplate", "spec"]);
    job_body(&job, errs);
    if job.has("selector") {
        errs.push(job.get("selector").invalid("`selector` will be auto-generated"));
    }
    if job.flag("manualSelector") {
        let at = job.get("manualSelector");
        errs.push(FieldError::not_supported(&at.path, at.value, &["nil", "false"]));
    }
    spec.get("successfulJobsHistoryLimit").non_negative(errs);
    spec.get("failedJobsHistoryLimit").non_negative(errs);
}

fn schedule(at: &At<'_>, zone: &At<'_>, had_zone: bool, errs: &mut Errors) {
    if let Err(why) = cron::parse(at.str()) {
        errs.push(at.invalid(why));
    }
    if at.str().contains("TZ") {
        if zone.present() {
            errs.push(at.invalid("cannot use both timeZone field and TZ or CRON_TZ in schedule"));
        } else if !had_zone {
            errs.push(at.invalid("cannot use TZ or CRON_TZ in schedule, use timeZone field instead"));
        }
    }
}

fn time_zone(at: &At<'_>, errs: &mut Errors) {
    let name = at.str();
    if name.is_empty() {
        return errs.push(at.invalid("timeZone must be nil or non-empty string"));
    }
    if name.eq_ignore_ascii_case("local") {
        let why = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones";
        errs.push(at.invalid(why));
    }
    let plain = |part: &str| {
        let first = part
            .bytes()
            .next()
            .is_some_and(|b| b.is_ascii_alphabetic() || b"._".contains(&b));
        first
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"+-._".contains(&b))
    };
    if !name.split('/').all(plain) || !cron::known_zone(name) {
        errs.push(at.invalid(format!("unknown time zone {name}")));
    }
}
