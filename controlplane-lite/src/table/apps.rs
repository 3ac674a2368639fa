//! Columns and cells of the workload kinds: apps/v1, batch/v1 and ReplicationController.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::format::{self, NONE, age, at, containers, duration, int, items, labels, or, since, text};
use crate::resource::Column;
use crate::table::{column, name, wide};

const TEMPLATE_NAMES: &str = "Names of each container in the template.";
const TEMPLATE_IMAGES: &str = "Images referenced by each container in the template.";

fn workload_tail(selector: &'static str) -> [Column; 4] {
    [
        super::age(),
        wide("Containers", "string", TEMPLATE_NAMES),
        wide("Images", "string", TEMPLATE_IMAGES),
        wide("Selector", "string", selector),
    ]
}

/// Columns of deployments.
pub fn deployment_columns() -> Vec<Column> {
    let updated = "Total number of non-terminating pods targeted by this deployment that have the desired template spec.";
    let available = "Total number of available non-terminating pods (ready for at least minReadySeconds) targeted by this deployment.";
    let mut out = vec![
        name(),
        column("Ready", "string", "Number of the pod with ready state"),
        column("Up-to-date", "string", updated),
        column("Available", "string", available),
    ];
    out.extend(workload_tail("@io.k8s.api.apps.v1.DeploymentSpec.selector"));
    out
}

/// Cells of a deployment.
pub fn deployment(object: &Value, now: Timestamp) -> Vec<Value> {
    let (names, images) = containers(at(object, "spec.template.spec"));
    let ready = format!(
        "{}/{}",
        int(object, "status.readyReplicas"),
        int(object, "spec.replicas")
    );
    vec![
        object["metadata"]["name"].clone(),
        json!(ready),
        json!(int(object, "status.updatedReplicas")),
        json!(int(object, "status.availableReplicas")),
        json!(age(object, now)),
        json!(names),
        json!(images),
        json!(format::selector(at(object, "spec.selector"))),
    ]
}

/// Columns of replica sets.
pub fn replica_set_columns() -> Vec<Column> {
    replicas_columns(
        "@io.k8s.api.apps.v1.ReplicaSetSpec.replicas",
        "@io.k8s.api.apps.v1.ReplicaSetStatus.replicas",
        "@io.k8s.api.apps.v1.ReplicaSetStatus.readyReplicas",
        "@io.k8s.api.apps.v1.ReplicaSetSpec.selector",
    )
}

/// Columns of replication controllers.
pub fn controller_columns() -> Vec<Column> {
    replicas_columns(
        "@io.k8s.api.core.v1.ReplicationControllerSpec.replicas",
        "@io.k8s.api.core.v1.ReplicationControllerStatus.replicas",
        "@io.k8s.api.core.v1.ReplicationControllerStatus.readyReplicas",
        "@io.k8s.api.core.v1.ReplicationControllerSpec.selector",
    )
}

fn replicas_columns(
    desired: &'static str,
    current: &'static str,
    ready: &'static str,
    selector: &'static str,
) -> Vec<Column> {
    let mut out = vec![
        name(),
        column("Desired", "integer", desired),
        column("Current", "integer", current),
        column("Ready", "integer", ready),
    ];
    out.extend(workload_tail(selector));
    out
}

/// Cells of a replica set.
pub fn replica_set(object: &Value, now: Timestamp) -> Vec<Value> {
    replicas(object, now, format::selector(at(object, "spec.selector")))
}

/// Cells of a replication controller.
pub fn controller(object: &Value, now: Timestamp) -> Vec<Value> {
    replicas(object, now, labels(at(object, "spec.selector")))
}

fn replicas(object: &Value, now: Timestamp, selector: String) -> Vec<Value> {
    let (names, images) = containers(at(object, "spec.template.spec"));
    vec![
        object["metadata"]["name"].clone(),
        json!(int(object, "spec.replicas")),
        json!(int(object, "status.replicas")),
        json!(int(object, "status.readyReplicas")),
        json!(age(object, now)),
        json!(names),
        json!(images),
        Value::String(selector),
    ]
}

