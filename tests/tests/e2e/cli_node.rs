//! `agent node` as a process: what it says about manifests, how it stops, what it leaves.

use serde_json::Value;
use tests::image::BUSYBOX;
use tests::{Node, eventually};

fn pod(name: &str, command: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {name}\nspec:\n  terminationGracePeriodSeconds: 1\n  containers:\n  \
         - name: main\n    image: {BUSYBOX}\n    imagePullPolicy: Never\n    command: [\"sh\", \"-c\", \"{command}\"]\n"
    )
}

/// The pods as `agent pods` lists them, by name: phase.
fn phases(node: &Node) -> Result<Vec<(String, String)>, String> {
    let outcome = node.run_agent(&["pods", "--output", "json"]);
    if !outcome.status.success() {
        return Err(String::from_utf8_lossy(&outcome.stderr).into_owned());
    }
    let list: Value = serde_json::from_slice(&outcome.stdout).map_err(|error| error.to_string())?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let items = list["items"].as_array().ok_or("no items")?;
    Ok(items
        .iter()
        .map(|pod| (text(&pod["metadata"]["name"]), text(&pod["status"]["phase"])))
        .collect())
}

fn await_phases(node: &Node, expected: &[(&str, &str)]) {
    let expected: Vec<_> = expected
        .iter()
        .map(|(name, phase)| ((*name).to_owned(), (*phase).to_owned()))
        .collect();
    eventually("the pods are as expected", Node::PATIENCE, || {
        let mut found = phases(node)?;
        found.sort();
        if found == expected {
            Ok(())
        } else {
            Err(format!("{found:?}"))
        }
    });
}

/// Ids of the containers that run, from the runtime itself.
fn containers(node: &Node) -> Vec<String> {
    let mut ids: Vec<String> = node
        .sh("ctr -n k8s.io task ls -q")
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    ids.sort();
    ids
}

#[test]
fn a_broken_manifest_is_named_once_and_the_other_pods_go_on() {
    let node = Node::with_busybox();
    let agent = node.start_agent(&["--node-name", "n1", "--file-check-frequency", "1s"]);
    node.manifest("good.yaml", &pod("good", "sleep 1000"));
    let broken = pod("bad", "sleep 1000").replace(
        "name: main",
        "name: main\n    ports:\n    - containerPort: \"http\"",
    );
    node.manifest("bad.yaml", &broken);
    await_phases(&node, &[("good-n1", "Running")]);
    let before = containers(&node);
    // The file of a running pod becomes broken: nothing ends.
    node.manifest("good.yaml", "apiVersion: v1\nkind: Pod\nspec: [\n");
    let message = "good.yaml:3:7: unclosed bracket '['";
    eventually("the mistake is logged", Node::PATIENCE, || {
        agent.log().contains(message).then_some(()).ok_or("not yet")
    });
    node.manifest("good.yaml", &pod("good", "sleep 1000"));
    // Another pod shows that the node has looked at everything since.
    node.manifest("late.yaml", &pod("late", "sleep 1000"));
    await_phases(&node, &[("good-n1", "Running"), ("late-n1", "Running")]);
    let after = containers(&node);
    assert!(before.iter().all(|id| after.contains(id)), "{before:?} {after:?}");
    let message = "bad.yaml:10:22: spec.containers[0].ports[0].containerPort: expected integer, found string";
    assert_eq!(agent.log().matches(message).count(), 1, "{}", agent.log());
}

#[test]
fn terminating_the_agent_leaves_containers_and_the_next_start_takes_them_over() {
    let node = Node::with_busybox();
    let agent = node.start_agent(&["--node-name", "n1"]);
    node.manifest("web.yaml", &pod("web", "sleep 1000"));
    await_phases(&node, &[("web-n1", "Running")]);
    let before = containers(&node);
    let table = String::from_utf8(node.run_agent(&["pods"]).stdout).expect("text");
    let rows: Vec<Vec<&str>> = table
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        rows[0],
        ["NAMESPACE", "NAME", "READY", "STATUS", "RESTARTS", "AGE", "IP"],
        "{table}"
    );
    assert_eq!(
        rows[1][..5],
        ["default", "web-n1", "1/1", "Running", "0"],
        "{table}"
    );
    assert!(
        rows[1][5].ends_with('s') && rows[1][6].starts_with("10.88."),
        "{table}"
    );
    let status = agent.terminate();
    assert_eq!(status.code(), Some(0));
    assert_eq!(containers(&node), before);
    // A file that is broken at the start still names its last good pod.
    node.manifest("web.yaml", "kind: Pod\n");
    let agent = node.start_agent(&["--node-name", "n1"]);
    await_phases(&node, &[("web-n1", "Running")]);
    assert_eq!(containers(&node), before);
    node.remove_manifest("web.yaml");
    await_phases(&node, &[]);
    assert!(containers(&node).is_empty());
    drop(agent);
}

