//! Test images, made on the spot from Debian's static busybox: no registry is needed.

use std::process::Command;
use std::sync::LazyLock;

use cri::oci_archive::{Image, Layer, Platform, RunConfig};

use crate::require;

/// Full name of the small image with busybox's applets.
pub const BUSYBOX: &str = "agent.local/busybox:1";

/// The OCI archive of [`BUSYBOX`], made once per test process.
pub fn busybox() -> &'static [u8] {
    static ARCHIVE: LazyLock<Vec<u8>> = LazyLock::new(|| archive(&[BUSYBOX]));
    &ARCHIVE
}

/// The same files under other names.
pub fn archive(names: &[&str]) -> Vec<u8> {
    let path = require::find("busybox").expect("busybox-static is installed");
    let binary = std::fs::read(&path).expect("read busybox");
    let applets = Command::new(&path)
        .arg("--list")
        .output()
        .expect("list busybox's applets")
        .stdout;
    let mut layer = Layer::new()
        .directory("tmp", 0o1777)
        .file("bin/busybox", 0o755, binary);
    for applet in String::from_utf8_lossy(&applets)
        .lines()
        .filter(|applet| *applet != "busybox")
    {
        layer = layer.symlink(format!("bin/{applet}"), "busybox");
    }
    layer = layer
        .file(
            "etc/passwd",
            0o644,
            &b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n"[..],
        )
        .file("etc/group", 0o644, &b"root:x:0:\nnobody:x:65534:\n"[..])
        .directory("root", 0o700)
        .directory("www", 0o755);
    let image = Image {
        names: names.iter().map(|&name| name.to_owned()).collect(),
        platform: Platform::current(),
        config: RunConfig {
            env: vec!["PATH=/bin".to_owned()],
            cmd: vec!["/bin/sh".to_owned()],
            ..RunConfig::default()
        },
        layers: vec![layer],
    };
    let mut bytes = Vec::new();
    image.write_to(&mut bytes).expect("write an archive to memory");
    bytes
}
