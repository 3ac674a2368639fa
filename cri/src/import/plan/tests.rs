//! Plans from archives that are written out as maps.

use super::*;
use serde_json::{Value, json};

/// An archive under construction.
#[derive(Default)]
struct Archive(Contents);

impl Archive {
    fn document(&mut self, path: &str, value: &Value) -> Bytes {
        let bytes = Bytes::from(value.to_string());
        self.0
            .entries
            .insert(path.to_owned(), Entry::Document(bytes.clone()));
        bytes
    }

    /// Adds a document under its digest; answers its descriptor.
    fn blob(&mut self, media_type: &str, value: &Value) -> Value {
        let digest = Digest::of(value.to_string().as_bytes());
        let bytes = self.document(&blob_path(digest.as_str()), value);
        json!({ "mediaType": media_type, "digest": digest.as_str(), "size": bytes.len() })
    }

    fn layer(&mut self, content: &str) -> Value {
        let digest = Digest::of(content.as_bytes());
        let blob = Entry::Blob {
            size: content.len() as u64,
            gzip: false,
            digest: None,
        };
        self.0.entries.insert(blob_path(digest.as_str()), blob);
        json!({ "mediaType": layout::OCI_LAYER, "digest": digest.as_str(), "size": content.len() })
    }

    /// Adds an image of one layer; answers its manifest's descriptor.
    fn image(&mut self, architecture: &str) -> Value {
        let content = format!("layer for {architecture}");
        let layer = self.layer(&content);
        let rootfs = json!({ "type": "layers", "diff_ids": [Digest::of(content.as_bytes()).as_str()] });
        let config = json!({ "os": "linux", "architecture": architecture, "rootfs": rootfs });
        let config = self.blob(layout::OCI_CONFIG, &config);
        let manifest = json!({ "schemaVersion": 2, "config": config, "layers": [layer] });
        self.blob(layout::OCI_MANIFEST, &manifest)
    }

    fn index(&mut self, manifests: &[Value]) {
        self.document(
            "index.json",
            &json!({ "schemaVersion": 2, "manifests": manifests }),
        );
    }

    fn plan(&self, name: Option<&str>) -> Result<Vec<ImagePlan>, ImportError> {
        let platform = Platform {
            os: "linux".to_owned(),
            architecture: "amd64".to_owned(),
        };
        plan(
            &self.0,
            &Wanted {
                name: name.map(str::to_owned),
                platform,
            },
        )
    }
}

fn named(mut descriptor: Value, key: &str, name: &str) -> Value {
    descriptor["annotations"] = json!({ key: name });
    descriptor
}

fn for_platform(mut descriptor: Value, architecture: &str) -> Value {
    descriptor["platform"] = json!({ "os": "linux", "architecture": architecture });
    descriptor
}

fn digest_of(descriptor: &Value) -> &str {
    descriptor["digest"].as_str().unwrap()
}

#[test]
fn names_come_from_annotations_or_from_the_caller() {
    let cases = [
        (CONTAINERD_NAME, "a.b/c:1", None, Ok("a.b/c:1")),
        (REF_NAME, "busybox:1", None, Ok("docker.io/library/busybox:1")),
        (
            REF_NAME,
            "latest",
            None,
            Err("the image in the archive has no name; give one"),
        ),
        (REF_NAME, "latest", Some("x"), Ok("docker.io/library/x:latest")),
        (CONTAINERD_NAME, "a.b/c:1", Some("d.e/f:2"), Ok("d.e/f:2")),
        (CONTAINERD_NAME, "a.b/C", None, Err("image name \"a.b/C\"")),
    ];
    for (key, name, given, expected) in cases {
        let mut archive = Archive::default();
        let image = archive.image("amd64");
        archive.index(&[named(image, key, name)]);
        let names = archive
            .plan(given)
            .map(|plans| plans[0].names.join(" "))
            .map_err(|e| e.to_string());
        assert_eq!(
            names.as_deref().map_err(String::as_str),
            expected,
            "{key} {name} {given:?}"
        );
    }
}