/// Columns of daemon sets.
pub fn daemon_set_columns() -> Vec<Column> {
    let mut out = vec![
        name(),
        column(
            "Desired",
            "integer",
            "@io.k8s.api.apps.v1.DaemonSetStatus.desiredNumberScheduled",
        ),
        column(
            "Current",
            "integer",
            "@io.k8s.api.apps.v1.DaemonSetStatus.currentNumberScheduled",
        ),
        column(
            "Ready",
            "integer",
            "@io.k8s.api.apps.v1.DaemonSetStatus.numberReady",
        ),
        column(
            "Up-to-date",
            "integer",
            "@io.k8s.api.apps.v1.DaemonSetStatus.updatedNumberScheduled",
        ),
        column(
            "Available",
            "integer",
            "@io.k8s.api.apps.v1.DaemonSetStatus.numberAvailable",
        ),
        column(
            "Node Selector",
            "string",
            "@io.k8s.api.core.v1.PodSpec.nodeSelector",
        ),
    ];
    out.extend(workload_tail("@io.k8s.api.apps.v1.DaemonSetSpec.selector"));
    out
}

/// Cells of a daemon set.
pub fn daemon_set(object: &Value, now: Timestamp) -> Vec<Value> {
    let (names, images) = containers(at(object, "spec.template.spec"));
    vec![
        object["metadata"]["name"].clone(),
        json!(int(object, "status.desiredNumberScheduled")),
        json!(int(object, "status.currentNumberScheduled")),
        json!(int(object, "status.numberReady")),
        json!(int(object, "status.updatedNumberScheduled")),
        json!(int(object, "status.numberAvailable")),
        json!(labels(at(object, "spec.template.spec.nodeSelector"))),
        json!(age(object, now)),
        json!(names),
        json!(images),
        json!(format::selector(at(object, "spec.selector"))),
    ]
}

/// Columns of stateful sets.
pub fn stateful_set_columns() -> Vec<Column> {
    vec![
        name(),
        column("Ready", "string", "Number of the pod with ready state"),
        super::age(),
        wide("Containers", "string", TEMPLATE_NAMES),
        wide("Images", "string", TEMPLATE_IMAGES),
    ]
}

/// Cells of a stateful set.
pub fn stateful_set(object: &Value, now: Timestamp) -> Vec<Value> {
    let (names, images) = containers(at(object, "spec.template.spec"));
    let ready = format!(
        "{}/{}",
        int(object, "status.readyReplicas"),
        int(object, "spec.replicas")
    );
    vec![
        object["metadata"]["name"].clone(),
        json!(ready),
        json!(age(object, now)),
        json!(names),
        json!(images),
    ]
}

/// Columns of controller revisions.
pub fn revision_columns() -> Vec<Column> {
    vec![
        name(),
        column("Controller", "string", "Controller of the object"),
        column(
            "Revision",
            "string",
            "@io.k8s.api.apps.v1.ControllerRevision.revision",
        ),
        super::age(),
    ]
}

/// Cells of a controller revision.
pub fn revision(object: &Value, now: Timestamp) -> Vec<Value> {
    let owner = items(object, "metadata.ownerReferences")
        .iter()
        .find(|o| o["controller"] == true);
    let controller = owner.map_or(NONE.to_owned(), |o| {
        let kind = text(o, "kind").to_lowercase();
        match text(o, "apiVersion").split_once('/') {
            Some((group, _)) => format!("{kind}.{group}/{}", text(o, "name")),
            None => format!("{kind}/{}", text(o, "name")),
        }
    });
    vec![
        object["metadata"]["name"].clone(),
        json!(controller),
        json!(int(object, "revision")),
        json!(age(object, now)),
    ]
}

