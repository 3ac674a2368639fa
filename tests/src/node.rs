//! A node: namespaces, private `/etc`, `/var`, `/opt` and `/run`, and a containerd of its own.
//!
//! Inside, everything is at its standard place (`/run/containerd/containerd.sock`, `/var/log/pods`,
//! `/etc/cni/net.d`), because the node's directories lie over the machine's. From outside, a file of
//! the node is reached through [`Node::path`].
//!
//! # Guarantees
//! - Dropping a node ends all its processes before it returns, and leaves no mount, link, cgroup or
//!   directory.
//! - When the test process is killed, the node's standard input ends, its first process ends, and
//!   the kernel ends the rest. Directories and cgroups that stay are swept by the next node.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::cgroup::{self, Subtree};
use crate::{eventually, image, require};

mod containerd;

pub use containerd::Containerd;

/// Directories of all nodes. Short, because socket paths have 107 bytes.
const BASE: &str = "/tmp/agent-rig";
/// How nodes, their cgroups and their host names begin; then the maker's process id and a number.
const PREFIX: &str = "rig-";
const INIT: &str = include_str!("node/init.sh");

static NEXT: AtomicU32 = AtomicU32::new(0);

/// One running node. See the module's guarantees.
#[derive(Debug)]
pub struct Node {
    name: String,
    directory: PathBuf,
    cgroups: Subtree,
    holder: Child,
    /// Process id of the first process inside, as the machine sees it.
    init: u32,
    containerd: Option<Containerd>,
}

impl Node {
    /// Starts a node with containerd serving its socket.
    ///
    /// # Panics
    /// When the machine lacks a part (named), or containerd does not answer within 30 s (with its log).
    pub fn start() -> Self {
        let mut node = Self::without_containerd();
        node.start_containerd();
        node
    }

    /// Starts a node with containerd and the small [`image::BUSYBOX`] image imported.
    pub fn with_busybox() -> Self {
        let node = Self::start();
        node.import(image::busybox());
        node
    }

    /// Starts the namespaces alone.
    pub fn without_containerd() -> Self {
        require::node();
        sweep();
        let name = format!(
            "{PREFIX}{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let directory = Path::new(BASE).join(&name);
        for part in [
            "etc",
            "etc.work",
            "var",
            "var.work",
            "opt",
            "opt.work",
            "containerd",
        ] {
            std::fs::create_dir_all(directory.join(part)).expect("make the node's directory");
        }
        let cgroups = Subtree::create(&name).expect("make the node's cgroups");
        let mut holder = hold(&name, &directory, &cgroups);
        await_ready(&name, &mut holder);
        let init = first_child(holder.id()).expect("the node's first process");
        Self {
            name,
            directory,
            cgroups,
            holder,
            init,
            containerd: None,
        }
    }

    /// The node's name: also its host name inside.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The machine's directory that holds the node's files and logs; gone with the node.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Process id of the node's first process, as the machine sees it: `nsenter --target` takes it.
    pub fn init(&self) -> u32 {
        self.init
    }

    /// A file or socket of the node as this process can open it.
    pub fn path(&self, inside: impl AsRef<Path>) -> PathBuf {
        let inside = inside.as_ref();
        Path::new("/proc")
            .join(self.init.to_string())
            .join("root")
            .join(inside.strip_prefix("/").unwrap_or(inside))
    }

    /// A command that will run inside the node, with all its namespaces and in its cgroups.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("sh");
        let enter = "--mount --net --pid --ipc --uts --cgroup --wd=/";
        let line = format!(
            "{}exec nsenter --target {} {enter} -- \"$@\"",
            join_line(&self.cgroups),
            self.init
        );
        command
            .args(["-c", &line, "enter"])
            .arg(program)
            .stdin(Stdio::null());
        command
    }

