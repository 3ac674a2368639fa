//! Controllers of pods in `apps` and core.

use super::pod::{has_entries, template, template_labels};
use super::set::{Object, absent, each, empty, ensure, text, within};
use super::volume;
use serde_json::Value;

/// Selector and labels default to the template's labels.
pub(super) fn replication_controller(object: &mut Object) {
    let Some(spec) = ensure(object, "spec") else {
        return;
    };
    absent(spec, "replicas", 1);
    if !spec.contains_key("template") {
        return;
    }
    template(spec, "template");
    let Some(labels) = template_labels(spec, "template") else {
        return;
    };
    if !has_entries(spec, "selector") {
        spec.insert("selector".into(), labels.clone());
    }
    set_labels(object, labels);
}

fn set_labels(object: &mut Object, labels: Value) {
    if let Some(metadata) = ensure(object, "metadata")
        && !has_entries(metadata, "labels")
    {
        metadata.insert("labels".into(), labels);
    }
}

/// A deployment.
pub(super) fn deployment(object: &mut Object) {
    let Some(spec) = ensure(object, "spec") else {
        return;
    };
    absent(spec, "replicas", 1);
    template(spec, "template");
    if let Some(strategy) = ensure(spec, "strategy") {
        empty(strategy, "type", "RollingUpdate");
        if text(strategy, "type") == "RollingUpdate"
            && let Some(rolling) = ensure(strategy, "rollingUpdate")
        {
            absent(rolling, "maxUnavailable", "25%");
            absent(rolling, "maxSurge", "25%");
        }
    }
    absent(spec, "revisionHistoryLimit", 10);
    absent(spec, "progressDeadlineSeconds", 600);
}

/// A replica set.
pub(super) fn replica_set(object: &mut Object) {
    if let Some(spec) = ensure(object, "spec") {
        absent(spec, "replicas", 1);
        template(spec, "template");
    }
}

/// A daemon set.
pub(super) fn daemon_set(object: &mut Object) {
    let Some(spec) = ensure(object, "spec") else {
        return;
    };
    template(spec, "template");
    if let Some(strategy) = ensure(spec, "updateStrategy") {
        empty(strategy, "type", "RollingUpdate");
        if text(strategy, "type") == "RollingUpdate"
            && let Some(rolling) = ensure(strategy, "rollingUpdate")
        {
            absent(rolling, "maxUnavailable", 1);
            absent(rolling, "maxSurge", 0);
        }
    }
    absent(spec, "revisionHistoryLimit", 10);
}

/// A stateful set.
pub(super) fn stateful_set(object: &mut Object) {
    let Some(spec) = ensure(object, "spec") else {
        return;
    };
    empty(spec, "podManagementPolicy", "OrderedReady");
    template(spec, "template");
    if let Some(strategy) = ensure(spec, "updateStrategy") {
        if text(strategy, "type").is_empty() {
            strategy.insert("type".into(), "RollingUpdate".into());
            ensure(strategy, "rollingUpdate");
        }
        if text(strategy, "type") == "RollingUpdate"
            && let Some(rolling) = within(strategy, "rollingUpdate")
        {
            absent(rolling, "partition", 0);
        }
    }
    if let Some(retention) = ensure(spec, "persistentVolumeClaimRetentionPolicy") {
        empty(retention, "whenDeleted", "Retain");
        empty(retention, "whenScaled", "Retain");
    }
    absent(spec, "replicas", 1);
    absent(spec, "revisionHistoryLimit", 10);
    each(spec, "volumeClaimTemplates", volume::claim_template);
}
