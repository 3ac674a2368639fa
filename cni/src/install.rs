//! Puts the plugins and the node's network configuration where a container runtime looks for them.
//!
//! **Guarantees.** Every file appears whole, in one step; what is right already is not touched, so that a
//! restart writes nothing. Another project's `loopback` is left alone: it does the same.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use serde_json::{Value, json};

use crate::plugin::NAMES;

/// The name of the configuration file: runtimes take the first in alphabetical order.
pub const CONFLIST: &str = "10-agent.conflist";

/// A file that could not be put in place or removed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation} {}", path.display())]
pub struct Error {
    operation: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

/// Where a runtime looks.
#[derive(Debug, Clone, Copy)]
pub struct Places<'a> {
    /// For plugins, usually `/opt/cni/bin`.
    pub bin_dir: &'a Path,
    /// For configurations, usually `/etc/cni/net.d`.
    pub conf_dir: &'a Path,
}

/// The node's pod network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeNetwork {
    /// The network's name: letters, digits, `_`, `.` and `-`.
    pub name: String,
    /// The bridge's interface name.
    pub bridge: String,
    /// The node's share of the pod addresses, one subnet per family.
    pub pod_cidrs: Vec<IpNet>,
    /// Largest packet of pods in bytes; the kernel's default when none.
    pub mtu: Option<u32>,
    /// Whether traffic that leaves the pod network gets the node's address.
    pub masquerade: bool,
    /// Where leases are kept; the common place when none.
    pub data_dir: Option<PathBuf>,
}

impl NodeNetwork {
    /// The configuration list in the runtime's form.
    ///
    /// `cniVersion` is what containerd 1.6 understands; runtimes that know `cniVersions` take the newest.
    pub fn conflist(&self) -> Value {
        let ranges: Vec<Value> = self
            .pod_cidrs
            .iter()
            .map(|c| json!([{ "subnet": c.trunc() }]))
            .collect();
        let default = |c: &IpNet| if c.addr().is_ipv4() { "0.0.0.0/0" } else { "::/0" };
        let routes: Vec<Value> = self
            .pod_cidrs
            .iter()
            .map(|c| json!({ "dst": default(c) }))
            .collect();
        let mut ipam = json!({ "type": "host-local", "ranges": ranges, "routes": routes });
        if let Some(dir) = &self.data_dir {
            ipam["dataDir"] = dir.display().to_string().into();
        }
        let mut plugin = json!({
            "type": NAMES[0],
            "bridge": self.bridge,
            "isGateway": true,
            "hairpinMode": true,
            "ipMasq": self.masquerade,
            "ipam": ipam,
            "capabilities": { "portMappings": true },
        });
        if let Some(mtu) = self.mtu {
            plugin["mtu"] = mtu.into();
        }
        json!({
            "cniVersion": "1.0.0",
            "cniVersions": ["0.4.0", "1.0.0", "1.1.0"],
            "name": self.name,
            "plugins": [plugin],
        })
    }
}

/// Links the plugins' names to `binary` and writes the configuration; `true` when anything changed.
///
/// The configuration comes last: a runtime that sees it can use the plugins at once.
///
/// # Errors
/// When a file cannot be put in place; those before it are.
pub fn install(binary: &Path, places: Places<'_>, network: &NodeNetwork) -> Result<bool, Error> {
    let mut changed = false;
    fs::create_dir_all(places.bin_dir).map_err(|e| fail("make directory", places.bin_dir, e))?;
    for name in NAMES {
        let link = places.bin_dir.join(name);
        let foreign = fs::symlink_metadata(&link).is_ok_and(|m| !m.is_symlink()) && name != NAMES[0];
        if !foreign {
            changed |= put_link(binary, &link)?;
        }
    }
    fs::create_dir_all(places.conf_dir).map_err(|e| fail("make directory", places.conf_dir, e))?;
    let text = format!("{:#}\n", network.conflist());
    changed |= put_file(&places.conf_dir.join(CONFLIST), &text)?;
    Ok(changed)
}

/// Removes the configuration, and the links that lead to `binary`; what is not there is no error.
///
/// # Errors
/// The first file that could not be removed.
pub fn uninstall(binary: &Path, places: Places<'_>) -> Result<(), Error> {
    remove(&places.conf_dir.join(CONFLIST))?;
    for link in NAMES.map(|name| places.bin_dir.join(name)) {
        if fs::read_link(&link).is_ok_and(|target| target == binary) {
            remove(&link)?;
        }
    }
    Ok(())
}