#[test]
fn one_image_under_two_names_is_stored_once() {
    let mut archive = Archive::default();
    let image = archive.image("amd64");
    archive.index(&[
        named(image.clone(), CONTAINERD_NAME, "a.b/c:1"),
        named(image, CONTAINERD_NAME, "a.b/c:2"),
    ]);
    let plans = archive.plan(None).unwrap();
    assert_eq!(plans.len(), 1);
    assert_eq!(plans[0].names, ["a.b/c:1", "a.b/c:2"]);
}

#[test]
fn platform_is_chosen_from_nested_and_flat_indexes() {
    let mut archive = Archive::default();
    let (ours, theirs) = (archive.image("amd64"), archive.image("arm64"));
    let attestation = json!({
        "mediaType": layout::OCI_MANIFEST, "digest": Digest::of(b"gone").as_str(), "size": 4,
        "platform": { "os": "unknown", "architecture": "unknown" },
    });
    let both = [
        attestation,
        for_platform(theirs.clone(), "arm64"),
        for_platform(ours.clone(), "amd64"),
    ];
    let nested = archive.blob(
        layout::OCI_INDEX,
        &json!({ "schemaVersion": 2, "manifests": both }),
    );
    let name = |descriptor| named(descriptor, CONTAINERD_NAME, "a.b/c:1");
    for index in [vec![name(nested)], vec![name(theirs.clone()), name(ours.clone())]] {
        archive.index(&index);
        let plans = archive.plan(None).unwrap();
        assert_eq!(plans.len(), 1, "{index:?}");
        assert_eq!(plans[0].manifest.digest.as_str(), digest_of(&ours));
    }
    archive.index(&[name(theirs)]);
    let error = archive.plan(None).unwrap_err().to_string();
    assert_eq!(
        error,
        "image archive has no image for linux/amd64, only for linux/arm64"
    );
}

#[test]
fn missing_or_wrong_files_are_named() {
    let good = || {
        let mut archive = Archive::default();
        let image = archive.image("amd64");
        archive.index(&[named(image.clone(), CONTAINERD_NAME, "a.b/c:1")]);
        (archive, image)
    };
    let layer = blob_path(Digest::of(b"layer for amd64").as_str());

    let (mut archive, _) = good();
    archive.0.entries.remove(&layer);
    let error = archive.plan(None).unwrap_err();
    assert!(
        matches!(&error, ImportError::MissingBlob { path, .. } if *path == layer),
        "{error}"
    );

    let (mut archive, _) = good();
    archive.0.entries.insert(
        layer.clone(),
        Entry::Blob {
            size: 3,
            gzip: false,
            digest: None,
        },
    );
    let error = archive.plan(None).unwrap_err();
    assert!(
        matches!(
            error,
            ImportError::SizeMismatch {
                expected: 15,
                actual: 3,
                ..
            }
        ),
        "{error}"
    );

    let (mut archive, image) = good();
    archive.document(&blob_path(digest_of(&image)), &json!({ "tampered": true }));
    let error = archive.plan(None).unwrap_err();
    assert!(matches!(error, ImportError::DigestMismatch { .. }), "{error}");

    let (mut archive, _) = good();
    archive.document(
        "index.json",
        &json!({ "manifests": [{ "digest": "sha256:../../x", "size": 1 }] }),
    );
    let error = archive.plan(None).unwrap_err().to_string();
    assert_eq!(
        error,
        "image archive: index.json: \"sha256:../../x\" is not a sha256 digest"
    );

    let error = Archive::default().plan(None).unwrap_err();
    assert!(matches!(error, ImportError::NoImage), "{error}");
}

#[test]
fn index_that_contains_itself_ends() {
    // A real one cannot exist (its digest would have to be known), so the depth is what is tested.
    let mut archive = Archive::default();
    let mut inner = archive.image("amd64");
    for _ in 0..6 {
        inner = archive.blob(
            layout::OCI_INDEX,
            &json!({ "schemaVersion": 2, "manifests": [inner] }),
        );
    }
    archive.index(&[named(inner, CONTAINERD_NAME, "a.b/c:1")]);
    let error = archive.plan(None).unwrap_err().to_string();
    assert!(error.ends_with("indexes are nested too deeply"), "{error}");
}

