//! The node's containerd: configuration, start, kill and restart.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::Node;
use crate::eventually;

/// Without CAP_SYS_RESOURCE nothing may lower its `oom_score_adj`, which containerd must be told.
const CONFIG: &str = r#"version = 2
[plugins."io.containerd.grpc.v1.cri"]
  restrict_oom_score_adj = true
"#;

/// Where the runtime listens inside a node.
const SOCKET: &str = "/run/containerd/containerd.sock";

/// A running containerd of a node.
#[derive(Debug)]
pub struct Containerd {
    outer: Child,
    inner: u32,
}

impl Containerd {
    /// Its process id as the machine sees it.
    pub fn pid(&self) -> u32 {
        self.inner
    }
}

impl Drop for Containerd {
    fn drop(&mut self) {
        kill(self.inner);
        let _ = self.outer.wait();
    }
}

impl Node {
    /// Starts containerd with the rig's configuration unless the node has one of its own.
    pub fn start_containerd(&mut self) {
        let config = self.path("/etc/containerd/config.toml");
        if !config.exists() || is_packaged(&config) {
            self.write("/etc/containerd/config.toml", CONFIG);
        }
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.containerd_log())
            .expect("open containerd's log");
        let mut command: Command = self.command("containerd");
        let stderr = log.try_clone().expect("share containerd's log");
        let outer = command
            .stdout(Stdio::from(log))
            .stderr(Stdio::from(stderr))
            .spawn()
            .expect("start containerd");
        let inner = self.inner_pid(&outer);
        self.containerd = Some(Containerd { outer, inner });
        let socket = self.path(SOCKET);
        eventually("containerd serves its socket", Duration::from_secs(30), || {
            std::os::unix::net::UnixStream::connect(&socket).map(drop)
        });
    }

    /// Kills containerd as a crash would (shims and containers go on).
    pub fn kill_containerd(&mut self) {
        drop(self.containerd.take());
    }

    /// Kills containerd and starts it again.
    pub fn restart_containerd(&mut self) {
        self.kill_containerd();
        self.start_containerd();
    }

    /// The running containerd, if any.
    pub fn containerd(&self) -> Option<&Containerd> {
        self.containerd.as_ref()
    }

    /// The runtime's socket as this process can connect to it.
    pub fn containerd_socket(&self) -> std::path::PathBuf {
        self.path(SOCKET)
    }

    fn containerd_log(&self) -> std::path::PathBuf {
        self.directory.join("containerd.log")
    }

    #[allow(clippy::print_stderr, reason = "a failing test shows what its runtime said")]
    pub(super) fn print_containerd_log(&self) {
        let log = std::fs::read_to_string(self.containerd_log()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let last = lines.len().saturating_sub(25);
        eprintln!(
            "--- containerd of {} (last lines)\n{}",
            self.name,
            lines[last..].join("\n")
        );
    }
}

/// The machine's own configuration shows through the overlay; a test's own one does not carry it.
fn is_packaged(config: &Path) -> bool {
    let machine = std::fs::read("/etc/containerd/config.toml");
    machine.is_ok_and(|machine| std::fs::read(config).is_ok_and(|own| own == machine))
}

fn kill(pid: u32) {
    let pid = nix::unistd::Pid::from_raw(i32::try_from(pid).expect("a process id is positive"));
    let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
}
