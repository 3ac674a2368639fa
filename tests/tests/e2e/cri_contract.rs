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

/// A sandbox's own process: sleeps until it is killed.
fn pause(name: &str) -> Vec<u8> {
    let busybox = std::fs::read(require::find("busybox").expect("busybox-static is installed")).unwrap();
    let image = Image {
        names: vec![name.to_owned()],
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

fn in_runtime(work: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(work);
}

/// A node with what sandboxes need, and a client of it.
fn node() -> Node {
    let node = Node::start();
    node.import(busybox());
    node.import(&pause("registry.k8s.io/pause:3.6"));
    node
}

fn world(node: &Node) -> World {
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
