//! What the machine must have. A test that lacks something fails and says what: it never skips.

use std::path::Path;

/// Programs that real-part tests call, with the Debian package that brings each.
const PROGRAMS: &[(&str, &str)] = &[
    ("containerd", "containerd"),
    ("runc", "runc"),
    ("ctr", "containerd"),
    ("ip", "iproute2"),
    ("nsenter", "util-linux"),
    ("unshare", "util-linux"),
    ("busybox", "busybox-static"),
];

/// Fails the calling test unless it may make namespaces and finds the programs a node needs.
///
/// # Panics
/// With one line per missing thing and the command that mends it.
pub fn node() {
    let mut missing = Vec::new();
    if !nix::unistd::geteuid().is_root() {
        missing.push("root: run `sudo make test`".to_owned());
    }
    for (program, package) in PROGRAMS {
        if find(program).is_none() {
            missing.push(format!("the program {program}: apt-get install {package}"));
        }
    }
    assert!(
        missing.is_empty(),
        "this test needs real parts and lacks:\n  {}",
        missing.join("\n  ")
    );
}

/// Looks a program up on PATH and in the system's own directories.
pub fn find(program: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    path.split(':')
        .chain(["/usr/sbin", "/sbin", "/usr/bin", "/bin"])
        .map(|dir| Path::new(dir).join(program))
        .find(|candidate| candidate.is_file())
}