    /// Runs a shell line inside and returns its standard output.
    ///
    /// # Panics
    /// When the line fails, with all that it printed.
    pub fn sh(&self, line: &str) -> String {
        let output = self.try_sh(line);
        assert!(
            output.status.success(),
            "{}: `{line}` failed: {}\n{}{}",
            self.name,
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs a shell line inside and returns all of its outcome.
    pub fn try_sh(&self, line: &str) -> Output {
        self.command("sh")
            .args(["-c", line])
            .output()
            .expect("run nsenter")
    }

    /// Writes a file inside the node as editors and `kubectl` do: a temporary file, then a rename.
    pub fn write(&self, inside: &str, content: impl AsRef<[u8]>) {
        let target = self.path(inside);
        let parent = target.parent().expect("a file has a directory");
        std::fs::create_dir_all(parent).expect("make the directory");
        let temporary = parent.join(format!(".{}.tmp", target.file_name().unwrap().to_string_lossy()));
        std::fs::write(&temporary, content).expect("write the file");
        std::fs::rename(&temporary, &target).expect("rename the file");
    }

    /// Imports an OCI archive with containerd's own client, so that no code under test is involved.
    pub fn import(&self, archive: &[u8]) {
        self.write("/run/rig-image.tar", archive);
        self.sh("ctr -n k8s.io images import /run/rig-image.tar && rm /run/rig-image.tar");
    }

    /// The first child in the machine's view of a process started with [`Self::command`]:
    /// `nsenter` forks to enter the PID namespace, and signals must go to the child.
    pub fn inner_pid(&self, outer: &Child) -> u32 {
        eventually(
            "the command inside the node starts",
            Duration::from_secs(10),
            || first_child(outer.id()).ok_or("nsenter has no child yet"),
        )
    }

    fn stop(&mut self) {
        if let Some(containerd) = self.containerd.take() {
            drop(containerd);
        }
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
        if let Err(error) = self.cgroups.remove() {
            complain(&self.name, "its cgroups stay", &error);
        }
        if let Err(error) = remove_directory(&self.directory) {
            complain(&self.name, "its directory stays", &error);
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.print_containerd_log();
        }
        self.stop();
    }
}

/// A failing clean-up must be seen, and must not hide the failure that led to it.
#[allow(clippy::print_stderr, reason = "a test's own report")]
fn complain(name: &str, what: &str, error: &std::io::Error) {
    eprintln!("rig: node {name}: {what}: {error}");
}

fn join_line(cgroups: &Subtree) -> String {
    let files: Vec<String> = cgroups
        .join_files()
        .iter()
        .map(|p| p.display().to_string())
        .collect();
    format!("for f in {}; do echo $$ > $f; done; ", files.join(" "))
}

fn hold(name: &str, directory: &Path, cgroups: &Subtree) -> Child {
    let controllers = cgroups.controllers();
    let enter = format!(
        "{}exec unshare --cgroup --mount --net --pid --ipc --uts --fork --kill-child --mount-proc \
         sh -c \"$RIG_INIT\" init \"$@\"",
        join_line(cgroups)
    );
    Command::new("sh")
        .args(["-c", &enter, "enter"])
        .arg(directory)
        .arg(name)
        .arg(if controllers.is_empty() { "v2" } else { "v1" })
        .args(&controllers)
        .env("RIG_INIT", INIT)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("start the node's first process")
}

fn await_ready(name: &str, holder: &mut Child) {
    let mut line = String::new();
    let stdout = holder.stdout.take().expect("standard output is a pipe");
    BufReader::new(stdout)
        .read_line(&mut line)
        .expect("read from the node");
    assert_eq!(
        line.trim(),
        "ready",
        "node {name} did not start; its complaint is above"
    );
}

fn first_child(parent: u32) -> Option<u32> {
    let path = format!("/proc/{parent}/task/{parent}/children");
    std::fs::read_to_string(path)
        .ok()?
        .split_whitespace()
        .next()?
        .parse()
        .ok()
}

/// Overlay work directories have no permissions even for root's `remove_dir_all`-by-name walk on
/// some kernels; a second try after the mounts are gone is enough.
fn remove_directory(directory: &Path) -> std::io::Result<()> {
    let mut last = Ok(());
    for _ in 0..50 {
        last = std::fs::remove_dir_all(directory);
        if last.is_ok() || !directory.exists() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    last
}

/// Removes what nodes of killed test processes left: directories and empty cgroups.
fn sweep() {
    let on_disk = std::fs::read_dir(BASE).into_iter().flatten().flatten();
    let mut names: Vec<String> = on_disk.filter_map(|e| e.file_name().into_string().ok()).collect();
    names.extend(cgroup::existing(PREFIX));
    for name in names {
        let maker = name
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split('-').next()?.parse::<u32>().ok());
        if maker.is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists()) {
            let _ = cgroup::named(&name).remove();
            let _ = remove_directory(&Path::new(BASE).join(&name));
        }
    }
}
