//! What the machine holds of kernel objects, to show that a test took its own away again.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// A snapshot of everything a node could leave on the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftovers(BTreeSet<String>);

impl Leftovers {
    /// Looks at links, named network namespaces, mounts, cgroups, rig directories and containerd
    /// processes of this machine.
    pub fn now() -> Self {
        let mut all = BTreeSet::new();
        all.extend(links());
        all.extend(entries("namespace", Path::new("/run/netns"), ""));
        all.extend(mounts());
        all.extend(cgroups(Path::new("/sys/fs/cgroup"), 3));
        all.extend(entries("directory", Path::new("/tmp/agent-rig"), ""));
        all.extend(processes());
        Self(all)
    }

    /// What is here now and was not in `before`.
    pub fn since(&self, before: &Self) -> Vec<String> {
        self.0.difference(&before.0).cloned().collect()
    }

    /// Those entries that mention `name`.
    pub fn of(&self, name: &str) -> Vec<String> {
        self.0
            .iter()
            .filter(|entry| entry.contains(name))
            .cloned()
            .collect()
    }
}

fn links() -> Vec<String> {
    let output = Command::new("ip")
        .args(["-o", "link"])
        .output()
        .expect("run ip")
        .stdout;
    let text = String::from_utf8_lossy(&output).into_owned();
    text.lines()
        .filter_map(|line| line.split(": ").nth(1))
        .map(|name| format!("link {name}"))
        .collect()
}

fn entries(kind: &str, directory: &Path, suffix: &str) -> Vec<String> {
    let found = fs::read_dir(directory).into_iter().flatten().flatten();
    found
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.ends_with(suffix))
        .map(|name| format!("{kind} {name}"))
        .collect()
}

fn mounts() -> Vec<String> {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    table
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(|at| format!("mount {at}"))
        .collect()
}

fn cgroups(directory: &Path, depth: u32) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|t| t.is_dir()) && depth > 0 {
            found.push(format!("cgroup {}", path.display()));
            found.extend(cgroups(&path, depth - 1));
        }
    }
    found
}

fn processes() -> Vec<String> {
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    all.filter_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let command = fs::read_to_string(entry.path().join("cmdline"))
            .ok()?
            .replace('\0', " ");
        let ours = ["containerd", "rig-", "agent node"]
            .iter()
            .any(|word| command.contains(word));
        ours.then(|| format!("process {pid} {command}"))
    })
    .collect()
}
