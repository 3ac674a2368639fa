use serde_json::json;

use super::*;

const NOW: Timestamp = Timestamp::constant(1_000_000_000, 0);

#[test]
fn durations_are_rounded_as_the_reference_rounds_them() {
    let table = [
        (-5, "<invalid>"),
        (-1, "0s"),
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (135, "2m15s"),
        (600, "10m"),
        (10_799, "179m"),
        (10_800, "3h"),
        (11_000, "3h3m"),
        (28_800, "8h"),
        (172_800, "2d"),
        (180_000, "2d2h"),
        (691_200, "8d"),
        (63_072_000, "2y"),
        (63_158_400, "2y1d"),
        (315_360_000, "10y"),
    ];
    for (seconds, want) in table {
        assert_eq!(format::duration(seconds), want, "{seconds}");
    }
}

fn pod_row(status: &Value, extra: &Value) -> (String, String, String) {
    let mut pod =
        json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c"}]}, "status": status});
    for (key, value) in extra.as_object().into_iter().flatten() {
        pod[key] = value.clone();
    }
    let cells = pod::cells(&pod, NOW);
    let text = |i: usize| cells[i].as_str().unwrap_or_default().to_owned();
    (text(1), text(2), text(3))
}

#[test]
fn the_status_of_a_pod_is_its_most_telling_state() {
    let container = |state: Value| json!({"phase": "Running", "containerStatuses": [state]});
    let init =
        json!({"spec": {"containers": [{"name": "c"}], "initContainers": [{"name": "i"}, {"name": "j"}]}});
    let deleted = json!({"metadata": {"name": "p", "deletionTimestamp": "2001-09-09T01:46:40Z"}});
    let table = [
        (json!({"phase": "Pending"}), json!({}), ("0/1", "Pending", "0")),
        (
            container(json!({"ready": true, "restartCount": 0, "state": {"running": {}}})),
            json!({}),
            ("1/1", "Running", "0"),
        ),
        (
            container(
                json!({"restartCount": 2, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                "lastState": {"terminated": {"finishedAt": "2001-09-09T01:46:00Z"}}}),
            ),
            json!({}),
            ("0/1", "CrashLoopBackOff", "2 (40s ago)"),
        ),
        (
            container(json!({"restartCount": 0, "state": {"terminated": {"exitCode": 3}}})),
            json!({}),
            ("0/1", "ExitCode:3", "0"),
        ),
        (
            json!({"phase": "Pending", "initContainerStatuses":
                [{"name": "i", "restartCount": 1, "state": {"terminated": {"exitCode": 0}}},
                 {"name": "j", "restartCount": 0, "state": {"running": {}}}]}),
            init.clone(),
            ("0/1", "Init:1/2", "1"),
        ),
        (
            json!({"phase": "Pending", "initContainerStatuses":
                [{"name": "i", "restartCount": 0, "state": {"terminated": {"exitCode": 1, "reason": "Error"}}}]}),
            init,
            ("0/1", "Init:Error", "0"),
        ),
        (json!({"phase": "Running"}), deleted, ("0/1", "Terminating", "0")),
    ];
    for (status, extra, (ready, reason, restarts)) in table {
        let got = pod_row(&status, &extra);
        assert_eq!(
            got,
            (ready.to_owned(), reason.to_owned(), restarts.to_owned()),
            "{status}"
        );
    }
}

#[test]
fn selectors_read_as_the_query_parameter() {
    let selector = json!({"matchLabels": {"b": "c"}, "matchExpressions": [
        {"key": "a", "operator": "In", "values": ["y", "x"]}, {"key": "z", "operator": "DoesNotExist"}]});
    assert_eq!(format::selector(&selector), "a in (x,y),b=c,!z");
    assert_eq!(format::labels(&json!({})), "<none>");
}

#[test]
fn a_node_port_stands_behind_the_port_and_long_lists_are_cut() {
    let service = json!({"metadata": {"name": "s"}, "spec": {"type": "LoadBalancer", "clusterIP": "10.0.0.1",
        "ports": [{"port": 80, "nodePort": 30080, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}]}});
    let cells = core::service(&service, NOW);
    assert_eq!(
        (&cells[3], &cells[4]),
        (&json!("<pending>"), &json!("80:30080/TCP,53/UDP"))
    );
    let endpoints = json!({"metadata": {"name": "e"}, "subsets": [{"ports": [{"port": 80}],
        "addresses": [{"ip": "10.0.0.1"}, {"ip": "10.0.0.2"}, {"ip": "10.0.0.3"}, {"ip": "fd00::1"}]}]});
    assert_eq!(
        core::endpoints(&endpoints, NOW)[1],
        "10.0.0.1:80,10.0.0.2:80,10.0.0.3:80 + 1 more..."
    );
}
