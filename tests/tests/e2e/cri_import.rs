//! Image import on real containerd, judged by containerd's own client and by CRI.

use super::cri_contract::{in_runtime, pause, world};
use cri::contract::CASES;
use cri::import::{ArchiveSource, Digest, ImportError, ImportOptions};
use cri::{Client, Deadlines};
use std::io::{Read as _, Write as _};
use tests::Node;
use tests::image::{BUSYBOX, busybox};

/// Everything containerd keeps for Kubernetes, in its own client's words.
fn stored(node: &Node) -> String {
    let list = |what: &str| node.sh(&format!("ctr -n k8s.io {what} | sort"));
    let snapshots = list("snapshots ls | awk '{print $1, $2, $3}'");
    [
        list("content ls -q"),
        snapshots,
        list("images ls -q"),
        list("leases ls -q"),
    ]
    .join("--\n")
}

#[test]
fn archive_is_imported_unpacked_named_and_runs() {
    let node = Node::start();
    let client_of = |node: &Node| Client::new(node.containerd_socket(), Deadlines::default());
    in_runtime(async {
        let client = client_of(&node);
        let options = ImportOptions::at(std::time::SystemTime::now());
        let sources = [busybox().to_vec(), pause()];
        for bytes in sources {
            let source = ArchiveSource::Bytes("test", bytes.into());
            let imported = client.import(source, options.clone()).await.unwrap();
            assert_eq!(imported.len(), 1);
            let seen = client
                .image_status(&imported[0].names[0])
                .await
                .unwrap()
                .expect("CRI has it");
            assert_eq!(seen.id, imported[0].id.to_string());
            assert_eq!(seen.repo_tags, imported[0].names);
        }
        let once = stored(&node);
        assert!(
            !once.contains("agent-import"),
            "no lease and no unfinished snapshot stays: {once}"
        );
        // A second import changes nothing.
        let again = ArchiveSource::Bytes("test", busybox().into());
        client.import(again, options).await.unwrap();
        assert_eq!(stored(&node), once);
    });
    // Removing a name with --sync collects all garbage at once: what the import left must not be any.
    node.sh(&format!("ctr -n k8s.io images tag {BUSYBOX} agent.local/other:1"));
    node.sh("ctr -n k8s.io images rm --sync agent.local/other:1");
    let blobs = |list: &str| list.lines().filter(|line| line.starts_with("sha256:")).count();
    assert_eq!(
        blobs(&node.sh("ctr -n k8s.io content ls -q")),
        6,
        "manifest, configuration and layer of two"
    );
    assert_eq!(
        blobs(&node.sh("ctr -n k8s.io snapshots ls")),
        2,
        "the unpacked layer of each"
    );
    in_runtime(async {
        let world = world(&node);
        let case = CASES
            .iter()
            .find(|case| case.name == "output_goes_to_the_log_file")
            .unwrap();
        case.run(&world).await;
    });
}

#[test]
fn damaged_archive_is_refused_whole() {
    let node = Node::start();
    let mut damaged = busybox().to_vec();
    // The last megabyte before the tar's end is inside the layer.
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    in_runtime(async {
        let client = Client::new(node.containerd_socket(), Deadlines::default());
        let options = ImportOptions::at(std::time::SystemTime::now());
        let source = ArchiveSource::Bytes("damaged", damaged.into());
        let error = client.import(source, options).await.unwrap_err();
        assert!(
            matches!(&error, ImportError::DigestMismatch { path, .. } if path.starts_with("blobs/")),
            "{error}"
        );
        assert_eq!(client.list_images().await.unwrap(), []);
    });
    assert_eq!(
        node.sh("ctr -n k8s.io images ls -q; ctr -n k8s.io leases ls -q"),
        ""
    );
}

/// What `docker save` writes for the image of an OCI archive: `manifest.json` and files with names of its own.
fn docker_save(archive: &[u8], name: &str) -> Vec<u8> {
    let mut layer = Vec::new();
    let mut config = serde_json::Value::Null;
    for entry in tar::Archive::new(archive).entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        match serde_json::from_slice::<serde_json::Value>(&bytes) {
            Ok(document) if document.get("rootfs").is_some() => config = document,
            Ok(_) => {}
            Err(_) if bytes.len() > layer.len() => layer = bytes,
            Err(_) => {}
        }
    }
    let config = config.to_string();
    let config_name = format!("{}.json", Digest::of(config.as_bytes()).hex());
    let manifest =
        serde_json::json!([{ "Config": config_name, "RepoTags": [name], "Layers": ["abc/layer.tar"] }]);
    let mut saved = tar::Builder::new(Vec::new());
    let files = [
        ("abc/layer.tar", layer.as_slice()),
        (config_name.as_str(), config.as_bytes()),
        ("manifest.json", manifest.to_string().as_bytes()),
    ]
    .map(|(path, bytes)| (path.to_owned(), bytes.to_vec()));
    for (path, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        saved.append_data(&mut header, path, bytes.as_slice()).unwrap();
    }
    saved.into_inner().unwrap()
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn all_forms_of_an_archive_run() {
    let node = Node::start();
    node.import(&pause());
    let directory = tempfile::tempdir().unwrap();
    let forms = [
        ("oci.tar.gz", gzipped(busybox())),
        ("docker.tar", docker_save(busybox(), BUSYBOX)),
        ("docker.tar.gz", gzipped(&docker_save(busybox(), BUSYBOX))),
    ];
    in_runtime(async {
        let world = world(&node);
        let case = CASES
            .iter()
            .find(|case| case.name == "output_goes_to_the_log_file")
            .unwrap();
        for (form, bytes) in forms {
            let path = directory.path().join(form);
            std::fs::write(&path, bytes).unwrap();
            let options = ImportOptions::at(std::time::SystemTime::now());
            let imported = world
                .client
                .import(ArchiveSource::File(path), options)
                .await
                .unwrap();
            assert_eq!(imported[0].names, [BUSYBOX], "{form}");
            case.run(&world).await;
            world.client.remove_image(BUSYBOX).await.unwrap();
        }
    });
}

#[test]
fn import_that_is_cancelled_leaves_no_lease() {
    let node = Node::start();
    in_runtime(async {
        let client = Client::new(node.containerd_socket(), Deadlines::default());
        client.version().await.unwrap();
        let options = ImportOptions::at(std::time::SystemTime::now());
        let import = client.import(ArchiveSource::Bytes("test", busybox().into()), options);
        let lease = async {
            while !node.sh("ctr -n k8s.io leases ls -q").contains("agent-import") {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased; // The lease has to be seen before the import, which is quick, is polled to its end.
            () = lease => {}
            done = import => panic!("the import was too quick to be cancelled: {done:?}"),
        }
        let gone = async {
            while node.sh("ctr -n k8s.io leases ls -q").contains("agent-import") {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(10), gone)
            .await
            .expect("the lease is ended");
        assert_eq!(client.list_images().await.unwrap(), []);
    });
}