#[test]
fn a_foreign_network_configuration_is_used_and_nothing_is_written_beside_it() {
    let node = Node::with_busybox();
    let foreign = r#"{"cniVersion": "1.0.0", "name": "other", "plugins": [{"type": "loopback"}]}"#;
    node.write("/etc/cni/net.d/05-other.conflist", foreign);
    let agent = node.start_agent(&[]);
    eventually("the choice is logged", Node::PATIENCE, || {
        agent
            .log()
            .contains("05-other.conflist")
            .then_some(())
            .ok_or_else(|| agent.log())
    });
    assert_eq!(node.sh("ls /etc/cni/net.d").trim(), "05-other.conflist");
}

#[test]
fn without_a_runtime_the_node_waits_and_says_for_what() {
    let mut node = Node::without_containerd();
    let agent = node.start_agent(&["--node-name", "n1"]);
    eventually("the reason is logged", Node::PATIENCE, || {
        agent
            .log()
            .contains("not ready to start pods yet")
            .then_some(())
            .ok_or_else(|| agent.log())
    });
    node.start_containerd();
    node.import(tests::image::busybox());
    node.manifest("web.yaml", &pod("web", "sleep 1000"));
    await_phases(&node, &[("web-n1", "Running")]);
}

#[test]
fn a_manifest_directory_that_is_missing_is_refused_with_the_command_that_makes_it() {
    let node = Node::without_containerd();
    let outcome = node.run_agent(&["node", "--standalone", "--manifests", "/nowhere"]);
    let said = String::from_utf8_lossy(&outcome.stderr).into_owned();
    assert_eq!(outcome.status.code(), Some(1), "{said}");
    assert!(said.contains("fix: mkdir -p /nowhere"), "{said}");
}

#[test]
fn a_runtime_that_lost_its_sandbox_image_gets_it_again() {
    let node = Node::with_busybox();
    let agent = node.start_agent(&["--node-name", "n1"]);
    node.manifest("one.yaml", &pod("one", "sleep 1000"));
    await_phases(&node, &[("one-n1", "Running")]);
    node.sh("ctr -n k8s.io images ls -q | grep pause | xargs ctr -n k8s.io images rm --sync");
    eventually("the runtime has forgotten the image", Node::PATIENCE, || {
        let listed = node.sh("ctr -n k8s.io images ls -q");
        (!listed.contains("pause")).then_some(()).ok_or(listed)
    });
    node.manifest("two.yaml", &pod("two", "sleep 1000"));
    await_phases(&node, &[("one-n1", "Running"), ("two-n1", "Running")]);
    assert!(
        agent.log().contains("gave the runtime the pause image"),
        "{}",
        agent.log()
    );
}

#[test]
fn the_service_manager_hears_when_the_node_is_ready_and_when_it_stops() {
    let node = Node::with_busybox();
    let socket = std::os::unix::net::UnixDatagram::bind(node.path("/run/notify.sock")).expect("socket");
    socket.set_read_timeout(Some(Node::PATIENCE)).expect("timeout");
    let hear = |state: &str| {
        let mut bytes = [0; 512];
        loop {
            let length = socket.recv(&mut bytes).expect("a notification in time");
            let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
            if text.lines().any(|line| line == state) {
                return;
            }
        }
    };
    node.sh("mkdir -p /etc/kubernetes/manifests");
    let child = node
        .command(tests::agent_binary())
        .args(["node", "--standalone"])
        .env("NOTIFY_SOCKET", "/run/notify.sock")
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("start the agent");
    let inner = node.inner_pid(&child);
    hear("READY=1");
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(inner.cast_signed()),
        nix::sys::signal::Signal::SIGTERM,
    )
    .expect("signal");
    hear("STOPPING=1");
    let mut child = child;
    assert_eq!(child.wait().expect("status").code(), Some(0));
}
