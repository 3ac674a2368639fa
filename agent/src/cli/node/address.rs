//! Addresses of the machine that the node uses without being told.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::path::{Path, PathBuf};

const RESOLV_CONF: &str = "/etc/resolv.conf";
/// Where systemd-resolved keeps the servers that it asks itself.
const RESOLVED: &str = "/run/systemd/resolve/resolv.conf";

/// The address from which this machine would send to another network; no packet is sent.
pub(super) fn of_default_route() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // An address of the documentation range: only its route matters. Port 9 is "discard".
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_unspecified() && !address.is_loopback()).then_some(address)
}

/// The resolv.conf that makes sense inside a pod.
pub(super) fn resolv_conf() -> PathBuf {
    choose(Path::new(RESOLV_CONF), Path::new(RESOLVED))
}

/// A resolv.conf whose servers are all on loopback points a pod at itself.
fn choose(usual: &Path, resolved: &Path) -> PathBuf {
    let text = fs::read_to_string(usual).unwrap_or_default();
    let servers: Vec<IpAddr> = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("nameserver")?.trim().parse().ok())
        .collect();
    let only_itself = !servers.is_empty() && servers.iter().all(IpAddr::is_loopback);
    if only_itself && resolved.exists() {
        resolved.to_owned()
    } else {
        usual.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stub_resolver_is_passed_by_where_its_servers_are_known() {
        let dir = tempfile::tempdir().expect("directory");
        let (usual, resolved) = (dir.path().join("resolv.conf"), dir.path().join("resolved.conf"));
        fs::write(&usual, "nameserver 127.0.0.53\noptions edns0\n").expect("file");
        assert_eq!(choose(&usual, &resolved), usual);
        fs::write(&resolved, "nameserver 192.0.2.1\n").expect("file");
        assert_eq!(choose(&usual, &resolved), resolved);
        fs::write(&usual, "nameserver 127.0.0.53\nnameserver 192.0.2.2\n").expect("file");
        assert_eq!(choose(&usual, &resolved), usual);
    }
}
