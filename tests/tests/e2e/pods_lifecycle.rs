//! Restarts, ends, images and logs of pods on a real runtime.

use std::time::{Duration, Instant};

use super::pods::{Seen, busybox_pod, containers, pod, pods, wait_for};
use tests::image::BUSYBOX;
use tests::{Node, eventually};

fn is_gone(node: &Node) {
    eventually("all pods are gone", Node::PATIENCE, || match pods(node).len() {
        0 => Ok(()),
        some => Err(format!("{some} pods")),
    });
}

#[test]
fn restart_policies_and_back_off_are_the_references() {
    let node = Node::with_busybox();
    let _agent = node.start_agent(&[]);
    let policy = |policy: &str| format!("  restartPolicy: {policy}\n");
    node.manifest(
        "loop.yaml",
        &busybox_pod("loop", "echo why >/dev/termination-log; exit 7", ""),
    );
    node.manifest("ok.yaml", &busybox_pod("ok", "echo done", &policy("Never")));
    node.manifest("bad.yaml", &busybox_pod("bad", "exit 3", &policy("Never")));
    node.manifest("fine.yaml", &busybox_pod("fine", "exit 0", &policy("OnFailure")));

    assert_eq!(
        wait_for(&node, "ok", |seen| seen.phase() == "Succeeded").condition("Ready"),
        "False"
    );
    let bad = wait_for(&node, "bad", |seen| seen.phase() == "Failed");
    assert_eq!(bad.container("c")["state"]["terminated"]["exitCode"], 3);
    wait_for(&node, "fine", |seen| seen.phase() == "Succeeded");

    // Restarted at once after the first end, then after 10 s.
    let first = wait_for(&node, "loop", |seen| seen.waiting("c") == "CrashLoopBackOff");
    let status = first.container("c");
    assert_eq!(status["restartCount"], 1);
    assert_eq!(status["lastState"]["terminated"]["exitCode"], 7);
    assert_eq!(status["lastState"]["terminated"]["message"], "why\n");
    assert_eq!(first.phase(), "Running");
    let begun = Instant::now();
    wait_for(&node, "loop", |seen| seen.container("c")["restartCount"] == 2);
    let waited = begun.elapsed();
    assert!(
        (Duration::from_secs(8)..Duration::from_secs(14)).contains(&waited),
        "{waited:?}"
    );
}

#[test]
fn images_that_are_missing_show_the_references_statuses() {
    let node = Node::with_busybox();
    let _agent = node.start_agent(&[]);
    let with = |name: &str, image: &str, policy: &str| {
        let more = format!("image: {image}\n    imagePullPolicy: {policy}");
        busybox_pod(name, "sleep 1", "").replace(&format!("image: {BUSYBOX}"), &more)
    };
    node.manifest("never.yaml", &with("never", "localhost:1/none:1", "Never"));
    node.manifest(
        "absent.yaml",
        &with("absent", "localhost:1/none:1", "IfNotPresent"),
    );
    let never = wait_for(&node, "never", |seen| seen.waiting("c") == "ErrImageNeverPull");
    assert_eq!(
        never.container("c")["state"]["waiting"]["message"],
        "Container image \"localhost:1/none:1\" is not present with pull policy of Never"
    );
    wait_for(&node, "absent", |seen| seen.waiting("c") == "ErrImagePull");
    let absent = wait_for(&node, "absent", |seen| seen.waiting("c") == "ImagePullBackOff");
    assert_eq!(absent.phase(), "Pending");
    let message = absent.container("c")["state"]["waiting"]["message"].clone();
    assert!(
        message
            .as_str()
            .is_some_and(|m| m.starts_with("Back-off pulling image \"localhost:1/none:1\": ErrImagePull: ")),
        "{message}"
    );
}

