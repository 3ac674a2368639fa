//! Kernel parameters under `/proc/sys/net`, by file.
//!
//! The kernel answers for the network namespace of the *calling thread*: use
//! [`in_netns`](crate::netns::in_netns) around calls for another one.
//! Writes only what differs, so that a repeated setup touches nothing.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A kernel parameter that could not be read or set.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation} kernel parameter {}", path.display())]
pub struct Error {
    operation: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

impl Error {
    /// Whether the kernel has no such parameter: its feature is missing or switched off.
    pub fn is_missing(&self) -> bool {
        self.source.kind() == io::ErrorKind::NotFound
    }
}

/// The parameters below one directory, `/proc/sys/net` on a machine.
#[derive(Debug, Clone)]
pub struct Sysctl {
    root: PathBuf,
}

impl Default for Sysctl {
    fn default() -> Self {
        Self {
            root: "/proc/sys/net".into(),
        }
    }
}

impl Sysctl {
    /// Parameters below `root`, for tests.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Reads a parameter such as `ipv4/ip_forward`, without its line end.
    ///
    /// The name's parts are separated by slashes: interface names may contain dots.
    ///
    /// # Errors
    /// [`Error::is_missing`] when the kernel has none of this name.
    pub fn get(&self, name: impl AsRef<Path>) -> Result<String, Error> {
        let path = self.root.join(name);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(text.trim_end().to_owned()),
            Err(source) => Err(Error {
                operation: "read",
                path,
                source,
            }),
        }
    }

    /// Makes a parameter have `value`; `true` when it had another and was written.
    ///
    /// # Errors
    /// [`Error::is_missing`] when the kernel has none of this name.
    pub fn set(&self, name: impl AsRef<Path>, value: &str) -> Result<bool, Error> {
        if self.get(name.as_ref())? == value {
            return Ok(false);
        }
        let path = self.root.join(name);
        match fs::write(&path, value) {
            Ok(()) => Ok(true),
            Err(source) => Err(Error {
                operation: "set",
                path,
                source,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_written() {
        let root = std::env::temp_dir().join(format!("cni-sysctl-{}", std::process::id()));
        fs::create_dir_all(root.join("ipv4/conf/eth0.5")).unwrap();
        let file = root.join("ipv4/conf/eth0.5/arp_notify");
        fs::write(&file, "0\n").unwrap();
        let sysctl = Sysctl::at(&root);
        assert!(sysctl.set("ipv4/conf/eth0.5/arp_notify", "1").unwrap());
        assert!(!sysctl.set("ipv4/conf/eth0.5/arp_notify", "1").unwrap());
        assert_eq!(sysctl.get("ipv4/conf/eth0.5/arp_notify").unwrap(), "1");
        let missing = sysctl.set("ipv6/conf/eth0.5/disable_ipv6", "0").unwrap_err();
        assert!(missing.is_missing());
        assert!(
            missing.to_string().starts_with("cannot read kernel parameter "),
            "{missing}"
        );
        fs::remove_dir_all(&root).unwrap();
    }
}
