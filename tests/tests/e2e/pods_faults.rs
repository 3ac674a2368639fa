//! The agent is killed, the runtime restarted, a sandbox ends: pods go on, and nothing is made twice.

use super::pods::{Seen, busybox_pod, containers, pods, wait_for, web_pod};
use tests::{Node, eventually};

/// Ids of the pod's running container and its restart count.
fn running(seen: &Seen, container: &str) -> (String, i64) {
    let status = seen.container(container);
    let id = status["containerID"].as_str().unwrap_or_default().to_owned();
    (id, status["restartCount"].as_i64().unwrap_or(-1))
}

#[test]
fn killed_agent_finds_its_containers_again() {
    let node = Node::with_busybox();
    let agent = node.start_agent(&[]);
    node.manifest("web.yaml", &web_pod("web", "hello"));
    let before = wait_for(&node, "web", Seen::is_running);
    let made = containers(&node);
    agent.kill();
    let agent = node.start_agent(&[]);
    let after = wait_for(&node, "web", Seen::is_running);
    assert_eq!(running(&after, "web"), running(&before, "web"));
    assert_eq!((after.uid(), after.ip()), (before.uid(), before.ip()));
    assert_eq!(containers(&node), made);
    assert!(!agent.log().contains("FailedCreatePodSandBox"), "{}", agent.log());
}

#[test]
fn agent_killed_while_pods_start_and_end_leaves_nothing_behind() {
    let node = Node::with_busybox();
    for round in 0..6u64 {
        let agent = node.start_agent(&[]);
        for name in ["a", "b", "c"] {
            node.manifest(&format!("{name}.yaml"), &busybox_pod(name, "sleep 1000", ""));
        }
        std::thread::sleep(std::time::Duration::from_millis(60 + round * 70));
        agent.kill();
    }
    let agent = node.start_agent(&[]);
    for name in ["a", "b", "c"] {
        let seen = wait_for(&node, name, Seen::is_running);
        // A kill in the middle of StartContainer ends that call's container in the runtime: one restart is right.
        assert!(running(&seen, "c").1 <= 1, "{name}: {}", seen.0["status"]);
    }
    eventually(
        "one sandbox and one container run per pod",
        Node::PATIENCE,
        || match node.sh("ctr -n k8s.io task ls | grep -c RUNNING || true").trim() {
            "6" => Ok(()),
            other => Err(format!("{other} tasks")),
        },
    );
    for name in ["a", "b", "c"] {
        node.remove_manifest(&format!("{name}.yaml"));
    }
    std::thread::sleep(std::time::Duration::from_millis(300));
    agent.kill();
    let _agent = node.start_agent(&[]);
    eventually("all is gone", Node::PATIENCE, || {
        let left = (containers(&node).len(), pods(&node).len());
        if left == (0, 0) {
            Ok(())
        } else {
            Err(format!("{left:?}"))
        }
    });
    let veths = node.sh("ip -o link show type veth");
    let files = node.sh("find /var/log/pods /var/log/containers /var/lib/kubelet/pods -mindepth 1");
    assert_eq!((veths.trim(), files.trim()), ("", ""));
}

#[test]
fn runtime_restarted_under_load_keeps_its_pods_and_starts_the_rest() {
    let mut node = Node::with_busybox();
    let agent = node.start_agent(&["-v"]);
    node.manifest("web.yaml", &web_pod("web", "hello"));
    let before = wait_for(&node, "web", Seen::is_running);
    for i in 0..6 {
        node.manifest(
            &format!("p{i}.yaml"),
            &busybox_pod(&format!("p{i}"), "sleep 1000", ""),
        );
    }
    std::thread::sleep(std::time::Duration::from_millis(150));
    node.restart_containerd();
    for i in 0..6 {
        wait_for(&node, &format!("p{i}"), Seen::is_running);
    }
    let after = wait_for(&node, "web", Seen::is_running);
    assert_eq!(running(&after, "web"), running(&before, "web"));
    eventually("nothing is there twice", Node::PATIENCE, || {
        match containers(&node).len() {
            14 => Ok(()),
            other => Err(format!(
                "{other} containers of 14; {}",
                agent.log().lines().count()
            )),
        }
    });
}

#[test]
fn sandbox_that_dies_is_replaced() {
    let node = Node::with_busybox();
    let _agent = node.start_agent(&[]);
    node.manifest("web.yaml", &web_pod("web", "hello"));
    let before = wait_for(&node, "web", Seen::is_running);
    node.sh("kill -9 $(pgrep -x pause | head -1)");
    let after = wait_for(&node, "web", |seen| {
        seen.is_running() && running(seen, "web").1 == 1
    });
    assert_ne!(running(&after, "web").0, running(&before, "web").0);
    let address = format!("{}:8080", after.ip()).parse().expect("an address");
    eventually("the pod answers", Node::PATIENCE, || {
        node.http_get(address, "/index.html")
    });
}
