//! apps/v1, batch/v1, policy/v1, scheduling.k8s.io/v1, coordination.k8s.io/v1 and node.k8s.io/v1.

use serde_json::json;

use crate::resource::{Generation, Resource};
use crate::table::{apps, cluster, core};

/// apps/v1, by plural name.
pub fn rows() -> Vec<Resource> {
    let row = |kind, plural| Resource::new("apps", "v1", kind, plural);
    vec![
        row("ControllerRevision", "controllerrevisions").table(apps::revision_columns(), apps::revision),
        row("DaemonSet", "daemonsets")
            .short(&["ds"])
            .in_all()
            .generation(Generation::Spec)
            .status()
            .starts_with(|_, _| {
                let none = [
                    "currentNumberScheduled",
                    "numberMisscheduled",
                    "desiredNumberScheduled",
                    "numberReady",
                ];
                Some(
                    none.into_iter()
                        .map(|field| (field.to_owned(), json!(0)))
                        .collect(),
                )
            })
            .table(apps::daemon_set_columns(), apps::daemon_set),
        row("Deployment", "deployments")
            .short(&["deploy"])
            .in_all()
            .generation(Generation::SpecAndAnnotations)
            .status()
            .scale()
            .starts_with(|_, _| Some(json!({})))
            .table(apps::deployment_columns(), apps::deployment),
        row("ReplicaSet", "replicasets")
            .short(&["rs"])
            .in_all()
            .generation(Generation::Spec)
            .status()
            .scale()
            .field("status.replicas", "0")
            .starts_with(|_, _| Some(json!({"replicas": 0})))
            .table(apps::replica_set_columns(), apps::replica_set),
        row("StatefulSet", "statefulsets")
            .short(&["sts"])
            .in_all()
            .generation(Generation::Spec)
            .status()
            .scale()
            .starts_with(|_, _| Some(json!({"replicas": 0, "availableReplicas": 0})))
            .table(apps::stateful_set_columns(), apps::stateful_set),
    ]
}

/// batch/v1.
pub fn batch() -> Vec<Resource> {
    let row = |kind, plural| Resource::new("batch", "v1", kind, plural);
    vec![
        row("CronJob", "cronjobs")
            .short(&["cj"])
            .in_all()
            .generation(Generation::Spec)
            .status()
            .starts_with(|_, _| Some(json!({})))
            .table(apps::cron_job_columns(), apps::cron_job),
        row("Job", "jobs")
            .in_all()
            .generation(Generation::Spec)
            .status()
            .field("status.successful", "0")
            .starts_with(|_, _| Some(json!({})))
            .table(apps::job_columns(), apps::job),
    ]
}

/// policy/v1.
pub fn policy() -> Vec<Resource> {
    vec![
        Resource::new("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets")
            .short(&["pdb"])
            .generation(Generation::Spec)
            .status()
            .starts_with(|_, _| {
                let none = [
                    "disruptionsAllowed",
                    "currentHealthy",
                    "desiredHealthy",
                    "expectedPods",
                ];
                Some(
                    none.into_iter()
                        .map(|field| (field.to_owned(), json!(0)))
                        .collect(),
                )
            })
            .table(cluster::pdb_columns(), cluster::pdb),
    ]
}

/// scheduling.k8s.io/v1.
pub fn scheduling() -> Vec<Resource> {
    vec![
        Resource::new("scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses")
            .cluster()
            .short(&["pc"])
            .generation(Generation::Spec)
            .table(cluster::priority_class_columns(), cluster::priority_class),
    ]
}

/// coordination.k8s.io/v1.
pub fn coordination() -> Vec<Resource> {
    vec![
        Resource::new("coordination.k8s.io", "v1", "Lease", "leases")
            .table(core::lease_columns(), core::lease),
    ]
}

/// node.k8s.io/v1.
pub fn node() -> Vec<Resource> {
    vec![
        Resource::new("node.k8s.io", "v1", "RuntimeClass", "runtimeclasses")
            .cluster()
            .table(cluster::runtime_class_columns(), cluster::runtime_class),
    ]
}
