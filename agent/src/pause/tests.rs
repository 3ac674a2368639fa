#![allow(clippy::disallowed_methods, reason = "these tests run the program")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{IMAGE, PROGRAM, archive};

/// The program as a running process, ended when dropped.
struct Running {
    child: Child,
    _dir: tempfile::TempDir,
}

impl Running {
    /// `before` runs in the shell that then becomes the program, so its background jobs are the program's children.
    fn start(before: &str) -> Self {
        let dir = tempfile::tempdir().expect("directory");
        let path: PathBuf = dir.path().join("pause");
        fs::write(&path, PROGRAM).expect("program");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("mode");
        let script = format!("{before} exec {}", path.display());
        let child = Command::new("/bin/sh")
            .arg("-c")
            .arg(script)
            .spawn()
            .expect("started");
        let running = Self { child, _dir: dir };
        running.wait_until("it waits for signals", |stat| {
            stat.comm == "pause" && stat.state == 'S'
        });
        running
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    fn wait_until(&self, what: &str, done: impl Fn(&procfs::process::Stat) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while Instant::now() < deadline {
            let process = procfs::process::Process::new(self.pid().as_raw()).expect("process");
            if done(&process.stat().expect("stat")) {
                return;
            }
            std::thread::yield_now();
        }
        panic!("timed out until {what}");
    }

    fn children(&self) -> String {
        fs::read_to_string(format!("/proc/{0}/task/{0}/children", self.pid())).expect("children")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn it_is_small_and_static() {
    assert_eq!(&PROGRAM[..4], b"\x7fELF");
    assert!(PROGRAM.len() < 16 << 10, "{} bytes", PROGRAM.len());
    // A dynamic program names its interpreter.
    assert!(
        !PROGRAM
            .windows(8)
            .any(|bytes| bytes == b"/lib/ld-" || bytes == b"/lib64/l")
    );
}

#[test]
fn it_ends_at_once_when_asked_to() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let mut running = Running::start("");
        kill(running.pid(), signal).expect("signal");
        assert_eq!(running.child.wait().expect("status").code(), Some(0), "{signal}");
    }
}

#[test]
fn it_reaps_children_that_end_before_and_after_it_starts() {
    let running = Running::start("true & sleep 0.2 &");
    running.wait_until("no child is left", |_| running.children().is_empty());
}

#[test]
fn its_image_runs_it_as_nobody() {
    let bytes = archive(&[IMAGE.to_owned()]).expect("archive");
    assert_eq!(bytes, archive(&[IMAGE.to_owned()]).expect("archive"));
    let text = String::from_utf8_lossy(&bytes).into_owned();
    assert!(text.contains("\"Entrypoint\":[\"/pause\"]") && text.contains("\"User\":\"65535:65535\""));
}
