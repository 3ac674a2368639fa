//! `agent check` on a machine with a real runtime, and with the runtimes that people meet.

use serde_json::Value;
use tests::Node;

/// The report of `agent check --output json`, and the exit code.
fn check(node: &Node) -> (Value, Option<i32>) {
    let outcome = node.run_agent(&["check", "--output", "json"]);
    let report = serde_json::from_slice(&outcome.stdout).expect("one JSON document");
    (report, outcome.status.code())
}

fn finding<'a>(report: &'a Value, id: &str) -> &'a Value {
    let findings = report["findings"].as_array().expect("findings");
    findings
        .iter()
        .find(|finding| finding["id"] == id)
        .unwrap_or_else(|| panic!("no finding {id}: {report:#}"))
}

#[test]
fn a_node_with_its_runtime_has_no_failures() {
    let node = Node::start();
    let (report, code) = check(&node);
    assert_eq!(report["summary"]["failures"], 0, "{report:#}");
    assert_eq!(code, Some(0));
    for id in [
        "kernel.veth",
        "kernel.bridge",
        "kernel.nftables",
        "kernel.overlayfs",
        "runtime.reachable",
    ] {
        assert_eq!(finding(&report, id)["status"], "ok", "{id}");
    }
    let message = finding(&report, "runtime.reachable")["message"]
        .as_str()
        .unwrap_or_default();
    assert!(message.contains("containerd answers"), "{message}");
}

#[test]
fn the_check_leaves_nothing_in_the_nodes_network() {
    let node = Node::start();
    let before = node.sh("ip -o link; nft list tables");
    check(&node);
    assert_eq!(node.sh("ip -o link; nft list tables"), before);
}

#[test]
fn a_missing_runtime_is_a_failure_with_its_fix() {
    let node = Node::without_containerd();
    let (report, code) = check(&node);
    assert_eq!(code, Some(1));
    let found = finding(&report, "runtime.reachable");
    assert_eq!(found["status"], "failure");
    assert!(
        found["fix"]
            .as_str()
            .is_some_and(|fix| fix.contains("containerd")),
        "{found:#}"
    );
}

#[test]
fn a_taken_port_names_the_process_that_has_it() {
    let node = Node::without_containerd();
    let mut listener = node
        .command("busybox")
        .args(["nc", "-l", "-p", "10250"])
        .spawn()
        .expect("listener");
    let found = tests::eventually("the port is reported", std::time::Duration::from_secs(20), || {
        let (report, _) = check(&node);
        let findings = report["findings"].as_array().cloned().unwrap_or_default();
        let taken = findings
            .into_iter()
            .find(|finding| finding["id"] == "network.port" && finding["status"] == "failure");
        taken.ok_or("all ports are free")
    });
    listener.kill().expect("stop the listener");
    listener.wait().expect("wait for the listener");
    let message = found["message"].as_str().unwrap_or_default();
    assert!(
        message.starts_with("port 10250 (kubelet API) is taken by busybox, process "),
        "{message}"
    );
}

/// Docker's package of containerd comes with CRI switched off.
#[test]
fn a_disabled_cri_plugin_is_named_with_the_file_and_the_command() {
    let mut node = Node::without_containerd();
    node.write("/etc/containerd/config.toml", "disabled_plugins = [\"cri\"]\n");
    node.start_containerd();
    let found = tests::eventually("the plugin is reported", Node::PATIENCE, || {
        let (report, _) = check(&node);
        let findings = report["findings"].as_array().cloned().unwrap_or_default();
        let found = findings
            .into_iter()
            .find(|finding| finding["id"] == "runtime.cri-enabled");
        found.ok_or_else(|| finding(&report, "runtime.reachable")["message"].to_string())
    });
    assert_eq!(found["status"], "failure");
    let fix = found["fix"].as_str().unwrap_or_default();
    assert_eq!(
        fix,
        "sed -i '/^ *disabled_plugins/s/\"cri\"//' /etc/containerd/config.toml && systemctl restart containerd"
    );
}
