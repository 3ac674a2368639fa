//! The contract of `cri` on real containerd.

use cri::contract::{CASES, World};
use cri::oci_archive::{Image, Layer, Platform, RunConfig};
use cri::{Client, Deadlines};
use futures_util::FutureExt as _;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use tests::Node;
use tests::image::{BUSYBOX, busybox};
use tests::require;

/// What containerd 1.6 and 2.1 want a sandbox to run.
const PAUSE: [&str; 2] = ["registry.k8s.io/pause:3.6", "registry.k8s.io/pause:3.10"];

/// A sandbox's own process: sleeps until it is killed.
pub(super) fn pause() -> Vec<u8> {
    let busybox = std::fs::read(require::find("busybox").expect("busybox-static is installed")).unwrap();
    let image = Image {
        names: PAUSE.map(str::to_owned).to_vec(),
        platform: Platform::current(),
        config: RunConfig {
            entrypoint: vec!["/busybox".to_owned(), "sleep".to_owned(), "1000000".to_owned()],
            ..RunConfig::default()
        },
        layers: vec![Layer::new().file("busybox", 0o755, busybox)],
    };
    let mut archive = Vec::new();
    image.write_to(&mut archive).unwrap();
    archive
}

pub(super) fn in_runtime(work: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(work);
}

/// A node with what sandboxes need, and a client of it.
pub(super) fn node() -> Node {
    let node = Node::start();
    node.import(busybox());
    node.import(&pause());
    node
}

pub(super) fn world(node: &Node) -> World {
    let client = Client::new(node.containerd_socket(), Deadlines::default());
    let logs = Path::new("/var/log/pods");
    std::fs::create_dir_all(node.path(logs)).unwrap();
    World::new(client, BUSYBOX, logs, &node.path(logs))
}

#[test]
fn containerd_keeps_the_contract() {
    let node = node();
    in_runtime(async {
        let world = world(&node);
        let mut broken = Vec::new();
        for case in CASES {
            // Its panic is printed; the other promises are looked at all the same.
            if AssertUnwindSafe(case.run(&world)).catch_unwind().await.is_err() {
                broken.push(case.name);
            }
        }
        assert!(broken.is_empty(), "not kept: {broken:?}");
    });
}

#[test]
fn containerd_is_checked_and_its_settings_are_known() {
    let node = Node::start();
    in_runtime(async {
        let client = Client::new(node.containerd_socket(), Deadlines::default());
        let info = client.connect_and_check().await.unwrap();
        assert_eq!(info.name, "containerd");
        assert!(info.runtime.ready);
        assert!(!info.network.ready, "no CNI configuration was written");
        assert_eq!(info.network.reason, "NetworkPluginNotReady");
        assert_eq!(info.cgroup_driver, Some(cri::v1::CgroupDriver::Cgroupfs));
        assert_eq!(info.cni_config_directory.as_deref(), Some("/etc/cni/net.d"));
        if info.version.starts_with("1.") {
            assert_eq!(info.snapshotter.as_deref(), Some("overlayfs"));
            assert!(info.sandbox_image.is_some_and(|image| image.contains("pause")));
        } else {
            // 2.x keeps these two in another plugin, which its status does not show.
            assert_eq!((info.snapshotter, info.sandbox_image), (None, None));
            assert!(!info.handlers.is_empty());
        }
    });
}

#[test]
fn each_reason_why_nobody_answers_is_named_with_its_fix() {
    let mut node = Node::without_containerd();
    let why = |node: &Node| {
        let mut why = String::new();
        in_runtime(async {
            let client = Client::new(node.containerd_socket(), Deadlines::default());
            why = client.connect_and_check().await.unwrap_err().to_string();
        });
        why
    };
    let missing = why(&node);
    assert!(
        missing.contains("no socket at") && missing.contains("systemctl enable --now"),
        "{missing}"
    );

    // As Docker packages it.
    node.write("/etc/containerd/config.toml", "disabled_plugins = [\"cri\"]\n");
    node.start_containerd();
    let disabled = why(&node);
    assert!(disabled.contains("disabled_plugins = [\"cri\"]"), "{disabled}");

    node.kill_containerd();
    let down = why(&node);
    assert!(down.contains("nothing listens on"), "{down}");
}