#[test]
fn grace_is_given_before_a_container_is_killed() {
    let node = Node::with_busybox();
    let _agent = node.start_agent(&[]);
    let polite = "trap 'sleep 1; echo bye; exit 0' TERM; echo ready; while true; do sleep 0.1; done";
    node.manifest(
        "polite.yaml",
        &busybox_pod("polite", polite, "").replace("Seconds: 2", "Seconds: 20"),
    );
    node.manifest(
        "rude.yaml",
        &busybox_pod("rude", "trap '' TERM; while true; do sleep 0.1; done", ""),
    );
    wait_for(&node, "polite", Seen::is_running);
    wait_for(&node, "rude", Seen::is_running);
    eventually("the handler is set", Node::PATIENCE, || {
        match node
            .sh("cat /var/log/pods/default_polite-*/c/0.log")
            .contains("ready")
        {
            true => Ok(()),
            false => Err("not ready"),
        }
    });
    let begun = Instant::now();
    node.remove_manifest("polite.yaml");
    node.remove_manifest("rude.yaml");
    eventually("polite is gone", Node::PATIENCE, || {
        pod(&node, "polite").map_or(Ok(()), |_| Err("there"))
    });
    let polite = begun.elapsed();
    is_gone(&node);
    assert!(
        polite >= Duration::from_millis(900) && polite < Duration::from_secs(15),
        "{polite:?}"
    );
    assert!(begun.elapsed() >= Duration::from_secs(2), "{:?}", begun.elapsed());
    assert_eq!(containers(&node), Vec::<String>::new());
}

#[test]
fn init_containers_run_in_order_and_volumes_are_shared() {
    let node = Node::with_busybox();
    let _agent = node.start_agent(&[]);
    node.write("/etc/from-host", "host");
    let manifest = format!(
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: init\nspec:\n  terminationGracePeriodSeconds: 2\n  hostAliases:\n  - ip: 10.1.2.3\n    hostnames: [far]\n  volumes:\n  - name: e\n    emptyDir: {{}}\n  - name: m\n    emptyDir: {{medium: Memory, sizeLimit: 1Mi}}\n  - name: h\n    hostPath: {{path: /etc/from-host, type: File}}\n  initContainers:\n  - name: one\n    image: {BUSYBOX}\n    command: [sh, -c, 'cat /h >/e/one']\n    volumeMounts: [{{name: e, mountPath: /e}}, {{name: h, mountPath: /h}}]\n  - name: two\n    image: {BUSYBOX}\n    command: [sh, -c, 'cp /e/one /m/two']\n    volumeMounts: [{{name: e, mountPath: /e}}, {{name: m, mountPath: /m}}]\n  containers:\n  - name: c\n    image: {BUSYBOX}\n    env:\n    - {{name: IP, valueFrom: {{fieldRef: {{fieldPath: status.podIP}}}}}}\n    - {{name: SAID, value: 'ip $(IP)'}}\n    command: [sh, -c, 'cat /m/two; echo; echo $SAID; grep far /etc/hosts; stat -f -c %T /m; sleep 1000']\n    volumeMounts: [{{name: m, mountPath: /m, readOnly: true}}]\n"
    );
    node.manifest("init.yaml", &manifest);
    let seen = wait_for(&node, "init", Seen::is_running);
    let expected = [
        "host".to_owned(),
        format!("ip {}", seen.ip()),
        "10.1.2.3\tfar".to_owned(),
        "tmpfs".to_owned(),
    ];
    eventually("the container has said what it sees", Node::PATIENCE, || {
        let log = node.sh("cut -d' ' -f4- /var/log/pods/default_init-*/c/0.log");
        match expected.iter().all(|line| log.lines().any(|l| l == line)) {
            true => Ok(()),
            false => Err(log),
        }
    });
    node.remove_manifest("init.yaml");
    is_gone(&node);
    assert_eq!(
        node.sh("grep -c /var/lib/kubelet/pods /proc/mounts || true")
            .trim(),
        "0"
    );
}
