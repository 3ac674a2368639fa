//! The rig itself: a node works, nodes do not meet, and nothing stays behind.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tests::image::BUSYBOX;
use tests::leftovers::Leftovers;
use tests::{Node, eventually};

#[test]
fn a_node_runs_a_container_and_leaves_nothing() {
    let node = Node::with_busybox();
    let name = node.name().to_owned();
    let said = node.sh(&format!(
        "ctr -n k8s.io run --rm {BUSYBOX} c1 /bin/echo hello from $(hostname)"
    ));
    assert_eq!(said.trim(), format!("hello from {name}"));
    assert!(
        !Leftovers::now().of(&name).is_empty(),
        "the node must be visible while it lives"
    );
    drop(node);
    assert_eq!(Leftovers::now().of(&name), Vec::<String>::new());
}

#[test]
fn two_nodes_have_their_own_files_and_networks() {
    let (one, two) = (Node::without_containerd(), Node::without_containerd());
    one.write("/etc/kubernetes/here", "one");
    one.sh("ip link add br7 type bridge");
    assert_eq!(one.sh("cat /etc/kubernetes/here"), "one");
    assert!(!two.path("/etc/kubernetes/here").exists());
    assert!(!std::path::Path::new("/etc/kubernetes/here").exists());
    assert!(!two.try_sh("ip link show br7").status.success());
}

#[test]
fn a_panic_with_a_running_container_leaves_nothing() {
    let name = std::sync::Mutex::new(String::new());
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let node = Node::with_busybox();
        *name.lock().unwrap() = node.name().to_owned();
        node.sh(&format!("ctr -n k8s.io run -d {BUSYBOX} c1 /bin/sleep 1000"));
        panic!("as a failing test does");
    }));
    assert!(outcome.is_err());
    let name = name.into_inner().unwrap();
    assert_eq!(Leftovers::now().of(&name), Vec::<String>::new());
}

#[test]
fn containerd_restarts_without_its_containers_noticing() {
    let mut node = Node::with_busybox();
    node.sh(&format!("ctr -n k8s.io run -d {BUSYBOX} c1 /bin/sleep 1000"));
    let before = node.sh("ctr -n k8s.io task ls");
    node.restart_containerd();
    assert_eq!(node.sh("ctr -n k8s.io task ls"), before);
    assert!(before.contains("RUNNING"), "{before}");
}

/// Not a test: what `a_killed_test_process…` starts and kills.
#[test]
#[ignore = "a part of another test, which runs it by name"]
fn part_that_holds_a_node() {
    let node = Node::with_busybox();
    node.sh(&format!("ctr -n k8s.io run -d {BUSYBOX} c1 /bin/sleep 1000"));
    std::fs::write(
        std::env::var("RIG_SAYS").expect("a file to write to"),
        node.name(),
    )
    .unwrap();
    std::thread::sleep(std::time::Duration::from_secs(600));
}

#[test]
fn a_killed_test_process_leaves_nothing_after_the_next_start() {
    let says = tempfile::NamedTempFile::new().unwrap();
    let mut part = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "e2e::rig::part_that_holds_a_node", "--ignored"])
        .env("RIG_SAYS", says.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let name = eventually("the other process holds a node", Node::PATIENCE, || {
        let name = std::fs::read_to_string(says.path()).unwrap();
        if name.is_empty() {
            Err("no name yet")
        } else {
            Ok(name)
        }
    });
    part.kill().unwrap();
    part.wait().unwrap();
    eventually(
        "the node's processes end with their maker",
        Node::PATIENCE,
        || {
            let stay: Vec<_> = Leftovers::now()
                .of(&name)
                .into_iter()
                .filter(|entry| entry.starts_with("process"))
                .collect();
            if stay.is_empty() {
                Ok(())
            } else {
                Err(stay.join(", "))
            }
        },
    );
    drop(Node::without_containerd());
    assert_eq!(Leftovers::now().of(&name), Vec::<String>::new());
}
