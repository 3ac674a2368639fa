//! Jobs and cron jobs.

use super::pod::{has_entries, template, template_labels};
use super::set::{Object, absent, each, empty, ensure, has, within};

/// A job.
pub(super) fn job(object: &mut Object) {
    let labels = {
        let Some(spec) = ensure(object, "spec") else {
            return;
        };
        job_spec(spec);
        // One pod unless a number is given; a number of workers alone means a work queue.
        if !has(spec, "completions") && !has(spec, "parallelism") {
            spec.insert("completions".into(), 1.into());
        }
        absent(spec, "parallelism", 1);
        let indexed_limit = has(spec, "backoffLimitPerIndex");
        absent(
            spec,
            "backoffLimit",
            if indexed_limit { i64::from(i32::MAX) } else { 6 },
        );
        absent(spec, "completionMode", "NonIndexed");
        absent(spec, "suspend", false);
        absent(spec, "manualSelector", false);
        let failures = has(spec, "podFailurePolicy");
        absent(
            spec,
            "podReplacementPolicy",
            if failures { "Failed" } else { "TerminatingOrFailed" },
        );
        template_labels(spec, "template")
    };
    if let Some(labels) = labels
        && let Some(metadata) = ensure(object, "metadata")
        && !has_entries(metadata, "labels")
    {
        metadata.insert("labels".into(), labels);
    }
}

/// What a job's spec gets within a cron job, too.
fn job_spec(spec: &mut Object) {
    template(spec, "template");
    if let Some(policy) = within(spec, "podFailurePolicy") {
        each(policy, "rules", |rule| {
            each(rule, "onPodConditions", |condition| {
                empty(condition, "status", "True")
            });
        });
    }
}

/// A cron job.
pub(super) fn cron_job(object: &mut Object) {
    let Some(spec) = ensure(object, "spec") else {
        return;
    };
    empty(spec, "concurrencyPolicy", "Allow");
    absent(spec, "suspend", false);
    absent(spec, "successfulJobsHistoryLimit", 3);
    absent(spec, "failedJobsHistoryLimit", 1);
    if let Some(job) = ensure(spec, "jobTemplate") {
        ensure(job, "metadata");
        if let Some(spec) = ensure(job, "spec") {
            job_spec(spec);
        }
    }
}
