//! The cgroup subtree of one node, on version 1 (a directory per hierarchy) and version 2 (one).
//!
//! The node's first process is moved here before it enters a cgroup namespace, so that the node sees
//! its subtree as the root and `/kubepods` of two nodes never meet.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const ROOT: &str = "/sys/fs/cgroup";

/// The directories of one node's cgroups; removed by [`Subtree::remove`].
#[derive(Debug)]
pub(crate) struct Subtree {
    directories: Vec<PathBuf>,
}

impl Subtree {
    /// Makes the directory `name` in every hierarchy of this machine.
    pub(crate) fn create(name: &str) -> io::Result<Self> {
        let directories: Vec<PathBuf> = hierarchies().into_iter().map(|root| root.join(name)).collect();
        for directory in &directories {
            fs::create_dir_all(directory)?;
            inherit_cpuset(directory)?;
        }
        Ok(Self { directories })
    }

    /// Files into which a process writes its id to join the node.
    pub(crate) fn join_files(&self) -> Vec<PathBuf> {
        self.directories.iter().map(|d| d.join("cgroup.procs")).collect()
    }

    /// Names of the version 1 hierarchies; empty on version 2.
    pub(crate) fn controllers(&self) -> Vec<String> {
        let name = |d: &PathBuf| Some(d.parent()?.file_name()?.to_str()?.to_owned());
        self.directories
            .iter()
            .filter(|d| d.parent() != Some(Path::new(ROOT)))
            .filter_map(name)
            .collect()
    }

    /// Removes the tree, waiting up to ten seconds for the kernel to let go of ended processes.
    pub(crate) fn remove(&self) -> io::Result<()> {
        let start = Instant::now();
        loop {
            let last = self
                .directories
                .iter()
                .filter(|d| d.exists())
                .try_for_each(|d| remove_tree(d));
            match last {
                Ok(()) => return Ok(()),
                Err(error) if start.elapsed() > Duration::from_secs(10) => return Err(error),
                Err(_) => std::thread::sleep(Duration::from_millis(5)),
            }
        }
    }
}

/// Names of node subtrees that exist now, to sweep those whose maker is gone.
pub(crate) fn existing(prefix: &str) -> Vec<String> {
    let mut names: Vec<String> = hierarchies()
        .iter()
        .filter_map(|root| fs::read_dir(root).ok())
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.starts_with(prefix))
        .collect();
    names.sort();
    names.dedup();
    names
}

/// The subtree of a name, whether or not it exists everywhere.
pub(crate) fn named(name: &str) -> Subtree {
    Subtree {
        directories: hierarchies().into_iter().map(|root| root.join(name)).collect(),
    }
}

fn hierarchies() -> Vec<PathBuf> {
    let root = Path::new(ROOT);
    if root.join("cgroup.controllers").exists() {
        return vec![root.to_owned()];
    }
    let mut found: Vec<PathBuf> = fs::read_dir(root)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.file_name().is_some_and(|n| n != "unified"))
        .filter(|path| !path.is_symlink() && path.join("cgroup.procs").exists())
        .collect();
    found.sort();
    found
}

/// A new cpuset on version 1 is empty and takes no process until it names CPUs and memory nodes.
fn inherit_cpuset(directory: &Path) -> io::Result<()> {
    for file in ["cpuset.cpus", "cpuset.mems"] {
        let own = directory.join(file);
        let Some(parent) = directory.parent().filter(|_| own.exists()) else {
            continue;
        };
        if fs::read_to_string(&own)?.trim().is_empty()
            && let Ok(inherited) = fs::read_to_string(parent.join(file))
        {
            fs::write(&own, inherited.trim())?;
        }
    }
    Ok(())
}

fn remove_tree(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)?.flatten() {
        if entry.file_type().is_ok_and(|t| t.is_dir()) {
            remove_tree(&entry.path())?;
        }
    }
    fs::remove_dir(directory)
}
