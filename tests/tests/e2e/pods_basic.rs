//! Pods from files on a real runtime: start, answer, change, end; and nothing stays behind.

use super::pods::{Seen, busybox_pod, containers, pod, pods, wait_for, web_pod};
use tests::{Node, eventually};

#[test]
fn a_pod_from_a_file_answers_http_and_leaves_nothing_when_the_file_goes() {
    let node = Node::with_busybox();
    let _agent = node.start_agent(&[]);
    node.manifest("web.yaml", &web_pod("web", "hello"));
    let seen = wait_for(&node, "web", Seen::is_running);
    let address = format!("{}:8080", seen.ip()).parse().expect("an address");
    let body = eventually("the pod answers", Node::PATIENCE, || {
        node.http_get(address, "/index.html")
    });
    assert_eq!(body.trim(), "hello");
    assert_eq!(seen.condition("Ready"), "True");

    let log = node.sh("cat /var/log/pods/default_web-*/web/0.log");
    assert!(log.contains("stdout F serving"), "{log}");
    assert_eq!(node.sh("cat /var/log/containers/web-*_default_web-*.log"), log);

    node.remove_manifest("web.yaml");
    eventually("the pod is gone", Node::PATIENCE, || match pods(&node).len() {
        0 => Ok(()),
        some => Err(format!("{some} pods")),
    });
    assert_eq!(containers(&node), Vec::<String>::new());
    let files = node.sh("find /var/log/pods /var/log/containers /var/lib/kubelet/pods -mindepth 1");
    let cgroups = node.sh("find /sys/fs/cgroup -type d -path '*kubepods*' -name 'pod*'");
    let links = node.sh("ip -o link show type veth");
    let namespaces = node.sh("ls /run/netns 2>/dev/null; ls /var/run/netns 2>/dev/null; true");
    let mounts = node.sh("grep -e /var/lib/kubelet -e /run/netns/ /proc/mounts || true");
    for (what, left) in [
        ("files", files),
        ("cgroups", cgroups),
        ("links", links),
        ("network namespaces", namespaces),
        ("mounts", mounts),
    ] {
        assert_eq!(left.trim(), "", "{what}");
    }
}

#[test]
fn a_changed_manifest_replaces_the_pod_under_a_new_uid() {
    let node = Node::with_busybox();
    let _agent = node.start_agent(&[]);
    node.manifest("web.yaml", &web_pod("web", "one"));
    let first = wait_for(&node, "web", Seen::is_running);
    node.manifest("web.yaml", &web_pod("web", "two"));
    let second = wait_for(&node, "web", |seen| {
        seen.is_running() && seen.uid() != first.uid()
    });
    let address = format!("{}:8080", second.ip()).parse().expect("an address");
    let body = eventually("the new pod answers", Node::PATIENCE, || {
        node.http_get(address, "/index.html")
    });
    assert_eq!(body.trim(), "two");
    assert_eq!(pods(&node).len(), 1);
}

#[test]
fn a_broken_manifest_beside_good_ones_stops_none_of_them() {
    let node = Node::with_busybox();
    let agent = node.start_agent(&[]);
    node.manifest(
        "a-broken.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: broken}\nspec:\n  containerz: []\n",
    );
    node.manifest("b-good.yaml", &busybox_pod("good", "sleep 1000", ""));
    wait_for(&node, "good", Seen::is_running);
    eventually("the mistake is named once with its place", Node::PATIENCE, || {
        let lines = agent
            .log()
            .lines()
            .filter(|l| l.contains("a-broken.yaml"))
            .count();
        if lines == 1 {
            Ok(())
        } else {
            Err(format!("{lines} lines"))
        }
    });
    assert!(pod(&node, "broken").is_none());
}
