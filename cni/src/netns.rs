//! Network namespaces: opened from a path, entered through one guarded closure.
//!
//! **Invariants.** A thread that ran [`in_netns`] is back in its own namespace afterwards, also when
//! the closure panicked; if it cannot be brought back the process aborts, since a thread in the wrong
//! namespace would silently work on the wrong machine's network. Only the calling thread is moved.
//!
//! A netlink socket belongs to the namespace in which it was opened, so most work needs no switching:
//! open one with [`Netns::netlink`] and use it from anywhere. Switching is for `/proc/sys/net` and for
//! opening sockets.
//!
//! **Caveats.** The closure is synchronous on purpose: an `.await` inside would let other tasks run in the
//! wrong namespace.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::statfs::{FsType, fstatfs};

use crate::netlink::{self, Netlink};

/// Where named namespaces are pinned, as `ip netns` does.
pub const NAMED_DIR: &str = "/run/netns";
/// The calling thread's own namespace.
const CURRENT: &str = "/proc/thread-self/ns/net";
/// Magic number of the kernel's namespace file system.
const NSFS_MAGIC: FsType = FsType(0x6e73_6673);

/// A failed operation on a network namespace.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no namespace at this path. For a teardown this means that the work is done.
    #[error("network namespace {} does not exist", path.display())]
    Missing {
        /// The path asked for.
        path: PathBuf,
    },
    /// The path leads to something else than a namespace: wrong input, or a pin whose namespace has gone.
    #[error("{} is not a network namespace", path.display())]
    NotANamespace {
        /// The path asked for.
        path: PathBuf,
    },
    /// The kernel refused; entering needs `CAP_SYS_ADMIN`.
    #[error("cannot {operation} network namespace {}", path.display())]
    Io {
        /// What was attempted.
        operation: &'static str,
        /// The namespace's path.
        path: PathBuf,
        /// The kernel's answer.
        #[source]
        source: io::Error,
    },
    /// No netlink connection could be opened inside.
    #[error("cannot use netlink in network namespace {}", path.display())]
    Netlink {
        /// The namespace's path.
        path: PathBuf,
        /// The kernel's answer.
        #[source]
        source: netlink::Error,
    },
}

/// An open network namespace. Holding it keeps the namespace alive.
#[derive(Debug)]
pub struct Netns {
    file: File,
    path: PathBuf,
}

impl Netns {
    /// Opens the namespace pinned at `path`, or a process's `/proc/PID/ns/net`.
    ///
    /// # Errors
    /// [`Error::Missing`] when there is nothing, [`Error::NotANamespace`] when it is something else.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, Error> {
        let path = path.into();
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(Error::Missing { path }),
            Err(source) => {
                return Err(Error::Io {
                    operation: "open",
                    path,
                    source,
                });
            }
        };
        match fstatfs(&file) {
            Ok(stat) if stat.filesystem_type() == NSFS_MAGIC => Ok(Self { file, path }),
            Ok(_) => Err(Error::NotANamespace { path }),
            Err(e) => Err(Error::Io {
                operation: "examine",
                path,
                source: e.into(),
            }),
        }
    }

    /// Opens the calling thread's own namespace.
    ///
    /// # Errors
    /// When `/proc` is not mounted.
    pub fn current() -> Result<Self, Error> {
        Self::open(CURRENT)
    }

    /// The path that this was opened from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The namespace's identity: equal numbers are the same namespace.
    ///
    /// # Errors
    /// When the kernel refuses to describe the open file.
    pub fn id(&self) -> Result<u64, Error> {
        let meta = self.file.metadata();
        meta.map(|m| m.ino()).map_err(|source| self.io("examine", source))
    }

    /// Opens a netlink connection inside this namespace.
    ///
    /// # Errors
    /// When the namespace cannot be entered, or the socket is refused.
    pub fn netlink(&self) -> Result<Netlink, Error> {
        in_netns(self, Netlink::open)?.map_err(|source| Error::Netlink {
            path: self.path.clone(),
            source,
        })
    }

    fn io(&self, operation: &'static str, source: io::Error) -> Error {
        Error::Io {
            operation,
            path: self.path.clone(),
            source,
        }
    }
}

impl AsFd for Netns {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Runs `work` on this thread inside `netns`, and returns to the present namespace.
///
/// # Errors
/// When `netns` cannot be entered; `work` did not run then.
pub fn in_netns<T>(netns: &Netns, work: impl FnOnce() -> T) -> Result<T, Error> {
    let back = Back {
        home: Netns::current()?,
    };
    setns(netns, CloneFlags::CLONE_NEWNET).map_err(|e| netns.io("enter", e.into()))?;
    let result = work();
    drop(back);
    Ok(result)
}

/// Brings the thread home when dropped.
struct Back {
    home: Netns,
}

impl Drop for Back {
    fn drop(&mut self) {
        if setns(&self.home, CloneFlags::CLONE_NEWNET).is_err() {
            std::process::abort();
        }
    }
}

/// Creates a namespace pinned as `dir/name`, which lives until [`delete_named`].
///
/// Works without a child process: a short-lived thread unshares, and its namespace is bind-mounted.
///
/// # Errors
/// `AlreadyExists` as the source when the name is taken; otherwise what the kernel refuses.
pub fn create_named(dir: &Path, name: &str) -> Result<Netns, Error> {
    let path = dir.join(name);
    let fail = |operation, source: io::Error| Error::Io {
        operation,
        path: path.clone(),
        source,
    };
    fs::create_dir_all(dir).map_err(|e| fail("make the directory of", e))?;
    File::create_new(&path).map_err(|e| fail("pin", e))?;
    let pinned = std::thread::scope(|scope| scope.spawn(|| unshare_and_pin(&path)).join());
    let pinned = pinned.unwrap_or(Err(Errno::ECHILD));
    if let Err(errno) = pinned {
        // Best effort: the refusal is what the caller must hear about.
        let _ = fs::remove_file(&path);
        return Err(fail("create", errno.into()));
    }
    Netns::open(path)
}

fn unshare_and_pin(path: &Path) -> nix::Result<()> {
    unshare(CloneFlags::CLONE_NEWNET)?;
    mount(Some(CURRENT), path, None::<&str>, MsFlags::MS_BIND, None::<&str>)
}

/// Removes the pin `dir/name`; `false` when there is none. The namespace itself goes with its last user.
///
/// # Errors
/// When the kernel refuses to unmount or the file cannot be removed.
pub fn delete_named(dir: &Path, name: &str) -> Result<bool, Error> {
    let path = dir.join(name);
    match umount2(&path, MntFlags::MNT_DETACH) {
        // EINVAL: the pin was never mounted (a crash between the two steps), or is unmounted already.
        Ok(()) | Err(Errno::EINVAL) => {}
        Err(Errno::ENOENT) => return Ok(false),
        Err(e) => {
            return Err(Error::Io {
                operation: "unpin",
                path,
                source: e.into(),
            });
        }
    }
    match fs::remove_file(&path) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(Error::Io {
            operation: "remove the pin of",
            path,
            source,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_namespace_opens_and_has_an_identity() {
        let a = Netns::current().unwrap();
        let b = Netns::open("/proc/self/ns/net").unwrap();
        assert_eq!(a.id().unwrap(), b.id().unwrap());
    }

    #[test]
    fn a_missing_namespace_is_told_from_a_plain_file() {
        assert!(matches!(
            Netns::open("/nonexistent/netns"),
            Err(Error::Missing { .. })
        ));
        assert!(matches!(
            Netns::open("/proc/version"),
            Err(Error::NotANamespace { .. })
        ));
    }
}
