//! The program under test: where it is, and a running one inside a node.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::Node;

/// Where a node's manifests lie in tests: the standard place.
pub const MANIFESTS: &str = "/etc/kubernetes/manifests";

/// The binary under test: `AGENT_BIN`, else the one built beside the test executable.
///
/// # Panics
/// When it has not been built, with the command that builds it.
pub fn agent_binary() -> PathBuf {
    let path = std::env::var_os("AGENT_BIN").map_or_else(beside_the_test, PathBuf::from);
    assert!(
        path.is_file(),
        "{} is not built: cargo build -p agent",
        path.display()
    );
    path
}

fn beside_the_test() -> PathBuf {
    let own = std::env::current_exe().expect("path of the test executable");
    let deps = own.parent().expect("the directory of test executables");
    deps.parent().unwrap_or(deps).join("agent")
}

/// A running `agent node` inside a [`Node`]. Dropping it stops it as `kill -9` does: containers go on.
#[derive(Debug)]
pub struct Agent {
    outer: Child,
    inner: u32,
    log: PathBuf,
}

impl Agent {
    /// Its process id as the machine sees it.
    pub fn pid(&self) -> u32 {
        self.inner
    }

    /// Ends it at once and waits until it is gone.
    pub fn kill(mut self) {
        self.end(Signal::SIGKILL);
    }

    /// Asks it to end and waits; its exit status says whether it ended in order.
    pub fn terminate(mut self) -> std::process::ExitStatus {
        self.end(Signal::SIGTERM);
        self.outer.wait().expect("wait for the agent")
    }

    /// All that it has logged so far, over all its starts in this node.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.outer.try_wait(), Ok(None))
    }

    fn end(&mut self, signal: Signal) {
        if matches!(self.outer.try_wait(), Ok(None)) {
            let pid = Pid::from_raw(i32::try_from(self.inner).expect("a process id is positive"));
            let _ = kill(pid, signal);
            let _ = self.outer.wait();
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.end(Signal::SIGKILL);
        if std::thread::panicking() {
            print_tail(&self.log);
        }
    }
}

#[allow(clippy::print_stderr, reason = "a failing test shows what the agent said")]
fn print_tail(log: &Path) {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    eprintln!(
        "--- agent (last lines)\n{}",
        lines[lines.len().saturating_sub(60)..].join("\n")
    );
}

impl Node {
    /// Starts `agent node --standalone` on [`MANIFESTS`] with these flags added.
    pub fn start_agent(&self, flags: &[&str]) -> Agent {
        std::fs::create_dir_all(self.path(MANIFESTS)).expect("make the manifest directory");
        let log = self.directory().join("agent.log");
        let file = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .expect("open the agent's log");
        let outer = self
            .command(agent_binary())
            .args(["node", "--standalone", "--manifests", MANIFESTS])
            .args(flags)
            .stdout(Stdio::from(file.try_clone().expect("share the agent's log")))
            .stderr(Stdio::from(file))
            .spawn()
            .expect("start the agent");
        let inner = self.inner_pid(&outer);
        Agent { outer, inner, log }
    }

    /// Writes a manifest into the node's manifest directory.
    pub fn manifest(&self, file: &str, content: &str) {
        self.write(&format!("{MANIFESTS}/{file}"), content);
    }

    /// Removes a manifest.
    pub fn remove_manifest(&self, file: &str) {
        std::fs::remove_file(self.path(format!("{MANIFESTS}/{file}"))).expect("remove the manifest");
    }

    /// Runs one command of the program under test inside the node and returns its outcome.
    pub fn run_agent(&self, arguments: &[&str]) -> std::process::Output {
        self.command(agent_binary())
            .args(arguments)
            .output()
            .expect("run the agent")
    }

    /// How long pods of tests may take to get where they should: generous, as CI machines are slow.
    pub const PATIENCE: Duration = Duration::from_secs(60);
}