fn put_link(target: &Path, link: &Path) -> Result<bool, Error> {
    if fs::read_link(link).is_ok_and(|t| t == target) {
        return Ok(false);
    }
    let staged = staged(link);
    remove(&staged)?;
    std::os::unix::fs::symlink(target, &staged).map_err(|e| fail("link", &staged, e))?;
    fs::rename(&staged, link).map_err(|e| fail("put in place", link, e))?;
    Ok(true)
}

fn put_file(path: &Path, text: &str) -> Result<bool, Error> {
    if fs::read_to_string(path).is_ok_and(|t| t == text) {
        return Ok(false);
    }
    let staged = staged(path);
    let write = || {
        let mut file = File::create(&staged)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    write().map_err(|e| fail("write", &staged, e))?;
    fs::rename(&staged, path).map_err(|e| fail("put in place", path, e))?;
    Ok(true)
}

/// A name beside `path` that no runtime takes for a configuration or a plugin.
fn staged(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.new"))
}

fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(fail("remove", path, e)),
        _ => Ok(()),
    }
}

fn fail(operation: &'static str, path: &Path, source: io::Error) -> Error {
    Error {
        operation,
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Dirs(PathBuf);

    impl Dirs {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("cni-install-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            Self(path)
        }
    }

    impl Drop for Dirs {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn network() -> NodeNetwork {
        NodeNetwork {
            name: "agent".into(),
            bridge: "cni0".into(),
            pod_cidrs: vec!["10.244.1.0/24".parse().unwrap(), "fd00:1::/64".parse().unwrap()],
            mtu: Some(1450),
            masquerade: true,
            data_dir: None,
        }
    }

    #[test]
    fn a_second_installation_changes_nothing_and_a_removal_leaves_nothing() {
        let dirs = Dirs::new("twice");
        let (bin, conf) = (dirs.0.join("bin"), dirs.0.join("net.d"));
        let places = Places {
            bin_dir: &bin,
            conf_dir: &conf,
        };
        let binary = Path::new("/usr/bin/agent");
        assert!(install(binary, places, &network()).unwrap());
        for name in NAMES {
            assert_eq!(fs::read_link(bin.join(name)).unwrap(), binary);
        }
        assert!(!install(binary, places, &network()).unwrap());
        assert!(
            install(Path::new("/opt/agent"), places, &network()).unwrap(),
            "the binary has moved"
        );
        assert!(
            install(
                Path::new("/opt/agent"),
                places,
                &NodeNetwork {
                    mtu: None,
                    ..network()
                }
            )
            .unwrap()
        );
        uninstall(Path::new("/opt/agent"), places).unwrap();
        uninstall(Path::new("/opt/agent"), places).unwrap();
        assert_eq!(
            fs::read_dir(&bin).unwrap().count() + fs::read_dir(&conf).unwrap().count(),
            0
        );
    }

    #[test]
    fn another_projects_loopback_stays() {
        let dirs = Dirs::new("foreign");
        fs::create_dir_all(&dirs.0).unwrap();
        fs::write(dirs.0.join("loopback"), "theirs").unwrap();
        let places = Places {
            bin_dir: &dirs.0,
            conf_dir: &dirs.0,
        };
        install(Path::new("/usr/bin/agent"), places, &network()).unwrap();
        uninstall(Path::new("/usr/bin/agent"), places).unwrap();
        assert_eq!(fs::read_to_string(dirs.0.join("loopback")).unwrap(), "theirs");
    }

    #[test]
    fn the_plugin_understands_the_written_configuration() {
        let list = network().conflist();
        let mut one = list["plugins"][0].clone();
        one["cniVersion"] = list["cniVersion"].clone();
        one["name"] = list["name"].clone();
        let text = one.to_string();
        let parsed = crate::plugin::NetConfig::parse(text.as_bytes(), None, Path::new("/d")).unwrap();
        assert_eq!(
            (parsed.mtu, parsed.masquerade, parsed.hairpin),
            (Some(1450), true, true)
        );
        assert_eq!(parsed.ipam.unwrap().sets.len(), 2);
    }
}
