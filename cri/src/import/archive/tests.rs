//! Archives in memory.

use super::*;
use std::io::Write as _;

/// A tar with these files, paths unchecked (the `tar` crate refuses to write the bad ones).
fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        let name = path.as_bytes();
        header.as_old_mut().name[..name.len()].copy_from_slice(name);
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        archive.append(&header, *content).unwrap();
    }
    archive.into_inner().unwrap()
}

fn link(archive: &mut tar::Builder<Vec<u8>>, path: &str, target: &str) {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    header.set_path(path).unwrap();
    header.set_link_name(target).unwrap();
    header.set_cksum();
    archive.append(&header, &[][..]).unwrap();
}

fn scan_bytes(bytes: Vec<u8>) -> Result<Contents, ImportError> {
    scan_blocking(&ArchiveSource::Bytes("test", bytes.into()))
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn documents_are_kept_and_the_rest_is_measured() {
    let blob = format!("blobs/sha256/{}", "a".repeat(64));
    let bytes = tar_of(&[
        ("./index.json", b" {\"a\":1}"),
        (&blob, b"layer"),
        ("x/layer.tar", b"layer"),
        ("y/layer.tar", &gzipped(b"layer")),
        ("empty", b""),
    ]);
    for bytes in [gzipped(&bytes), bytes] {
        let contents = scan_bytes(bytes).unwrap();
        let entry = |path: &str| contents.entries.get(path).unwrap();
        assert_eq!(contents.document("index.json").unwrap(), &b" {\"a\":1}"[..]);
        assert_eq!(
            *entry(&blob),
            Entry::Blob {
                size: 5,
                gzip: false,
                digest: None
            }
        );
        let digest = Some(Digest::of(b"layer"));
        assert_eq!(
            *entry("x/layer.tar"),
            Entry::Blob {
                size: 5,
                gzip: false,
                digest
            }
        );
        let zipped = gzipped(b"layer");
        let digest = Some(Digest::of(&zipped));
        assert_eq!(
            *entry("y/layer.tar"),
            Entry::Blob {
                size: zipped.len() as u64,
                gzip: true,
                digest
            }
        );
        assert_eq!(
            *entry("empty"),
            Entry::Blob {
                size: 0,
                gzip: false,
                digest: Some(Digest::of(b""))
            }
        );
    }
}

#[test]
fn paths_that_lead_elsewhere_are_refused() {
    let cases = [
        ("/etc/passwd", "is absolute"),
        ("../x", "climbs out of the archive"),
        ("blobs/../../x", "climbs out of the archive"),
    ];
    for (path, expected) in cases {
        let error = scan_bytes(tar_of(&[(path, b"x")])).unwrap_err();
        assert!(
            matches!(&error, ImportError::Entry { fault, .. } if *fault == expected),
            "{path}: {error}"
        );
    }
    let twice = scan_bytes(tar_of(&[("a", b"1"), ("./a", b"2")])).unwrap_err();
    assert_eq!(twice.to_string(), "image archive entry \"a\" is there twice");
}

#[test]
fn links_are_followed_inside_and_refused_outwards() {
    let mut archive = tar::Builder::new(Vec::new());
    link(&mut archive, "two/layer.tar", "../one/layer.tar");
    link(&mut archive, "loop", "loop");
    link(&mut archive, "dangling", "nowhere");
    let mut bytes = archive.into_inner().unwrap();
    // The two empty blocks of the tar's end would hide what follows.
    bytes.truncate(bytes.len() - 1024);
    bytes.extend(tar_of(&[("one/layer.tar", b"layer")]));
    let contents = scan_bytes(bytes).unwrap();
    assert_eq!(contents.resolve("two/layer.tar").unwrap().0, "one/layer.tar");
    assert!(!contents.has("loop") && !contents.has("dangling"));

    for target in ["../../x", "/etc/passwd"] {
        let mut archive = tar::Builder::new(Vec::new());
        link(&mut archive, "a/b", target);
        let error = scan_bytes(archive.into_inner().unwrap()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "image archive entry \"a/b\" links out of the archive"
        );
    }
}

#[test]
fn archive_that_is_cut_off_cannot_be_read() {
    let whole = tar_of(&[("index.json", &[b'{'; 2000])]);
    for bytes in [
        whole[..1000].to_vec(),
        gzipped(&whole)[..30].to_vec(),
        vec![0x1f, 0x8b, 0],
    ] {
        let error = scan_bytes(bytes).unwrap_err();
        assert!(matches!(error, ImportError::Read { .. }), "{error:?}");
    }
    let missing = scan_blocking(&ArchiveSource::File("/no/such/archive.tar".into())).unwrap_err();
    assert_eq!(missing.to_string(), "read image archive /no/such/archive.tar");
}

/// Flips every byte of a small archive in turn. Whatever is not noticed here must be without effect on the
/// plan (padding, times, the layer's content, which is compared when it is streamed).
#[test]
fn no_flipped_byte_changes_a_plan_unnoticed() {
    use crate::import::plan::{Wanted, plan};
    use crate::oci_archive::{Image, Layer, Platform, RunConfig};
    let image = Image {
        names: vec!["a.b/c:1".to_owned()],
        platform: Platform::current(),
        config: RunConfig::default(),
        layers: vec![Layer::new().file("x", 0o644, &b"content"[..])],
    };
    let mut archive = Vec::new();
    image.write_to(&mut archive).unwrap();
    let wanted = Wanted {
        name: None,
        platform: Platform::current(),
    };
    let good = plan(&scan_bytes(archive.clone()).unwrap(), &wanted).unwrap();
    let mut refused = 0;
    for position in 0..archive.len() {
        let mut damaged = archive.clone();
        damaged[position] ^= 1;
        match scan_bytes(damaged).and_then(|contents| plan(&contents, &wanted)) {
            Err(_) => refused += 1,
            Ok(plans) => {
                assert_eq!(plans[0].manifest, good[0].manifest, "byte {position}");
                assert_eq!(plans[0].layers, good[0].layers, "byte {position}");
            }
        }
    }
    assert!(
        refused > 1000,
        "only {refused} of {} flips were noticed",
        archive.len()
    );
}