#[test]
fn labels_hold_everything_the_image_needs() {
    let mut archive = Archive::default();
    let image = archive.image("amd64");
    archive.index(&[named(image, CONTAINERD_NAME, "a.b/c:1")]);
    let plan = &archive.plan(None).unwrap()[0];
    let manifest = plan.manifest_labels();
    assert_eq!(
        manifest["containerd.io/gc.ref.content.config"],
        plan.config.digest.as_str()
    );
    assert_eq!(
        manifest["containerd.io/gc.ref.content.l.0"],
        plan.layers[0].digest.as_str()
    );
    let config = plan.config_labels("native");
    assert_eq!(
        config["containerd.io/gc.ref.snapshot.native"],
        plan.diff_ids[0].as_str()
    );
}

mod docker_save {
    use super::*;

    fn saved(layer: Entry, diff_id: &Digest, config_name: Option<&str>) -> Archive {
        let mut archive = Archive::default();
        let config = json!({
            "os": "linux", "architecture": "amd64", "rootfs": { "diff_ids": [diff_id.as_str()] },
        });
        let real = format!("{}.json", Digest::of(config.to_string().as_bytes()).hex());
        let name = config_name.unwrap_or(&real);
        archive.document(name, &config);
        archive.0.entries.insert("abc/layer.tar".to_owned(), layer);
        let manifest = json!([{ "Config": name, "RepoTags": ["busybox:1"], "Layers": ["abc/layer.tar"] }]);
        archive.document("manifest.json", &manifest);
        archive
    }

    #[test]
    fn a_manifest_is_made() {
        let (plain, zipped) = (Digest::of(b"plain"), Digest::of(b"zipped"));
        let cases = [
            (false, plain.clone(), layout::OCI_LAYER),
            (true, zipped, layout::OCI_LAYER_GZIP),
        ];
        for (gzip, digest, media_type) in cases {
            let layer = Entry::Blob {
                size: 5,
                gzip,
                digest: Some(digest.clone()),
            };
            let plans = saved(layer, &plain, None).plan(None).unwrap();
            assert_eq!(plans[0].names, ["docker.io/library/busybox:1"]);
            let layer = &plans[0].layers[0];
            assert_eq!((&layer.digest, layer.media_type.as_str()), (&digest, media_type));
            assert_eq!(plans[0].manifest.digest, Digest::of(&plans[0].manifest_bytes));
            let manifest: Manifest = layout::parse("made", &plans[0].manifest_bytes).unwrap();
            assert_eq!(manifest.config.digest, plans[0].config.digest.as_str());
        }
    }

    #[test]
    fn layer_that_looks_like_a_document_is_a_layer() {
        let bytes = Bytes::from_static(b"[\0\0 as a tar begins whose first file has this name");
        let diff_id = Digest::of(&bytes);
        let plans = saved(Entry::Document(bytes), &diff_id, None).plan(None).unwrap();
        assert_eq!(plans[0].layers[0].digest, diff_id);
    }

    #[test]
    fn damage_is_refused() {
        let (plain, other) = (Digest::of(b"plain"), Digest::of(b"other"));
        let layer = |digest: &Digest| Entry::Blob {
            size: 5,
            gzip: false,
            digest: Some(digest.clone()),
        };
        let damaged_layer = saved(layer(&other), &plain, None).plan(None).unwrap_err();
        assert!(
            matches!(&damaged_layer, ImportError::DigestMismatch { path, .. } if path == "abc/layer.tar")
        );
        let name = format!("{}.json", other.hex());
        let damaged_config = saved(layer(&plain), &plain, Some(&name)).plan(None).unwrap_err();
        assert!(matches!(&damaged_config, ImportError::DigestMismatch { path, .. } if *path == name));
        let climbing = saved(layer(&plain), &plain, Some("../x.json"))
            .plan(None)
            .unwrap_err();
        assert!(matches!(climbing, ImportError::Entry { .. }), "{climbing}");
    }
}
