//! What the plugin's tests share: a node's and a pod's namespaces that go away by themselves, and
//! outsiders that look into them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use cni::netns::{self, Netns};
use serde_json::Value;

/// Pins are kept apart from other software's.
const DIR: &str = "/run/agent-test-netns";

/// A fresh network namespace, unpinned on drop.
pub(crate) struct TestNetns {
    pub(crate) ns: Netns,
    name: String,
}

impl TestNetns {
    pub(crate) fn new(what: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "{what}-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let ns = netns::create_named(Path::new(DIR), &name)
            .expect("these tests need root (CAP_SYS_ADMIN) to make network namespaces");
        Self { ns, name }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.ns.path().to_owned()
    }

    /// Runs a program inside and returns what it printed; panics with everything it said when it fails.
    pub(crate) fn run(&self, program: &str, args: &[&str]) -> String {
        let out = self
            .command(program, args)
            .output()
            .expect("nsenter must be installed");
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(
            out.status.success(),
            "{program} {args:?} in {}: {}\n{text}{}",
            self.path().display(),
            out.status,
            String::from_utf8_lossy(&out.stderr)
        );
        text
    }

    /// `nsenter` and not `ip netns exec`: the latter mounts a fresh `/sys`.
    pub(crate) fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--net={}", self.path().display()))
            .arg("--")
            .arg(program)
            .args(args);
        command
    }

    /// What `ip -j …` says inside.
    pub(crate) fn ip(&self, args: &[&str]) -> Value {
        let mut all = vec!["-j", "-d"];
        all.extend(args);
        let text = self.run("ip", &all);
        if text.trim().is_empty() {
            Value::Array(Vec::new())
        } else {
            serde_json::from_str(&text).unwrap()
        }
    }
}

impl Drop for TestNetns {
    fn drop(&mut self) {
        let _ = netns::delete_named(Path::new(DIR), &self.name);
    }
}
