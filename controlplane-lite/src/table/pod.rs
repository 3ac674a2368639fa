//! The cells of a pod: the STATUS column folds phase, conditions and container states into one word.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::format::{NONE, age, at, duration, int, items, or, text};
use crate::resource::Column;
use crate::table::{column, name, wide};

/// Columns of pods.
pub fn columns() -> Vec<Column> {
    vec![
        name(),
        column(
            "Ready",
            "string",
            "The aggregate readiness state of this pod for accepting traffic.",
        ),
        column(
            "Status",
            "string",
            "The aggregate status of the containers in this pod.",
        ),
        column(
            "Restarts",
            "string",
            "The number of times the containers in this pod have been restarted and when the last container in this pod has restarted.",
        ),
        super::age(),
        wide("IP", "string", "@io.k8s.api.core.v1.PodStatus.podIP"),
        wide("Node", "string", "@io.k8s.api.core.v1.PodSpec.nodeName"),
        wide(
            "Nominated Node",
            "string",
            "@io.k8s.api.core.v1.PodStatus.nominatedNodeName",
        ),
        wide(
            "Readiness Gates",
            "string",
            "@io.k8s.api.core.v1.PodSpec.readinessGates",
        ),
    ]
}

/// What the walk over the containers finds.
#[derive(Default)]
struct Tally {
    ready: usize,
    total: usize,
    restarts: i64,
    last_restart: Option<Timestamp>,
    reason: String,
}

impl Tally {
    fn restarted(&mut self, status: &Value) {
        self.restarts += int(status, "restartCount");
        let finished = text(status, "lastState.terminated.finishedAt").parse().ok();
        self.last_restart = self.last_restart.max(finished);
    }
}

/// Cells of a pod.
pub fn cells(pod: &Value, now: Timestamp) -> Vec<Value> {
    let tally = tally(pod);
    let restarts = match tally.last_restart {
        Some(at) if tally.restarts > 0 => {
            format!(
                "{} ({} ago)",
                tally.restarts,
                duration(now.as_second() - at.as_second())
            )
        }
        _ => tally.restarts.to_string(),
    };
    let ip = match text(
        &items(pod, "status.podIPs").first().cloned().unwrap_or_default(),
        "ip",
    ) {
        "" => text(pod, "status.podIP").to_owned(),
        first => first.to_owned(),
    };
    vec![
        pod["metadata"]["name"].clone(),
        json!(format!("{}/{}", tally.ready, tally.total)),
        json!(tally.reason),
        json!(restarts),
        json!(age(pod, now)),
        json!(or(&ip, NONE)),
        json!(or(text(pod, "spec.nodeName"), NONE)),
        json!(or(text(pod, "status.nominatedNodeName"), NONE)),
        json!(readiness_gates(pod)),
    ]
}

fn tally(pod: &Value) -> Tally {
    let reason = or(text(pod, "status.reason"), text(pod, "status.phase"));
    let mut tally = Tally {
        total: items(pod, "spec.containers").len(),
        reason: reason.into(),
        ..Tally::default()
    };
    if condition(pod, "PodScheduled").is_some_and(|c| text(c, "reason") == "SchedulingGated") {
        tally.reason = "SchedulingGated".into();
    }
    let sidecars = items(pod, "spec.initContainers")
        .iter()
        .filter(|c| is_sidecar(c))
        .count();
    tally.total += sidecars;
    let mut of_sidecars = Tally::default();
    let initializing = walk_init(pod, &mut tally, &mut of_sidecars);
    if !initializing || condition(pod, "Initialized").is_some_and(is_true) {
        (tally.restarts, tally.last_restart) = (of_sidecars.restarts, of_sidecars.last_restart);
        walk_main(pod, &mut tally);
    }
    if !at(pod, "metadata.deletionTimestamp").is_null() {
        if text(pod, "status.reason") == "NodeLost" {
            tally.reason = "Unknown".into();
        } else if !matches!(text(pod, "status.phase"), "Succeeded" | "Failed") {
            tally.reason = "Terminating".into();
        }
    }
    tally
}

fn is_sidecar(container: &Value) -> bool {
    text(container, "restartPolicy") == "Always"
}

/// Goes over the init containers; true while one of them is not done.
fn walk_init(pod: &Value, tally: &mut Tally, of_sidecars: &mut Tally) -> bool {
    let specs = items(pod, "spec.initContainers");
    for (i, status) in items(pod, "status.initContainerStatuses").iter().enumerate() {
        let sidecar = specs.iter().any(|c| c["name"] == status["name"] && is_sidecar(c));
        tally.restarted(status);
        if sidecar {
            of_sidecars.restarted(status);
        }
        let (terminated, waiting) = (
            at(status, "state.terminated"),
            text(status, "state.waiting.reason"),
        );
        if !terminated.is_null() && int(terminated, "exitCode") == 0 {
            continue;
        }
        if sidecar && status["started"] == true {
            tally.ready += usize::from(status["ready"] == true);
            continue;
        }
        tally.reason = if !terminated.is_null() {
            format!("Init:{}", exit_reason(terminated))
        } else if !waiting.is_empty() && waiting != "PodInitializing" {
            format!("Init:{waiting}")
        } else {
            format!("Init:{i}/{}", specs.len())
        };
        return true;
    }
    false
}

fn walk_main(pod: &Value, tally: &mut Tally) {
    let mut running = false;
    for status in items(pod, "status.containerStatuses").iter().rev() {
        tally.restarted(status);
        let (terminated, waiting) = (
            at(status, "state.terminated"),
            text(status, "state.waiting.reason"),
        );
        if !waiting.is_empty() {
            tally.reason = waiting.to_owned();
        } else if !terminated.is_null() {
            tally.reason = exit_reason(terminated);
        } else if status["ready"] == true && !at(status, "state.running").is_null() {
            running = true;
            tally.ready += 1;
        }
    }
    if tally.reason == "Completed" && running {
        let ready = condition(pod, "Ready").is_some_and(is_true);
        tally.reason = if ready { "Running" } else { "NotReady" }.into();
    }
}

fn exit_reason(terminated: &Value) -> String {
    match (text(terminated, "reason"), int(terminated, "signal")) {
        ("", 0) => format!("ExitCode:{}", int(terminated, "exitCode")),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    }
}

fn condition<'a>(pod: &'a Value, kind: &str) -> Option<&'a Value> {
    items(pod, "status.conditions")
        .iter()
        .find(|c| text(c, "type") == kind)
}

fn is_true(condition: &Value) -> bool {
    text(condition, "status") == "True"
}

fn readiness_gates(pod: &Value) -> String {
    let gates = items(pod, "spec.readinessGates");
    if gates.is_empty() {
        return NONE.into();
    }
    let met = gates
        .iter()
        .filter(|g| condition(pod, text(g, "conditionType")).is_some_and(is_true))
        .count();
    format!("{met}/{}", gates.len())
}
