use std::collections::BTreeMap;
use std::io::Read;

use super::{ArchiveError, Image, Layer, Platform, RunConfig, tag_of};

fn image() -> Image {
    Image {
        names: vec![
            "agent.local/web:1.0".to_owned(),
            "localhost:5000/web:2".to_owned(),
        ],
        platform: Platform {
            os: "linux".to_owned(),
            architecture: "amd64".to_owned(),
        },
        config: RunConfig {
            entrypoint: vec!["/bin/httpd".to_owned()],
            env: vec!["PATH=/bin".to_owned()],
            ..RunConfig::default()
        },
        layers: vec![
            Layer::new()
                .file("/bin/httpd", 0o755, &b"program"[..])
                .symlink("bin/sh", "httpd")
                .directory("tmp", 0o1777)
                .file("home/user/notes", 0o600, Vec::new())
                .owned_by(1000, 1000),
        ],
    }
}

fn archive(image: &Image) -> Vec<u8> {
    let mut bytes = Vec::new();
    image.write_to(&mut bytes).expect("archive is written");
    bytes
}

fn files(archive: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(archive).entries().expect("entries") {
        let mut entry = entry.expect("entry");
        let path = entry.path().expect("path").display().to_string();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).expect("content");
        files.insert(path, bytes);
    }
    files
}

fn json(bytes: &[u8]) -> serde_json::Value {
    serde_json::from_slice(bytes).expect("JSON")
}

fn blob<'a>(files: &'a BTreeMap<String, Vec<u8>>, descriptor: &serde_json::Value) -> &'a [u8] {
    let digest = descriptor["digest"].as_str().expect("digest");
    let bytes = &files[&format!("blobs/sha256/{}", digest.trim_start_matches("sha256:"))];
    assert_eq!(descriptor["size"].as_u64(), Some(bytes.len() as u64));
    assert_eq!(super::sha256_digest(bytes), digest);
    bytes
}

#[test]
fn the_same_image_gives_the_same_bytes() {
    assert_eq!(archive(&image()), archive(&image()));
}

#[test]
fn every_name_is_an_index_entry_of_the_one_manifest() {
    let image = image();
    let mut bytes = Vec::new();
    let digests = image.write_to(&mut bytes).expect("archive");
    let files = files(&bytes);
    assert_eq!(json(&files["oci-layout"])["imageLayoutVersion"], "1.0.0");
    let index = json(&files["index.json"]);
    let entries = index["manifests"].as_array().expect("manifests");
    let names: Vec<_> = entries
        .iter()
        .map(|e| e["annotations"]["io.containerd.image.name"].as_str())
        .collect();
    assert_eq!(names, [Some("agent.local/web:1.0"), Some("localhost:5000/web:2")]);
    assert!(
        entries
            .iter()
            .all(|entry| entry["digest"] == digests.manifest.as_str())
    );
}

#[test]
fn manifest_config_and_layer_hang_together_by_digest() {
    let bytes = archive(&image());
    let files = files(&bytes);
    let index = json(&files["index.json"]);
    let manifest = json(blob(&files, &index["manifests"][0]));
    let config = json(blob(&files, &manifest["config"]));
    assert_eq!(config["architecture"], "amd64");
    assert_eq!(
        config["config"],
        serde_json::json!({"Env": ["PATH=/bin"], "Entrypoint": ["/bin/httpd"]})
    );
    assert_eq!(config["rootfs"]["diff_ids"][0], manifest["layers"][0]["digest"]);
    blob(&files, &manifest["layers"][0]);
}

#[test]
fn layers_carry_parents_modes_owners_and_links() {
    let tar = image().layers[0].to_tar().expect("layer");
    let mut seen = Vec::new();
    for entry in tar::Archive::new(&tar[..]).entries().expect("entries") {
        let entry = entry.expect("entry");
        let header = entry.header();
        assert_eq!(header.mtime().expect("mtime"), 0);
        let link = entry
            .link_name()
            .expect("link")
            .map(|target| target.display().to_string());
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        seen.push((
            path,
            header.mode().expect("mode"),
            header.uid().expect("uid"),
            link,
        ));
    }
    let row =
        |path: &str, mode, uid, link: Option<&str>| (path.to_owned(), mode, uid, link.map(str::to_owned));
    assert_eq!(
        seen,
        [
            row("bin/", 0o755, 0, None),
            row("bin/httpd", 0o755, 0, None),
            row("bin/sh", 0o777, 0, Some("httpd")),
            row("tmp/", 0o1777, 0, None),
            row("home/", 0o755, 0, None),
            row("home/user/", 0o755, 0, None),
            row("home/user/notes", 0o600, 1000, None),
        ]
    );
}

#[test]
fn impossible_paths_and_nameless_images_are_refused() {
    for path in ["", "/", "a/../../b"] {
        let layer = Layer::new().file(path, 0o644, Vec::new());
        assert!(
            matches!(layer.to_tar(), Err(ArchiveError::Entry { .. })),
            "{path:?}"
        );
    }
    let nameless = Image {
        names: Vec::new(),
        ..image()
    };
    assert!(matches!(nameless.write_to(Vec::new()), Err(ArchiveError::NoName)));
}

#[test]
fn a_tag_is_what_follows_the_last_colon_of_the_last_part() {
    for (name, tag) in [
        ("agent.local/web:1.0", Some("1.0")),
        ("localhost:5000/web", None),
        ("localhost:5000/web:2@sha256:abc", Some("2")),
        ("web", None),
    ] {
        assert_eq!(tag_of(name), tag, "{name}");
    }
}