/// Columns of jobs.
pub fn job_columns() -> Vec<Column> {
    let mut out = vec![
        name(),
        column("Status", "string", "Status of the job."),
        column(
            "Completions",
            "string",
            "@io.k8s.api.batch.v1.JobStatus.succeeded",
        ),
        column("Duration", "string", "Time required to complete the job."),
    ];
    out.extend(workload_tail("@io.k8s.api.batch.v1.JobSpec.selector"));
    out
}

/// Cells of a job.
pub fn job(object: &Value, now: Timestamp) -> Vec<Value> {
    let (names, images) = containers(at(object, "spec.template.spec"));
    let succeeded = int(object, "status.succeeded");
    let completions = match (
        at(object, "spec.completions").as_i64(),
        int(object, "spec.parallelism"),
    ) {
        (Some(wanted), _) => format!("{succeeded}/{wanted}"),
        (None, many) if many > 1 => format!("{succeeded}/1 of {many}"),
        (None, _) => format!("{succeeded}/1"),
    };
    let took = match (
        text(object, "status.startTime").parse::<Timestamp>(),
        text(object, "status.completionTime").parse::<Timestamp>(),
    ) {
        (Err(_), _) => String::new(),
        (Ok(start), end) => duration(end.unwrap_or(now).as_second() - start.as_second()),
    };
    vec![
        object["metadata"]["name"].clone(),
        json!(job_status(object)),
        json!(completions),
        json!(took),
        json!(age(object, now)),
        json!(names),
        json!(images),
        json!(format::selector(at(object, "spec.selector"))),
    ]
}

fn job_status(job: &Value) -> &'static str {
    let has = |kind| {
        items(job, "status.conditions")
            .iter()
            .any(|c| text(c, "type") == kind && text(c, "status") == "True")
    };
    match () {
        () if has("Complete") => "Complete",
        () if has("Failed") => "Failed",
        () if !at(job, "metadata.deletionTimestamp").is_null() => "Terminating",
        () if has("Suspended") => "Suspended",
        () if has("FailureTarget") => "FailureTarget",
        () if has("SuccessCriteriaMet") => "SuccessCriteriaMet",
        () => "Running",
    }
}

/// Columns of cron jobs.
pub fn cron_job_columns() -> Vec<Column> {
    let mut out = vec![
        name(),
        column("Schedule", "string", "@io.k8s.api.batch.v1.CronJobSpec.schedule"),
        column("Timezone", "string", "@io.k8s.api.batch.v1.CronJobSpec.timeZone"),
        column("Suspend", "boolean", "@io.k8s.api.batch.v1.CronJobSpec.suspend"),
        column("Active", "integer", "@io.k8s.api.batch.v1.CronJobStatus.active"),
        column(
            "Last Schedule",
            "string",
            "@io.k8s.api.batch.v1.CronJobStatus.lastScheduleTime",
        ),
    ];
    out.extend(workload_tail("@io.k8s.api.batch.v1.JobSpec.selector"));
    out
}

/// Cells of a cron job.
pub fn cron_job(object: &Value, now: Timestamp) -> Vec<Value> {
    let (names, images) = containers(at(object, "spec.jobTemplate.spec.template.spec"));
    let suspend = match at(object, "spec.suspend").as_bool() {
        Some(true) => "True",
        Some(false) => "False",
        None => "<unset>",
    };
    let last = match text(object, "status.lastScheduleTime") {
        "" => NONE.to_owned(),
        stamp => since(stamp, now),
    };
    vec![
        object["metadata"]["name"].clone(),
        json!(text(object, "spec.schedule")),
        json!(or(text(object, "spec.timeZone"), NONE)),
        json!(suspend),
        json!(items(object, "status.active").len()),
        json!(last),
        json!(age(object, now)),
        json!(names),
        json!(images),
        json!(or(
            &format::selector(at(object, "spec.jobTemplate.spec.selector")),
            NONE
        )),
    ]
}
